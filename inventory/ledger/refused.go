package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// ErrNotRefused means that an order has no capture that the provider has refused for good.
var ErrNotRefused = errors.New("the capture is not refused")

// ReasonUncollected is the reason of an order whose tickets were taken back, as the fan
// reads it.
const ReasonUncollected = "Your payment could not be collected, so the tickets were taken back. Nothing was charged."

// maxRefusal bounds the provider's words that are kept, in characters.
const maxRefusal = 300

// Refused is a capture that the provider has refused for good. The order stands, and its
// tickets are valid. It waits for an operator, who has three ways to end it:
//
//	RetryCaptures  ask the provider again: done, or refused again
//	Refund         take the tickets back; nothing was charged, so nothing is returned
//	WriteOff       leave the fan their tickets, and the money be lost
//
// Refunds of seats of the order give the seats back at once. What they return is due after
// the capture, or is nothing if it never comes.
type Refused struct {
	Order    string
	Fan      string
	Amount   int64
	Currency string
	Why      string // in the provider's words
	At       time.Time
	Attempts int
}

// Refused lists up to n refused captures of an event, by order, after the given order.
func (l *Ledger) Refused(ctx context.Context, event, after string, n int) ([]Refused, error) {
	found, err := query(ctx, l, pgx.RowToStructByPos[Refused], `
		SELECT o.order_id, o.fan_id, p.amount, p.currency, x.refusal, x.refused_at, x.attempts
		FROM outbox x JOIN orders o USING (order_id) JOIN payments p USING (order_id)
		WHERE x.refused_at IS NOT NULL AND x.done_at IS NULL AND o.event_id = $1 AND x.order_id > $2
		ORDER BY x.order_id LIMIT $3`, event, after, n)
	if err != nil {
		return nil, fmt.Errorf("ledger: refused captures of %s: %w", event, err)
	}
	return found, nil
}

// RetryCaptures makes refused captures due again, of one order of an event or, if order is
// empty, of all, and returns how many.
func (l *Ledger) RetryCaptures(ctx context.Context, event, order string) (n int, err error) {
	err = l.transact(ctx, "retry", func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE outbox x SET refused_at = NULL, refusal = NULL, next_at = $3, attempts = x.attempts + 1 FROM orders o
			WHERE o.order_id = x.order_id AND x.refused_at IS NOT NULL AND x.done_at IS NULL
				AND o.event_id = $1 AND ($2 = '' OR x.order_id = $2)`, event, order, l.cfg.Now())
		n = int(tag.RowsAffected())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("ledger: retry captures of %s: %w", event, err)
	}
	return n, nil
}

// WriteOff gives up the money of an order whose capture is refused, and returns how much
// that was. The order stays paid, and later refunds return nothing. WriteOff may be
// repeated. The error is ErrNotFound for an unknown order, and ErrNotRefused for any
// other whose capture is not refused.
func (l *Ledger) WriteOff(ctx context.Context, order string) (lost Sum, err error) {
	err = l.transact(ctx, "write off", func(ctx context.Context, tx pgx.Tx) error {
		accounts, err := lockAccounts(ctx, tx, []string{order})
		if err != nil {
			return err
		}
		a, ok := accounts[order]
		lost = Sum{1, a.amount}
		switch {
		case !ok:
			return ErrNotFound
		case a.payment == paymentWrittenOff:
			return nil
		case !a.refused:
			return ErrNotRefused
		}
		now := l.cfg.Now()
		var b pgx.Batch
		b.Queue("UPDATE payments SET state = 'written_off', updated_at = $2 WHERE order_id = $1", order, now)
		b.Queue("UPDATE outbox SET done_at = $2 WHERE order_id = $1 AND kind = 'capture'", order, now)
		returnNothing(&b, []string{order}, now)
		return run(ctx, tx, &b)
	})
	if err != nil {
		return Sum{}, fmt.Errorf("ledger: write off %s: %w", order, err)
	}
	return lost, nil
}

// refuse marks captures as refused. Of an order that was given back meanwhile nothing is
// to be captured any more: its authorisation is voided.
func (l *Ledger) refuse(ctx context.Context, tx pgx.Tx, ends []End) error {
	var c claims
	var orders, why []string
	for _, e := range ends {
		c.add(e.Task)
		orders, why = append(orders, e.Order), append(why, printable(e.Refused))
	}
	accounts, err := lockAccounts(ctx, tx, orders)
	if err != nil {
		return err
	}
	now := l.cfg.Now()
	var given []string
	rows, err := tx.Query(ctx, `
		WITH refused AS (
			UPDATE outbox o SET refused_at = $3, refusal = v.why, next_at = 'infinity'
			FROM unnest($1::bigint[], $2::bigint[], $4::text[]) AS v (id, attempts, why)
			WHERE `+still+`
			RETURNING o.order_id)
		SELECT o.order_id FROM refused JOIN orders o USING (order_id) WHERE o.state = 'refunded'`, c.id, c.attempts, now, why)
	if err == nil {
		given, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil || len(given) == 0 {
		return err
	}
	w := returns{uncollected: given}
	for _, order := range given {
		w.void(order, accounts[order])
	}
	return l.giveBack(ctx, tx, &w)
}

// returnNothing ends the refunds of orders of which nothing was captured, and never will be.
func returnNothing(b *pgx.Batch, orders []string, now time.Time) {
	b.Queue("DELETE FROM outbox WHERE order_id = ANY ($1::text[]) AND kind = 'refund' AND done_at IS NULL", orders)
	b.Queue("UPDATE refunds SET amount = 0, done_at = $2 WHERE order_id = ANY ($1::text[]) AND done_at IS NULL", orders, now)
}

// printable is what PostgreSQL stores of a provider's words.
func printable(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
	if utf8.RuneCountInString(s) > maxRefusal {
		s = string([]rune(s)[:maxRefusal])
	}
	return s
}

// uncollected reports whether an order's money never came: its fan reads so once the
// tickets are taken back.
func (o Order) uncollected() bool { return o.State == wire.OrderRefunded && o.Reason != "" }
