package inventory

import (
	"context"
	"errors"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/inventory/audit"
	"frontrow/inventory/ledger"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"
)

// JetStream is lost as a whole, PostgreSQL is not: after the event is applied
// again on an empty server, what was sold is sold, and the audit finds nothing.
// One of the orders was committed, but its seats never made sold.
func TestAuditAfterJetStreamIsLost(t *testing.T) {
	index := seatingtest.Hall(t, 4, 20, 50)
	before := newHouse(t, natstest.Run(t), index, nil)
	l := before.realLedger()
	first := before.workerWith("first", nil, l)
	buy := func(confirm bool, seats ...string) {
		t.Helper()
		hold := before.hold(seats...)
		order := wire.OrderOfHold(hold.Hold)
		if r := ask[wire.HoldReply](before, wire.ActCheckout, wire.CheckoutRequest{Hold: hold.Hold, Fan: hold.Fan, Key: "k"}); r.Problem != nil {
			t.Fatal(r.Problem)
		}
		fence := ask[wire.ExtendReply](before, wire.ActExtend, wire.ExtendRequest{Hold: hold.Hold, Order: order})
		m := wire.OrderMessage{Order: order, Hold: hold.Hold, Event: "demo", Fan: hold.Fan, Seats: hold.Seats, Total: hold.Total,
			Currency: hold.Currency, At: time.Now().UTC()}
		ctx := before.context()
		_, err := l.Begin(ctx, m)
		for ; errors.Is(err, ledger.ErrUnknownEvent); _, err = l.Begin(ctx, m) { // the writer is telling it
			pause(ctx)
		}
		must(t, err)
		o, err := l.Commit(ctx, ledger.Purchase{Order: m, Revision: fence.Revision, Provider: "sandbox", Reference: "r"})
		must(t, err)
		if o.State != wire.OrderPaid {
			t.Fatalf("%+v", o)
		}
		if confirm {
			ask[wire.Reply](before, wire.ActConfirm, wire.ConfirmRequest{Hold: hold.Hold, Order: order, Fan: hold.Fan, Seats: hold.Seats})
		}
	}
	buy(true, "A-1", "A-2")
	buy(true, "C-7")
	buy(false, "B-3", "B-4")
	first.stop()

	h := newHouse(t, natstest.Run(t), index, nil)
	h.workerWith("second", nil, l)
	stock := ask[wire.Stock](h, wire.ActStatus, nil)
	if stock.All != (wire.Count{Free: index.Len() - 5, Sold: 5}) {
		t.Errorf("%+v", stock.All)
	}
	h.checkLog(h.env)
	report, err := audit.Run(h.context(), h.js, l, "demo", time.Now())
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

func (h *house) realLedger() *ledger.Ledger {
	h.t.Helper()
	l, err := ledger.Open(h.context(), ledger.Config{DSN: pgtest.Start(h.t).DSN()})
	must(h.t, err)
	must(h.t, l.Migrate(h.context()))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	h.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
		l.Close()
	})
	return l
}
