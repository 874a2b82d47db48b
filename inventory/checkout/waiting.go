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
)

// What a pending order waits for, as the fan reads it.
const (
	reasonConfirm = "This payment waits for you: give your card, or confirm it to your bank, on the next page."
	reasonPaused  = "Payments are not working at the moment."
)

// told says why an order waits and for how long at least its seats are kept. A
// duration is right in every time zone; a clock time is not.
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

// wait records what an order waits for and tells its fan. If that fails, the next
// attempt does it again.
func (c *Checkout) wait(ctx context.Context, m wire.OrderMessage, w wire.Waiting) {
	value, err := json.Marshal(w)
	if err == nil {
		_, err = c.waiting.Do(ctx, kv.Write{Key: wire.WaitingKey(m.Order), Value: value})
	}
	if err != nil {
		c.cfg.Logger.Debug("what an order waits for is not recorded", "order", m.Order, "err", err)
	}
	c.notify(ledger.Order{ID: m.Order, Hold: m.Hold, Event: m.Event, Fan: m.Fan, State: wire.OrderPending, Reason: told(w, c.cfg.Now())}, time.Time{})
}

// readWaiting returns what a pending order waits for, if that is known.
func readWaiting(ctx context.Context, store kv.Store, order string, now time.Time) (w wire.Waiting, ok bool) {
	e, err := kv.NewBucket(store, wire.CheckoutsBucket).Get(ctx, wire.WaitingKey(order))
	if err != nil || json.Unmarshal(e.Value, &w) != nil || now.After(w.Until) {
		return wire.Waiting{}, false
	}
	return w, true
}

// readCheckout returns an order in ORDERS and when it was published. An order
// that can't be decoded is poison and about to be buried. It reads from the
// stream's leader, since another replica may not have the message yet.
func readCheckout(ctx context.Context, store kv.Store, order string) (m wire.OrderMessage, since time.Time, ok bool, err error) {
	e, err := kv.NewStream(store, wire.OrdersStream).Get(ctx, wire.OrderSubject("*", order))
	if errors.Is(err, kv.ErrNotFound) {
		return m, since, false, nil
	}
	if err != nil {
		return m, since, false, err
	}
	return m, e.Created, json.Unmarshal(e.Value, &m) == nil, nil
}
