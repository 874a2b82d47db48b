package ledger

import (
	"context"
	"fmt"
	"math"
	"time"

	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// PutEvent records an event and its seats, or updates what may change of an
// event. Seats are added, never removed; PutEvent may be repeated.
func (l *Ledger) PutEvent(ctx context.Context, e wire.Event, seats []string) error {
	err := l.transact(ctx, "event", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO events (event_id, name, currency, plan, places, starts_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (event_id) DO UPDATE SET name = EXCLUDED.name, currency = EXCLUDED.currency,
				plan = EXCLUDED.plan, places = EXCLUDED.places, starts_at = EXCLUDED.starts_at, updated_at = EXCLUDED.updated_at`,
			e.Spec.ID, e.Spec.Name, e.Spec.Currency, e.Plan, e.Places, orNull(e.Spec.StartsAt), l.cfg.Now())
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			INSERT INTO seats (event_id, seat_id)
			SELECT $1, s.seat_id FROM unnest($2::text[]) AS s (seat_id)
			ON CONFLICT (event_id, seat_id) DO NOTHING`, e.Spec.ID, seats)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		// The sale starts before autovacuum has analysed the new rows.
		_, err = tx.Exec(ctx, "ANALYZE seats")
		return err
	})
	if err != nil {
		return fmt.Errorf("ledger: put event %s: %w", e.Spec.ID, err)
	}
	return nil
}

// ReasonLost is the reason of an order that failed because its hold was lost with
// the event's records.
const ReasonLost = "A fault on our side lost your seats before they were paid for. Nothing was charged."

// Reopen returns an event's bookings when its revisions start over, as they do
// when its records are lost and rebuilt: every hold from now on has a revision
// above the given one, and no earlier hold exists any more. Fences are old
// revisions, so a seat sold and refunded before would refuse every sale until the
// new revisions passed its fence. Reopen therefore lowers fences above revision
// to revision.
//
// This can't let an old purchase win a seat sold since under the new, lower
// revisions: the same transaction fails every pending order of the event. An
// order begins before it is given a revision, so an old one has either committed
// already, and its seats are booked, or finds itself failed, and its payment is
// voided. The bookings are read afterwards, so no old purchase can add to them.
// Whatever happens, a seat is sold once: UNIQUE (event_id, seat_id) does not
// depend on revisions.
//
// Fences of booked seats are lowered too. Their bookings refuse every sale while
// they stand, but a refund would leave the old fence behind.
//
// Reopen changes nothing if no fence is higher and no order is pending, so it may
// be repeated until the event's seats are offered.
func (l *Ledger) Reopen(ctx context.Context, event string, revision uint64) ([]Booking, error) {
	err := l.transact(ctx, "reopen", func(ctx context.Context, tx pgx.Tx) error {
		now := l.cfg.Now()
		rows, err := tx.Query(ctx, `UPDATE orders SET state = 'failed', reason = $2, updated_at = $3
			WHERE event_id = $1 AND state = 'pending' RETURNING order_id`, event, ReasonLost, now)
		if err != nil {
			return err
		}
		lost, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if err := l.voidLater(ctx, tx, lost); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE seats SET fence = $2 WHERE event_id = $1 AND fence > $2", event, int64(min(revision, math.MaxInt64)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: reopen %s: %w", event, err)
	}
	return l.Bookings(ctx, event)
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
