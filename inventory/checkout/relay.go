package checkout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"

	"golang.org/x/sync/errgroup"
)

// Bounds of the relay.
const (
	relayBatch   = 256              // tasks claimed at once
	relayAtOnce  = 64               // of them told to the provider at once
	relayCall    = 5 * time.Second  // one call of the provider
	relayLease   = 30 * time.Second // exceeds relayBatch / relayAtOnce calls one after the other
	relayPoll    = 500 * time.Millisecond
	relayFinish  = 10 * time.Second
	relayBackoff = 200 * time.Millisecond
	maxBackoff   = 5 * time.Minute
)

// Outbox holds what the provider must be told, and takes what it says when it
// is asked. A claim is one worker's alone until its lease ends.
type Outbox interface {
	Claim(ctx context.Context, n int, lease time.Duration) ([]ledger.Task, error)
	Finish(ctx context.Context, done []ledger.Task, retry map[int64]time.Time) error
	Settle(ctx context.Context, f ledger.Found) (ledger.Order, error)
	Unsettled(ctx context.Context, after ledger.Unsettled, n int) ([]ledger.Unsettled, error)
}

// nudge wakes the relay.
func (c *Checkout) nudge() {
	select {
	case c.due <- struct{}{}:
	default:
	}
}

// relay works off the outbox until ctx ends.
func (c *Checkout) relay(ctx context.Context) error {
	tick := time.NewTicker(relayPoll)
	defer tick.Stop()
	for {
		n, err := c.relayOnce(ctx)
		if err != nil && ctx.Err() == nil {
			c.cfg.Logger.Warn("outbox", "error", err)
		}
		if n == relayBatch && err == nil {
			continue
		}
		if err != nil { // the database is away: don't ask at each nudge
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.due:
		case <-tick.C:
		}
	}
}

// relayOnce returns how many tasks it claimed.
func (c *Checkout) relayOnce(ctx context.Context) (int, error) {
	tasks, err := c.cfg.Outbox.Claim(ctx, relayBatch, relayLease)
	if err != nil || len(tasks) == 0 {
		return 0, err
	}
	failpoint.Here(failpoint.TasksClaimed)
	var (
		mu    sync.Mutex
		done  []ledger.Task
		retry = map[int64]time.Time{}
		g     errgroup.Group
	)
	g.SetLimit(relayAtOnce)
	for _, t := range tasks {
		g.Go(func() error {
			err := c.tell(ctx, t)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				done = append(done, t)
				c.metrics.tasks.WithLabelValues(t.Kind, "done").Inc()
				return nil
			}
			retry[t.ID] = c.cfg.Now().Add(backoff(t.Attempts))
			c.metrics.tasks.WithLabelValues(t.Kind, "retried").Inc()
			if ctx.Err() == nil {
				c.cfg.Logger.Warn("payment provider not told, trying again", "kind", t.Kind, "order", t.Order,
					"attempts", t.Attempts, "error", err)
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in retry
	// What the provider was told is noted even if we are to end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), relayFinish)
	defer cancel()
	return len(tasks), c.cfg.Outbox.Finish(ctx, done, retry)
}

// tell does one task.
func (c *Checkout) tell(ctx context.Context, t ledger.Task) error {
	ctx, cancel := context.WithTimeout(ctx, relayCall)
	defer cancel()
	switch t.Kind {
	case ledger.KindCapture:
		terms := payment.Terms{Order: t.Order, Reference: t.Reference, Amount: t.Amount, Currency: t.Currency}
		auth, err := c.cfg.Provider.Capture(ctx, terms)
		if err == nil {
			err = c.agreed("capture", t.Order, payment.Agree(terms, auth, payment.Captured, payment.Refunded))
		}
		if err != nil {
			return err
		}
		failpoint.Here(failpoint.CaptureTold)
	case ledger.KindRefund:
		r := payment.RefundRequest{Order: t.Order, Reference: t.Reference, Key: t.Key, Amount: t.Amount}
		auth, err := c.cfg.Provider.Refund(ctx, r)
		if err == nil {
			err = c.agreed("refund", t.Order, payment.AgreeRefund(r, t.Currency, auth))
		}
		if err != nil {
			return err
		}
		failpoint.Here(failpoint.RefundTold)
	case ledger.KindVoid:
		if err := c.void(ctx, t); err != nil {
			return err
		}
		failpoint.Here(failpoint.VoidTold)
	default:
		return fmt.Errorf("task of unknown kind %q", t.Kind)
	}
	return nil
}

// void gives up what may stand under an order. What the provider captured
// nevertheless, the ledger has refunded.
func (c *Checkout) void(ctx context.Context, t ledger.Task) error {
	if t.Reference != "" {
		err := c.giveUp(ctx, t.Order, t.Reference)
		if !errors.Is(err, payment.ErrPermanent) {
			return err
		}
	}
	auth, err := c.find(ctx, t.Order)
	if errors.Is(err, payment.ErrNotFound) {
		return nil // if it turns up, reconcile finds it
	}
	if err != nil {
		return err
	}
	if auth.State == payment.Authorized || auth.State == payment.RequiresAction {
		if err := c.giveUp(ctx, t.Order, auth.Reference); err != nil {
			return err
		}
		auth.State = payment.Voided
	}
	return c.settle(ctx, auth)
}

// giveUp voids a payment. Its amount is not asked about: one that is wrong is
// given up all the more.
func (c *Checkout) giveUp(ctx context.Context, order, reference string) error {
	terms := payment.Terms{Order: order, Reference: reference}
	auth, err := c.cfg.Provider.Void(ctx, terms)
	if err != nil {
		return err
	}
	return c.agreed("void", order, payment.Agree(terms, auth, payment.Voided, payment.Declined))
}

// find is what the provider has under an order that is not to be paid.
func (c *Checkout) find(ctx context.Context, order string) (payment.Auth, error) {
	auth, err := c.cfg.Provider.Get(ctx, order)
	if err != nil {
		return auth, err
	}
	return auth, c.agreed("get", order, payment.Agree(payment.Terms{Order: order}, auth, payment.Known()...))
}

// agreed raises the alarm over a word of the provider that disagrees with what
// was asked; err says whether it does.
func (c *Checkout) agreed(step, order string, err error) error {
	if err != nil {
		c.metrics.disagreements.WithLabelValues(step).Inc()
		c.cfg.Logger.Error("payment provider contradicts the order", "step", step, "order", order, "error", err)
	}
	return err
}

func backoff(attempts int) time.Duration {
	d := relayBackoff
	for n := 1; n < attempts && d < maxBackoff; n++ {
		d *= 2
	}
	return min(d, maxBackoff)
}
