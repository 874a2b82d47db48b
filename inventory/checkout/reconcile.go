package checkout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/wire"

	"golang.org/x/sync/errgroup"
)

// Bounds of the reconciliation with the provider.
const (
	reconcileEvery  = time.Minute
	reconcilePage   = 500
	reconcileAtOnce = 16
	lateWindow      = time.Hour      // how long after its void a payment may still turn up
	firstWindow     = 24 * time.Hour // the window of the first look after a start
)

// reconcile finds payments that turned up after their orders were given up and
// the provider had nothing to void. Each is voided or refunded once, however often
// it is found: the ledger's outbox has one task for it.
func (c *Checkout) reconcile(ctx context.Context) {
	tick := time.NewTicker(reconcileEvery)
	defer tick.Stop()
	window := firstWindow
	for {
		err := c.reconcileOnce(ctx, window)
		switch {
		case err == nil:
			window = lateWindow
		case ctx.Err() == nil:
			c.cfg.Logger.Warn("reconciliation with the payment provider", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *Checkout) reconcileOnce(ctx context.Context, window time.Duration) error {
	after := ledger.Unsettled{Asked: c.cfg.Now().Add(-window)}
	for {
		page, err := c.cfg.Outbox.Unsettled(ctx, after, reconcilePage)
		if err != nil || len(page) == 0 {
			return err
		}
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(reconcileAtOnce)
		for _, u := range page {
			g.Go(func() error { return c.reclaim(ctx, u.Order) })
		}
		if err := g.Wait(); err != nil || len(page) < reconcilePage {
			return err
		}
		after = page[len(page)-1]
	}
}

// reclaim asks the provider what payment it has under an order that is not to be
// paid, and has the ledger settle it.
func (c *Checkout) reclaim(ctx context.Context, order string) error {
	ctx, cancel := context.WithTimeout(ctx, relayCall)
	defer cancel()
	auth, err := c.find(ctx, order)
	if errors.Is(err, payment.ErrNotFound) || errors.Is(err, payment.ErrDisagrees) { // reported already; other orders must not wait
		return nil
	}
	if err != nil {
		return fmt.Errorf("order %s: %w", order, err)
	}
	if auth.State == payment.Authorized || auth.State == payment.Captured {
		c.cfg.Logger.Info("a payment turned up for an order that is not to be paid", "order", order, "state", auth.State)
	}
	return c.reportPayment(ctx, auth)
}

// reportPayment passes the provider's state of a payment to the ledger.
func (c *Checkout) reportPayment(ctx context.Context, a payment.Auth) error {
	state := a.State
	switch state {
	case payment.RequiresAction: // the fan may still confirm it
		state = payment.Authorized
	case payment.Refunded: // captured, and given back
		return nil
	}
	o, err := c.cfg.Outbox.Settle(ctx, ledger.Found{Order: a.Order, Provider: c.cfg.ProviderName, Reference: a.Reference,
		State: string(state), Amount: a.Amount, Currency: a.Currency})
	if err != nil {
		return err
	}
	if o.State == wire.OrderFailed || o.State == wire.OrderRefunded {
		failpoint.Here(failpoint.PaymentSettled)
		c.metrics.settled.WithLabelValues(string(state)).Inc()
		c.nudge()
	}
	return nil
}
