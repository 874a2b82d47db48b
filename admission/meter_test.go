package admission

import (
	"math"
	"testing"
	"time"

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
		Alive:        count("alive"), Called: count("called"), Ceiling: count("ceiling"),
		Free: count("free"), Held: count("held"), Bought: count("bought"),
		PerFan: rapid.Float64Range(0, 50).Draw(t, "perFan"),
		Rate:   count("rate"), LastMinute: count("lastMinute"),
		Tick: time.Duration(rapid.Int64Range(int64(10*time.Millisecond), int64(5*time.Minute)).Draw(t, "tick")),
	}
}

func TestMeterKeepsItsPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		n := Meter(in).Call
		per := max(in.PerFan, 1)
		switch {
		case n < 0:
			t.Fatalf("calls %d", n)
		case n > 0 && (!in.Open || in.Paused || in.PaymentsDown):
			t.Fatal("called while closed, paused or unable to pay")
		case n > 0 && in.Free == 0:
			t.Fatal("called with no seat free")
		case n > 0 && in.Alive+in.Called+n > in.Ceiling:
			t.Fatal("beyond the ceiling")
		case uint64(n) > in.Waiting:
			t.Fatal("more than wait")
		case n > 0 && in.Rate > 0 && in.LastMinute+n > in.Rate:
			t.Fatal("faster than the rate")
		case n > 0 && float64(in.Called+n-1)*per >= float64(in.Free):
			t.Fatal("called more fans than there are free seats for")
		case n > 0 && in.Held+in.Bought == 0 && float64(in.Alive+in.Called+n-1)*per >= float64(in.Free):
			t.Fatal("called fans although those before them may take all seats")
		}
	})
}

// It calls as many as the bounds allow: one more would break one of them.
func TestMeterCallsAllItCan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		in.Open, in.Paused, in.PaymentsDown, in.Rate, in.Held, in.Bought = true, false, false, 0, 0, 0
		n := Meter(in).Call
		per := max(in.PerFan, 1)
		if uint64(n) < min(in.Waiting, math.MaxInt32) && in.Alive+in.Called+n+1 <= in.Ceiling &&
			in.Free > 0 && math.Ceil(float64(in.Free)/per) >= float64(in.Alive+in.Called+n+1) {
			t.Fatalf("called %d, and could have called one more", n)
		}
	})
}

func TestMeterBounds(t *testing.T) {
	t.Parallel()
	base := Input{Open: true, Waiting: 1e6, Ceiling: 2000, Free: 50_000, PerFan: 2, Tick: time.Second}
	for name, c := range map[string]struct {
		change func(*Input)
		want   Output
	}{
		"plenty":             {func(*Input) {}, Output{2000, whyCeiling}},
		"absent are made up": {func(in *Input) { in.Alive, in.Called = 1200, 0 }, Output{800, whyCeiling}},
		"the last seat":      {func(in *Input) { in.Free = 1 }, Output{1, whySeats}},
		"sold out":           {func(in *Input) { in.Free = 0 }, Output{0, whySeats}},
		"others choose":      {func(in *Input) { in.Free, in.Alive = 100, 50 }, Output{0, whySeats}},
		"others have":        {func(in *Input) { in.Free, in.Alive, in.Held, in.Bought = 100, 50, 40, 60 }, Output{50, whySeats}},
		"rate is spread":     {func(in *Input) { in.Rate = 600 }, Output{10, whyRate}},
		"rate is used up":    {func(in *Input) { in.Rate, in.LastMinute = 600, 595 }, Output{5, whyRate}},
		"a slow rate":        {func(in *Input) { in.Rate = 1 }, Output{1, whyRate}},
		"ceiling lowered":    {func(in *Input) { in.Alive, in.Ceiling = 30, 10 }, Output{0, whyCeiling}},
		"nobody":             {func(in *Input) { in.Waiting = 0 }, Output{0, whyWaiting}},
		"paused":             {func(in *Input) { in.Paused = true }, Output{0, whyPaused}},
		"nobody could pay":   {func(in *Input) { in.PaymentsDown = true }, Output{0, whyPayments}},
		"closed":             {func(in *Input) { in.Open = false }, Output{0, whyClosed}},
	} {
		in := base
		c.change(&in)
		if got := Meter(in); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestSalesLookBackOneSpan(t *testing.T) {
	t.Parallel()
	var s sales
	at := time.Unix(0, 0)
	for i := range 1000 {
		got := s.since(at.Add(time.Duration(i)*time.Second), 100*time.Second, i)
		if want := min(i, 100); got != want {
			t.Fatalf("second %d: %d sold in the last 100, want %d", i, got, want)
		}
	}
	if len(s.samples) > 102 {
		t.Errorf("%d samples", len(s.samples))
	}
}
