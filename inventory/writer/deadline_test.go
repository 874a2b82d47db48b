package writer

import (
	"slices"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"
)

// What ends together fills the flushes, since each costs the server some
// milliseconds whatever is in it.
func TestDeadlinesFillFlushes(t *testing.T) {
	const seats, each = 1200, 4
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 30, 50, 0), nil)
	clock := &inventorytest.Clock{}
	h.worker("one", clock.Now)
	for range seats / each {
		r := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Best: &wire.Best{Count: each}})
		if r.Problem != nil {
			t.Fatal(r.Problem)
		}
	}
	clock.Shift(time.Hour)
	for ctx := h.Context(); ask[wire.Stock](h, wire.ActStatus, nil).All.Held > 0; pause(ctx) {
		must(t, ctx.Err())
	}
	flushes := 0
	for _, f := range h.flushes() {
		if slices.ContainsFunc(f.Acts, func(a wire.Act) bool { return a.Kind == wire.ActKindExpire }) {
			flushes++
		}
	}
	if most := (seats + 2*MaxSeats - 1) / (2 * MaxSeats); flushes > most { // at least two fill the room of one
		t.Errorf("%d flushes for %d seats, want at most %d", flushes, seats, most)
	}
}

func TestDeadlines(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), func(s *wire.Spec) {
		s.Hold.TTL, s.Hold.Checkout = wire.Duration(time.Second), wire.Duration(10*time.Second)
	})
	clock := &inventorytest.Clock{}
	h.worker("one", clock.Now)
	fan := wire.NewFan()
	notices, err := h.NC.SubscribeSync(wire.NoticeSubject("demo", fan))
	must(t, err)
	hold := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(fan), Seats: []string{"A-1"}})
	m, err := notices.NextMsg(inventorytest.Patience)
	must(t, err)
	if late := time.Since(hold.Expires); late < 0 || !strings.Contains(string(m.Data), "expired") {
		t.Errorf("%v after the deadline: %s", late, m.Data)
	}
	if r := h.Record("A-1"); r.State != wire.Available {
		t.Errorf("%+v", r)
	}
	over := ask[wire.HoldReply](h, wire.ActCheckout, wire.CheckoutRequest{Hold: hold.Hold, Fan: fan, Key: "k"})
	if inventorytest.Code(over.Problem) != wire.CodeHoldOver {
		t.Errorf("checkout after the deadline: %+v", over)
	}

	// In checkout, the ledger decides: one was paid, the other wasn't.
	paid := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(fan), Seats: []string{"A-2"}})
	lost := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(fan), Seats: []string{"A-3"}})
	for _, r := range []wire.HoldReply{paid, lost} {
		if c := ask[wire.HoldReply](h, wire.ActCheckout, wire.CheckoutRequest{Hold: r.Hold, Fan: fan, Key: "k"}); c.Problem != nil {
			t.Fatal(c.Problem)
		}
	}
	h.Ledger.Fail(true)
	h.Ledger.Pay(wire.OrderOfHold(paid.Hold), wire.OrderReply{State: wire.OrderPaid, Seats: paid.Seats})
	clock.Shift(time.Minute)
	ask[wire.Stock](h, wire.ActStatus, nil) // wakes the writer at the new time
	<-h.Ledger.Asked
	if r := h.Record("A-3"); r.State != wire.Held {
		t.Errorf("freed without an answer of the ledger: %+v", r)
	}
	h.Ledger.Fail(false)
	ctx := h.Context()
	for h.Record("A-2").State != wire.Sold || h.Record("A-3").State != wire.Available {
		if ctx.Err() != nil {
			t.Fatalf("paid seat: %+v, other seat: %+v", h.Record("A-2"), h.Record("A-3"))
		}
		pause(ctx)
	}
}
