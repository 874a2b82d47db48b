package market

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"frontrow/pricing/rules"
	"frontrow/wire"
)

var opens = time.Date(2040, 5, 1, 8, 0, 0, 0, time.UTC)

func demo() wire.Spec {
	s := wire.Spec{ID: "demo", Currency: "EUR", OpensAt: opens, SaleEndsAt: opens.Add(40 * time.Hour), Levels: []wire.Level{{ID: "a", Base: 10_000}},
		Pricing: wire.PricingSpec{Mode: wire.PricingDemand, Every: wire.Duration(2 * time.Minute), Rails: []wire.Rails{{Level: "a", Floor: 5_000, Ceiling: 20_000, Step: 100}}}}
	return s.WithDefaults()
}

// house is a sale: it makes the records that its services would.
type house struct {
	Market
	n, places, held, sold int
	joined, waiting       int
	at                    time.Time
}

// flush makes the next record: so many seats of a fan become held, sold or free.
func (h *house) flush(fan, net string, from, count int, state wire.State) {
	h.n++
	f := wire.Flush{N: uint64(h.n), At: h.at}
	for i := range count {
		c := wire.Change{IDs: []string{fmt.Sprint("s", from+i)}, Was: []uint64{0}}
		c.State = state
		if state != wire.Available {
			c.Fan, c.Net, c.Quotes = fan, net, []wire.SeatQuote{{Level: "a"}}
		}
		f.Seats = append(f.Seats, c)
	}
	h.Flush(&f)
}

// publish writes what gateways and pricer watch.
func (h *house) publish() {
	h.Stock(wire.Stock{Flush: uint64(h.n), At: h.at, Levels: map[string]wire.Count{"a": {Free: h.places - h.sold - h.held, Held: h.held, Sold: h.sold}}})
	h.Board(wire.Board{At: h.at, Lanes: map[string]wire.LaneBoard{"general": {Waiting: uint64(h.waiting), Regions: map[string]wire.Head{"home": {Joined: uint64(h.joined)}}}}})
}

// sale plays six hours with real fans and returns the price at each minute. attack, if not
// nil, is called each minute before the house publishes.
func sale(attack func(h *house, minute int)) (prices []int64) {
	s := demo()
	r, h, random := s.PriceRules(), &house{places: 20_000}, rand.New(rand.NewPCG(1, 2))
	h.Read()
	state, _ := rules.Decide(r, nil, wire.Signals{}, opens.Add(-time.Hour))
	for minute := range 6 * 60 {
		h.at = opens.Add(time.Duration(minute) * time.Minute)
		came := 40 + random.IntN(20) // and as many are called
		h.joined += came
		h.waiting += came - min(h.waiting+came, 45)
		for range 12 + random.IntN(6) { // who is called, one in three or so buys two
			fan := fmt.Sprint("f", h.sold)
			h.flush(fan, fmt.Sprint("n", h.sold), h.sold, 2, wire.Held)
			h.flush(fan, fmt.Sprint("n", h.sold), h.sold, 2, wire.Sold)
			h.sold += 2
		}
		if attack != nil {
			attack(h, minute)
		}
		h.publish()
		state, _ = rules.Decide(r, state, h.Signals(r, 30*time.Second, h.at), h.at)
		prices = append(prices, state["a"].Total)
	}
	return prices
}

// Whoever has 30 % of all places and joins, holds and reloads without buying moves a price by
// at most one step an hour.
func TestWhoBuysNothingMovesLittle(t *testing.T) {
	t.Parallel()
	honest := sale(nil)
	const step = 100
	if honest[len(honest)-1] == honest[0] {
		t.Fatal("the price never moves: nothing is shown")
	}
	seats := 1_000_000
	hold := func(h *house, fans int) { // and give back, until the next minute
		for i := range fans {
			h.flush(fmt.Sprint("x", i), fmt.Sprint("x", i%7), seats, 4, wire.Held)
			h.flush("", "", seats, 4, wire.Available)
			seats += 4
		}
	}
	for name, attack := range map[string]func(h *house, minute int){
		"a crowd that stays": func(h *house, minute int) {
			if minute == 60 {
				h.joined, h.waiting = h.joined*10/7, h.waiting+h.joined*3/7
			}
		},
		"a crowd that is called": func(h *house, minute int) { h.joined += 21 },
		"a crowd that comes and goes": func(h *house, minute int) {
			if minute%40 == 20 {
				h.joined, h.waiting = h.joined+900, h.waiting+900
			}
			h.waiting = max(0, h.waiting-22)
		},
		"holds": func(h *house, _ int) { hold(h, 10) },
		"holds from a time": func(h *house, minute int) {
			if minute > 200 {
				hold(h, 20)
			}
		},
		"seats kept": func(h *house, _ int) { h.held = 6000 },
		"all": func(h *house, minute int) {
			hold(h, 10)
			h.held, h.joined = 5000, h.joined+21
			if minute == 100 {
				h.waiting += 9000
			}
		},
	} {
		attacked := sale(attack)
		most := int64(0)
		for minute := range attacked {
			off := attacked[minute] - honest[minute]
			off = max(off, -off)
			if hours := int64(minute/60 + 1); off > hours*step {
				t.Errorf("%s: after %d minutes the price is %d instead of %d", name, minute, attacked[minute], honest[minute])
				break
			}
			most = max(most, off)
		}
		t.Logf("%s: at most %d off, of %d", name, most, honest[len(honest)-1])
	}
}

// What one fan or one network buys at once counts a little; a burst shorter than half of the
// window is not heard.
func TestBursts(t *testing.T) {
	t.Parallel()
	r := demo().PriceRules()
	window := parts * perPart * 2 * time.Minute
	for name, c := range map[string]struct {
		fans, nets, each, minutes int
		want                      int64
	}{
		"many":            {60, 60, 2, 30, 5 * 24},
		"one fan":         {1, 1, 40, 30, 5 * perFan},
		"one network":     {60, 1, 2, 30, 5 * perNet},
		"unknown network": {60, 0, 2, 30, 5 * 24},
		"a burst":         {60, 60, 2, 12, 0},
	} {
		h := &house{places: 1000, at: opens.Add(time.Hour)}
		h.Read()
		end := h.at.Add(window)
		for i := range c.fans * c.each {
			h.at = opens.Add(time.Hour + time.Duration(i)*time.Duration(c.minutes)*time.Minute/time.Duration(c.fans*c.each))
			net := ""
			if c.nets > 0 {
				net = fmt.Sprint("n", i%c.nets)
			}
			h.flush(fmt.Sprint("f", i%c.fans), net, i, 1, wire.Sold)
		}
		h.sold = c.fans * c.each
		h.publish()
		g := h.Signals(r, 30*time.Second, end.Add(-time.Second))
		if got := g.Sales["a"].Bought; got != c.want || g.Sales["a"].Lapsed != 0 {
			t.Errorf("%s: %+v, want %d", name, g.Sales["a"], c.want)
		}
	}
}

// A seat that was held and given back counts once its fan has bought another.
func TestLapsed(t *testing.T) {
	t.Parallel()
	r, h := demo().PriceRules(), &house{places: 1000}
	h.Read()
	for minute := range 30 {
		h.at = opens.Add(time.Hour + time.Duration(minute)*time.Minute)
		h.flush(fmt.Sprint("f", minute), "", minute, 1, wire.Held)
		h.flush("", "", minute, 1, wire.Available)
	}
	h.publish()
	if g := h.Signals(r, 0, h.at); g.Sales["a"].Lapsed != 0 {
		t.Errorf("of strangers: %+v", g.Sales)
	}
	for i := range 30 {
		h.flush(fmt.Sprint("f", i), "", 100+i, 1, wire.Sold)
	}
	h.publish()
	if g := h.Signals(r, 0, h.at); g.Sales["a"].Lapsed != 5*6 {
		t.Errorf("of buyers: %+v", g.Sales)
	}
	for i := range 30 { // refunds
		h.flush("", "", 100+i, 1, wire.Available)
	}
	h.publish()
	if g := h.Signals(r, 0, h.at); g.Sales["a"].Lapsed != 0 || g.Queue.Bought != 0 {
		t.Errorf("of those who gave all back: %+v", g)
	}
}

// At the opening many wait and nobody can have bought yet: that doesn't speak against the sale.
func TestAYoungQueueSaysNothing(t *testing.T) {
	t.Parallel()
	s, h := demo(), &house{places: 10_000, joined: 60_000, waiting: 58_000, at: opens}
	h.Read()
	r := s.PriceRules()
	state, _ := rules.Decide(r, nil, wire.Signals{}, opens.Add(-time.Hour))
	for minute := range 29 {
		h.at = opens.Add(time.Duration(minute) * time.Minute)
		h.publish()
		g := h.Signals(r, 30*time.Second, h.at)
		if next, _ := rules.Decide(r, state, g, h.at); g.Queue != nil || next["a"].Parts != nil && next["a"].Parts.Queue != 0 {
			t.Fatalf("minute %d: %+v, %q", minute, g.Queue, next["a"].Why)
		}
	}
}

// What can't be vouched for is left out, and it is said why.
func TestMissing(t *testing.T) {
	t.Parallel()
	r := demo().PriceRules()
	fresh := func() *house {
		h := &house{places: 10, at: opens.Add(time.Hour)}
		h.Read()
		h.flush("f", "", 0, 1, wire.Sold)
		h.sold = 1
		h.publish()
		return h
	}
	for name, c := range map[string]struct {
		house *house
		after time.Duration
		then  func(h *house)
		want  string // missing
	}{
		"nothing":          {fresh(), 0, func(*house) {}, "map[]"},
		"no counters":      {&house{at: opens.Add(time.Hour)}, 0, func(*house) {}, "map[queue:there is no board yet sales:the log is not read yet stock:nothing is counted yet]"},
		"an old board":     {fresh(), 3 * time.Minute, func(h *house) {}, "map[queue:the board is 3m0s old]"},
		"counters behind":  {fresh(), 0, func(h *house) { h.flush("g", "", 1, 1, wire.Sold) }, "map[]"},
		"counters stopped": {fresh(), 2 * time.Minute, func(h *house) { h.at = h.at.Add(time.Minute); h.flush("g", "", 1, 1, wire.Sold) }, "map[queue:the board is 2m0s old sales:the counters and the log tell of different times stock:the counters and the log tell of different times]"},
		"log stopped":      {fresh(), 2 * time.Minute, func(h *house) { h.n++; h.publish() }, "map[queue:the board is 2m0s old sales:the counters and the log tell of different times stock:the counters and the log tell of different times]"},
		"too young":        {fresh(), -40 * time.Minute, func(h *house) {}, "map[queue:the sale is younger than the window of 30m0s sales:the sale is younger than the window of 30m0s]"},
	} {
		now := c.house.at.Add(c.after)
		c.then(c.house)
		if got := fmt.Sprint(c.house.Signals(r, time.Second, now).Missing); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	once, twice := fresh(), fresh()
	twice.Flush(&wire.Flush{N: 1})
	if a, b := once.Signals(r, time.Second, once.at), twice.Signals(r, time.Second, once.at); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v, with a record read twice %+v", a, b)
	}
}
