package seating

import (
	"fmt"
	"testing"
	"time"

	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"

	"pgregory.net/rapid"
)

func TestChannels(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 4, 10, 20))
	presale := func(hold, fan string, seats ...string) wire.HoldRequest {
		r := named(hold, fan, seats...)
		r.Claims.Channel = "presale"
		return r
	}
	sponsor := func(fan string) wire.Claims {
		c := claims(fan)
		c.Channel = "sponsor"
		return c
	}
	if r := e.Block(wire.BlockRequest{Seats: []string{"A-1", "A-2", "A-3"}, Channel: "presale", Why: "members first", By: "ann"}, start); r.Problem != nil || r.Changed != 3 {
		t.Fatalf("%+v", r)
	}
	if r := e.Record(0); r.State != wire.Blocked || r.Channel != "presale" || r.Why != "members first" {
		t.Errorf("%+v", r)
	}
	if r := e.Hold(named("h_1", "f", "A-1"), start); code(r.Problem) != wire.CodeTaken {
		t.Errorf("anybody got a presale seat: %+v", r)
	}
	other := presale("h_1", "f", "A-1")
	other.Claims.Channel = "sponsor"
	if r := e.Hold(other, start); code(r.Problem) != wire.CodeTaken {
		t.Errorf("another channel got it: %+v", r)
	}
	if r := e.Hold(presale("h_1", "f", "A-1", "A-2"), start); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	if r := e.Record(0); r.State != wire.Held || r.Channel != "presale" {
		t.Errorf("%+v", r)
	}
	e.Release(wire.ReleaseRequest{Hold: "h_1", Fan: "f"}, start)
	if e.state[0] != wire.Blocked || e.all.Blocked != 3 {
		t.Errorf("after the release seat A-1 is %s", e.state[0])
	}

	// Lifted while held: the seat goes on sale when the hold ends.
	e.Hold(presale("h_2", "f", "A-1"), start)
	if r := e.Block(wire.BlockRequest{Channel: "presale", Unblock: true, By: "ann"}, start); r.Problem != nil || r.Changed != 3 || r.Left != 0 {
		t.Errorf("%+v", r)
	}
	if e.state[0] != wire.Held || e.state[1] != wire.Available || len(e.channels) != 0 || len(e.finder.channels) != 0 {
		t.Errorf("%s %s %v", e.state[0], e.state[1], e.channels)
	}
	e.Expire(start.Add(time.Hour), 100)
	if e.state[0] != wire.Available {
		t.Errorf("seat A-1 is %s", e.state[0])
	}

	// Sold to a channel's buyer, the seat has left the channel.
	e.Block(wire.BlockRequest{Sections: []string{"floor"}, Channel: "sponsor", By: "ann"}, start)
	r := e.Hold(wire.HoldRequest{Hold: "h_3", Claims: sponsor("f"), Area: "floor", Count: 2}, start)
	if r.Problem != nil {
		t.Fatal(r.Problem)
	}
	e.Confirm(wire.ConfirmRequest{Hold: "h_3", Order: "o_3", Fan: "f", Seats: r.Seats}, start)
	if e.channels["sponsor"] != 18 || e.all.Sold != 2 {
		t.Errorf("%v %+v", e.channels, e.all)
	}
	best := e.Hold(wire.HoldRequest{Hold: "h_4", Claims: sponsor("g"), Best: &wire.Best{Count: 2, Level: "c"}}, start)
	if best.Problem != nil {
		t.Error("best available within the channel:", best.Problem)
	}
	if r := e.Hold(wire.HoldRequest{Hold: "h_5", Claims: claims("g"), Best: &wire.Best{Count: 2, Level: "c"}}, start); code(r.Problem) != wire.CodeNoneLeft {
		t.Errorf("%+v", r)
	}
}

func TestWideBlocks(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 20, 30, 1000))
	e.Hold(named("h", "f", "A-1", "A-2"), start)
	all := func(r wire.BlockRequest) (changed, skipped, commands int) {
		t.Helper()
		for {
			e.Take()
			part := e.Block(r, start)
			if part.Problem != nil {
				t.Fatal(part.Problem)
			}
			if e.Pending() > MaxFlush/2 {
				t.Fatalf("one command changed %d records", e.Pending())
			}
			commands++
			if changed += part.Changed; part.Left == 0 {
				return changed, part.Skipped, commands
			}
		}
	}
	if changed, skipped, commands := all(wire.BlockRequest{Sections: []string{"101"}, Channel: "house", By: "op"}); changed != 598 || skipped != 2 || commands != 3 {
		t.Errorf("section: %d changed, %d skipped in %d commands", changed, skipped, commands)
	}
	if changed, skipped, _ := all(wire.BlockRequest{Levels: []string{"c"}, By: "op"}); changed != 1000 || skipped != 0 {
		t.Errorf("level: %d %d", changed, skipped)
	}
	if changed, _, _ := all(wire.BlockRequest{Levels: []string{"a"}, Sections: []string{"101"}, Unblock: true, By: "op"}); changed != 298 {
		t.Errorf("level of a section: %d", changed)
	}
	if changed, _, _ := all(wire.BlockRequest{Channel: "house", Unblock: true, By: "op"}); changed != 300 || e.all.Blocked != 1000 {
		t.Errorf("channel: %d, %+v", changed, e.all)
	}
	if changed, _, _ := all(wire.BlockRequest{Channel: "house", Unblock: true, By: "op"}); changed != 0 {
		t.Errorf("again: %d", changed)
	}
	for want, r := range map[wire.Code]wire.BlockRequest{
		wire.CodeInvalid:     {Channel: "house"},
		wire.CodeUnknownArea: {Sections: []string{"moon"}},
		wire.CodeUnknownSeat: {Seats: []string{"Z-1"}},
		wire.CodeTaken:       {Seats: []string{"A-1", "B-1"}},
	} {
		if got := e.Block(r, start); code(got.Problem) != want {
			t.Errorf("%+v: %+v", r, got)
		}
	}
	for _, r := range []wire.BlockRequest{{}, {Unblock: true}, {Levels: []string{"z"}}, {Seats: []string{"B-1"}, Levels: []string{"a"}}, {Seats: []string{"B-1"}, Channel: "No Name"}} {
		if got := e.Block(r, start); code(got.Problem) != wire.CodeInvalid {
			t.Errorf("%+v: %+v", r, got)
		}
	}
	for i := range maxChannels {
		if r := e.Block(wire.BlockRequest{Seats: []string{fmt.Sprintf("C-%d", i+1)}, Channel: fmt.Sprint("c", i)}, start); r.Problem != nil {
			t.Fatal(r.Problem)
		}
	}
	if r := e.Block(wire.BlockRequest{Seats: []string{"D-1"}, Channel: "one-more"}, start); code(r.Problem) != wire.CodeInvalid {
		t.Errorf("%+v", r)
	}
}

func TestRefund(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 4, 10, 0))
	r := e.Hold(named("h_1", "f", "A-1", "A-2", "A-3"), start)
	e.Checkout(wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: "k"}, start)
	quotes := r.Seats
	e.Confirm(wire.ConfirmRequest{Hold: "h_1", Order: "o_1", Fan: "f", Seats: quotes}, start)
	e.Take()
	refund := wire.RefundRequest{Hold: "h_1", Order: "o_1", Fan: "f", Seats: []string{"A-2"}, By: "ann", Why: "ill"}
	if p := e.Refund(refund, start); p != nil || e.state[1] != wire.Available || e.tickets["f"] != 2 || e.all.Sold != 2 {
		t.Fatalf("%v %+v", p, e.all)
	}
	if _, acts := e.Take(); len(acts) != 1 || acts[0].Kind != wire.ActKindRefund || acts[0].By != "ann" || acts[0].Why != "ill" || acts[0].Order != "o_1" || len(acts[0].Seats) != 1 {
		t.Errorf("%+v", acts)
	}
	if quotes[1].ID != "A-2" {
		t.Error("an answer under way was changed")
	}
	if p := e.Refund(refund, start); p != nil || e.Pending() != 0 {
		t.Error("a refund sent again changed something:", p)
	}
	e.Hold(named("h_2", "g", "A-2"), start)
	e.Confirm(wire.ConfirmRequest{Hold: "h_2", Order: "o_2", Fan: "g", Seats: []wire.SeatQuote{{ID: "A-2"}}}, start)
	if p := e.Refund(refund, start); p != nil || e.state[1] != wire.Sold {
		t.Error("a refund sent again took the seat of another order:", p)
	}
	all := wire.RefundRequest{Hold: "h_1", Order: "o_1", Block: true, Why: "cancelled"}
	if p := e.Refund(all, start); p != nil || e.Record(0).State != wire.Blocked || e.Record(0).Why != "cancelled" || e.tickets["f"] != 0 || e.holds["h_1"] != nil {
		t.Errorf("%v %+v", p, e.Record(0))
	}
	if p := e.Refund(wire.RefundRequest{Hold: "h_2", Order: "o_2", Seats: []string{"Z-9"}}, start); code(p) != wire.CodeUnknownSeat {
		t.Error(p)
	}
	if p := e.Refund(wire.RefundRequest{Hold: "h_2", Order: "o_1"}, start); p != nil || e.state[1] != wire.Sold {
		t.Error("refunded under another order:", p)
	}
}

// A Confirm that was under way while its order gave seats back sells what is
// left of it, and takes nobody's hold for the rest.
func TestLateConfirmAfterRefund(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 4, 10, 0))
	quotes := e.Hold(named("h_1", "f", "A-1", "A-2"), start).Seats
	e.Checkout(wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: "k"}, start)
	order := wire.OrderOfHold("h_1")
	late := wire.ConfirmRequest{Hold: "h_1", Order: order, Fan: "f", Seats: quotes}
	refund := wire.RefundRequest{Hold: "h_1", Order: order, Fan: "f", Seats: []string{"A-2"}}
	e.Refund(refund, start) // the ledger was faster than the checkout
	e.Hold(named("h_2", "g", "A-2"), start)
	if p := e.Confirm(late, start); p != nil || e.state[0] != wire.Sold || e.state[1] != wire.Held || e.tickets["f"] != 1 || e.holds["h_2"] == nil {
		t.Fatalf("%v %+v", p, e.all)
	}
	refund.Seats = []string{"A-1", "A-2"}
	e.Refund(refund, start)
	if p := e.Confirm(late, start.Add(endedFor)); p != nil || e.all.Sold != 0 || e.holds["h_1"] != nil {
		t.Errorf("%v %+v", p, e.all)
	}
	if r := e.Hold(named("h_1", "f", "A-1", "A-3"), start); code(r.Problem) != wire.CodeHoldOver {
		t.Errorf("the hold was made anew: %+v", r)
	}
	e.Refund(wire.RefundRequest{Hold: "h_3", Order: "o_3", Seats: []string{"B-1"}}, start) // never held here
	if p := e.Confirm(wire.ConfirmRequest{Hold: "h_3", Order: "o_3", Fan: "f", Seats: []wire.SeatQuote{{ID: "B-1"}}}, start); p != nil || e.all.Sold != 0 {
		t.Errorf("%v %+v", p, e.all)
	}
}

// The ledger has a seat of an order back before the writer hears that it was
// paid: the seat is nobody's hold for ever, but comes back as the refund says.
func TestConfirmOfWhatStands(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 4, 10, 0))
	quotes := e.Hold(named("h_1", "f", "A-1", "A-2"), start).Seats
	e.Checkout(wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: "k"}, start)
	order := wire.OrderOfHold("h_1")
	if p := e.Confirm(wire.ConfirmRequest{Hold: "h_1", Order: order, Fan: "f", Seats: quotes[:1]}, start); p != nil || e.all.Held != 0 || e.all.Sold != 2 || e.tickets["f"] != 2 {
		t.Fatalf("%v %+v", p, e.all)
	}
	e.Refund(wire.RefundRequest{Hold: "h_1", Order: order, Fan: "f", Seats: []string{"A-2"}, Block: true, Why: "broken"}, start)
	if r := e.Record(1); r.State != wire.Blocked || r.Why != "broken" || e.all.Sold != 1 || e.tickets["f"] != 1 {
		t.Errorf("%+v %+v", r, e.all)
	}
}

func TestMoreTime(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 4, 10, 0))
	hold := e.Hold(named("h_1", "f", "A-1"), start)
	ask := wire.MoreTimeRequest{Hold: "h_1", Fan: "f"}
	if r := e.MoreTime(ask, start); code(r.Problem) != wire.CodeInvalid {
		t.Errorf("the spec gives none: %+v", r)
	}
	e.spec.Hold.MoreTime = wire.Duration(120 * time.Second)
	if r := e.MoreTime(wire.MoreTimeRequest{Hold: "h_1", Fan: "g"}, start); code(r.Problem) != wire.CodeForbidden {
		t.Errorf("%+v", r)
	}
	late := hold.Expires.Add(-time.Second)
	r := e.MoreTime(ask, late)
	if r.Problem != nil || !r.Expires.Equal(hold.Expires.Add(120*time.Second)) || !e.Record(0).Extended {
		t.Fatalf("%+v", r)
	}
	if r := e.MoreTime(ask, late); code(r.Problem) != wire.CodeInvalid {
		t.Errorf("twice: %+v", r)
	}
	if freed, _ := e.Expire(hold.Expires.Add(time.Second), 100); len(freed) != 0 {
		t.Error("freed at the old deadline")
	}
	if r := e.MoreTime(ask, r.Expires); code(r.Problem) != wire.CodeHoldOver {
		t.Errorf("after the deadline: %+v", r)
	}
	e.Checkout(wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: "k"}, late)
	if r := e.MoreTime(ask, late); code(r.Problem) != wire.CodeCheckoutBusy {
		t.Errorf("in checkout: %+v", r)
	}
}

// Whatever a fan asks, their seats are free again at most the hold's time, the
// extra time and one checkout after they held them, unless a checkout is extended.
func TestDeadlineIsBounded(t *testing.T) {
	index := seatingtest.Hall(t, 2, 10, 0)
	rapid.Check(t, func(t *rapid.T) {
		e := NewEngine(seatingtest.Concert(), index)
		for _, id := range []string{"a", "b"} {
			e.SetPrice(id, wire.Price{Version: 1})
		}
		more := time.Duration(rapid.IntRange(0, 300).Draw(t, "more")) * time.Second
		e.spec.Hold.MoreTime = wire.Duration(more)
		e.Hold(named("h_1", "f", "A-1"), start)
		latest := start.Add(time.Duration(e.spec.Hold.TTL) + more)
		now := start
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "seconds")) * time.Second)
			switch rapid.SampledFrom([]string{"more", "more", "again", "checkout", "expire"}).Draw(t, "act") {
			case "more":
				e.MoreTime(wire.MoreTimeRequest{Hold: "h_1", Fan: "f"}, now)
			case "again":
				if e.holds["h_1"] != nil {
					e.Hold(named("h_1", "f", "A-1"), now)
				}
			case "checkout":
				if r := e.Checkout(wire.CheckoutRequest{Hold: "h_1", Fan: "f", Key: "k"}, now); r.Problem == nil && r.Expires.After(latest.Add(time.Duration(e.spec.Hold.Checkout))) {
					t.Fatalf("in checkout until %v, held for sale until %v", r.Expires, latest)
				}
			case "expire":
				e.Expire(now, 100)
			}
			if h := e.holds["h_1"]; h != nil && h.order == "" && h.until.After(latest) {
				t.Fatalf("held until %v, at most %v is allowed", h.until, latest)
			}
		}
	})
}

// The safety net finds what no deadline would end.
func TestOverdue(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 4, 10, 0))
	e.Hold(named("h_1", "f", "A-1", "A-2"), start)
	e.Hold(named("h_2", "g", "A-3", "A-4"), start)
	e.Checkout(wire.CheckoutRequest{Hold: "h_2", Fan: "g", Key: "k"}, start)
	late := start.Add(time.Hour)
	if lost := e.Overdue(late); len(lost) != 0 {
		t.Fatalf("their deadlines are kept: %v", lost)
	}
	e.deadlines[0].slot, e.deadlines = -1, e.deadlines[:0] // as if forgotten
	e.holds["h_2"].slot = -1
	if lost := e.Overdue(start); len(lost) != 0 {
		t.Fatalf("before the deadline: %v", lost)
	}
	lost := e.Overdue(late)
	if fmt.Sprint(lost) != fmt.Sprint([]Ended{{Hold: "h_1", Fan: "f"}, {Hold: "h_2", Order: "o_2", Fan: "g"}}) {
		t.Fatalf("%v", lost)
	}
	e.Postpone("h_1", time.Time{})
	if freed, _ := e.Expire(late, 100); len(freed) != 1 || e.all.Held != 2 {
		t.Errorf("freed %v", freed)
	}
}

// A seat that is named twice changes once, and is counted once.
func TestBlockCountsSeats(t *testing.T) {
	t.Parallel()
	e := onSale(t, seatingtest.Hall(t, 4, 10, 20))
	twice := []string{"A-1", "A-2", "A-1", "A-1"}
	for _, unblock := range []bool{false, true} {
		r := e.Block(wire.BlockRequest{Seats: twice, Unblock: unblock, By: "ann"}, start)
		if r.Problem != nil || r.Changed != 2 {
			t.Errorf("unblock %t: %+v", unblock, r)
		}
	}
}
