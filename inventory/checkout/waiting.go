package checkout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"frontrow/inventory/ledger"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// errUnconfirmed is a payment that the fan has not confirmed yet.
var errUnconfirmed = errors.New("the fan has not confirmed the payment yet")

// What a pending order waits for, as the fan reads it.
const (
	reasonConfirm = "Your bank wants you to confirm this payment."
	reasonPaused  = "Payments are paused just now."
)

// told is why an order waits, and for how long its seats are kept at least: how long
// from now is true in every zone, as an instant is not.
func told(w wire.Waiting, now time.Time) string {
	if w.Reason != reasonPaused {
		return w.Reason
	}
	left := w.Until.Sub(now)
	if left < 2*time.Minute {
		return w.Reason + " Your seats are kept meanwhile."
	}
	return fmt.Sprintf("%s Your seats are kept for at least %d minutes more.", w.Reason, left/time.Minute)
}

// wait tells the fan what his order waits for. If that fails he is told at the
// next attempt.
func (c *Checkout) wait(ctx context.Context, m wire.OrderMessage, w wire.Waiting) {
	value, err := json.Marshal(w)
	if err == nil {
		_, err = c.waiting.Do(ctx, kv.Write{Key: wire.WaitingKey(m.Order), Value: value})
	}
	if err != nil {
		c.cfg.Logger.Debug("what an order waits for is not recorded", "order", m.Order, "error", err)
	}
	c.notify(ledger.Order{ID: m.Order, Hold: m.Hold, Event: m.Event, Fan: m.Fan, State: wire.OrderPending, Reason: told(w, c.cfg.Now())}, time.Time{})
}

// readWaiting is what a pending order waits for, if that is known.
func readWaiting(ctx context.Context, js jetstream.JetStream, order string, now time.Time) (w wire.Waiting, ok bool) {
	e, err := kv.Open(js, wire.CheckoutsBucket).Get(ctx, wire.WaitingKey(order))
	if err != nil || json.Unmarshal(e.Value, &w) != nil || now.After(w.Until) {
		return wire.Waiting{}, false
	}
	return w, true
}

// readCheckout is an order in ORDERS and when it was published.
// One that is not understood is poison, and about to be buried. The leader is
// asked, since another replica may not have the message yet.
func readCheckout(ctx context.Context, js jetstream.JetStream, order string) (m wire.OrderMessage, since time.Time, ok bool, err error) {
	e, err := kv.OpenStream(js, wire.OrdersStream).Get(ctx, wire.OrderSubject("*", order))
	if errors.Is(err, kv.ErrNotFound) {
		return m, since, false, nil
	}
	if err != nil {
		return m, since, false, err
	}
	return m, e.Created, json.Unmarshal(e.Value, &m) == nil, nil
}
