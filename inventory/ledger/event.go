package ledger

import (
	"context"
	"fmt"
	"time"

	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// PutEvent makes the event and its seats known, or updates what may change of
// an event. Seats are added, never removed; calling it again is harmless.
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
		// The sale starts before autovacuum has looked at the new rows.
		_, err = tx.Exec(ctx, "ANALYZE seats")
		return err
	})
	if err != nil {
		return fmt.Errorf("ledger: put event %s: %w", e.Spec.ID, err)
	}
	return nil
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
