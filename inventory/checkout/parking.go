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
	"frontrow/wire"
)

// Bounds of parked orders.
const (
	parkedLook    = 500 * time.Millisecond // between two looks for those that are due
	parkedAtOnce  = 64                     // of them tried at once
	parkedLease   = 15 * time.Second       // one that fails is tried again after it
	parkedEnded   = 4096                   // that have ended and wait to be forgotten; any more are when they are due
	firstLook     = 2 * time.Second        // at an order that has just been parked: its webhook may have come before
	polledEvery   = 10 * time.Second       // at most, without webhooks
	lookedAtEvery = time.Minute            // at most, with webhooks
	leastLook     = time.Second
	fanLook       = 5 * time.Second // at most so often when its fan looks
)

// Parking keeps the orders that wait for their fans, so that they are nobody's message;
// ledger.Ledger documents it. Park returns the order, which may have ended meanwhile.
type Parking interface {
	Park(ctx context.Context, p ledger.Parked, until time.Time) (ledger.Order, error)
	Parked(ctx context.Context, order string) (ledger.Parked, error)
	Due(ctx context.Context, n int, lease time.Duration) ([]ledger.Parked, error)
	Unpark(ctx context.Context, orders []string) error
}

// errParked means that an order waits for its fan, and that the ledger knows.
var errParked = errors.New("the order waits for its fan")

// park lets an order wait for its fan to confirm the payment on the page that auth names.
func (c *Checkout) park(ctx context.Context, m wire.OrderMessage, since time.Time, hold wire.ExtendReply, auth payment.Auth) error {
	failpoint.Here(failpoint.ConfirmationAsked)
	now := c.cfg.Now()
	order, err := c.cfg.Parking.Park(ctx, ledger.Parked{Order: m, Since: since}, c.nextLook(now, since, hold.Expires))
	if err != nil {
		return fmt.Errorf("park: %w", err)
	}
	if order.State != wire.OrderPending {
		return c.conclude(ctx, order)
	}
	failpoint.Here(failpoint.OrderParked)
	c.wait(ctx, m, wire.Waiting{Reason: reasonConfirm, Action: &wire.Action{URL: auth.Action}, Until: hold.Expires})
	return errParked
}

// nextLook returns when to look at a parked order again: less often the longer it waits,
// but in time to move its hold's deadline, and when the fan's time to confirm has passed.
func (c *Checkout) nextLook(now, since, holdEnds time.Time) time.Time {
	most := polledEvery
	if c.hooks != nil {
		most = lookedAtEvery
	}
	wait := min(max(now.Sub(since)/2, firstLook), most, max(holdEnds.Sub(now)/2, leastLook))
	if left := since.Add(c.cfg.ActionPatience).Sub(now); left >= 0 {
		wait = min(wait, left+time.Millisecond) // the fan's time has passed after it, not at it
	}
	return now.Add(wait)
}

// wakeParked goes on with the parked orders that are due, until ctx ends.
func (c *Checkout) wakeParked(ctx context.Context) {
	tick := time.NewTicker(parkedLook)
	defer tick.Stop()
	slots, freed := make(chan struct{}, parkedAtOnce), make(chan struct{}, 1)
	var waking sync.WaitGroup
	defer waking.Wait()
	for {
		c.unpark(ctx)
		free := parkedAtOnce - len(slots)
		due, err := c.claimParked(ctx, free)
		if err != nil && ctx.Err() == nil {
			c.cfg.Logger.Warn("orders that wait for their fans are not looked at", "err", err)
		}
		for _, p := range due {
			slots <- struct{}{}
			waking.Go(func() {
				c.lookAt(ctx, p)
				<-slots
				select {
				case freed <- struct{}{}:
				default:
				}
			})
		}
		more := freed
		if len(due) < free || err != nil {
			more = nil // nothing else is due
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-more:
		}
	}
}

func (c *Checkout) claimParked(ctx context.Context, n int) ([]ledger.Parked, error) {
	if n == 0 {
		return nil, nil
	}
	due, err := c.cfg.Parking.Due(ctx, n, parkedLease)
	if len(due) > 0 {
		failpoint.Here(failpoint.ParkedDue)
	}
	return due, err
}

// lookAt goes on with a parked order. One that fails is due again when its lease ends.
func (c *Checkout) lookAt(ctx context.Context, p ledger.Parked) {
	ctx, cancel := context.WithTimeout(ctx, orderLimit)
	defer cancel()
	if err := c.goOn(ctx, p); err != nil && ctx.Err() == nil {
		c.cfg.Logger.Warn("an order that waits for its fan will be tried again", "order", p.Order.Order, "err", err)
	}
}

// goOn takes a parked order as far as it goes. One that has ended is forgotten soon.
func (c *Checkout) goOn(ctx context.Context, p ledger.Parked) error {
	err := c.purchase(ctx, p.Order, p.Since)
	switch {
	case errors.Is(err, errParked):
		return nil
	case err == nil:
		failpoint.Here(failpoint.ParkedEnded)
		select {
		case c.ended <- p.Order.Order:
		default: // found ended when it is due
		}
	}
	return err
}

// unpark forgets the orders that have ended. If that fails, they are found again.
func (c *Checkout) unpark(ctx context.Context) {
	var ended []string
	for len(c.ended) > 0 {
		ended = append(ended, <-c.ended)
	}
	if len(ended) == 0 {
		return
	}
	if err := c.cfg.Parking.Unpark(ctx, ended); err != nil && ctx.Err() == nil {
		c.cfg.Logger.Warn("orders that have ended are not forgotten yet", "orders", len(ended), "err", err)
	}
}
