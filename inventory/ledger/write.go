package ledger

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"
)

// writes gathers what a transaction of many purchases changes, as the columns
// that unnest makes rows of.
type writes struct {
	lost int

	orders struct{ id, state, reason []string }
	seats  struct {
		event, seat, order, ticket, fan, label []string
		revision                               []int64
	}
	payments struct {
		order, provider, reference, currency []string
		amount                               []int64
	}
	tasks struct{ kind, order, payload []string }
}

func (w *writes) win(p Purchase, o Order) {
	w.settle(o)
	w.charge(p, KindCapture)
	s := &w.seats
	for i, q := range o.Seats {
		s.event, s.seat, s.order = append(s.event, o.Event), append(s.seat, q.ID), append(s.order, o.ID)
		s.ticket, s.fan, s.label = append(s.ticket, o.Tickets[i]), append(s.fan, o.Fan), append(s.label, q.Label)
		s.revision = append(s.revision, int64(p.Revision))
	}
}

func (w *writes) lose(p Purchase, o Order) {
	w.settle(o)
	w.void(p)
}

func (w *writes) void(p Purchase) {
	w.lost++
	w.charge(p, KindVoid)
}

func (w *writes) settle(o Order) {
	w.orders.id = append(w.orders.id, o.ID)
	w.orders.state = append(w.orders.state, string(o.State))
	w.orders.reason = append(w.orders.reason, o.Reason)
}

// charge records the authorisation and what is to become of it. What is free was
// never asked of the provider.
func (w *writes) charge(p Purchase, kind string) {
	if p.Order.Total == 0 {
		return
	}
	c := &w.payments
	c.order, c.provider, c.reference = append(c.order, p.Order.Order), append(c.provider, p.Provider), append(c.reference, p.Reference)
	c.amount, c.currency = append(c.amount, p.Order.Total), append(c.currency, p.Order.Currency)
	t := &w.tasks
	t.kind, t.order = append(t.kind, kind), append(t.order, p.Order.Order)
	t.payload = append(t.payload, payload(p.Reference, p.Order.Total, p.Order.Currency))
}

func payload(reference string, amount int64, currency string) string {
	b, _ := json.Marshal(taskPayload{reference, amount, currency}) // strings and a number
	return string(b)
}

// write changes everything decided or, with errConflict, nothing.
func (l *Ledger) write(ctx context.Context, tx pgx.Tx, w *writes) error {
	now := l.cfg.Now()
	var b pgx.Batch
	if o := w.orders; len(o.id) > 0 {
		exactly(b.Queue(`
			UPDATE orders o SET state = v.state, reason = v.reason, updated_at = $4
			FROM unnest($1::text[], $2::text[], $3::text[]) AS v (order_id, state, reason)
			WHERE o.order_id = v.order_id AND o.state = 'pending'`, o.id, o.state, o.reason, now), len(o.id))
	}
	if s := w.seats; len(s.seat) > 0 {
		exactly(b.Queue(`
			UPDATE seats s SET status = 'SOLD', fence = v.revision
			FROM unnest($1::text[], $2::text[], $3::bigint[]) AS v (event_id, seat_id, revision)
			WHERE s.event_id = v.event_id AND s.seat_id = v.seat_id AND s.status = 'AVAILABLE' AND s.fence < v.revision`,
			s.event, s.seat, s.revision), len(s.seat))
		b.Queue(`
			INSERT INTO bookings (event_id, seat_id, order_id, ticket_id, hold_revision, booked_at)
			SELECT v.event_id, v.seat_id, v.order_id, v.ticket_id, v.revision, $6
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) AS v (event_id, seat_id, order_id, ticket_id, revision)`,
			s.event, s.seat, s.order, s.ticket, s.revision, now)
		b.Queue(`
			INSERT INTO tickets (ticket_id, event_id, seat_id, order_id, fan_id, label, state, generation)
			SELECT v.ticket_id, v.event_id, v.seat_id, v.order_id, v.fan_id, v.label, 'valid', 1
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS v (ticket_id, event_id, seat_id, order_id, fan_id, label)`,
			s.ticket, s.event, s.seat, s.order, s.fan, s.label)
	}
	if c := w.payments; len(c.order) > 0 {
		b.Queue(`
			INSERT INTO payments (order_id, provider, reference, state, amount, currency, created_at, updated_at)
			SELECT v.order_id, v.provider, v.reference, 'authorized', v.amount, v.currency, $6, $6
			FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[]) AS v (order_id, provider, reference, amount, currency)
			ON CONFLICT (order_id) DO NOTHING`, c.order, c.provider, c.reference, c.amount, c.currency, now)
		b.Queue(putTasks, w.tasks.kind, w.tasks.order, w.tasks.payload, now)
	}
	if b.Len() == 0 {
		return nil
	}
	if err := run(ctx, tx, &b); err != nil {
		return err
	}
	l.metrics.lost.Add(float64(w.lost))
	return nil
}

// putTasks puts tasks into the outbox, due at $4. A task that was done before
// is renewed, unless the payment has reached its end: a void may have come
// before the authorisation it was meant for. Renewing raises attempts, so that
// whoever still works on the old claim cannot finish the new one.
const putTasks = `
	INSERT INTO outbox (kind, order_id, payload, next_at)
	SELECT v.kind, v.order_id, v.payload::jsonb, $4
	FROM unnest($1::text[], $2::text[], $3::text[]) AS v (kind, order_id, payload)
	ON CONFLICT (order_id, kind, refund_no) DO UPDATE
	SET payload = EXCLUDED.payload, next_at = EXCLUDED.next_at, done_at = NULL, attempts = outbox.attempts + 1
	WHERE NOT EXISTS (SELECT FROM payments p WHERE p.order_id = outbox.order_id AND p.state IN ('captured', 'voided'))`
