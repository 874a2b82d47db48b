package seating

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"frontrow/inventory/seating/seatingtest"
	"frontrow/plan"
	"frontrow/wire"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func onSale(t testing.TB, index *plan.Index) *Engine {
	t.Helper()
	e := NewEngine(seatingtest.Concert(), index)
	for i, id := range []string{"a", "b", "c"} {
		e.SetPrice(id, wire.Price{Amounts: wire.NewAmounts(int64(9000-1000*i), 900, 300), Version: 1})
	}
	return e
}

func claims(fan string) wire.Claims {
	return wire.Claims{Pass: "p", Fan: fan, Limit: 6, Expires: start.Add(time.Hour)}
}

func named(hold, fan string, seats ...string) wire.HoldRequest {
	return wire.HoldRequest{Hold: hold, Claims: claims(fan), Seats: seats}
}

// sell sells a seat at once, as the ledger has it.
func sell(e *Engine, hold, fan, seat string) {
	e.Confirm(wire.ConfirmRequest{Hold: hold, Order: wire.OrderOfHold(hold), Fan: fan, Seats: []wire.SeatQuote{{ID: seat}}}, start)
}

func code(p *wire.Problem) wire.Code {
	if p == nil {
		return ""
	}
	return p.Code
}

func TestHoldRules(t *testing.T) {
	index := seatingtest.Hall(t, 2, 10, 20)
	long := make([]string, 500)
	for i := range long {
		long[i] = fmt.Sprintf("A-%d", i+1)
	}
	cases := []struct {
		name  string
		given func(*Engine)
		ask   wire.HoldRequest
		want  wire.Code
	}{
		{"two seats", nil, named("h", "f", "A-1", "A-2"), ""},
		{"unknown seat", nil, named("h", "f", "A-1", "Z-1"), wire.CodeUnknownSeat},
		{"seat twice", nil, named("h", "f", "A-1", "A-1"), wire.CodeInvalid},
		{"taken", func(e *Engine) { e.Hold(named("x", "g", "A-2"), start) }, named("h", "f", "A-1", "A-2"), wire.CodeTaken},
		{"500 seats", nil, named("h", "f", long...), wire.CodeLimit},
		{"over the limit in two holds", func(e *Engine) { e.Hold(named("x", "f", "A-1", "A-2", "A-3", "A-4"), start) }, named("h", "f", "A-5", "A-6", "A-7"), wire.CodeLimit},
		{"pass for fewer", nil, wire.HoldRequest{Hold: "h", Claims: wire.Claims{Fan: "f", Limit: 1, Expires: start.Add(time.Hour)}, Seats: []string{"A-1", "A-2"}}, wire.CodeLimit},
		{"expired pass", nil, wire.HoldRequest{Hold: "h", Claims: wire.Claims{Fan: "f", Limit: 6, Expires: start}, Seats: []string{"A-1"}}, wire.CodeUnauthorized},
		{"nothing", nil, wire.HoldRequest{Hold: "h", Claims: claims("f")}, wire.CodeInvalid},
		{"two wishes", nil, wire.HoldRequest{Hold: "h", Claims: claims("f"), Area: "floor", Count: 1, Best: &wire.Best{Count: 1}}, wire.CodeInvalid},
		{"best of -1", nil, wire.HoldRequest{Hold: "h", Claims: claims("f"), Best: &wire.Best{Count: -1}}, wire.CodeInvalid},
		{"area of -3", nil, wire.HoldRequest{Hold: "h", Claims: claims("f"), Area: "floor", Count: -3}, wire.CodeInvalid},
		{"area", nil, wire.HoldRequest{Hold: "h", Claims: claims("f"), Area: "floor", Count: 3}, ""},
		{"unknown area", nil, wire.HoldRequest{Hold: "h", Claims: claims("f"), Area: "moon", Count: 3}, wire.CodeUnknownArea},
		{"unknown section", nil, wire.HoldRequest{Hold: "h", Claims: claims("f"), Best: &wire.Best{Count: 1, Section: "9"}}, wire.CodeUnknownArea},
		{"unknown level", nil, wire.HoldRequest{Hold: "h", Claims: claims("f"), Best: &wire.Best{Count: 1, Level: "z"}}, wire.CodeInvalid},
		{"best of an area", nil, wire.HoldRequest{Hold: "h", Claims: claims("f"), Best: &wire.Best{Count: 2, Section: "floor"}}, ""},
		{"best of a full area", func(e *Engine) { e.Block(wire.BlockRequest{Sections: []string{"floor"}}, start) }, wire.HoldRequest{Hold: "h", Claims: claims("f"), Best: &wire.Best{Count: 2, Section: "floor"}}, wire.CodeNoneLeft},
		{"accessible in an area", nil, wire.HoldRequest{Hold: "h", Claims: claims("f"), Best: &wire.Best{Count: 2, Section: "floor", Accessible: true}}, wire.CodeNoneLeft},
		{"too dear", nil, wire.HoldRequest{Hold: "h", Claims: claims("f"), Best: &wire.Best{Count: 1, MaxTotal: 100}}, wire.CodeNoneLeft},
		{"companion alone", nil, named("h", "f", "B-2"), wire.CodeInvalid},
		{"companion once its seat is sold without it", func(e *Engine) { sell(e, "x", "g", "B-1") }, named("h", "f", "B-2"), ""},
		{"companion while its seat is held without it", func(e *Engine) { e.Hold(named("x", "g", "B-1"), start) }, named("h", "f", "B-2"), wire.CodeInvalid},
		{"best of the last seats, a companion's", func(e *Engine) {
			e.Block(wire.BlockRequest{Sections: []string{"101", "floor"}}, start)
			e.Block(wire.BlockRequest{Seats: []string{"B-1", "B-2"}, Unblock: true}, start)
			sell(e, "x", "g", "B-1")
		}, wire.HoldRequest{Hold: "h", Claims: claims("f"), Best: &wire.Best{Count: 1}}, ""},
		{"companion with its seat", nil, named("h", "f", "B-2", "B-1"), ""},
		{"blocked", func(e *Engine) { e.Block(wire.BlockRequest{Seats: []string{"A-1"}, By: "op"}, start) }, named("h", "f", "A-1"), wire.CodeTaken},
		{"not open", func(e *Engine) { e.spec.OpensAt = start.Add(time.Second) }, named("h", "f", "A-1"), wire.CodeNotOpen},
		{"closed", func(e *Engine) { e.closed = true }, named("h", "f", "A-1"), wire.CodeGone},
		{"at the end of the sale", func(e *Engine) { e.spec.SaleEndsAt = start }, named("h", "f", "A-1"), wire.CodeGone},
		{"best available at the end of the sale", func(e *Engine) { e.spec.SaleEndsAt = start }, wire.HoldRequest{Hold: "h", Claims: claims("f"), Best: &wire.Best{Count: 1}}, wire.CodeGone},
		{"just before the end of the sale", func(e *Engine) { e.spec.SaleEndsAt = start.Add(1) }, named("h", "f", "A-1"), ""},
		{"no price yet", func(e *Engine) { e.prices[0].Version = 0 }, named("h", "f", "A-1"), wire.CodeUnavailable},
		{"somebody else's hold id", func(e *Engine) { e.Hold(named("h", "g", "A-2"), start) }, named("h", "f", "A-1"), wire.CodeForbidden},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := onSale(t, index)
			if c.given != nil {
				c.given(e)
			}
			e.Take()
			before := e.all
			r := e.Hold(c.ask, start)
			if code(r.Problem) != c.want {
				t.Fatalf("got %+v", r)
			}
			seats, acts := e.Take()
			if c.want != "" && (len(seats) > 0 || len(acts) > 0 || e.all != before) {
				t.Errorf("a refusal changed %v, %v", seats, acts)
			}
			if c.want == "" && (len(acts) != 1 || len(seats) != len(r.Seats) || r.Total != 0 && r.Total != int64(len(r.Seats))*r.Seats[0].Price.Total) {
				t.Errorf("got %v, %v, %+v", seats, acts, r)
			}
		})
	}
}

func TestTakenNamesTheSeats(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 2, 10, 0))
	e.Hold(named("x", "g", "A-2", "A-3"), start)
	r := e.Hold(named("h", "f", "A-1", "A-2", "A-3"), start)
	if !slices.Equal(r.Problem.Seats, []string{"A-2", "A-3"}) {
		t.Errorf("taken: %v", r.Problem.Seats)
	}
}

func TestHoldIsIdempotent(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 2, 10, 0))
	first := e.Hold(named("h", "f", "A-1"), start)
	e.Take()
	again := e.Hold(named("h", "f", "A-1"), start.Add(time.Second))
	if fmt.Sprint(first) != fmt.Sprint(again) || e.Pending() != 0 || e.tickets["f"] != 1 {
		t.Errorf("%+v\n%+v", first, again)
	}
}

func TestLifeOfAHold(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 2, 10, 0))
	hold := e.Hold(named("h_1", "f", "A-1", "A-2"), start)
	due := hold.Expires
	if due != start.Add(480*time.Second) {
		t.Fatalf("expires %v", due)
	}
	if p := e.Release(wire.ReleaseRequest{Hold: "h_1", Fan: "g"}, start); code(p) != wire.CodeForbidden {
		t.Error(p)
	}
	out := wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: "k", Body: "b"}
	if r := e.Checkout(wire.CheckoutRequest{Hold: "h_1", Fan: "g", Key: "k", Body: "b"}, start); code(r.Problem) != wire.CodeForbidden {
		t.Error(r)
	}
	late := start.Add(479 * time.Second)
	r := e.Checkout(out, late)
	if r.Order != "o_1" || !r.Expires.Equal(late.Add(180*time.Second)) {
		t.Fatalf("%+v", r)
	}
	if again := e.Checkout(out, late); again.Order != r.Order {
		t.Error(again)
	}
	if r := e.Checkout(wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: "k", Body: "other"}, late); code(r.Problem) != wire.CodeKeyReused {
		t.Error(r)
	}
	if r := e.Checkout(wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: "k2", Body: "b"}, late); code(r.Problem) != wire.CodeCheckoutBusy || r.Problem.Order != "o_1" {
		t.Error(r)
	}
	if p := e.Release(wire.ReleaseRequest{Hold: "h_1", Fan: "f"}, late); code(p) != wire.CodeCheckoutBusy {
		t.Error("a fan released a hold in checkout:", p)
	}
	if x := e.Extend(wire.ExtendRequest{Hold: "h_1", Order: "o_2"}, late); code(x.Problem) != wire.CodeHoldOver {
		t.Error(x)
	}
	freed, unsettled := e.Expire(late.Add(time.Hour), 100)
	if len(freed) != 0 || len(unsettled) != 1 || unsettled[0].Order != "o_1" || e.all.Held != 2 {
		t.Fatalf("a hold in checkout ended by its deadline: %v %v", freed, unsettled)
	}
	e.Postpone("h_1", late.Add(2*time.Hour))
	if _, unsettled := e.Expire(late.Add(3*time.Hour), 100); len(unsettled) != 1 {
		t.Error("a postponed hold is asked about again")
	}
	confirm := wire.ConfirmRequest{Hold: "h_1", Order: "o_1", Fan: "f", Seats: hold.Seats}
	if p := e.Confirm(confirm, late); p != nil {
		t.Fatal(p)
	}
	e.Take()
	if p := e.Confirm(confirm, late); p != nil || e.Pending() != 0 {
		t.Error("confirming twice changes nothing:", p)
	}
	if e.all.Sold != 2 || e.all.Held != 0 || e.tickets["f"] != 2 {
		t.Errorf("%+v, %v tickets", e.all, e.tickets["f"])
	}
	if p := e.Release(wire.ReleaseRequest{Hold: "h_1", Order: "o_1"}, late); code(p) != wire.CodeHoldOver {
		t.Error("sold seats were released:", p)
	}
	other := wire.ConfirmRequest{Hold: "h_2", Order: "o_2", Fan: "g", Seats: hold.Seats[:1]}
	if p := e.Confirm(other, late); code(p) != wire.CodeTaken {
		t.Error("a seat was sold twice:", p)
	}
}

func TestExpiryIsExactAndBounded(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 2, 20, 0))
	for i := range 10 {
		e.Hold(named(fmt.Sprintf("h%d", i), fmt.Sprintf("f%d", i), fmt.Sprintf("A-%d", 2*i+1), fmt.Sprintf("A-%d", 2*i+2)), start)
	}
	e.Take()
	due, ok := e.Due()
	if freed, _ := e.Expire(due.Add(-time.Nanosecond), 100); !ok || len(freed) != 0 {
		t.Fatal("freed before the deadline")
	}
	freed, _ := e.Expire(due, 3)
	if len(freed) != 4 || e.Pending() != 3 {
		t.Fatalf("freed %d holds, which fill %d", len(freed), e.Pending())
	}
	e.Hold(named("anew", "f", "A-1"), due)
	if e.Pending() != 1+3 { // seven are short
		t.Fatalf("with one held again they fill %d", e.Pending())
	}
	if seats, _ := e.Take(); len(seats) != 8 || e.Pending() != 0 {
		t.Fatalf("%d seats, then %d", len(seats), e.Pending())
	}
	e.Release(wire.ReleaseRequest{Hold: "anew", Fan: "f"}, due)
	if e.Expire(due, 100); e.all.Held != 0 || len(e.holds) != 0 || len(e.tickets) != 0 {
		t.Errorf("%+v", e.all)
	}
	if r := e.Hold(named("again", "f", "A-1"), due); r.Problem != nil {
		t.Error(r.Problem)
	}
}

func TestConfirmWinsOverALapsedHold(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 2, 10, 0))
	lost := e.Hold(named("h_1", "f", "A-1", "A-2"), start)
	e.Release(wire.ReleaseRequest{Hold: "h_1", Fan: "f"}, start)
	e.Hold(named("h_2", "g", "A-2", "A-3"), start)
	if p := e.Confirm(wire.ConfirmRequest{Hold: "h_1", Order: "o_1", Fan: "f", Seats: lost.Seats}, start); p != nil {
		t.Fatal(p)
	}
	if e.all != (wire.Count{Free: 18, Sold: 2}) || e.holds["h_2"] != nil {
		t.Errorf("%+v", e.all)
	}
}

// What an engine has stored is all it needs: restored from its records it is
// the same engine, whatever happened before.
func TestRestoreIsTheSameEngine(t *testing.T) {
	index := seatingtest.Hall(t, 4, 12, 30)
	rapid.Check(t, func(t *rapid.T) {
		event := family()
		event.Spec.Hold.MoreTime = wire.Duration(2 * time.Minute)
		event.Spec.Hold.Orphans = rapid.SampledFrom([]string{wire.OrphansOff, wire.OrphansLenient, wire.OrphansStrict}).Draw(t, "orphans")
		e := NewEngine(event, index)
		for i, id := range []string{"a", "b", "c"} {
			e.SetPrice(id, wire.Price{Amounts: wire.NewAmounts(int64(100*i), 1, 1), Version: 1})
		}
		records := map[int]wire.Seat{}
		replayed := map[string]wire.State{} // by folding the log's acts
		flush, revision := uint64(0), uint64(0)
		stored := func() {
			seats, acts := e.Take()
			if len(seats) > 0 && len(acts) == 0 {
				t.Fatalf("seats %v changed without an act", seats)
			}
			for _, a := range acts {
				if s, ok := a.Leaves(); ok {
					for _, id := range a.Seats {
						replayed[id] = s
					}
				}
			}
			flush++
			changed := 0
			for _, c := range e.Changes(seats) {
				for k, id := range c.IDs {
					i, _ := index.Lookup(id)
					if c.Was[k] != records[i].Flush {
						t.Fatalf("seat %s was changed by flush %d, says flush %d: it was %d", id, c.Was[k], flush, records[i].Flush)
					}
					r := c.Record(k, 0, 0)
					r.V = 0
					if is := e.Record(i); !reflect.DeepEqual(r, is) {
						t.Fatalf("the log says of %s %+v, its record %+v", id, r, is)
					}
					records[i] = c.Record(k, flush, flush)
					changed++
				}
			}
			if changed != len(seats) {
				t.Fatalf("%d of %d seats are in the log", changed, len(seats))
			}
			for _, i := range seats {
				revision++
				e.Stored(i, flush, revision)
			}
		}
		e.Open(e.Unopened(0, 1000), start)
		stored()
		now := start
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "seconds")) * time.Second)
			step(t, e, now)
			checkEngine(t, e)
			if rapid.Bool().Draw(t, "flush") {
				stored()
			}
		}
		stored()
		again := NewEngine(family(), index)
		for i, r := range records {
			if err := again.Restore(i, r, e.revision[i]); err != nil {
				t.Fatal(err)
			}
		}
		checkEngine(t, again)
		if fmt.Sprint(again.channels) != fmt.Sprint(e.channels) {
			t.Fatalf("restored channels %v, were %v", again.channels, e.channels)
		}
		if again.all != e.all || len(again.holds) != len(e.holds) || fmt.Sprint(again.tickets) != fmt.Sprint(e.tickets) || fmt.Sprint(again.uses) != fmt.Sprint(e.uses) {
			t.Fatalf("restored %+v %v, was %+v %v", again.all, again.tickets, e.all, e.tickets)
		}
		for i := range records {
			if s, ok := replayed[index.ID(i)]; ok && s != e.state[i] || !ok && e.state[i] != wire.Available {
				t.Fatalf("seat %d is %s, the log says %q", i, e.state[i], s)
			}
			if a, b := again.Record(i), e.Record(i); fmt.Sprintf("%+v", seatKey(a)) != fmt.Sprintf("%+v", seatKey(b)) {
				t.Fatalf("seat %d: restored %+v, was %+v", i, a, b)
			}
		}
	})
}

func seatKey(s wire.Seat) string {
	return fmt.Sprint(s.State, s.At, s.Hold, s.Fan, s.Order, s.Key, s.Body, s.Channel, s.Why, s.Extended, s.Until, s.HeldUntil, s.Tried, s.Quote != nil)
}

func step(t *rapid.T, e *Engine, now time.Time) {
	fan := fmt.Sprintf("f%d", rapid.IntRange(0, 3).Draw(t, "fan"))
	id := fmt.Sprintf("h_%d", rapid.IntRange(0, 8).Draw(t, "hold"))
	count := rapid.IntRange(-1, 5).Draw(t, "count")
	channel := rapid.SampledFrom([]string{"", "", "presale", "sponsor"}).Draw(t, "channel")
	order := wire.OrderOfAttempt(id, max(1, count))
	if h := e.holds[id]; h != nil && h.order != "" && count%2 == 0 {
		order = h.order
	}
	seats := rapid.SliceOfN(rapid.SampledFrom([]string{"A-1", "A-2", "A-3", "B-4", "C-5", "D-1", "D-2", "floor/3", "X-1"}), 0, 3).Draw(t, "seats")
	switch rapid.SampledFrom([]string{"seats", "best", "area", "release", "checkout", "extend", "confirm", "expire", "block", "wide", "refund", "more-time", "fail", "reduce", "reduce"}).Draw(t, "act") {
	case "seats":
		e.Hold(wire.HoldRequest{Hold: id, Claims: wire.Claims{Fan: fan, Limit: 6, Expires: now.Add(time.Minute), Channel: channel}, Seats: seats}, now)
	case "best":
		e.Hold(wire.HoldRequest{Hold: id, Claims: wire.Claims{Fan: fan, Limit: 6, Expires: now.Add(time.Minute), Channel: channel}, Best: &wire.Best{Count: count, Accessible: count == 2}}, now)
	case "area":
		e.Hold(wire.HoldRequest{Hold: id, Claims: wire.Claims{Fan: fan, Limit: 6, Expires: now.Add(time.Minute), Channel: channel}, Area: "floor", Count: count}, now)
	case "release":
		e.Release(wire.ReleaseRequest{Hold: id, Fan: fan}, now)
	case "checkout":
		e.Checkout(wire.CheckoutRequest{Hold: id, Fan: fan, Key: fmt.Sprint("k", max(count, 0)/2)}, now)
	case "extend":
		e.Extend(wire.ExtendRequest{Hold: id, Order: order}, now)
	case "confirm":
		if h := e.holds[id]; h != nil && h.order != "" {
			e.Confirm(wire.ConfirmRequest{Hold: id, Order: h.order, Fan: h.fan, Seats: h.quotes}, now)
		}
	case "reduce":
		drawReductions(t, e, id, fan, now)
	case "fail":
		e.Release(wire.ReleaseRequest{Hold: id, Order: order, Again: count > 0}, now)
	case "expire":
		_, unsettled := e.Expire(now, 100)
		for _, u := range unsettled {
			e.Postpone(u.Hold, now.Add(time.Second))
		}
	case "block":
		e.Block(wire.BlockRequest{Seats: seats, Channel: channel, Unblock: count%2 == 0, By: "op", Why: "test"}, now)
	case "wide":
		r := wire.BlockRequest{Channel: channel, Unblock: count > 1, By: "op", Why: fan}
		if count%2 == 0 {
			r.Levels = []string{"a"}
		} else {
			r.Sections = []string{"floor"}
		}
		e.Block(r, now)
	case "refund":
		e.Refund(wire.RefundRequest{Hold: id, Order: order, Seats: seats, Block: count == 1, By: "op"}, now)
	case "more-time":
		e.MoreTime(wire.MoreTimeRequest{Hold: id, Fan: fan}, now)
	}
}

// checkEngine recounts everything the engine keeps twice.
func checkEngine(t *rapid.T, e *Engine) {
	var all wire.Count
	tickets := map[string]int{}
	checkUses(t, e)
	for i := range e.state {
		h := e.owner[i]
		switch e.state[i] {
		case wire.Available:
			all.Free++
		case wire.Held:
			all.Held++
		case wire.Sold:
			all.Sold++
		case wire.Blocked:
			all.Blocked++
		}
		if owned := e.state[i] == wire.Held || e.state[i] == wire.Sold; owned != (h != nil) {
			t.Fatalf("seat %d is %s with owner %v", i, e.state[i], h)
		}
		if h != nil {
			tickets[h.fan]++
			if e.holds[h.id] != h || !slices.Contains(h.seats, i) || h.sold != (e.state[i] == wire.Sold) {
				t.Fatalf("seat %d and hold %+v disagree", i, h)
			}
		}
		_, blocked := e.blocks[i]
		if e.state[i] == wire.Blocked && !blocked || e.state[i] != wire.Blocked && e.state[i] != wire.Held && blocked {
			t.Fatalf("seat %d is %s, in a block: %v", i, e.state[i], blocked)
		}
		for _, channel := range []string{"", "presale", "sponsor"} {
			if e.finder.among(channel).available(i) != e.forSale(i, channel) {
				t.Fatalf("the finder is wrong about seat %d for channel %q", i, channel)
			}
		}
	}
	checkLayers(t, e)
	squares := 0
	for fan, n := range tickets {
		squares += n * n
		if n > 6 {
			t.Fatalf("fan %s has %d tickets", fan, n)
		}
	}
	if squares != e.squares {
		t.Fatalf("counted %d tickets squared, kept %d", squares, e.squares)
	}
	if all != e.all || fmt.Sprint(tickets) != fmt.Sprint(e.tickets) {
		t.Fatalf("counted %+v %v, kept %+v %v", all, tickets, e.all, e.tickets)
	}
}

// A fan whose pass was revoked gives back what they hold, but for what is being
// paid for and what is theirs.
func TestReleaseAllOfAFan(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 2, 10, 0))
	e.Hold(named("h_1", "f", "A-1"), start)
	e.Hold(named("h_2", "f", "A-2"), start)
	paying := e.Hold(named("h_3", "f", "A-3"), start)
	bought := e.Hold(named("h_4", "f", "A-4"), start)
	e.Hold(named("h_5", "g", "A-5"), start)
	e.Checkout(wire.CheckoutRequest{Hold: paying.Hold, Fan: "f", Key: "k", Body: "b"}, start)
	e.Confirm(wire.ConfirmRequest{Hold: bought.Hold, Order: "o_4", Fan: "f", Seats: bought.Seats}, start)
	e.Take()
	for _, r := range []wire.ReleaseRequest{{Fan: "f"}, {Fan: "f", Order: "o_3"}, {By: "ann"}, {Fan: "nobody", By: "ann"}} { // no operator's, or no fan's
		if p := e.Release(r, start); p != nil || e.Pending() != 0 {
			t.Errorf("%+v changed something, or was refused: %v", r, p)
		}
	}
	for range 2 {
		if p := e.Release(wire.ReleaseRequest{Fan: "f", By: "ann", Why: "bot"}, start); p != nil {
			t.Error(p)
		}
		if e.all.Held != 2 || e.all.Sold != 1 || e.tickets["f"] != 2 || e.tickets["g"] != 1 {
			t.Errorf("%+v, %v", e.all, e.tickets)
		}
	}
	if e.holds["h_1"] != nil || e.holds["h_2"] != nil || e.holds["h_3"] == nil {
		t.Errorf("%v", e.holds)
	}
}

// A request that arrives once more after its hold has ended is late: it must
// not make the hold anew, of other seats at another price.
func TestLateRequestDoesNotReviveAHold(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 2, 10, 0))
	best := wire.HoldRequest{Hold: "h_1", Claims: claims("f"), Best: &wire.Best{Count: 2}}
	e.Hold(best, start)
	e.Release(wire.ReleaseRequest{Hold: "h_1", Fan: "f"}, start)
	if r := e.Hold(best, start.Add(time.Second)); code(r.Problem) != wire.CodeHoldOver || e.all.Held != 0 {
		t.Errorf("%+v", r)
	}
	for i := range 10 { // what is forgotten doesn't pile up
		at := start.Add(time.Duration(i+1) * 2 * endedFor)
		id := fmt.Sprint("h_", i+2)
		e.Hold(wire.HoldRequest{Hold: id, Claims: wire.Claims{Fan: "f", Limit: 6, Expires: at.Add(time.Hour)}, Best: best.Best}, at)
		e.Release(wire.ReleaseRequest{Hold: id, Fan: "f"}, at)
	}
	if len(e.ended.ids) != 1 || len(e.ended.queue) != 1 {
		t.Errorf("%d ids are remembered", len(e.ended.ids))
	}
}

// From its deadline on the ledger decides about a hold in checkout: its answer may be
// under way, and be one to a writer before, so that nothing is promised against it.
func TestNothingExtendsAfterTheDeadline(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 2, 10, 0))
	e.Hold(from("n", "h_1", "f", start, "A-1"), start)
	until := e.Checkout(wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: "k"}, start).Expires
	extend := func(at time.Time) wire.ExtendReply {
		return e.Extend(wire.ExtendRequest{Hold: "h_1", Order: "o_1", Ours: true}, at)
	}
	if r := extend(until); code(r.Problem) != wire.CodeUnavailable {
		t.Errorf("before the ledger is asked: %+v", r)
	}
	if _, asked := e.Expire(until, 100); len(asked) != 1 {
		t.Fatal(asked)
	}
	if r := extend(until); code(r.Problem) != wire.CodeUnavailable {
		t.Errorf("while it is asked: %+v", r)
	}
	e.Postpone("h_1", until.Add(time.Minute))
	if r := extend(until.Add(time.Second)); code(r.Problem) != wire.CodeUnavailable {
		t.Errorf("when it could not be asked: %+v", r)
	}
	if r, _ := e.Look("A-1"); !r.Until.Equal(until) {
		t.Errorf("the ledger is asked again later, and the seat is held until %v: the log says %v", r.Until, until)
	}
	if due, _ := e.Due(); !due.Equal(until.Add(time.Minute)) {
		t.Errorf("it is asked again at %v", due)
	}
}
