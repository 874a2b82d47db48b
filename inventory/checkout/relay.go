package checkout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"

	"golang.org/x/sync/errgroup"
)

// Bounds of the relay.
const (
	relayBatch   = 256              // tasks claimed at once
	relayAtOnce  = 64               // of them sent to the provider at once
	relayCall    = 5 * time.Second  // one call to the provider
	relayLease   = 30 * time.Second // exceeds relayBatch / relayAtOnce calls in a row
	maxTaken     = 4096             // captures of orders committed here that wait; any more are due when their leases end
	relayPoll    = 500 * time.Millisecond
	relayFinish  = 10 * time.Second
	relayBackoff = 200 * time.Millisecond
	maxBackoff   = 5 * time.Minute
	maxMissing   = 12 // attempts, over seven minutes, to capture a payment that the provider doesn't find
)

// Outbox holds the tasks for the provider and takes in the payments it reports. A
// claim belongs to one worker until its lease ends.
type Outbox interface {
	Claim(ctx context.Context, n int, lease time.Duration) ([]ledger.Task, error)
	Finish(ctx context.Context, ends []ledger.End) error
	Settle(ctx context.Context, f ledger.Found) (ledger.Order, error)
	Unsettled(ctx context.Context, after ledger.Unsettled, n int) ([]ledger.Unsettled, error)
}

// taken is a task that came with a commit, and how long it is this worker's.
type taken struct {
	ledger.Task
	until time.Time
}

// take has the relay carry out a task that came with a commit.
func (c *Checkout) take(t taken) {
	select {
	case c.taken <- t:
	default: // anybody's, when its lease ends
	}
}

// nudge has the relay look for tasks that are due.
func (c *Checkout) nudge() {
	select {
	case c.due <- struct{}{}:
	default:
	}
}

// relay carries out the outbox's tasks until ctx ends: those that came with commits, and
// those that are due.
func (c *Checkout) relay(ctx context.Context) {
	tick := time.NewTicker(relayPoll)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case t := <-c.taken:
			err = c.carryOut(ctx, c.gather(t))
		case <-c.due:
			err = c.relayDue(ctx)
		case <-tick.C:
			err = c.relayDue(ctx)
		}
		if err == nil {
			continue
		}
		if ctx.Err() == nil {
			c.cfg.Logger.Warn("outbox", "err", err)
		}
		select { // the database is away: don't try at each commit
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// gather returns the first task and what else has been taken meanwhile. Others have those
// whose leases have ended.
func (c *Checkout) gather(first taken) (tasks []ledger.Task) {
	now := c.cfg.Now()
	for next := first; ; {
		if next.until.After(now) {
			tasks = append(tasks, next.Task)
		}
		if len(tasks) == relayBatch {
			return tasks
		}
		select {
		case next = <-c.taken:
		default:
			return tasks
		}
	}
}

// handBack makes what was taken and not carried out due at once.
func (c *Checkout) handBack(ctx context.Context) {
	now := c.cfg.Now()
	var left []ledger.End
	for len(c.taken) > 0 {
		if t := <-c.taken; t.until.After(now) {
			left = append(left, ledger.End{Task: t.Task, Again: now})
		}
	}
	if err := c.finish(ctx, left); err != nil {
		c.cfg.Logger.Warn("captures are due only when their leases end", "orders", len(left), "err", err)
	}
}

// relayDue carries out one batch of tasks that are due.
func (c *Checkout) relayDue(ctx context.Context) error {
	tasks, err := c.cfg.Outbox.Claim(ctx, relayBatch, relayLease)
	if err != nil {
		return err
	}
	if len(tasks) == relayBatch {
		c.nudge() // there may be more
	}
	return c.carryOut(ctx, tasks)
}

// carryOut carries out tasks that are this worker's and records what became of them.
func (c *Checkout) carryOut(ctx context.Context, tasks []ledger.Task) error {
	if len(tasks) == 0 {
		return nil
	}
	failpoint.Here(failpoint.TasksClaimed)
	ends := make([]ledger.End, len(tasks))
	var g errgroup.Group
	g.SetLimit(relayAtOnce)
	for i, t := range tasks {
		g.Go(func() error {
			ends[i] = c.end(ctx, t, c.tell(ctx, t))
			return nil
		})
	}
	_ = g.Wait() // the errors are in ends
	return c.finish(ctx, ends)
}

// end says what is to become of a task that was carried out with this error.
func (c *Checkout) end(ctx context.Context, t ledger.Task, err error) ledger.End {
	e, outcome := ledger.End{Task: t}, "done"
	switch {
	case err == nil:
	case t.Kind == ledger.KindCapture && refusedForGood(err, t.Attempts):
		outcome, e.Refused = "refused", err.Error()
		c.cfg.Logger.Error("payment provider refuses a capture for good: an operator must say what is to become of the order",
			"order", t.Order, "attempts", t.Attempts, "err", err)
	default:
		outcome, e.Again = "retried", c.cfg.Now().Add(backoff(t.Attempts))
		if ctx.Err() == nil {
			c.cfg.Logger.Warn("payment provider not told, trying again", "kind", t.Kind, "order", t.Order,
				"attempts", t.Attempts, "err", err)
		}
	}
	c.metrics.tasks.WithLabelValues(t.Kind, outcome).Inc()
	return e
}

// refusedForGood reports whether an error ends the attempts to capture. That the provider
// has no such payment may pass: it, or what is between, may have mislaid it for a while.
func refusedForGood(err error, attempts int) bool {
	return errors.Is(err, payment.ErrPermanent) || errors.Is(err, payment.ErrNotFound) && attempts >= maxMissing
}

// finish records what became of tasks, even if ctx has ended.
func (c *Checkout) finish(ctx context.Context, ends []ledger.End) error {
	if len(ends) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), relayFinish)
	defer cancel()
	return c.cfg.Outbox.Finish(ctx, ends)
}

// tell carries out one task.
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

// void voids any payment under an order. If the provider has captured it
// nevertheless, the ledger has it refunded.
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
	return c.reportPayment(ctx, auth)
}

// giveUp voids a payment. It does not check the amount: a payment with a wrong one
// must be voided all the more.
func (c *Checkout) giveUp(ctx context.Context, order, reference string) error {
	terms := payment.Terms{Order: order, Reference: reference}
	auth, err := c.cfg.Provider.Void(ctx, terms)
	if err != nil {
		return err
	}
	return c.agreed("void", order, payment.Agree(terms, auth, payment.Voided, payment.Declined))
}

// find returns what payment the provider has under an order that is not to be paid.
func (c *Checkout) find(ctx context.Context, order string) (payment.Auth, error) {
	auth, err := c.cfg.Provider.Get(ctx, order)
	if err != nil {
		return auth, err
	}
	return auth, c.agreed("get", order, payment.Agree(payment.Terms{Order: order}, auth, payment.Known()...))
}

// agreed counts and logs err if it is not nil, which means that the provider's answer
// disagrees with the request, and returns it.
func (c *Checkout) agreed(step, order string, err error) error {
	if err != nil {
		c.metrics.disagreements.WithLabelValues(step).Inc()
		c.cfg.Logger.Error("payment provider contradicts the order", "step", step, "order", order, "err", err)
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
