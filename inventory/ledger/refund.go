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

// ErrNotPaid is a refund of an order that is pending or failed.
var ErrNotPaid = errors.New("order is not paid")

// refundBatch is how many orders RefundEvent refunds in one transaction.
const refundBatch = 256

// RefundOrder gives seats of a paid order back. Why and By are kept with the
// refund; neither may be empty.
type RefundOrder struct {
	Order string
	Seats []string // nil: all that stand
	Why   string
	By    string // who asks for it
}

// Refunded is what became of a refund.
type Refunded struct {
	Order  Order
	Seats  []wire.SeatQuote // the seats asked for, refunded now or before: this order has no claim to them
	Amount int64            // refunded now, in minor units; 0 if it was before
}

// Refund gives seats of a paid order back, in one transaction: their bookings
// go and they are AVAILABLE, under the fence of their last sale; their tickets
// are void, in a new generation; their lines stay and name the refund. When no
// line stands the order is refunded; until then it is still paid, for the
// lines that stand (Order.Seats).
//
// The money follows through the outbox. An authorisation whose capture nobody
// has begun yet is voided when the whole order is given back at once; in any
// other case a task returns the refund's amount once the capture is done.
//
// Seats refunded before are left alone, so Refund may be repeated. ErrNotFound
// is an unknown order or a seat which it never had, ErrNotPaid an order that
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

// RefundEvent refunds the next paid orders of an event, 256 at most, and
// returns them; none when no order of the event is paid any more. Call it
// until then, after the sale was closed: an order which is paid later is found
// by calling it again.
func (l *Ledger) RefundEvent(ctx context.Context, event, why, by string) ([]Refunded, error) {
	if why == "" || by == "" {
		return nil, fmt.Errorf("ledger: refund of event %s: why and by whom must be said", event)
	}
	var done []Refunded
	err := l.transact(ctx, "refund", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT order_id FROM orders WHERE event_id = $1 AND state = 'paid' LIMIT $2", event, refundBatch)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		asked := make([]RefundOrder, len(ids))
		for i, id := range ids {
			asked[i] = RefundOrder{Order: id, Why: why, By: by}
		}
		done, err = l.refund(ctx, tx, asked)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: refund of event %s: %w", event, err)
	}
	return done, nil
}

// refund takes orders, each of them once.
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
		w.refund(o, accounts[o.ID], standing, r)
		for _, q := range standing {
			done[i].Amount += q.Price.Total
		}
		done[i].Order, done[i].Seats = o.without(standing), slices.Concat(standing, before)
	}
	return done, l.giveBack(ctx, tx, &w)
}

// split finds the seats asked for, nil for all, among those of the order that
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

// without is the order after the seats were given back.
func (o Order) without(seats []wire.SeatQuote) Order {
	if len(seats) == 0 {
		return o
	}
	after := o
	after.Seats, after.Tickets, after.Refunded = nil, nil, slices.Concat(o.Refunded, seats)
	slices.SortFunc(after.Refunded, func(a, b wire.SeatQuote) int { return strings.Compare(a.ID, b.ID) })
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
