package checkout

import (
	"context"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/inventory/payment"
	"frontrow/wire"
)

// After a payment fails, another card can pay for the seats, in an order of its own.
// The first payment is never charged, whatever becomes of it.
func TestAnotherCard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 20)
	w.reads()
	c := w.hooked()
	c.ActionPatience = 300 * time.Millisecond
	w.run(c)
	for n, first := range []string{"tok_decline", "unknown", "tok_3ds", "tok_3ds_silent"} {
		m := orderOf(2*n, 2*n+1)
		m.Payment.Method = first
		w.seats.hold(m.Hold)
		left := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		w.seats.holds[m.Hold].left = left
		w.publish(m)
		var action string
		if strings.HasPrefix(first, "tok_3ds") {
			action = w.action(m)
		}
		var o wire.OrderReply
		w.wait("the first attempt fails", func(context.Context) bool { o = w.ask(m); return o.State == wire.OrderFailed })
		if o.Hold == nil || o.Hold.Hold != m.Hold || !o.Hold.Expires.Equal(left) || !strings.Contains(o.Reason, "Nothing was charged. Your seats are still kept") {
			t.Errorf("%s: %+v", first, o)
		}
		again := m
		again.Order, again.Payment.Method = wire.OrderOfAttempt(m.Hold, 2), "ok"
		w.publish(again)
		w.wait("the second is paid", func(context.Context) bool { return w.ask(again).State == wire.OrderPaid })
		w.orders = append(w.orders, again)
		if action != "" { // the bank's page was open all the while
			decide(t, action, "approve")
		}
		w.wait("the seats are sold", func(context.Context) bool { o = w.ask(m); return o.Hold == nil })
		if o.State != wire.OrderFailed {
			t.Errorf("%s, once the second is paid: %+v", first, o)
		}
	}
	got := w.settled()
	if got[wire.OrderPaid] != 4 || got[wire.OrderFailed] != 4 {
		t.Errorf("%v", got)
	}
	w.wait("nothing stands authorised", func(ctx context.Context) bool {
		totals, err := w.pay.Totals(ctx)
		return err == nil && totals[payment.Captured].Count == 4 && totals[payment.Authorized].Count+totals[payment.RequiresAction].Count == 0
	})
}
