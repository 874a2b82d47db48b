package ledger

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
)

// writes gathers what a transaction of many purchases changes, as columns for
// unnest.
type writes struct {
	now   time.Time
	lost  int
	taken map[string]Task // by order: captures that their committers have taken

	paid, failed []string // pending orders
	seats        struct {
		event, seat, order, ticket, fan, label []string
		revision                               []int64
	}
	charged, voided payments // of paid orders, and of the others
	captures        struct {
		order, payload []string
		attempts       []int32
		next           []time.Time
	}
	voids struct{ order, payload []string }
}

func (w *writes) win(p Purchase, o Order) {
	w.paid = append(w.paid, o.ID)
	if w.charged.add(p) {
		c := &w.captures
		c.order, c.payload = append(c.order, o.ID), append(c.payload, payload(p.Reference, o.Total, o.Currency))
		t := Task{Kind: KindCapture, Order: o.ID, Reference: p.Reference, Amount: o.Total, Currency: o.Currency}
		if p.Lease != 0 {
			t.Attempts = 1
			w.taken[o.ID] = t
		}
		c.attempts, c.next = append(c.attempts, int32(t.Attempts)), append(c.next, w.now.Add(p.Lease))
	}
	s := &w.seats
	for i, q := range o.Seats {
		s.event, s.seat, s.order = append(s.event, o.Event), append(s.seat, q.ID), append(s.order, o.ID)
		s.ticket, s.fan, s.label = append(s.ticket, o.Tickets[i]), append(s.fan, o.Fan), append(s.label, q.Label)
		s.revision = append(s.revision, int64(p.Revision))
	}
}

func (w *writes) lose(p Purchase, o Order) {
	w.failed = append(w.failed, o.ID)
	w.void(p)
}

func (w *writes) void(p Purchase) {
	w.lost++
	if w.voided.add(p) {
		v := &w.voids
		v.order, v.payload = append(v.order, p.Order.Order), append(v.payload, payload(p.Reference, p.Order.Total, p.Order.Currency))
	}
}

// payments are authorisations.
type payments struct {
	order, provider, reference, currency []string
	amount                               []int64
}

// add adds the authorisation and reports whether there is one: the provider was
// never asked about a free order.
func (c *payments) add(p Purchase) bool {
	if p.Order.Total == 0 {
		return false
	}
	c.order, c.provider, c.reference = append(c.order, p.Order.Order), append(c.provider, p.Provider), append(c.reference, p.Reference)
	c.amount, c.currency = append(c.amount, p.Order.Total), append(c.currency, p.Order.Currency)
	return true
}

func payload(reference string, amount int64, currency string) string {
	b, _ := json.Marshal(taskPayload{reference, amount, currency}) // strings and a number
	return string(b)
}

// write applies everything decided or, with errConflict, nothing.
func (l *Ledger) write(ctx context.Context, tx pgx.Tx, w *writes) error {
	now := w.now
	var b pgx.Batch
	if len(w.paid) > 0 {
		exactly(b.Queue(setPaid, w.paid, now), len(w.paid))
	}
	if len(w.failed) > 0 {
		exactly(b.Queue(`UPDATE orders SET state = 'failed', reason = $3, updated_at = $2
			WHERE order_id = ANY ($1::text[]) AND state = 'pending'`, w.failed, now, ReasonSeatGone), len(w.failed))
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
	if c := w.charged; len(c.order) > 0 {
		b.Queue(putPayments, c.order, c.provider, c.reference, c.amount, c.currency, now)
	}
	if c := w.voided; len(c.order) > 0 { // which Settle may have found already
		b.Queue(putPayments+" ON CONFLICT (order_id) DO NOTHING", c.order, c.provider, c.reference, c.amount, c.currency, now)
	}
	if c := w.captures; len(c.order) > 0 {
		b.Queue(putCaptures, c.order, c.payload, c.attempts, c.next).Query(w.number)
	}
	if v := w.voids; len(v.order) > 0 {
		b.Queue(putVoids, v.order, v.payload, now)
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

const setPaid = "UPDATE orders SET state = 'paid', updated_at = $2 WHERE order_id = ANY ($1::text[]) AND state = 'pending'"

// putPayments adds authorisations. A pending order has none.
const putPayments = `
	INSERT INTO payments (order_id, provider, reference, state, amount, currency, created_at, updated_at)
	SELECT v.order_id, v.provider, v.reference, 'authorized', v.amount, v.currency, $6, $6
	FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[]) AS v (order_id, provider, reference, amount, currency)`

// putCaptures adds tasks to capture. An order gets one, as it leaves pending.
const putCaptures = `
	INSERT INTO outbox (kind, order_id, payload, attempts, next_at)
	SELECT 'capture', v.order_id, v.payload::jsonb, v.attempts, v.next_at
	FROM unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[]) AS v (order_id, payload, attempts, next_at)
	RETURNING id, order_id`

// number reads the ids of tasks that putCaptures has added.
func (w *writes) number(rows pgx.Rows) error {
	var id int64
	var order string
	_, err := pgx.ForEachRow(rows, []any{&id, &order}, func() error {
		if t, ok := w.taken[order]; ok {
			t.ID = id
			w.taken[order] = t
		}
		return nil
	})
	return err
}

// putVoids adds tasks to void, due at $3. A task that exists is renewed, unless the
// payment is already captured or voided: a void may have come before the authorisation
// it was meant for. Renewing raises attempts, so that a worker still holding the old
// claim cannot finish the new one.
const putVoids = `
	INSERT INTO outbox (kind, order_id, payload, next_at)
	SELECT 'void', v.order_id, v.payload::jsonb, $3
	FROM unnest($1::text[], $2::text[]) AS v (order_id, payload)
	ON CONFLICT (order_id, kind, refund_no) DO UPDATE
	SET payload = EXCLUDED.payload, next_at = EXCLUDED.next_at, done_at = NULL, attempts = outbox.attempts + 1
	WHERE NOT EXISTS (SELECT FROM payments p WHERE p.order_id = outbox.order_id AND p.state IN ('captured', 'voided'))`
