package ledger

import (
	"context"
	"slices"

	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// account is the state of an order's money, locked until the transaction ends.
type account struct {
	payment   string // its state; empty if no payment is known
	reference string
	amount    int64
	currency  string
	begun     bool  // the capture may have reached the provider
	refused   bool  // the provider refuses the capture for good
	refunds   int   // how many were made so far
	returned  int64 // their total
}

// lockAccounts locks the rows of orders, their tasks and their payments: orders
// first, as a commit does, and the outbox before the payments, as Finish does.
func lockAccounts(ctx context.Context, tx pgx.Tx, orders []string) (map[string]account, error) {
	found := make(map[string]account, len(orders))
	var b pgx.Batch
	b.Queue("SELECT FROM orders WHERE order_id = ANY ($1::text[]) ORDER BY order_id FOR UPDATE", orders)
	b.Queue("SELECT FROM outbox WHERE order_id = ANY ($1::text[]) ORDER BY order_id FOR UPDATE", orders)
	b.Queue("SELECT FROM payments WHERE order_id = ANY ($1::text[]) ORDER BY order_id FOR UPDATE", orders)
	b.Queue(`
		SELECT o.order_id, coalesce(p.state, ''), coalesce(p.reference, ''), coalesce(p.amount, 0), coalesce(p.currency, o.currency),
			NOT EXISTS (SELECT FROM outbox x WHERE x.order_id = o.order_id AND x.kind = 'capture' AND x.done_at IS NULL AND x.attempts = 0),
			EXISTS (SELECT FROM outbox x WHERE x.order_id = o.order_id AND x.kind = 'capture' AND x.done_at IS NULL AND x.refused_at IS NOT NULL),
			r.made, r.returned
		FROM orders o LEFT JOIN payments p USING (order_id),
			LATERAL (SELECT count(*), coalesce(sum(amount), 0)::bigint FROM refunds WHERE order_id = o.order_id) AS r (made, returned)
		WHERE o.order_id = ANY ($1::text[])`, orders).Query(func(rows pgx.Rows) error {
		var id string
		var a account
		_, err := pgx.ForEachRow(rows, []any{&id, &a.payment, &a.reference, &a.amount, &a.currency, &a.begun, &a.refused, &a.refunds, &a.returned},
			func() error { found[id] = a; return nil })
		return err
	})
	return found, run(ctx, tx, &b)
}

// returns gathers what a transaction gives back, as columns for unnest.
type returns struct {
	orders []string // none of their lines stands any more
	lines  struct {
		order, event, seat, ticket []string
		no                         []int32
		off                        []bool
	}
	refunds struct {
		order, why, by []string
		no             []int32
		amount         []int64
		seats          []bool // the writer has seats to take back
	}
	tasks struct {
		order, payload []string
		no             []int32
	}
	voids       struct{ order, payload []string } // in place of their captures, and of what else they return
	uncollected []string                          // whose fans read that nothing was charged
}

// refund adds the return of standing seats of o, and reports whether the order ends with
// nothing to return, since its money never came.
func (w *returns) refund(o Order, a account, seats []wire.SeatQuote, r RefundOrder) (uncollected bool) {
	if len(seats) == 0 {
		return false
	}
	no, amount, n := a.refunds+1, int64(0), &w.lines
	for i, q := range o.Seats {
		if slices.Contains(seats, q) {
			n.order, n.event, n.no = append(n.order, o.ID), append(n.event, o.Event), append(n.no, int32(no))
			n.seat, n.ticket, n.off = append(n.seat, q.ID), append(n.ticket, o.Tickets[i]), append(n.off, r.Block)
			amount += q.Price.Total
		}
	}
	whole := len(seats) == len(o.Seats)
	if whole {
		w.orders = append(w.orders, o.ID)
	}
	lost := a.payment == paymentWrittenOff
	if uncollected = whole && (a.refused || lost); uncollected {
		w.uncollected = append(w.uncollected, o.ID)
	}
	if whole && a.payment == paymentAuthorized && (a.refused || a.refunds == 0 && !a.begun) {
		w.void(o.ID, a)
		amount = 0
	}
	if lost {
		amount = 0
	}
	w.owe(o.ID, a, amount, r.Why, r.By, true)
	return uncollected
}

// void adds the task to void an authorisation that is not to be captured any more.
func (w *returns) void(order string, a account) {
	v := &w.voids
	v.order, v.payload = append(v.order, order), append(v.payload, payload(a.reference, a.amount, a.currency))
}

// owe adds the next refund of an order and the task to make it.
func (w *returns) owe(order string, a account, amount int64, why, by string, seats bool) {
	no, r := int32(a.refunds+1), &w.refunds
	r.order, r.why, r.by = append(r.order, order), append(r.why, why), append(r.by, by)
	r.no, r.amount, r.seats = append(r.no, no), append(r.amount, amount), append(r.seats, seats)
	if amount > 0 {
		t := &w.tasks
		t.order, t.no = append(t.order, order), append(t.no, no)
		t.payload = append(t.payload, payload(a.reference, amount, a.currency))
	}
}

// giveBack writes everything or, with errConflict, nothing.
func (l *Ledger) giveBack(ctx context.Context, tx pgx.Tx, w *returns) error {
	now := l.cfg.Now()
	var b pgx.Batch
	if n := w.lines; len(n.seat) > 0 {
		exactly(b.Queue(`
			UPDATE order_lines n SET refund_no = v.no, off_sale = v.off
			FROM unnest($1::text[], $2::text[], $3::integer[], $4::boolean[]) AS v (order_id, seat_id, no, off)
			WHERE n.order_id = v.order_id AND n.seat_id = v.seat_id AND n.refund_no IS NULL`, n.order, n.seat, n.no, n.off), len(n.seat))
		exactly(b.Queue(`
			DELETE FROM bookings b USING unnest($1::text[], $2::text[], $3::text[]) AS v (event_id, seat_id, order_id)
			WHERE b.event_id = v.event_id AND b.seat_id = v.seat_id AND b.order_id = v.order_id`, n.event, n.seat, n.order), len(n.seat))
		exactly(b.Queue(`
			UPDATE seats s SET status = 'AVAILABLE' FROM unnest($1::text[], $2::text[]) AS v (event_id, seat_id)
			WHERE s.event_id = v.event_id AND s.seat_id = v.seat_id AND s.status = 'SOLD'`, n.event, n.seat), len(n.seat))
		exactly(b.Queue(`
			UPDATE tickets t SET state = 'void', generation = t.generation + 1 FROM unnest($1::text[]) AS v (ticket_id)
			WHERE t.ticket_id = v.ticket_id AND t.state = 'valid'`, n.ticket), len(n.ticket))
	}
	if len(w.orders) > 0 {
		exactly(b.Queue(`UPDATE orders SET state = 'refunded', updated_at = $2
			WHERE order_id = ANY ($1::text[]) AND state = 'paid'`, w.orders, now), len(w.orders))
	}
	if r := w.refunds; len(r.order) > 0 {
		b.Queue(`
			INSERT INTO refunds (order_id, refund_no, amount, why, asked_by, created_at, done_at, told_at)
			SELECT v.order_id, v.no, v.amount, v.why, v.asked_by, $7,
				CASE v.amount WHEN 0 THEN $7::timestamptz END, CASE WHEN NOT v.seats THEN $7::timestamptz END
			FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::boolean[])
				AS v (order_id, no, amount, why, asked_by, seats)`,
			r.order, r.no, r.amount, r.why, r.by, r.seats, now)
	}
	if t := w.tasks; len(t.order) > 0 {
		b.Queue(`
			INSERT INTO outbox (kind, order_id, refund_no, payload, next_at)
			SELECT 'refund', v.order_id, v.no, v.payload::jsonb, $4
			FROM unnest($1::text[], $2::integer[], $3::text[]) AS v (order_id, no, payload)`, t.order, t.no, t.payload, now)
	}
	if v := w.voids; len(v.order) > 0 {
		exactly(b.Queue(`DELETE FROM outbox WHERE order_id = ANY ($1::text[]) AND kind = 'capture'
			AND (attempts = 0 OR refused_at IS NOT NULL) AND done_at IS NULL`, v.order), len(v.order))
		returnNothing(&b, v.order, now)
		b.Queue(putVoids, v.order, v.payload, now)
	}
	if len(w.uncollected) > 0 {
		b.Queue("UPDATE orders SET reason = $2 WHERE order_id = ANY ($1::text[]) AND state = 'refunded'", w.uncollected, ReasonUncollected)
	}
	if b.Len() == 0 {
		return nil
	}
	return run(ctx, tx, &b)
}
