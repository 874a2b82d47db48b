package checkout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"frontrow/internal/consume"
	"frontrow/internal/failpoint"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// orderLimit bounds one delivery of an order; each step has its own bound.
const orderLimit = 90 * time.Second

// Reasons of failed orders, as the fan reads them.
const (
	reasonHoldOver    = "Your time to pay had ended and the seats were given back. Nothing was charged."
	reasonUnreachable = "We could not reach the payment provider. Nothing was charged."
	reasonRefused     = "The payment could not be made. Nothing was charged."
	reasonDeclined    = "The payment was declined."
	reasonDisagrees   = "The payment could not be verified, so nothing was sold. If your bank shows an amount for it, that will be released. Please try again."
	nothingCharged    = " Nothing was charged."
	reasonUnconfirmed = "The payment was not confirmed in time. Nothing was charged."
)

func (c *Checkout) handle(ctx context.Context, m jetstream.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, orderLimit)
	defer cancel()
	o, err := decode(m)
	if err != nil {
		return err
	}
	md, err := m.Metadata()
	if err != nil {
		return err
	}
	failpoint.Here(failpoint.OrderDelivered)
	if err := c.purchase(ctx, o, md.Timestamp); err != nil && !errors.Is(err, errParked) {
		return fmt.Errorf("order %s: %w", o.Order, err)
	}
	failpoint.Here(failpoint.OrderConcluded)
	return nil
}

// purchase takes an order from its present state to its end, or to where it waits for its
// fan: errParked. since is when it was published.
func (c *Checkout) purchase(ctx context.Context, m wire.OrderMessage, since time.Time) error {
	order, err := c.cfg.Ledger.Begin(ctx, m)
	if errors.Is(err, ledger.ErrRefused) { // for good; its deadline frees the seats, through GiveUp
		return fmt.Errorf("%w: begin: %w", consume.ErrPoison, err)
	}
	if err != nil {
		// An order that waits for PostgreSQL keeps its seats.
		c.waitsForUs(ctx, m)
		return fmt.Errorf("begin: %w", err)
	}
	if order.Event != m.Event || order.Fan != m.Fan {
		return fmt.Errorf("%w: the ledger has it for another event or fan", consume.ErrPoison)
	}
	if order.State != wire.OrderPending {
		return c.conclude(ctx, order)
	}
	failpoint.Here(failpoint.OrderBegun)

	hold, err := c.cfg.Seats.Extend(ctx, m.Event, wire.ExtendRequest{Hold: m.Hold, Order: m.Order})
	if over(err) {
		return c.fail(ctx, m, reasonHoldOver, false)
	}
	if err != nil {
		return fmt.Errorf("extend: %w", err)
	}
	failpoint.Here(failpoint.HoldExtended)

	var reference string
	if m.Total > 0 {
		if reference, err = c.pay(ctx, m, since, hold); err != nil || reference == "" {
			return err
		}
	}

	until := c.cfg.Now().Add(relayLease)
	sale, err := c.cfg.Ledger.Commit(ctx, ledger.Purchase{Order: m, Revision: hold.Revision,
		Provider: c.cfg.ProviderName, Reference: reference, Lease: relayLease})
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	failpoint.Here(failpoint.OrderCommitted)
	if sale.Capture.ID != 0 {
		c.take(taken{sale.Capture, until})
	} else {
		c.nudge() // it may have to be voided
	}
	return c.conclude(ctx, sale.Order)
}

// pay authorises the payment of an order that is not free and returns its
// reference. An empty reference means that the order has ended.
func (c *Checkout) pay(ctx context.Context, m wire.OrderMessage, since time.Time, hold wire.ExtendReply) (reference string, err error) {
	started := time.Now()
	auth, err := c.cfg.Provider.Authorize(ctx, payment.AuthRequest{Order: m.Order, Event: m.Event, Amount: m.Total, Currency: m.Currency, Method: m.Payment.Method})
	c.metrics.authorize.Observe(time.Since(started).Seconds())
	if err == nil {
		terms := payment.Terms{Order: m.Order, Amount: m.Total, Currency: m.Currency}
		err = c.agreed("authorize", m.Order, payment.Agree(terms, auth, payment.Known()...))
	}
	switch {
	case errors.Is(err, payment.ErrDisagrees):
		return "", c.fail(ctx, m, reasonDisagrees, false)
	case errors.Is(err, payment.ErrPermanent):
		c.cfg.Logger.Error("payment provider refuses the request", "order", m.Order, "err", err)
		return "", c.fail(ctx, m, reasonRefused, false)
	case err != nil && c.cfg.Now().Sub(since) > c.cfg.Patience:
		c.cfg.Logger.Warn("payment provider does not answer, giving the order up", "order", m.Order, "err", err)
		return "", c.fail(ctx, m, reasonUnreachable, false)
	case errors.Is(err, payment.ErrPaused):
		if until := c.waitsForUs(ctx, m); until.After(hold.Expires) {
			hold.Expires = until
		}
		c.wait(ctx, m, wire.Waiting{Reason: reasonPaused, Until: hold.Expires})
		return "", err
	case err != nil:
		c.waitsForUs(ctx, m)
		return "", fmt.Errorf("authorize: %w", err)
	case auth.State == payment.Declined:
		return "", c.fail(ctx, m, payment.Told(auth.Reason, reasonDeclined)+nothingCharged, true)
	case auth.State == payment.Voided || auth.State == payment.Refunded: // the order was given up meanwhile
		return "", c.fail(ctx, m, ledger.ReasonGivenUp, true)
	case auth.State == payment.RequiresAction && c.cfg.Now().Sub(since) > c.cfg.ActionPatience:
		return "", c.fail(ctx, m, reasonUnconfirmed, false)
	case auth.State == payment.RequiresAction:
		return "", c.park(ctx, m, since, hold, auth)
	}
	failpoint.Here(failpoint.PaymentAuthorized)
	return auth.Reference, nil
}

// waitsForUs extends a hold beyond its usual bound, for an order that can't go on
// through no fault of its fan, and returns its new end. If the writer can't be
// reached either, the hold stays as it is.
func (c *Checkout) waitsForUs(ctx context.Context, m wire.OrderMessage) time.Time {
	r, _ := c.cfg.Seats.Extend(ctx, m.Event, wire.ExtendRequest{Hold: m.Hold, Order: m.Order, Ours: true})
	return r.Expires
}

// fail fails a pending order, unless it has been paid meanwhile.
func (c *Checkout) fail(ctx context.Context, m wire.OrderMessage, reason string, declined bool) error {
	order, err := c.cfg.Ledger.Fail(ctx, m.Order, reason, declined)
	if err != nil {
		return fmt.Errorf("fail: %w", err)
	}
	failpoint.Here(failpoint.OrderFailed)
	return c.conclude(ctx, order)
}

// conclude has the writer sell or release the seats of an order that has ended, and
// tells its fan.
func (c *Checkout) conclude(ctx context.Context, o ledger.Order) error {
	var until time.Time // how long the seats can be paid for again
	switch o.State {
	case wire.OrderPaid:
		err := c.cfg.Seats.Confirm(ctx, o.Event, wire.ConfirmRequest{Hold: o.Hold, Order: o.ID, Fan: o.Fan, Seats: o.Seats})
		if err != nil {
			return fmt.Errorf("confirm: %w", err)
		}
		failpoint.Here(failpoint.SaleConfirmed)
	case wire.OrderFailed:
		reply, err := c.cfg.Seats.Release(ctx, o.Event, wire.ReleaseRequest{Hold: o.Hold, Order: o.ID, Fan: o.Fan, Why: o.Reason,
			Ours: slices.Contains([]string{reasonUnreachable, reasonRefused, reasonDisagrees}, o.Reason), Again: payAgain(o.Reason)})
		if err != nil && !over(err) {
			return fmt.Errorf("release: %w", err)
		}
		failpoint.Here(failpoint.FailureReleased)
		until = reply.Expires
	}
	c.notify(o, until)
	c.metrics.orders.WithLabelValues(string(o.State)).Inc()
	return nil
}

// payAgain reports whether the seats of an order that failed for this reason may be
// paid for again while their hold lasts.
func payAgain(reason string) bool {
	switch reason {
	case reasonHoldOver, ledger.ReasonSeatGone, ledger.ReasonLost:
		return false
	}
	return true
}

// whatNow tells the fan of a failed order what has become of the seats. until is
// when the hold ends, if it can be paid for again, or zero.
func whatNow(reason string, until time.Time) string {
	switch {
	case !until.IsZero():
		return reason + " Your seats are still kept for you: pay in another way before their time is over."
	case payAgain(reason):
		return reason + " The time for these seats is over, or was used up by attempts to pay, and they were given back. Choose again."
	}
	return reason + " Choose again."
}

// notify tells the fan's sockets, if there are any.
func (c *Checkout) notify(o ledger.Order, until time.Time) {
	note := wire.Notice{Kind: "order", Hold: o.Hold, Order: o.ID, State: string(o.State),
		Reason: o.Reason, Tickets: o.Tickets, At: c.cfg.Now().UTC(), Expires: until}
	if o.State == wire.OrderFailed {
		note.Reason = whatNow(o.Reason, until)
	}
	raw, err := wire.Append(nil, note)
	if err == nil {
		err = c.cfg.Bus.Publish(wire.NoticeSubject(o.Event, o.Fan), raw)
	}
	if err != nil {
		c.cfg.Logger.Debug("fan not told", "order", o.ID, "err", err)
	}
}

// over reports whether err says that the hold has ended or never existed.
func over(err error) bool {
	var p *wire.Problem
	return errors.As(err, &p) && (p.Code == wire.CodeHoldOver || p.Code == wire.CodeNotFound)
}
