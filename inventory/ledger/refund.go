package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// ErrNotPaid means that the order to refund is pending or failed.
var ErrNotPaid = errors.New("order is not paid")

// refundBatch bounds the orders RefundEvent refunds in one transaction.
const refundBatch = 256

// RefundOrder asks for seats of a paid order to be given back. Why and By are
// kept with the refund; neither may be empty.
type RefundOrder struct {
	Order string
	Seats []string // nil: all that stand
	Block bool     // the seats stay off sale (Order.OffSale)
	Why   string
	By    string // who asks for it
}

// RefundEvent asks for every paid order of an event to be given back.
type RefundEvent struct {
	Event string
	Block bool
	Why   string
	By    string
}

// Refunded is the outcome of a refund.
type Refunded struct {
	Order  Order
	Seats  []wire.SeatQuote // the seats asked for, refunded now or before: the order no longer has them
	Now    int              // how many of Seats were refunded now
	Amount int64            // refunded now, in minor units; 0 if all was refunded before
	Number int              // of the order's last refund
	// Uncollected: the tickets are taken back, and nothing is returned, since the money
	// never came (Refused).
	Uncollected bool
}

// Refund gives back seats of a paid order in one transaction. Their bookings are
// deleted and the seats are AVAILABLE, with the fence of their last sale; their
// tickets are void, in a new generation; their lines stay and name the refund.
// When no line stands, the order is refunded; until then it is still paid for the
// lines that stand (Order.Seats).
//
// The money follows through the outbox. If the whole order is given back at once
// and its capture has not begun, the authorisation is voided; otherwise a task
// returns the refund's amount once the capture is done.
// If the provider refuses the capture for good, the whole order returns nothing: its
// authorisation is voided, and its reason says so to the fan.
//
// Seats refunded before are left alone, so Refund may be repeated. The caller has
// the writer take the seats back and then calls Told. The error is ErrNotFound
// for an unknown order or a seat it never had, and ErrNotPaid for an order that
// is pending or failed.
func (l *Ledger) Refund(ctx context.Context, r RefundOrder) (Refunded, error) {
	if r.Why == "" || r.By == "" {
		return Refunded{}, fmt.Errorf("ledger: refund of %s: why and by whom must be said", r.Order)
	}
	var done []Refunded
	err := l.transact(ctx, "refund", func(ctx context.Context, tx pgx.Tx) (err error) {
		done, err = l.refund(ctx, tx, []RefundOrder{r})
		return err
	})
	if err != nil {
		return Refunded{}, fmt.Errorf("ledger: refund of %s: %w", r.Order, err)
	}
	return done[0], nil
}

// RefundEvent refunds the next orders of an event, at most 256, and returns them:
// first those refunded before but not passed to Told, as a crash leaves them, then
// paid ones. It returns none when nothing is left to give back. Close the sale,
// then call RefundEvent until it returns none, with Told after each call; if an
// order is paid later, calling RefundEvent again finds it.
func (l *Ledger) RefundEvent(ctx context.Context, r RefundEvent) ([]Refunded, error) {
	if r.Why == "" || r.By == "" {
		return nil, fmt.Errorf("ledger: refund of event %s: why and by whom must be said", r.Event)
	}
	var done []Refunded
	err := l.transact(ctx, "refund", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			(`+untold+` LIMIT $2)
			UNION ALL (SELECT order_id FROM orders WHERE event_id = $1 AND state = 'paid' LIMIT $2)
			LIMIT $2`, r.Event, refundBatch)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		asked := make([]RefundOrder, len(ids))
		for i, id := range ids {
			asked[i] = RefundOrder{Order: id, Block: r.Block, Why: r.Why, By: r.By}
		}
		done, err = l.refund(ctx, tx, asked)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: refund of event %s: %w", r.Event, err)
	}
	return done, nil
}

// untold selects the fully refunded orders of the event $1 whose seats the writer
// may not have taken back yet.
const untold = `SELECT DISTINCT o.order_id FROM refunds r JOIN orders o USING (order_id)
	WHERE r.told_at IS NULL AND o.event_id = $1 AND o.state = 'refunded'`

// Told records that the writer has taken back the seats of these refunds.
func (l *Ledger) Told(ctx context.Context, refunds []Refunded) error {
	if len(refunds) == 0 {
		return nil
	}
	ids, last := make([]string, len(refunds)), make([]int32, len(refunds))
	for i, r := range refunds {
		ids[i], last[i] = r.Order.ID, int32(r.Number)
	}
	err := l.transact(ctx, "told", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE refunds r SET told_at = $3 FROM unnest($1::text[], $2::integer[]) AS v (order_id, last)
			WHERE r.order_id = v.order_id AND r.refund_no <= v.last AND r.told_at IS NULL`, ids, last, l.cfg.Now())
		return err
	})
	if err != nil {
		return fmt.Errorf("ledger: told of %d refunds: %w", len(refunds), err)
	}
	return nil
}

// Remaining counts the orders of an event that are not fully given back.
type Remaining struct {
	Paid    int
	Pending int // they may still be paid
	Untold  int // refunded, but not Told
	Stuck   int // refunds whose money waits for a capture that was refused, or tried more than stuckAfter times
}

// stuckAfter is how many attempts a capture may take before it is reported as
// stuck: with the pauses between them, two minutes.
const stuckAfter = 9

// Remaining counts what RefundEvent still has to do, or may have to.
func (l *Ledger) Remaining(ctx context.Context, event string) (Remaining, error) {
	found, err := query(ctx, l, pgx.RowToStructByPos[Remaining], `
		SELECT count(*) FILTER (WHERE state = 'paid'), count(*) FILTER (WHERE state = 'pending'), (SELECT count(*) FROM (`+untold+`) AS u),
			(SELECT count(*) FROM refunds r JOIN orders o USING (order_id) JOIN outbox c USING (order_id)
				WHERE o.event_id = $1 AND r.done_at IS NULL AND c.kind = 'capture' AND c.done_at IS NULL AND (c.attempts > $2 OR c.refused_at IS NOT NULL))
		FROM orders WHERE event_id = $1`, event, stuckAfter)
	if err != nil {
		return Remaining{}, fmt.Errorf("ledger: what remains of event %s: %w", event, err)
	}
	return found[0], nil
}

// refund refunds orders, each of which may be in asked only once.
func (l *Ledger) refund(ctx context.Context, tx pgx.Tx, asked []RefundOrder) ([]Refunded, error) {
	ids := make([]string, len(asked))
	for i, r := range asked {
		ids[i] = r.Order
	}
	accounts, err := lockAccounts(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	orders, err := load(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	done := make([]Refunded, len(asked))
	var w returns
	for i, r := range asked {
		o, ok := orders[r.Order]
		if !ok {
			return nil, ErrNotFound
		}
		if o.State != wire.OrderPaid && o.State != wire.OrderRefunded {
			return nil, fmt.Errorf("%s: %w", o.State, ErrNotPaid)
		}
		if len(o.Tickets) != len(o.Seats) {
			return nil, fmt.Errorf("%d tickets for %d seats", len(o.Tickets), len(o.Seats))
		}
		standing, before, err := split(o, r.Seats)
		if err != nil {
			return nil, err
		}
		a := accounts[o.ID]
		uncollected := w.refund(o, a, standing, r)
		d := Refunded{Order: o.without(standing, r.Block), Seats: slices.Concat(standing, before), Now: len(standing), Number: a.refunds}
		if uncollected {
			d.Order.Reason = ReasonUncollected
		}
		d.Uncollected = d.Order.uncollected()
		if d.Now > 0 {
			d.Number++
		}
		for _, q := range standing {
			if a.payment != paymentWrittenOff && !uncollected {
				d.Amount += q.Price.Total
			}
		}
		done[i] = d
	}
	return done, l.giveBack(ctx, tx, &w)
}

// split divides the seats asked for, or all if asked is nil, into those that
// stand and those refunded before.
func split(o Order, asked []string) (standing, before []wire.SeatQuote, err error) {
	if asked == nil {
		return o.Seats, o.Refunded, nil
	}
	seen := make(map[string]bool, len(asked))
	for _, id := range asked {
		is := func(q wire.SeatQuote) bool { return q.ID == id }
		if seen[id] {
			continue
		}
		seen[id] = true
		if i := slices.IndexFunc(o.Seats, is); i >= 0 {
			standing = append(standing, o.Seats[i])
		} else if i := slices.IndexFunc(o.Refunded, is); i >= 0 {
			before = append(before, o.Refunded[i])
		} else {
			return nil, nil, fmt.Errorf("seat %s: %w", id, ErrNotFound)
		}
	}
	return standing, before, nil
}

// without returns the order after the seats were given back; off says that they
// stay off sale.
func (o Order) without(seats []wire.SeatQuote, off bool) Order {
	if len(seats) == 0 {
		return o
	}
	after := o
	after.Seats, after.Tickets, after.Refunded = nil, nil, slices.Concat(o.Refunded, seats)
	slices.SortFunc(after.Refunded, func(a, b wire.SeatQuote) int { return strings.Compare(a.ID, b.ID) })
	if off {
		after.OffSale = slices.Clone(o.OffSale)
		for _, q := range seats {
			after.OffSale = append(after.OffSale, q.ID)
		}
		slices.Sort(after.OffSale)
	}
	for i, q := range o.Seats {
		if !slices.Contains(seats, q) {
			after.Seats, after.Tickets = append(after.Seats, q), append(after.Tickets, o.Tickets[i])
		}
	}
	if len(after.Seats) == 0 {
		after.State = wire.OrderRefunded
	}
	return after
}
