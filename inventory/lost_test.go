package inventory

import (
	"errors"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/audit"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/ledger"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"
)

// JetStream is lost as a whole, PostgreSQL is not: after the event is applied
// again on an empty server, what was sold is sold, and the audit finds nothing.
// One of the orders was committed, but its seats never made sold.
func TestAuditAfterJetStreamIsLost(t *testing.T) {
	index := seatingtest.Hall(t, 4, 20, 50)
	before := newFixture(t, natstest.Run(t), index, nil)
	l := before.OpenLedger()
	first := before.worker("first", l)
	for _, seats := range [][]string{{"A-1", "A-2"}, {"C-7"}, {"B-3", "B-4"}} {
		hold, p := before.authorised(l, seats...)
		before.commit(l, p)
		if seats[0] != "B-3" {
			before.confirm(hold)
		}
	}
	first.Stop()

	h := newFixture(t, natstest.Run(t), index, nil)
	h.worker("second", l)
	stock := ask[wire.Stock](h, wire.ActStatus, nil)
	if stock.All != (wire.Count{Free: index.Len() - 5, Sold: 5}) {
		t.Errorf("%+v", stock.All)
	}
	h.CheckLog()
	report, err := audit.Run(h.Context(), h.JS, l, "demo", time.Now())
	must(t, err)
	for _, c := range report.Checks {
		if c.Broken != 0 {
			t.Errorf("%s: %v", c.Rule, c.Samples)
		}
	}
	if !report.OK || report.Ledger.Bookings != 5 {
		t.Errorf("%+v", report)
	}
}

// authorised takes seats as far as the checkout does before it commits.
func (h *fixture) authorised(l *ledger.Ledger, seats ...string) (inventorytest.Held, ledger.Purchase) {
	h.T.Helper()
	hold := h.Hold(seats...)
	if hold.Problem != nil {
		h.T.Fatal(hold.Problem)
	}
	hold.Order = wire.OrderOfHold(hold.Hold)
	if r := ask[wire.HoldReply](h, wire.ActCheckout, wire.CheckoutRequest{Hold: hold.Hold, Fan: hold.Fan, Key: "k"}); r.Problem != nil {
		h.T.Fatal(r.Problem)
	}
	fence := ask[wire.ExtendReply](h, wire.ActExtend, wire.ExtendRequest{Hold: hold.Hold, Order: hold.Order})
	m := wire.OrderMessage{Order: hold.Order, Hold: hold.Hold, Event: "demo", Fan: hold.Fan, Seats: hold.Seats, Total: hold.Total,
		Currency: hold.Currency, At: time.Now().UTC()}
	ctx := h.Context()
	_, err := l.Begin(ctx, m)
	for ; errors.Is(err, ledger.ErrUnknownEvent); _, err = l.Begin(ctx, m) { // the writer is telling it
		pause(ctx)
	}
	must(h.T, err)
	return hold, ledger.Purchase{Order: m, Revision: fence.Revision, Provider: "sandbox", Reference: "r"}
}

func (h *fixture) commit(l *ledger.Ledger, p ledger.Purchase) {
	h.T.Helper()
	o, err := l.Commit(h.Context(), p)
	must(h.T, err)
	if o.State != wire.OrderPaid {
		h.T.Fatalf("%+v", o)
	}
}

func (h *fixture) confirm(hold inventorytest.Held) {
	h.T.Helper()
	r := ask[wire.Reply](h, wire.ActConfirm, wire.ConfirmRequest{Hold: hold.Hold, Order: hold.Order, Fan: hold.Fan, Seats: hold.Seats})
	if r.Problem != nil {
		h.T.Fatal(r.Problem)
	}
}

// JetStream is lost after seats were sold and refunded. Revisions begin anew,
// far below those of the last sales, and the seats are sold again all the same,
// the one that is refunded only afterwards, too. A purchase that was under way
// is over: it gets no seat, and its fan is told.
func TestSeatsAreSoldAgainAfterJetStreamIsLost(t *testing.T) {
	index := seatingtest.Hall(t, 4, 20, 50)
	before := newFixture(t, natstest.Run(t), index, nil)
	l := before.OpenLedger()
	first := before.worker("first", l)
	for range 40 { // revisions pass those of the seats' first records
		ask[wire.Reply](before, wire.ActGiveBack, wire.ReleaseRequest{Hold: before.Hold("D-7").Hold, By: "ann"})
	}
	sell := func(h *fixture, seats ...string) (string, uint64) {
		t.Helper()
		hold, p := h.authorised(l, seats...)
		h.commit(l, p)
		h.confirm(hold)
		return hold.Order, p.Revision
	}
	give := func(h *fixture, order string) {
		t.Helper()
		m, err := h.NC.Request(wire.OperatorSubject("inventory", "refund", "demo"), []byte(one(order, "")), inventorytest.Patience)
		must(t, err)
		if m.Header.Get("Nats-Service-Error-Code") != "" {
			t.Fatalf("%s", m.Data)
		}
	}
	refunded, fence := sell(before, "A-1", "A-2")
	give(before, refunded)
	stands, _ := sell(before, "B-1")
	lost, late := before.authorised(l, "C-1", "C-2")
	first.Stop()

	h := newFixture(t, natstest.Run(t), index, nil) // a fresh server, the event applied again
	h.worker("second", l)
	if r := ask[wire.Stock](h, wire.ActStatus, nil); r.All != (wire.Count{Free: index.Len() - 1, Sold: 1}) {
		t.Errorf("%+v", r.All)
	}
	if o, err := l.Commit(h.Context(), late); err != nil || o.State != wire.OrderFailed || o.Reason != ledger.ReasonLost {
		t.Errorf("the purchase under way: %+v, %v", o, err)
	}
	if _, again := sell(h, "A-1", "A-2"); again >= fence {
		t.Fatalf("revision %d, it was %d: nothing is shown", again, fence)
	}
	give(h, stands)
	if _, again := sell(h, "B-1"); again >= fence {
		t.Fatalf("revision %d, it was %d: nothing is shown", again, fence)
	}
	sell(h, "C-1", "C-2") // nobody has them
	if o, err := l.Order(h.Context(), lost.Order); err != nil || o.State != wire.OrderFailed {
		t.Errorf("%+v, %v", o, err)
	}
	report, err := audit.Run(h.Context(), h.JS, l, "demo", time.Now())
	must(t, err)
	if !report.OK || report.Stock.Sold != 5 {
		t.Errorf("%+v", report)
	}
}
