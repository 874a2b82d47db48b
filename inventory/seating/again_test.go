package seating

import (
	"strconv"
	"testing"
	"time"

	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"
)

// A payment that fails gives the hold back as it was: until its own deadline, not
// a moment less or more, attempt after attempt, each an order of its own.
func TestPaymentFailsAndAnotherIsTried(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 4, 12, 0))
	held := e.Hold(wire.HoldRequest{Hold: "h_1", Claims: wire.Claims{Fan: "f", Limit: 6, Expires: start.Add(time.Hour)}, Seats: []string{"A-1", "A-2"}}, start)
	if held.Problem != nil {
		t.Fatal(held.Problem)
	}
	at := start
	pay := func(key, body string) wire.HoldReply {
		return e.Checkout(wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: key, Body: body}, at)
	}
	fail := func(order string) *wire.Problem {
		return e.Release(wire.ReleaseRequest{Hold: "h_1", Order: order, Again: true, Why: "declined"}, at)
	}
	standing := func(order, fan string) time.Time {
		return e.Standing(wire.StandingRequest{Hold: "h_1", Order: order, Fan: fan}, at)
	}
	for n := 1; n < wire.MaxAttempts; n++ {
		at = at.Add(20 * time.Second)
		order, key := wire.OrderOfAttempt("h_1", n), string(rune('a'+n))
		if r := pay(key, "x"); r.Problem != nil || r.Order != order || r.Total != held.Total {
			t.Fatalf("attempt %d: %+v", n, r)
		}
		if r := pay("other", "x"); r.Problem == nil || r.Problem.Code != wire.CodeCheckoutBusy || r.Problem.Order != order {
			t.Errorf("attempt %d, another key meanwhile: %+v", n, r.Problem)
		}
		if got := standing(order, "f"); !got.Equal(held.Expires) {
			t.Errorf("attempt %d has failed, the seats follow: until %v", n, got)
		}
		for range 2 { // delivered twice
			if p := fail(order); p != nil {
				t.Fatal(p)
			}
		}
		if got := standing(order, "f"); !got.Equal(held.Expires) || !standing(order, "g").IsZero() {
			t.Errorf("attempt %d: stands until %v, held until %v", n, got, held.Expires)
		}
		if r := pay(key, "x"); r.Problem != nil || r.Order != order {
			t.Errorf("the key of attempt %d again: %+v", n, r)
		}
		if r := pay(key, "y"); r.Problem == nil || r.Problem.Code != wire.CodeKeyReused {
			t.Errorf("the key of attempt %d with another body: %+v", n, r)
		}
		if e.OrderOf("A-1") != "" {
			t.Errorf("in checkout for %s", e.OrderOf("A-1"))
		}
	}
	last := wire.OrderOfAttempt("h_1", wire.MaxAttempts)
	if r := pay("last", "x"); r.Order != last {
		t.Fatalf("%+v", r)
	}
	if p := fail(wire.OrderOfHold("h_1")); p != nil || e.OrderOf("A-1") != last {
		t.Errorf("the first attempt again ends another: %v, %q", p, e.OrderOf("A-1"))
	}
	if p := fail(last); p != nil || e.all.Held != 0 || !standing(last, "f").IsZero() {
		t.Errorf("after the last attempt: %v, %+v", p, e.all)
	}
}

// Seats whose own time is over are given back when the payment fails, and so are
// those of an event that has closed.
func TestNoTimeForAnotherCard(t *testing.T) {
	for name, after := range map[string]func(e *Engine, held wire.HoldReply) time.Time{
		"time over": func(_ *Engine, held wire.HoldReply) time.Time { return held.Expires },
		"closed": func(e *Engine, _ wire.HoldReply) time.Time {
			closed := seatingtest.Concert()
			closed.State = wire.EventClosed
			e.SetEvent(closed)
			return start.Add(time.Minute)
		},
	} {
		e := onSale(t, seatingtest.Hall(t, 4, 12, 0))
		held := e.Hold(wire.HoldRequest{Hold: "h_1", Claims: wire.Claims{Fan: "f", Limit: 6, Expires: start.Add(time.Hour)}, Seats: []string{"A-1"}}, start)
		if r := e.Checkout(wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: "k"}, held.Expires.Add(-time.Second)); r.Problem != nil {
			t.Fatal(r.Problem)
		}
		at := after(e, held)
		if p := e.Release(wire.ReleaseRequest{Hold: "h_1", Order: "o_1", Again: true}, at); p != nil || e.all.Held != 0 {
			t.Errorf("%s: %v, %+v", name, p, e.all)
		}
	}
}

// A closed event is not paid for any more, but a checkout that has begun goes on,
// and asking for it again says so.
func TestNoCheckoutOnceClosed(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 4, 12, 0))
	e.Hold(named("h_1", "f", "A-1"), start)
	e.Hold(named("h_2", "g", "B-1"), start)
	pay := func(hold, fan string) wire.HoldReply {
		return e.Checkout(wire.CheckoutRequest{Hold: hold, Fan: fan, Key: "k"}, start)
	}
	begun := pay("h_1", "f")
	closed := seatingtest.Concert()
	closed.State = wire.EventClosed
	e.SetEvent(closed)
	if r := pay("h_1", "f"); begun.Problem != nil || r.Order != begun.Order {
		t.Errorf("%+v, and again %+v", begun, r)
	}
	if r := pay("h_2", "g"); code(r.Problem) != wire.CodeGone {
		t.Errorf("%+v", r)
	}
	if r, ended := e.Clear(wire.ClearRequest{By: "ann"}, start); len(ended) != 1 || r != (wire.ClearReply{Ended: 1, Paying: 1}) || e.all.Held != 1 {
		t.Errorf("%+v, %v, %+v", r, ended, e.all)
	}
	if r := pay("h_2", "g"); code(r.Problem) != wire.CodeHoldOver {
		t.Errorf("%+v", r)
	}
}

// Who held seats when the sale ended may pay for them until their own deadline, and
// no longer.
func TestCheckoutAfterTheEndOfTheSale(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 4, 12, 0))
	e.spec.SaleEndsAt = start.Add(time.Second)
	held := e.Hold(named("h_1", "f", "A-1"), start)
	e.Hold(named("h_2", "g", "B-1"), start)
	if r := e.Checkout(wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: "k"}, start.Add(time.Minute)); held.Problem != nil || r.Problem != nil {
		t.Errorf("%+v, %+v", held, r)
	}
	if r := e.Checkout(wire.CheckoutRequest{Hold: "h_2", Fan: "g", Key: "k"}, held.Expires); code(r.Problem) != wire.CodeHoldOver {
		t.Errorf("after its deadline: %+v", r)
	}
}

// The same key stands for the same hold, and a hold's order for one attempt at most. Once
// an order of it has ended, asking under the key again never grants what can't be bought.
func TestHoldOfAnEndedOrderIsNotGrantedAgain(t *testing.T) {
	later := 2 * time.Hour // nothing rests from anybody by then
	pay := func(e *Engine) string {
		r := e.Checkout(wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: "k"}, start)
		if r.Problem != nil {
			t.Fatal(r.Problem)
		}
		return r.Order
	}
	for name, c := range map[string]struct {
		ends  func(e *Engine, held wire.HoldReply)
		again bool // it may be granted: there was no order
	}{
		"released": {func(e *Engine, _ wire.HoldReply) { e.Release(wire.ReleaseRequest{Hold: "h_1", Fan: "f"}, start) }, true},
		"lapsed":   {func(e *Engine, held wire.HoldReply) { e.Expire(held.Expires, 100) }, true},
		"failed":   {func(e *Engine, _ wire.HoldReply) { e.Release(wire.ReleaseRequest{Hold: "h_1", Order: pay(e)}, start) }, false},
		"failed, then lapsed": {func(e *Engine, held wire.HoldReply) {
			e.Release(wire.ReleaseRequest{Hold: "h_1", Order: pay(e), Again: true}, start)
			e.Expire(held.Expires, 100)
		}, false},
		"refunded": {func(e *Engine, held wire.HoldReply) {
			order := pay(e)
			e.Confirm(wire.ConfirmRequest{Hold: "h_1", Order: order, Fan: "f", Seats: held.Seats}, start)
			e.Refund(wire.RefundRequest{Hold: "h_1", Order: order, Fan: "f"}, start)
		}, false},
	} {
		e := onSale(t, seatingtest.Hall(t, 4, 12, 0))
		held := e.Hold(named("h_1", "f", "A-1"), start)
		c.ends(e, held)
		if e.all.Held+e.all.Sold != 0 {
			t.Fatalf("%s: %+v", name, e.all)
		}
		other, request := named("h_2", "g", "B-1"), named("h_1", "f", "A-1")
		other.Claims.Expires, request.Claims.Expires = start.Add(2*later), start.Add(2*later)
		e.Hold(other, start.Add(later))
		e.Release(wire.ReleaseRequest{Hold: "h_2", Fan: "g"}, start.Add(later)) // with which what is old is forgotten
		r := e.Hold(request, start.Add(later))
		if c.again && r.Problem != nil || !c.again && code(r.Problem) != wire.CodeHoldOver {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// What is remembered of attempts is bounded: the oldest go first.
func TestAttemptsRemembered(t *testing.T) {
	var a attempted
	for i := range maxAttempted + 3 {
		a.add(strconv.Itoa(i))
		a.add(strconv.Itoa(i))
	}
	if len(a.ids) != maxAttempted || len(a.ring) != maxAttempted || a.has("2") || !a.has("3") || !a.has(strconv.Itoa(maxAttempted+2)) {
		t.Errorf("%d remembered", len(a.ids))
	}
}
