package ledger

import (
	"context"
	"fmt"

	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// maxSamples bounds the examples the audit names for a broken rule.
const maxSamples = 20

// Audit is the state of an event in the ledger, counted and checked for
// consistency in one snapshot.
type Audit struct {
	Event      string                  `json:"event"`
	Seats      int                     `json:"seats"`
	Sold       int                     `json:"sold"`
	Bookings   int                     `json:"bookings"`
	Tickets    int                     `json:"tickets"` // valid ones
	Orders     map[wire.OrderState]int `json:"orders"`
	Payments   map[string]Sum          `json:"payments"`   // by state
	Refunds    map[string]Sum          `json:"refunds"`    // due or done
	Undone     int                     `json:"outbox"`     // tasks not carried out yet, but for those refused
	Parked     []string                `json:"parked"`     // orders that wait for their fans, or have just ended
	Refused    []string                `json:"refused"`    // orders whose captures the provider has refused for good, and that wait for an operator
	Returning  []string                `json:"returning"`  // orders whose refunded seats the writer may not have taken back yet
	Violations []Violation             `json:"violations"` // empty in a sound ledger
}

// Sum is a number of payments and their amount in minor units.
type Sum struct {
	Count  int   `json:"count"`
	Amount int64 `json:"amount"`
}

// Violation is a broken rule: how often, and for which seats or orders.
type Violation struct {
	Rule    string   `json:"rule"`
	Count   int      `json:"count"`
	Samples []string `json:"samples"`
}

// rules are queries for what must not exist in the event $1.
var rules = [...]struct{ name, sql string }{
	{"a seat has one valid ticket at most", `
		SELECT seat_id FROM tickets WHERE event_id = $1 AND state = 'valid' GROUP BY seat_id HAVING count(*) > 1`},
	{"a paid order has a booking and a valid ticket for each of its standing lines, and such lines", `
		SELECT o.order_id FROM orders o WHERE o.event_id = $1 AND o.state = 'paid' AND (
			NOT EXISTS (SELECT FROM order_lines n WHERE n.order_id = o.order_id AND n.refund_no IS NULL)
			OR EXISTS (SELECT FROM order_lines n
				LEFT JOIN bookings b ON b.event_id = o.event_id AND b.seat_id = n.seat_id AND b.order_id = o.order_id
				LEFT JOIN tickets t ON t.ticket_id = b.ticket_id AND t.order_id = o.order_id AND t.seat_id = n.seat_id AND t.state = 'valid'
				WHERE n.order_id = o.order_id AND n.refund_no IS NULL AND t.ticket_id IS NULL))`},
	{"a booking belongs to a standing line of a paid order", `
		SELECT b.seat_id FROM bookings b
		LEFT JOIN orders o ON o.order_id = b.order_id AND o.event_id = b.event_id AND o.state = 'paid'
		LEFT JOIN order_lines n ON n.order_id = o.order_id AND n.seat_id = b.seat_id AND n.refund_no IS NULL
		WHERE b.event_id = $1 AND n.order_id IS NULL`},
	{"a valid ticket belongs to a booking of its seat", `
		SELECT t.ticket_id FROM tickets t LEFT JOIN bookings b ON b.event_id = t.event_id AND b.seat_id = t.seat_id AND b.ticket_id = t.ticket_id
		WHERE t.event_id = $1 AND t.state = 'valid' AND b.ticket_id IS NULL`},
	{"a seat is sold exactly if it is booked", `
		SELECT coalesce(s.seat_id, b.seat_id)
		FROM (SELECT seat_id FROM seats WHERE event_id = $1 AND status = 'SOLD') s
		FULL JOIN (SELECT seat_id FROM bookings WHERE event_id = $1) b USING (seat_id)
		WHERE s.seat_id IS NULL OR b.seat_id IS NULL`},
	{"an order's total is the sum of its lines", `
		SELECT o.order_id FROM orders o LEFT JOIN order_lines n USING (order_id)
		WHERE o.event_id = $1 GROUP BY o.order_id, o.total HAVING o.total <> coalesce(sum(n.total), 0)`},
	{"a paid order's total is authorized, captured or written off, in its currency", `
		SELECT o.order_id FROM orders o
		LEFT JOIN payments p ON p.order_id = o.order_id AND p.state IN ('authorized', 'captured', 'written_off')
			AND p.amount = o.total AND p.currency = o.currency
		WHERE o.event_id = $1 AND o.state = 'paid' AND o.total > 0 AND p.order_id IS NULL`},
	{"what is free has no payment", `
		SELECT o.order_id FROM orders o JOIN payments p USING (order_id)
		WHERE o.event_id = $1 AND o.total = 0 AND o.currency <> 'XXX'`},
	{"no order is pending for longer than a checkout may take", `
		SELECT order_id FROM orders WHERE event_id = $1 AND state = 'pending' AND created_at < now() - interval '20 minutes'`},
	{"an order that has ended waits for nobody", `
		SELECT p.order_id FROM parked p LEFT JOIN orders o USING (order_id)
		WHERE p.event_id = $1 AND o.state IS DISTINCT FROM 'pending' AND coalesce(o.updated_at, p.since) < now() - interval '20 minutes'`},
	{"the provider was told what it must be within some tries", `
		SELECT o.order_id FROM orders o JOIN outbox x USING (order_id)
		WHERE o.event_id = $1 AND x.done_at IS NULL AND x.refused_at IS NULL AND x.attempts >= 12 GROUP BY o.order_id`},
	{"money captured is what stands of a paid order, and its refunds", `
		SELECT o.order_id FROM orders o JOIN payments p USING (order_id)
		WHERE o.event_id = $1 AND p.state = 'captured' AND p.amount <> coalesce((
				SELECT sum(n.total) FROM order_lines n WHERE n.order_id = o.order_id AND n.refund_no IS NULL AND o.state = 'paid'), 0)
			+ coalesce((SELECT sum(r.amount) FROM refunds r WHERE r.order_id = o.order_id), 0)`},
	{"what is written off was refused", `
		SELECT o.order_id FROM orders o JOIN payments p USING (order_id)
		WHERE o.event_id = $1 AND p.state = 'written_off' AND NOT EXISTS (
			SELECT FROM outbox x WHERE x.order_id = o.order_id AND x.kind = 'capture' AND x.refused_at IS NOT NULL AND x.done_at IS NOT NULL)`},
	{"a hold is paid for once", `
		SELECT hold_id FROM orders WHERE event_id = $1 AND state IN ('pending', 'paid', 'refunded') GROUP BY hold_id HAVING count(*) > 1`},
	{"an authorisation is captured, voided or in the outbox", `
		SELECT o.order_id FROM orders o JOIN payments p USING (order_id)
		WHERE o.event_id = $1 AND p.state = 'authorized' AND NOT EXISTS (
			SELECT FROM outbox x WHERE x.order_id = o.order_id AND x.done_at IS NULL
				AND (x.kind = 'void' AND o.state <> 'paid' OR x.kind = 'capture' AND o.state <> 'failed'))`},
	{"an order is refunded when no line stands, and its lines name refunds", `
		SELECT o.order_id FROM orders o JOIN order_lines n USING (order_id) LEFT JOIN refunds r USING (order_id, refund_no)
		WHERE o.event_id = $1 AND (n.refund_no IS NULL AND o.state = 'refunded'
			OR n.refund_no IS NOT NULL AND (r.order_id IS NULL OR o.state NOT IN ('paid', 'refunded')))
		GROUP BY o.order_id`},
	{"a refund returns the total of its lines; or nothing, if nothing is captured", `
		SELECT o.order_id FROM orders o JOIN refunds r USING (order_id)
		JOIN LATERAL (SELECT sum(n.total) AS total FROM order_lines n
			WHERE n.order_id = r.order_id AND n.refund_no = r.refund_no) AS n ON n.total <> r.amount
		LEFT JOIN payments p ON p.order_id = r.order_id
		WHERE o.event_id = $1 AND (r.amount > 0 OR o.state = 'paid' AND p.state IS DISTINCT FROM 'written_off') GROUP BY o.order_id`},
	{"a refund is due in the outbox, or done with captured money", `
		SELECT o.order_id FROM orders o JOIN refunds r USING (order_id) LEFT JOIN payments p USING (order_id)
		WHERE o.event_id = $1 AND r.amount > 0 AND CASE WHEN r.done_at IS NULL
			THEN NOT EXISTS (SELECT FROM outbox x WHERE x.order_id = r.order_id AND x.refund_no = r.refund_no AND x.kind = 'refund' AND x.done_at IS NULL)
			ELSE p.state IS DISTINCT FROM 'captured' END GROUP BY o.order_id`},
}

// beginAudit begins a snapshot. Soon after a sale the planner believes that there are few
// rows, and would read a materialised table once for each row of another.
const beginAudit = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL enable_material = off"

// Audit counts and checks an event.
func (l *Ledger) Audit(ctx context.Context, event string) (Audit, error) {
	a := Audit{Event: event, Orders: map[wire.OrderState]int{}, Payments: map[string]Sum{}, Refunds: map[string]Sum{}, Parked: []string{}, Refused: []string{}, Returning: []string{}, Violations: []Violation{}}
	err := pgx.BeginTxFunc(ctx, l.pool, pgx.TxOptions{BeginQuery: beginAudit}, func(tx pgx.Tx) error {
		if err := a.count(ctx, tx); err != nil {
			return err
		}
		for _, r := range rules {
			v := Violation{Rule: r.name}
			err := tx.QueryRow(ctx, fmt.Sprintf(`
				WITH broken (id) AS (%s)
				SELECT (SELECT count(*) FROM broken), ARRAY (SELECT id FROM broken ORDER BY id LIMIT %d)`, r.sql, maxSamples),
				event).Scan(&v.Count, &v.Samples)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			if v.Count > 0 {
				a.Violations = append(a.Violations, v)
			}
		}
		return nil
	})
	if err != nil {
		return Audit{}, fmt.Errorf("ledger: audit %s: %w", event, err)
	}
	return a, nil
}

func (a *Audit) count(ctx context.Context, tx pgx.Tx) error {
	var b pgx.Batch
	b.Queue(`SELECT
			(SELECT count(*) FROM seats WHERE event_id = $1),
			(SELECT count(*) FROM seats WHERE event_id = $1 AND status = 'SOLD'),
			(SELECT count(*) FROM bookings WHERE event_id = $1),
			(SELECT count(*) FROM tickets WHERE event_id = $1 AND state = 'valid'),
			(SELECT count(*) FROM outbox x JOIN orders o USING (order_id) WHERE o.event_id = $1 AND x.done_at IS NULL AND x.refused_at IS NULL)`,
		a.Event).QueryRow(func(row pgx.Row) error {
		return row.Scan(&a.Seats, &a.Sold, &a.Bookings, &a.Tickets, &a.Undone)
	})
	b.Queue(`SELECT DISTINCT o.order_id FROM refunds r JOIN orders o USING (order_id)
		WHERE r.told_at IS NULL AND o.event_id = $1 ORDER BY 1`, a.Event).Query(func(rows pgx.Rows) (err error) {
		a.Returning, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	b.Queue(`SELECT o.order_id FROM outbox x JOIN orders o USING (order_id)
		WHERE x.refused_at IS NOT NULL AND x.done_at IS NULL AND o.event_id = $1 ORDER BY 1`, a.Event).Query(func(rows pgx.Rows) (err error) {
		a.Refused, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	b.Queue("SELECT order_id FROM parked WHERE event_id = $1 ORDER BY 1", a.Event).Query(func(rows pgx.Rows) (err error) {
		a.Parked, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	b.Queue("SELECT state, count(*) FROM orders WHERE event_id = $1 GROUP BY state", a.Event).Query(func(rows pgx.Rows) error {
		var state wire.OrderState
		var n int
		_, err := pgx.ForEachRow(rows, []any{&state, &n}, func() error { a.Orders[state] = n; return nil })
		return err
	})
	b.Queue(`SELECT p.state, count(*), sum(p.amount)::bigint FROM payments p JOIN orders o USING (order_id)
		WHERE o.event_id = $1 GROUP BY 1`, a.Event).Query(sums(a.Payments))
	b.Queue(`SELECT CASE WHEN r.done_at IS NULL THEN 'due' ELSE 'done' END, count(*), sum(r.amount)::bigint
		FROM refunds r JOIN orders o USING (order_id) WHERE o.event_id = $1 GROUP BY 1`, a.Event).Query(sums(a.Refunds))
	return run(ctx, tx, &b)
}

func sums(into map[string]Sum) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var state string
		var s Sum
		_, err := pgx.ForEachRow(rows, []any{&state, &s.Count, &s.Amount}, func() error { into[state] = s; return nil })
		return err
	}
}
