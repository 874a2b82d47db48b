package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"frontrow/internal/group"
	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// Parked is an order that waits for its fan, and what it takes to go on with it.
type Parked struct {
	Order wire.OrderMessage
	Since time.Time // when it was published
}

// parking is an order to park until an instant.
type parking struct {
	Parked
	until time.Time
}

// Park records that a pending order waits until the given instant, and returns the
// order: only one that is still pending is parked. From then on Due finds it, whatever
// becomes of its message, until Unpark. Park may be repeated: the last instant counts.
func (l *Ledger) Park(ctx context.Context, p Parked, until time.Time) (Order, error) {
	return l.parks.Do(ctx, parking{p, until})
}

func (l *Ledger) park(ctx context.Context, tx pgx.Tx, items []parking, results []group.Result[Order], _ bool) error {
	waiting, _ := distinct(items, func(p parking) string { return p.Order.Order })
	var order, event, message []string
	var since, until []time.Time
	for _, p := range waiting {
		raw, err := json.Marshal(p.Order)
		if err != nil {
			return err
		}
		order, event, message = append(order, p.Order.Order), append(event, p.Order.Event), append(message, string(raw))
		since, until = append(since, p.Since), append(until, p.until)
	}
	rows, err := tx.Query(ctx, `
		INSERT INTO parked (order_id, event_id, message, since, woken_at, next_at)
		SELECT v.order_id, v.event_id, v.message::jsonb, v.since, $6, v.until
		FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[]) AS v (order_id, event_id, message, since, until)
		WHERE EXISTS (SELECT FROM orders o WHERE o.order_id = v.order_id AND o.state = 'pending')
		ORDER BY v.order_id
		ON CONFLICT (order_id) DO UPDATE SET next_at = EXCLUDED.next_at
		RETURNING order_id`, order, event, message, since, until, l.cfg.Now())
	if err != nil {
		return err
	}
	parked, id := map[string]bool{}, ""
	if _, err := pgx.ForEachRow(rows, []any{&id}, func() error { parked[id] = true; return nil }); err != nil {
		return err
	}
	var others []string
	for _, id := range order {
		if !parked[id] {
			others = append(others, id)
		}
	}
	found, err := load(ctx, tx, others)
	if err != nil {
		return err
	}
	for i, p := range items {
		m := p.Order
		o, ok := found[m.Order]
		switch {
		case parked[m.Order]:
			results[i].Value = Order{ID: m.Order, Hold: m.Hold, Event: m.Event, Fan: m.Fan, State: wire.OrderPending,
				Seats: m.Seats, Total: m.Total, Currency: m.Currency}
		case ok:
			results[i].Value = o
		default:
			results[i].Err = fmt.Errorf("order %s: %w", m.Order, ErrNotFound)
		}
	}
	return nil
}

// Due takes up to n parked orders whose time has come, for the time of lease: one that
// is neither parked anew nor unparked by then is due again.
func (l *Ledger) Due(ctx context.Context, n int, lease time.Duration) ([]Parked, error) {
	now := l.cfg.Now()
	due, err := query(ctx, l, scanParked, `
		UPDATE parked p SET woken_at = $1, next_at = $2
		FROM (SELECT order_id FROM parked WHERE next_at <= $1 ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS due
		WHERE p.order_id = due.order_id
		RETURNING p.message, p.since`, now, now.Add(lease), n)
	if err != nil {
		return nil, fmt.Errorf("ledger: parked orders that are due: %w", err)
	}
	return due, nil
}

// Parked returns a parked order. The error is ErrNotFound if it isn't parked.
func (l *Ledger) Parked(ctx context.Context, order string) (Parked, error) {
	found, err := query(ctx, l, scanParked, "SELECT message, since FROM parked WHERE order_id = $1", order)
	if err != nil {
		return Parked{}, fmt.Errorf("ledger: parked order %s: %w", order, err)
	}
	if len(found) == 0 {
		return Parked{}, fmt.Errorf("parked order %s: %w", order, ErrNotFound)
	}
	return found[0], nil
}

func scanParked(row pgx.CollectableRow) (p Parked, err error) {
	var raw []byte
	if err := row.Scan(&raw, &p.Since); err != nil {
		return p, err
	}
	return p, json.Unmarshal(raw, &p.Order)
}

// Hurry makes a parked order due now, or once least has passed since it was last looked
// at. An order that isn't parked, or is due before, is left alone.
func (l *Ledger) Hurry(ctx context.Context, order string, least time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.FlushTimeout)
	defer cancel()
	_, err := l.pool.Exec(ctx, `
		UPDATE parked SET next_at = greatest($2::timestamptz, woken_at + $3::interval)
		WHERE order_id = $1 AND next_at > greatest($2::timestamptz, woken_at + $3::interval)`, order, l.cfg.Now(), least)
	if err != nil {
		return fmt.Errorf("ledger: hurry order %s: %w", order, err)
	}
	return nil
}

// Unpark forgets parked orders. It is for those that have ended, whose seats and fans
// know.
func (l *Ledger) Unpark(ctx context.Context, orders []string) error {
	err := l.transact(ctx, "unpark", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM parked WHERE order_id = ANY ($1::text[])", orders)
		return err
	})
	if err != nil {
		return fmt.Errorf("ledger: unpark %d orders: %w", len(orders), err)
	}
	return nil
}
