package pacing

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"frontrow/wire"

	"pgregory.net/rapid"
)

func drawInput(t *rapid.T) Input {
	few := rapid.IntRange(0, 40)
	count := func(name string) int {
		if rapid.Bool().Draw(t, name+" is small") {
			return few.Draw(t, name)
		}
		return rapid.IntRange(0, 2_000_000).Draw(t, name)
	}
	return Input{
		Open: rapid.IntRange(0, 9).Draw(t, "open") > 0, Paused: rapid.IntRange(0, 9).Draw(t, "paused") == 0,
		PaymentsDown: rapid.IntRange(0, 9).Draw(t, "paymentsDown") == 0,
		Waiting:      rapid.OneOf(rapid.Uint64Range(0, 50), rapid.Uint64()).Draw(t, "waiting"),
		Draining:     rapid.IntRange(0, 9).Draw(t, "draining") == 0,
		Alive:        count("alive"), Coming: float64(count("coming")), Ceiling: count("ceiling"),
		Show: rapid.Float64Range(0, 1).Draw(t, "show"), Buys: rapid.Float64Range(0, 1).Draw(t, "buys"),
		Free: count("free"), Undecided: count("undecided"), PerOrder: rapid.Float64Range(0, 50).Draw(t, "perOrder"),
		Checkouts: count("checkouts"), MaxCheckouts: count("maxCheckouts"),
		Rate: count("rate"), LastMinute: count("lastMinute"),
		Tick: time.Duration(rapid.Int64Range(int64(10*time.Millisecond), int64(5*time.Minute)).Draw(t, "tick")),
	}
}

func TestMeterKeepsItsPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		n := Decide(in).Call
		come := float64(n) * orOne(in.Show)
		per := max(in.PerOrder*orOne(in.Buys), leastPerFan)
		switch {
		case n < 0:
			t.Fatalf("calls %d", n)
		case n > 0 && (!in.Open || in.Paused || in.Draining || in.PaymentsDown):
			t.Fatal("called while closed, paused, draining or unable to pay")
		case n > 0 && in.Free == 0:
			t.Fatal("called with no seat free")
		case n > 0 && float64(in.Alive)+in.Coming+come > float64(in.Ceiling)+1e-6:
			t.Fatal("beyond the ceiling, if they come as expected")
		case uint64(n) > in.Waiting:
			t.Fatal("more than wait")
		case n > 0 && in.Rate > 0 && in.LastMinute+n > in.Rate:
			t.Fatal("faster than the rate")
		case n > 0 && in.MaxCheckouts > 0 && in.Checkouts >= in.MaxCheckouts:
			t.Fatal("called although checkouts pile up")
		case n > 0 && (float64(in.Undecided)+in.Coming+come-1)*per >= float64(in.Free)*(1+1e-9):
			t.Fatal("called more fans than there are free seats for")
		}
	})
}

// It calls as many as the bounds allow: one more would break one of them.
func TestMeterCallsAllItCan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		in.Open, in.Paused, in.Draining, in.PaymentsDown, in.Rate, in.MaxCheckouts = true, false, false, false, 0, 0
		n := Decide(in).Call
		one := float64(n+1) * orOne(in.Show) // more
		if uint64(n) < min(in.Waiting, math.MaxInt32) && float64(in.Alive)+in.Coming+one <= float64(in.Ceiling)-1e-6 &&
			in.Free > 0 && math.Ceil(float64(in.Free)/max(in.PerOrder*orOne(in.Buys), leastPerFan)) >= float64(in.Undecided)+in.Coming+one+1e-6 {
			t.Fatalf("called %d, and could have called one more", n)
		}
	})
}

// No seat is free, and hardly anybody comes or buys: the product of such shares is
// 0, and 0 seats for fans who take 0 each once called -1<<63.
func TestTinySharesCallNobody(t *testing.T) {
	t.Parallel()
	in := Input{Open: true, Show: 4.3601508761683463e-106, Buys: 5.665694374725699e-219, PerOrder: 1,
		Checkouts: 40, MaxCheckouts: 40, Tick: 10 * time.Millisecond}
	for _, perOrder := range []float64{1, math.SmallestNonzeroFloat64, 0} {
		for _, waiting := range []uint64{0, math.MaxUint64} {
			in.PerOrder, in.Waiting = perOrder, waiting
			for in.Ceiling = range 2 {
				if n := Decide(in).Call; n != 0 {
					t.Errorf("%+v: calls %d", in, n)
				}
			}
		}
	}
}

func TestMeterBounds(t *testing.T) {
	t.Parallel()
	base := Input{Open: true, Waiting: 1e6, Ceiling: 2000, Free: 50_000, PerOrder: 2, Tick: time.Second}
	for name, c := range map[string]struct {
		change func(*Input)
		want   Output
	}{
		"plenty":              {func(*Input) {}, Output{2000, whyCeiling}},
		"absent are made up":  {func(in *Input) { in.Alive = 1200 }, Output{800, whyCeiling}},
		"the last seat":       {func(in *Input) { in.Free = 1 }, Output{1, whySeats}},
		"sold out":            {func(in *Input) { in.Free = 0 }, Output{0, whySeats}},
		"others choose":       {func(in *Input) { in.Free, in.Alive, in.Undecided = 100, 50, 50 }, Output{0, whySeats}},
		"others have":         {func(in *Input) { in.Free, in.Alive = 100, 50 }, Output{50, whySeats}},
		"others will come":    {func(in *Input) { in.Coming = 500.5 }, Output{1499, whyCeiling}},
		"few come":            {func(in *Input) { in.Show = 0.5 }, Output{4000, whyCeiling}},
		"few come, few seats": {func(in *Input) { in.Show, in.Free = 0.5, 100 }, Output{100, whySeats}},
		"few buy":             {func(in *Input) { in.Free, in.Buys = 100, 0.25 }, Output{200, whySeats}},
		"checkouts pile up":   {func(in *Input) { in.Checkouts, in.MaxCheckouts = 4000, 4000 }, Output{0, whyCheckouts}},
		"draining":            {func(in *Input) { in.Draining = true }, Output{0, whyDraining}},
		"rate is spread":      {func(in *Input) { in.Rate = 600 }, Output{10, whyRate}},
		"rate is used up":     {func(in *Input) { in.Rate, in.LastMinute = 600, 595 }, Output{5, whyRate}},
		"a slow rate":         {func(in *Input) { in.Rate = 1 }, Output{1, whyRate}},
		"ceiling lowered":     {func(in *Input) { in.Alive, in.Ceiling = 30, 10 }, Output{0, whyCeiling}},
		"nobody":              {func(in *Input) { in.Waiting = 0 }, Output{0, whyWaiting}},
		"paused":              {func(in *Input) { in.Paused = true }, Output{0, whyPaused}},
		"nobody could pay":    {func(in *Input) { in.PaymentsDown = true }, Output{0, whyPayments}},
		"closed":              {func(in *Input) { in.Open = false }, Output{0, whyClosed}},
	} {
		in := base
		c.change(&in)
		if got := Decide(in); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestRisesLookBackOneSpan(t *testing.T) {
	t.Parallel()
	var r Rises
	at := time.Unix(0, 0)
	for i := range 1000 {
		got := r.Since(at.Add(time.Duration(i)*time.Second), 100*time.Second, i)
		if want := min(i, 100); got != want {
			t.Fatalf("second %d: a rise of %d in the last 100, want %d", i, got, want)
		}
	}
	if len(r.samples) > 102 {
		t.Errorf("%d samples", len(r.samples))
	}
}

// What fans take is learned: a hundred of whom 60 bought, 40 of them two and 20
// one, are 1 seat a fan, give or take 0.89.
func TestDemandIsLearned(t *testing.T) {
	t.Parallel()
	none := Learn(Seen{Limit: 6})
	if none.PerFan() != 2 || none.Spread != 1 || none.Buys != 1 {
		t.Errorf("of nobody: %+v", none)
	}
	stock := wire.Stock{All: wire.Count{Sold: 10_000}, Fans: 6000, Squares: 4000*4 + 2000}
	d := Learn(Seen{Passes: 10_000, Stock: stock, Limit: 6})
	if math.Abs(d.PerFan()-1) > 0.01 || math.Abs(d.Spread-0.894) > 0.02 || math.Abs(d.Buys-0.6) > 0.01 {
		t.Errorf("%+v", d)
	}
	// Those who were let in a moment ago have not decided yet, and say nothing.
	young := Learn(Seen{Passes: 12_000, Alive: 3000, Stock: stock, Came: 1000, Limit: 6})
	if young.Undecided != 2000 || math.Abs(young.PerFan()-d.PerFan()) > 0.01 {
		t.Errorf("%+v", young)
	}
}

// The last seats do not wait for passes of fans who have left without a word; but
// nobody is taken for one of them who came a moment ago, nor before it is known.
func TestWhoHasWaitedLongIsNotExpected(t *testing.T) {
	t.Parallel()
	stock := wire.Stock{All: wire.Count{Sold: 10_000}, Fans: 5000, Squares: 20_000} // one in two takes two
	for _, c := range []struct {
		what string
		seen Seen
		want int
	}{
		{"a new admitter knows nothing yet", Seen{Alive: 100}, 100},
		{"all came a moment ago", Seen{Alive: 100, YouthKnown: true, Young: 100}, 100},
		{"nobody takes anything any more", Seen{Alive: 100, YouthKnown: true}, 0},
		{"ten took some, of whom none is young", Seen{Alive: 100, Came: 10, YouthKnown: true, Lately: 10}, 20},
		{"as many old ones are expected as there are", Seen{Alive: 50, Came: 40, YouthKnown: true, Lately: 40}, 10},
		{"half of them are young", Seen{Alive: 100, YouthKnown: true, Young: 50}, 50},
		{"those who took some are no more undecided", Seen{Alive: 100, Came: 60, YouthKnown: true, Young: 90, Lately: 60}, 40},
	} {
		c.seen.Passes, c.seen.Stock, c.seen.Limit = 10_000, stock, 6
		if d := Learn(c.seen); d.Undecided < c.want-1 || d.Undecided > c.want+1 { // the first guess weighs a little
			t.Errorf("%s: %d are expected, want %d", c.what, d.Undecided, c.want)
		}
	}
}

// The range of the pace holds what comes nine times in ten, about.
func TestPaceIsHonest(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	inside, all := 0, 0
	for range 400 {
		var p Pace
		mean := 50 + 400*rnd.Float64()
		at := time.Unix(1_900_000_000, 0).Truncate(time.Minute)
		minute := func() int { return int(max(0, mean+mean/3*rnd.NormFloat64())) }
		for range 12 {
			p.Note(at, minute())
			at = at.Add(time.Minute)
		}
		p.Note(at, 0)
		low, high := p.Between()
		next := 0.0
		for range int(paceAhead) {
			next += float64(minute()) / paceAhead
		}
		if all++; low <= next && next <= high {
			inside++
		}
	}
	if share := float64(inside) / float64(all); share < 0.82 || share > 0.97 {
		t.Errorf("%.2f of the minutes that came were within the range, want about 0.9", share)
	}
	if low, high := new(Pace).Between(); low != 0 || high != 0 {
		t.Error("a pace of nothing")
	}
}
