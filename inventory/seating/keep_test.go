package seating

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"frontrow/inventory/seating/seatingtest"
	"frontrow/plan"
	"frontrow/wire"

	"pgregory.net/rapid"
)

const (
	ttl      = 480 * time.Second
	checkout = 180 * time.Second
	life     = ttl + checkout
	keepFor  = 2 * life
)

// from asks for seats from a network.
func from(net, hold, fan string, at time.Time, seats ...string) wire.HoldRequest {
	c := claims(fan)
	c.Net, c.Expires = net, at.Add(time.Hour)
	return wire.HoldRequest{Hold: hold, Claims: c, Seats: seats}
}

func TestSeatsRestFromWhoKeptThem(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 2, 10, 0))
	berlin := seatingtest.Concert()
	berlin.Spec.Timezone = "Europe/Berlin"
	e.SetEvent(berlin)
	e.Hold(from("n", "h_1", "f", start, "A-1", "A-2"), start)
	over := start.Add(ttl)
	e.Expire(over, 100)
	now := over.Add(time.Minute)
	r := e.Hold(from("n", "h_2", "f", now, "A-2", "A-3"), now)
	if code(r.Problem) != wire.CodeResting || !slices.Equal(r.Problem.Seats, []string{"A-2"}) || r.Problem.RetryAfterMS != (keepFor-time.Minute).Milliseconds() ||
		!strings.Contains(r.Problem.Detail, "held by you until 11:08:00 (Berlin time)") || !strings.Contains(r.Problem.Detail, "others go first until 11:30:00 (Berlin time)") {
		t.Fatalf("%+v", r.Problem)
	}
	if r := e.Hold(from("n", "h_3", "g", now, "A-2"), now); code(r.Problem) != wire.CodeResting || !strings.Contains(r.Problem.Detail, "somebody on your network") {
		t.Errorf("the network buys nothing, and has its seats again: %+v", r.Problem)
	}
	best := wire.HoldRequest{Hold: "h_4", Claims: claims("f"), Best: &wire.Best{Count: 4}}
	if r := e.Hold(best, now); r.Problem != nil || slices.ContainsFunc(r.Seats, func(q wire.SeatQuote) bool { return q.ID == "A-1" || q.ID == "A-2" }) {
		t.Errorf("best available: %+v", r)
	}
	checkSeats(t, e)
	if r := e.Hold(from("m", "h_5", "x", now, "A-2"), now); r.Problem != nil {
		t.Errorf("others may have it: %+v", r.Problem)
	}
	e.Release(wire.ReleaseRequest{Hold: "h_4", Fan: "f"}, now)
	if r := e.Hold(from("n", "h_6", "f", over.Add(keepFor), "A-1"), over.Add(keepFor)); r.Problem != nil || !r.Expires.Equal(over.Add(keepFor).Add(ttl)) {
		t.Errorf("rested: %+v", r)
	}
}

// An office or a campus buys most of what it holds: what one of its fans let go,
// the others may have at once.
func TestNetworkThatBuys(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 2, 10, 0))
	bought := e.Hold(from("n", "h_1", "a", start, "A-5", "A-6"), start)
	e.Confirm(wire.ConfirmRequest{Hold: "h_1", Order: "o_1", Fan: "a", Seats: bought.Seats}, start)
	e.Hold(from("n", "h_2", "f", start, "A-1", "A-2"), start)
	over := start.Add(ttl)
	e.Expire(over, 100)
	if r := e.Hold(from("n", "h_3", "g", over, "A-1"), over); r.Problem != nil || !r.Expires.Equal(over.Add(ttl)) {
		t.Errorf("%+v", r)
	}
	if r := e.Hold(from("n", "h_4", "f", over, "A-2"), over); code(r.Problem) != wire.CodeResting {
		t.Errorf("the fan's own: %+v", r)
	}
	e.Refund(wire.RefundRequest{Hold: "h_1", Order: "o_1", Fan: "a"}, over)
	if r := e.Hold(from("n", "h_5", "g", over, "A-2"), over); code(r.Problem) != wire.CodeResting {
		t.Errorf("it has bought nothing any more: %+v", r)
	}
}

// Who changes their mind may take the same seats again, and goes on with the time
// that they had; so does somebody else of a network that buys nothing.
func TestTimeGoesOn(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 2, 10, 0))
	e.Hold(from("n", "h_1", "f", start, "A-1"), start)
	at := start.Add(100 * time.Second)
	e.Release(wire.ReleaseRequest{Hold: "h_1", Fan: "f"}, at)
	at = at.Add(10 * time.Second)
	if r := e.Hold(from("n", "h_2", "f", at, "A-1", "A-2"), at); r.Problem != nil || !r.Expires.Equal(at.Add(ttl-100*time.Second)) {
		t.Fatalf("%+v", r)
	}
	at = at.Add(200 * time.Second)
	e.Release(wire.ReleaseRequest{Hold: "h_2", Fan: "f"}, at)
	if r := e.Hold(from("n", "h_3", "g", at, "A-2", "A-3"), at); r.Problem != nil || !r.Expires.Equal(at.Add(ttl-300*time.Second)) {
		t.Fatalf("another fan of the network: %+v", r)
	}
	at = at.Add(90 * time.Second)
	e.Release(wire.ReleaseRequest{Hold: "h_3", Fan: "g"}, at)
	if r := e.Hold(from("n", "h_4", "f", at, "A-2"), at); code(r.Problem) != wire.CodeResting {
		t.Fatalf("%+v", r)
	}
}

func TestAFanKeepsSeatsNoLonger(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 2, 20, 0))
	now := start
	for i := range 2 {
		e.Hold(from("n", fmt.Sprint("h_", i), "f", now, fmt.Sprint("A-", 2*i+1)), now)
		now = now.Add(ttl)
		e.Expire(now, 100)
	}
	r := e.Hold(from("n", "h_2", "f", now, "A-5"), now) // of 1,320 s 960 are spent, 180 are for the payment
	if r.Problem != nil || !r.Expires.Equal(now.Add(180*time.Second)) {
		t.Fatalf("%+v", r)
	}
	if m := e.MoreTime(wire.MoreTimeRequest{Hold: "h_2", Fan: "f"}, now); code(m.Problem) != wire.CodeInvalid {
		t.Errorf("%+v", m)
	}
	if r := e.Hold(from("n", "h_3", "f", now.Add(time.Minute+time.Second), "A-7"), now.Add(time.Minute+time.Second)); code(r.Problem) != wire.CodeResting || !strings.Contains(r.Problem.Detail, "Pay for the seats") {
		t.Errorf("%+v", r)
	}
	now = now.Add(180 * time.Second)
	e.Expire(now, 100)
	r = e.Hold(from("n", "h_4", "f", now, "A-9"), now)
	if code(r.Problem) != wire.CodeResting || len(r.Problem.Seats) != 0 || r.Problem.RetryAfterMS != keepFor.Milliseconds() || !strings.Contains(r.Problem.Detail, "kept seats for 19 minutes") {
		t.Fatalf("%+v", r.Problem)
	}
	if r := e.Hold(from("n", "h_5", "g", now, "A-9"), now); r.Problem != nil {
		t.Errorf("another fan of the network: %+v", r.Problem)
	}
	if now = now.Add(keepFor); e.Hold(from("n", "h_6", "f", now, "A-11"), now).Problem != nil {
		t.Error("rested")
	}
}

// What keeps a payment waiting is the fan's time, unless it is us.
func TestCheckoutIsBounded(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 2, 10, 0))
	e.Hold(from("n", "h_1", "f", start, "A-1"), start)
	e.Hold(from("n", "h_2", "g", start, "A-2"), start)
	paying := start.Add(ttl - time.Second)
	for hold, fan := range map[string]string{"h_1": "f", "h_2": "g"} {
		if r := e.Checkout(wire.CheckoutRequest{Hold: hold, Fan: fan, Key: "k"}, paying); !r.Expires.Equal(paying.Add(checkout)) {
			t.Fatalf("a payment that began in time has all of it: %+v", r)
		}
	}
	e.Take()
	later := paying.Add(100 * time.Second)
	if r := e.Extend(wire.ExtendRequest{Hold: "h_1", Order: "o_1"}, later); !r.Expires.Equal(start.Add(life)) {
		t.Errorf("3-D Secure abandoned: %+v", r)
	}
	e.Take()
	if e.Extend(wire.ExtendRequest{Hold: "h_1", Order: "o_1"}, later.Add(time.Second)); e.Pending() != 0 {
		t.Error("nothing moved, and a record is written")
	}
	if r := e.Extend(wire.ExtendRequest{Hold: "h_2", Order: "o_2", Ours: true}, later); !r.Expires.Equal(later.Add(checkout)) {
		t.Errorf("the payment waits for us: %+v", r)
	}
	_, asked := e.Expire(start.Add(life), 100)
	if len(asked) != 1 || asked[0].Hold != "h_1" {
		t.Fatalf("%v", asked)
	}
	e.Release(wire.ReleaseRequest{Hold: "h_1", Order: "o_1"}, start.Add(life))
	e.Release(wire.ReleaseRequest{Hold: "h_2", Order: "o_2", Ours: true}, start.Add(life))
	if r := e.Hold(from("n", "h_3", "f", start.Add(life), "A-1"), start.Add(life)); code(r.Problem) != wire.CodeResting {
		t.Errorf("%+v", r)
	}
	if r := e.Hold(from("n", "h_4", "g", start.Add(life), "A-2"), start.Add(life)); r.Problem != nil || !r.Expires.Equal(start.Add(life+ttl)) {
		t.Errorf("no fault of theirs: %+v", r)
	}
	want := []Returned{{"h_1", "f", "n", 1, false}, {"h_2", "g", "n", 1, true}}
	if got := e.Returned(); !slices.Equal(got, want) || e.Returned() != nil {
		t.Errorf("%+v", got)
	}
}

// checkSeats: what was set aside for a search is back.
func checkSeats(t *testing.T, e *Engine) {
	t.Helper()
	for i := range e.state {
		if e.finder.among("").available(i) != e.forSale(i, "") {
			t.Fatalf("the finder is wrong about seat %d", i)
		}
	}
}

// I15: whatever the fans of a network that buys nothing do, none of them keeps seats
// longer than Keep before they rest as long, no seat is kept by them longer than a
// hold lasts before others had it or it rested; and a new writer knows what the old
// one did.
func TestNobodyKeepsSeats(t *testing.T) {
	index := seatingtest.Hall(t, 2, 6, 4)
	rapid.Check(t, func(t *rapid.T) {
		event := seatingtest.Concert()
		event.Spec.Hold = wire.HoldSpec{TTL: wire.Duration(rapid.IntRange(4, 60).Draw(t, "ttl")) * wire.Duration(time.Second), Checkout: wire.Duration(10 * time.Second),
			MoreTime: wire.Duration(rapid.IntRange(0, 30).Draw(t, "more")) * wire.Duration(time.Second)}
		event.Spec.Hold.Keep = event.Spec.Hold.TTL + event.Spec.Hold.Checkout + wire.Duration(rapid.IntRange(0, 60).Draw(t, "keep"))*wire.Duration(time.Second)
		k := &keepCheck{event: event, index: index, fans: map[string]*kept{}, seats: map[int]*kept{}, held: map[int]bool{}}
		k.engine = k.fresh()
		k.now = start
		for n := range rapid.IntRange(1, 80).Draw(t, "steps") {
			k.pass(t, time.Duration(rapid.IntRange(0, 15).Draw(t, "seconds"))*time.Second)
			k.act(t, fmt.Sprint("h_", n))
			k.look(t)
		}
	})
}

// kept is how long something was kept until at.
type kept struct {
	total time.Duration
	at    time.Time
}

type keepCheck struct {
	event  wire.Event
	index  *plan.Index
	engine *Engine
	now    time.Time
	fans   map[string]*kept
	seats  map[int]*kept // by the network
	held   map[int]bool  // by it, at the last look
}

func (k *keepCheck) fresh() *Engine {
	e := NewEngine(k.event, k.index)
	for _, id := range []string{"a", "b", "c"} {
		e.SetPrice(id, wire.Price{Amounts: wire.NewAmounts(100, 1, 1), Version: 1})
	}
	return e
}

// pass lets time pass by the second, as a writer does: deadlines end holds, the
// ledger says of each that was asked about that it failed.
func (k *keepCheck) pass(t *rapid.T, d time.Duration) {
	for end := k.now.Add(d); k.now.Before(end); {
		k.now = k.now.Add(time.Second)
		_, asked := k.engine.Expire(k.now, 1000)
		for _, h := range asked {
			k.engine.Release(wire.ReleaseRequest{Hold: h.Hold, Order: h.Order}, k.now)
		}
		k.look(t)
	}
}

func (k *keepCheck) act(t *rapid.T, id string) {
	e, now := k.engine, k.now
	fan := rapid.SampledFrom([]string{"f", "g", "other"}).Draw(t, "fan")
	net := map[bool]string{true: "m", false: "n"}[fan == "other"]
	if standing := slices.Sorted(maps.Keys(e.holds)); len(standing) > 0 && rapid.Bool().Draw(t, "old") {
		k.later(t, e.holds[rapid.SampledFrom(standing).Draw(t, "hold")])
		return
	}
	c := wire.Claims{Pass: "p", Fan: fan, Net: net, Limit: 6, Expires: now.Add(time.Hour)}
	switch rapid.SampledFrom([]string{"seat", "seat", "seat", "best", "best", "area", "area", "restart"}).Draw(t, "act") {
	case "seat":
		e.Hold(wire.HoldRequest{Hold: id, Claims: c, Seats: []string{rapid.SampledFrom([]string{"A-1", "A-2", "A-3"}).Draw(t, "seat")}}, now)
	case "best":
		e.Hold(wire.HoldRequest{Hold: id, Claims: c, Best: &wire.Best{Count: 2}}, now)
	case "area":
		e.Hold(wire.HoldRequest{Hold: id, Claims: c, Area: "floor", Count: 1}, now)
	case "restart":
		again := k.fresh()
		for i := range k.index.Len() {
			if err := again.Restore(i, e.Record(i), 1); err != nil {
				t.Fatal(err)
			}
		}
		for _, fan := range []string{"f", "g"} {
			if was, is := e.spent(fan, now), again.spent(fan, now); e.keepers.of[fan] != nil && e.keepers.of[fan].standing > 0 && was != is {
				t.Fatalf("%s had kept seats for %v, of which the records say %v", fan, was, is)
			}
		}
		k.engine = again
		k.fans = map[string]*kept{} // what is forgotten is in doc.go: the seats' own bound is not
	}
}

// later is what becomes of a hold.
func (k *keepCheck) later(t *rapid.T, h *hold) {
	e, now, order := k.engine, k.now, wire.OrderOfHold(h.id)
	switch rapid.SampledFrom([]string{"release", "checkout", "extend", "extend", "more", "fail"}).Draw(t, "then") {
	case "release":
		e.Release(wire.ReleaseRequest{Hold: h.id, Fan: h.fan}, now)
	case "checkout":
		e.Checkout(wire.CheckoutRequest{Hold: h.id, Fan: h.fan, Key: "k"}, now)
	case "extend":
		e.Extend(wire.ExtendRequest{Hold: h.id, Order: order}, now)
	case "more":
		e.MoreTime(wire.MoreTimeRequest{Hold: h.id, Fan: h.fan}, now)
	case "fail":
		e.Release(wire.ReleaseRequest{Hold: h.id, Order: order}, now)
	}
}

// look adds up who has kept what since the last look, a second ago at most.
func (k *keepCheck) look(t *rapid.T) {
	e, rest := k.engine, time.Duration(k.event.Spec.Hold.Keep)
	add := func(what any, one **kept, most time.Duration) {
		if *one == nil || k.now.Sub((*one).at) >= rest {
			*one = &kept{at: k.now}
			return
		}
		if since := k.now.Sub((*one).at); since <= time.Second {
			(*one).total += since
		}
		(*one).at = k.now
		if (*one).total > most {
			t.Fatalf("%v kept for %v, at most %v", what, (*one).total, most)
		}
	}
	standing := map[string]bool{}
	for i := range e.state {
		h := e.owner[i]
		mine := h != nil && h.net == "n"
		switch {
		case mine && !k.held[i] && k.seats[i] != nil && k.now.Sub(k.seats[i].at) < rest:
			k.seats[i].at = k.now // taken again: what was kept before counts
		case mine:
			one := k.seats[i]
			add(fmt.Sprint("seat ", i), &one, time.Duration(k.event.Spec.Hold.Life()))
			k.seats[i] = one
		case h != nil:
			delete(k.seats, i) // others had it
		}
		if k.held[i] = mine; mine {
			standing[h.fan] = true
		}
	}
	for fan := range standing {
		one := k.fans[fan]
		add(fan, &one, rest)
		k.fans[fan] = one
	}
}
