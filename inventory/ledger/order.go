package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// Order is an order as it stands. Seats are the lines that stand; once the order
// is paid, Tickets[i] is for Seats[i]. Total is the amount agreed on, including
// lines refunded since. OffSale are the refunded seats that don't go back on sale.
type Order struct {
	ID       string
	Hold     string
	Event    string
	Fan      string
	State    wire.OrderState
	Reason   string // of a failed order, or of one taken back since its money never came
	Seats    []wire.SeatQuote
	Total    int64
	Currency string
	Tickets  []string
	Refunded []wire.SeatQuote
	OffSale  []string
}

// Reply returns the order as its buyer sees it: with the seats that are theirs,
// or, once all are refunded, those that were.
func (o Order) Reply() wire.OrderReply {
	r := wire.OrderReply{Order: o.ID, Event: o.Event, State: o.State, Reason: o.Reason,
		Seats: o.Seats, Total: o.Total, Currency: o.Currency, Tickets: o.Tickets}
	for _, q := range o.Refunded {
		if !o.uncollected() {
			r.Refunded += q.Price.Total
		}
	}
	if o.State == wire.OrderRefunded {
		r.Seats = o.Refunded
	}
	return r
}

// Ticket admits a fan to a seat.
type Ticket struct {
	ID         string
	Event      string
	Seat       string
	Order      string
	Fan        string
	Label      string
	State      string // valid, void
	Generation int
	Concession string // id of the variant of the level that it was sold as; empty: the level itself
}

// Order reads an order. The error is ErrNotFound if there is none.
func (l *Ledger) Order(ctx context.Context, id string) (Order, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.FlushTimeout)
	defer cancel()
	found, err := load(ctx, l.pool, []string{id})
	if err != nil {
		return Order{}, fmt.Errorf("ledger: order %s: %w", id, err)
	}
	o, ok := found[id]
	if !ok {
		return Order{}, fmt.Errorf("order %s: %w", id, ErrNotFound)
	}
	return o, nil
}

// Payable is what a payment provider may have a payment for.
type Payable struct {
	Event     string
	Amount    int64
	Currency  string
	Reference string // of the payment, empty while none is recorded
	Began     time.Time
}

// Payable reads what was to be paid for an order, whatever has become of it. The error is
// ErrNotFound if it was never begun, or is free.
func (l *Ledger) Payable(ctx context.Context, id string) (Payable, error) {
	found, err := query(ctx, l, pgx.RowToStructByPos[Payable], `
		SELECT o.event_id, o.total, o.currency, coalesce(p.reference, ''), o.created_at
		FROM orders o LEFT JOIN payments p USING (order_id) WHERE o.order_id = $1 AND o.total > 0`, id)
	if err != nil {
		return Payable{}, fmt.Errorf("ledger: order %s: %w", id, err)
	}
	if len(found) == 0 {
		return Payable{}, fmt.Errorf("order %s: %w", id, ErrNotFound)
	}
	return found[0], nil
}

// Ticket reads a ticket. The error is ErrNotFound if there is none.
func (l *Ledger) Ticket(ctx context.Context, id string) (Ticket, error) {
	found, err := query(ctx, l, pgx.RowToStructByPos[Ticket], `
		SELECT t.ticket_id, t.event_id, t.seat_id, t.order_id, t.fan_id, t.label, t.state, t.generation, coalesce(n.concession, '')
		FROM tickets t LEFT JOIN order_lines n USING (order_id, seat_id) WHERE t.ticket_id = $1`, id)
	if err != nil {
		return Ticket{}, fmt.Errorf("ledger: ticket %s: %w", id, err)
	}
	if len(found) == 0 {
		return Ticket{}, fmt.Errorf("ticket %s: %w", id, ErrNotFound)
	}
	return found[0], nil
}

// sender is a transaction or the pool.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// load reads whole orders by id; one missing from the map is not in the ledger.
// The state is read first, so an order read as paid has its tickets, unless they
// were refunded in between; a transaction that must rule this out locks the order.
func load(ctx context.Context, db sender, ids []string) (map[string]Order, error) {
	found := make(map[string]Order, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	var b pgx.Batch
	b.Queue(`SELECT order_id, hold_id, event_id, fan_id, state, reason, total, currency
		FROM orders WHERE order_id = ANY ($1::text[])`, ids).Query(func(rows pgx.Rows) error {
		var o Order
		_, err := pgx.ForEachRow(rows, []any{&o.ID, &o.Hold, &o.Event, &o.Fan, &o.State, &o.Reason, &o.Total, &o.Currency},
			func() error { found[o.ID] = o; return nil })
		return err
	})
	b.Queue(`SELECT order_id, refund_no IS NOT NULL, off_sale, seat_id, label, level, base, service_fee, facility_fee, total, price_version, tax, concession, promotion, list
		FROM order_lines WHERE order_id = ANY ($1::text[]) ORDER BY order_id, seat_id`, ids).Query(func(rows pgx.Rows) error {
		var id string
		var refunded, off bool
		var q wire.SeatQuote
		_, err := pgx.ForEachRow(rows, append([]any{&id, &refunded, &off}, quoteFields(&q)...), func() error {
			o, ok := found[id]
			switch {
			case !ok:
				return nil
			case refunded:
				o.Refunded = append(o.Refunded, q)
			default:
				o.Seats = append(o.Seats, q)
			}
			if off {
				o.OffSale = append(o.OffSale, q.ID)
			}
			found[id] = o
			return nil
		})
		return err
	})
	b.Queue(`SELECT order_id, ticket_id FROM tickets WHERE order_id = ANY ($1::text[]) AND state = 'valid'
		ORDER BY order_id, seat_id`, ids).Query(func(rows pgx.Rows) error {
		var id, ticket string
		_, err := pgx.ForEachRow(rows, []any{&id, &ticket}, func() error {
			if o, ok := found[id]; ok {
				o.Tickets = append(o.Tickets, ticket)
				found[id] = o
			}
			return nil
		})
		return err
	})
	return found, run(ctx, db, &b)
}

// quoteFields returns the scan targets for seat_id … list.
func quoteFields(q *wire.SeatQuote) []any {
	return []any{&q.ID, &q.Label, &q.Level, &q.Price.Base, &q.Price.ServiceFee, &q.Price.FacilityFee, &q.Price.Total, &q.Version,
		&q.Price.Tax, &q.Concession, &q.Promotion, &q.List}
}

// Booking is a sold seat and what its buyer was quoted.
type Booking struct {
	Seat     wire.SeatQuote
	Order    string
	Hold     string
	Fan      string
	Ticket   string
	Revision uint64 // of the hold it was sold under
	At       time.Time
}

// Bookings reads all bookings of an event, by seat.
func (l *Ledger) Bookings(ctx context.Context, event string) ([]Booking, error) {
	found, err := query(ctx, l, scanBooking, `
		SELECT n.seat_id, n.label, n.level, n.base, n.service_fee, n.facility_fee, n.total, n.price_version, n.tax, n.concession, n.promotion, n.list,
			b.order_id, o.hold_id, o.fan_id, b.ticket_id, b.hold_revision, b.booked_at
		FROM bookings b JOIN orders o USING (order_id) JOIN order_lines n USING (order_id, seat_id)
		WHERE b.event_id = $1 ORDER BY b.seat_id`, event)
	if err != nil {
		return nil, fmt.Errorf("ledger: bookings of %s: %w", event, err)
	}
	return found, nil
}

func scanBooking(row pgx.CollectableRow) (b Booking, err error) {
	err = row.Scan(append(quoteFields(&b.Seat), &b.Order, &b.Hold, &b.Fan, &b.Ticket, &b.Revision, &b.At)...)
	return b, err
}

// TakingBack splits r into a request for the given seats that go back on sale and
// one for those that stay off sale, leaving out an empty one.
func (o Order) TakingBack(seats []string, r wire.RefundRequest) (parts []wire.RefundRequest) {
	off := r
	off.Block = true
	for _, id := range seats {
		if slices.Contains(o.OffSale, id) {
			off.Seats = append(off.Seats, id)
		} else {
			r.Seats = append(r.Seats, id)
		}
	}
	for _, part := range []wire.RefundRequest{r, off} {
		if len(part.Seats) > 0 { // no seats would mean all of the order
			parts = append(parts, part)
		}
	}
	return parts
}
