package ledger

import (
	"context"
	"fmt"
	"time"

	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// States of a payment.
const (
	paymentAuthorized = "authorized"
	paymentCaptured   = "captured"
	paymentVoided     = "voided"
	paymentDeclined   = "declined"
	paymentWrittenOff = "written_off" // ours: the provider refused the capture for good
	paymentRefunded   = "refunded"    // the provider's: captured and given back
)

// Why and By of a refund for an order that was not to be paid.
const (
	whyLate = "The payment came after the order was given up."
	byLate  = "ledger"
)

// Found is a payment as the provider reports it. State is authorized, captured,
// voided, declined, or refunded, which means all of it was given back.
type Found struct {
	Order     string
	Provider  string
	Reference string
	State     string
	Amount    int64
	Currency  string
}

// Settle brings a payment reported by the provider to the end its order requires,
// and returns the order. Under a failed order, an authorisation is voided and
// captured money is refunded; under a refunded one, money captured beyond its
// refunds is refunded. The tasks are added to the outbox once, however often and
// in whatever order reports arrive: an old report does not make a voided or
// captured payment authorised again.
//
// Pending and paid orders are left to their checkout and their tasks. The error
// is ErrNotFound for an order never begun: GiveUp makes it a failed one.
func (l *Ledger) Settle(ctx context.Context, f Found) (Order, error) {
	switch f.State {
	case paymentAuthorized, paymentCaptured, paymentVoided, paymentDeclined, paymentRefunded:
	default:
		return Order{}, fmt.Errorf("ledger: settle %s: unknown state %q", f.Order, f.State)
	}
	var o Order
	err := l.transact(ctx, "settle", func(ctx context.Context, tx pgx.Tx) error {
		accounts, err := lockAccounts(ctx, tx, []string{f.Order})
		if err != nil {
			return err
		}
		found, err := load(ctx, tx, []string{f.Order})
		if err != nil {
			return err
		}
		var ok bool
		if o, ok = found[f.Order]; !ok {
			return ErrNotFound
		}
		if o.State != wire.OrderFailed && o.State != wire.OrderRefunded {
			return nil
		}
		return l.settle(ctx, tx, f, accounts[f.Order])
	})
	if err != nil {
		return Order{}, fmt.Errorf("ledger: settle %s: %w", f.Order, err)
	}
	return o, nil
}

// settle ends the payment of an order that is not to be paid.
func (l *Ledger) settle(ctx context.Context, tx pgx.Tx, f Found, a account) error {
	refunded := f.State == paymentRefunded
	if refunded {
		f.State = paymentCaptured
	}
	if !news(a.payment, f.State) {
		return nil
	}
	now := l.cfg.Now()
	if _, err := tx.Exec(ctx, `
		INSERT INTO payments (order_id, provider, reference, state, amount, currency, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
		ON CONFLICT (order_id) DO UPDATE SET state = $4, reference = $3, amount = $5, currency = $6, updated_at = $7`,
		f.Order, f.Provider, f.Reference, f.State, f.Amount, f.Currency, now); err != nil {
		return err
	}
	if f.State == paymentAuthorized {
		_, err := tx.Exec(ctx, putVoids, []string{f.Order}, []string{payload(f.Reference, f.Amount, f.Currency)}, now)
		return err
	}
	// Nothing is left to capture or void, even if a worker is at it; and if
	// nothing was captured, nothing is left to return.
	var b pgx.Batch
	captured := f.State == paymentCaptured
	b.Queue(`UPDATE outbox SET done_at = $2, attempts = attempts + 1
		WHERE order_id = $1 AND done_at IS NULL AND NOT (kind = 'refund' AND $3::boolean)`, f.Order, now, captured)
	if captured {
		b.Queue("UPDATE orders SET reason = '' WHERE order_id = $1 AND state = 'refunded' AND reason <> ''", f.Order)
	} else {
		b.Queue("UPDATE refunds SET amount = 0, done_at = $2 WHERE order_id = $1 AND done_at IS NULL", f.Order, now)
	}
	if err := run(ctx, tx, &b); err != nil {
		return err
	}
	var w returns
	if due := f.Amount - a.returned; captured && due > 0 {
		a.reference, a.currency = f.Reference, f.Currency
		w.owe(f.Order, a, due, whyLate, byLate, false)
	}
	if err := l.giveBack(ctx, tx, &w); err != nil || !refunded {
		return err
	}
	var done pgx.Batch // the provider has given the money back already
	done.Queue("UPDATE refunds SET done_at = $2 WHERE order_id = $1 AND done_at IS NULL", f.Order, now)
	done.Queue("UPDATE outbox SET done_at = $2, attempts = attempts + 1 WHERE order_id = $1 AND done_at IS NULL", f.Order, now)
	return run(ctx, tx, &done)
}

// news reports whether a payment known in one state can now be in the other.
// Captured is final; a void may lose against a capture, and what was written off may come.
func news(known, heard string) bool {
	switch known {
	case paymentCaptured:
		return false
	case paymentVoided, paymentWrittenOff:
		return heard == paymentCaptured
	case paymentAuthorized, paymentDeclined:
		return heard != known
	}
	return true
}

// Unsettled is a failed order whose payment the provider was asked to void, and
// of which nothing has become known: a payment may have been under way for longer
// than we waited.
type Unsettled struct {
	Asked time.Time // when the provider had nothing to void, or its answer
	Order string
	Event string
	Fan   string
}

// Unsettled lists up to n failed orders, oldest first, about which the provider
// should be asked again; its answer goes to Settle. after is the last order of the
// page before. For the first page only its Asked is set, to the earliest instant
// from which a payment may still turn up.
func (l *Ledger) Unsettled(ctx context.Context, after Unsettled, n int) ([]Unsettled, error) {
	found, err := query(ctx, l, pgx.RowToStructByPos[Unsettled], `
		SELECT x.done_at, x.order_id, o.event_id, o.fan_id
		FROM outbox x JOIN orders o USING (order_id)
		WHERE x.kind = 'void' AND (x.done_at, x.order_id) > ($1, $2) AND o.state = 'failed'
			AND NOT EXISTS (SELECT FROM payments p WHERE p.order_id = x.order_id)
		ORDER BY x.done_at, x.order_id LIMIT $3`, after.Asked, after.Order, n)
	if err != nil {
		return nil, fmt.Errorf("ledger: unsettled orders: %w", err)
	}
	return found, nil
}
