package seating

import (
	"testing"

	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"
)

// promising is a sale whose prices moved from act to act: each is the base of level a and b.
func promising(t *testing.T, acts ...[2]int64) *Engine {
	t.Helper()
	e := onSale(t, seatingtest.Hall(t, 4, 12, 20))
	event := seatingtest.Concert()
	event.Spec.Pricing.Promise = wire.PromiseJoin
	e.SetEvent(event)
	for n, base := range acts {
		move(e, int64(n+1), base)
	}
	return e
}

// move makes the next act of both levels.
func move(e *Engine, version int64, base [2]int64) {
	levels := map[string]wire.LevelPrice{"c": {Price: wire.Price{Amounts: wire.NewAmounts(7000, 900, 300), Version: 1}}}
	for i, id := range []string{"a", "b"} {
		p := wire.Price{Amounts: wire.NewAmounts(base[i], 900, 300), Version: version}
		levels[id] = wire.LevelPrice{Price: p}
		e.SetPrice(id, p)
	}
	e.NotePrices(levels)
}

// stateOf is the number of the state after an act of promising.
func stateOf(act int64) int64 { return 2 * (2*act + 1) }

// A fan pays no more than the board showed when they joined, nor more than it costs now,
// whatever they ask for and however prices move.
func TestPromisedOnJoining(t *testing.T) {
	t.Parallel()
	bases := [][2]int64{{9000, 8000}, {9500, 7000}, {9900, 7500}, {9400, 9000}}
	const fees = 1200
	for now := 1; now <= len(bases); now++ {
		for joined := 0; joined <= now; joined++ {
			for name, between := range map[string]int64{"whole": 0, "between": 1} {
				if joined == 0 || joined == now && between == 1 {
					continue
				}
				e := promising(t, bases[:now]...)
				c := claims("f")
				c.Priced = stateOf(int64(joined)) + between
				for level, seat := range []string{"A-1", "C-5"} {
					want := min(bases[now-1][level], bases[joined-1][level])
					if between == 1 {
						want = min(want, bases[joined][level])
					}
					r := e.Hold(wire.HoldRequest{Hold: "h_" + seat, Claims: c, Seats: []string{seat}}, start)
					if r.Problem != nil || r.Total != want+fees || r.Seats[0].Price != wire.NewAmounts(want, 900, 300) || bases[r.Seats[0].Version-1][level] != want {
						t.Errorf("%s, joined in %d, now %d: %+v, want a base of %d", name, joined, now, r, want)
					}
				}
				_, acts := e.Take()
				if len(acts) != 2 || acts[0].Priced != c.Priced {
					t.Errorf("the log has %+v", acts)
				}
			}
		}
	}
}

// What was promised counts wherever a price does, and what is held stays as it was quoted.
func TestPromisesCountEverywhere(t *testing.T) {
	t.Parallel()
	e := promising(t, [2]int64{9000, 8000}, [2]int64{9500, 8500})
	c := claims("f")
	c.Priced = stateOf(1)
	most, seen := int64(8000+1200), int64(2*(9000+1200))
	if r := e.Hold(wire.HoldRequest{Hold: "h_1", Claims: c, Best: &wire.Best{Count: 1, MaxTotal: most, Level: "b"}}, start); r.Problem != nil || r.Total != most {
		t.Errorf("for at most what was promised: %+v", r)
	}
	held := wire.HoldRequest{Hold: "h_2", Claims: c, Seats: []string{"A-1", "A-2"}, Expect: &seen}
	if r := e.Hold(held, start); r.Problem != nil || r.Total != seen {
		t.Errorf("for what was shown: %+v", r)
	}
	move(e, 3, [2]int64{6000, 6000})
	if r := e.Hold(held, start); r.Problem != nil || r.Total != seen {
		t.Errorf("asked again: %+v", r)
	}
	if r := e.Hold(wire.HoldRequest{Hold: "h_3", Claims: c, Seats: []string{"A-3"}}, start); r.Total != 6000+1200 {
		t.Errorf("cheaper by now: %+v", r)
	}
}

// Where nothing is promised what it costs now counts, and what isn't known yet is not guessed.
func TestPromisesOfNothing(t *testing.T) {
	t.Parallel()
	acts := [][2]int64{{9000, 8000}, {9500, 8500}}
	for name, c := range map[string]struct {
		priced int64
		event  func(*wire.Event)
		want   int64
		code   wire.Code
	}{
		"a pass without a promise":       {0, func(*wire.Event) {}, 9500 + 1200, ""},
		"an event without one":           {stateOf(1), func(ev *wire.Event) { ev.Spec.Pricing.Promise = "" }, 9500 + 1200, ""},
		"a promise that the log has not": {stateOf(3), func(*wire.Event) {}, 0, wire.CodeUnavailable},
		"before the first act":           {1, func(*wire.Event) {}, 9000 + 1200, ""},
	} {
		e, event := promising(t, acts...), seatingtest.Concert()
		event.Spec.Pricing.Promise = wire.PromiseJoin
		c.event(&event)
		e.SetEvent(event)
		fan := claims("f")
		fan.Priced = c.priced
		if r := e.Hold(wire.HoldRequest{Hold: "h_1", Claims: fan, Seats: []string{"A-1"}}, start); code(r.Problem) != c.code || r.Total != c.want {
			t.Errorf("%s: %+v", name, r)
		}
		if held := e.holds["h_1"] != nil; held != (c.code == "") {
			t.Errorf("%s: held without a price", name)
		}
	}
}
