package ledger

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"frontrow/internal/group"
	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// ReasonSeatGone is the reason of an authorised order that lost at commit.
const ReasonSeatGone = "Somebody else has bought these seats. Nothing was charged."

// Purchase is an order whose payment is authorised.
type Purchase struct {
	Order     wire.OrderMessage
	Revision  uint64 // fence: the highest revision among the hold's seats
	Provider  string
	Reference string // of the authorisation

	// Lease is for how long the caller takes the task to capture the payment, so that
	// nobody has to claim it. Zero leaves it to any worker, at once.
	Lease time.Duration
}

// Committed is the outcome of Commit.
type Committed struct {
	Order
	Capture Task // taken for the caller; zero if there is none
}

// Commit books all seats of a pending order and returns it paid. If a seat is
// already sold, a seat's fence is not below the purchase's revision, or the
// order was given up before, Commit returns the order failed: none of its seats
// is booked, and a task to void its authorisation is in the outbox. Committing a
// paid order again returns it as it stands, without a task to capture.
//
// An error leaves the outcome open; calling Commit again with the same purchase
// settles it. A task taken by a call whose answer was lost is due when its lease ends.
func (l *Ledger) Commit(ctx context.Context, p Purchase) (Committed, error) {
	return l.commits.Do(ctx, p)
}

type seatKey struct{ event, seat string }

// seatRow is the state of a seat in the tables.
type seatRow struct {
	free  bool
	fence int64
}

// verdict is the outcome of a purchase.
type verdict int

const (
	unknown verdict = iota // the order was never begun
	wins                   // paid in this transaction
	loses                  // failed in this transaction
	late                   // failed before
	stands                 // paid or refunded before
)

// decide settles purchases one after another, removing each winner's seats from
// the map so that later purchases find them gone.
func decide(purchases []Purchase, states map[string]wire.OrderState, seats map[seatKey]seatRow) []verdict {
	verdicts := make([]verdict, len(purchases))
	for i, p := range purchases {
		state, ok := states[p.Order.Order]
		switch {
		case !ok:
			verdicts[i] = unknown
		case state == wire.OrderFailed:
			verdicts[i] = late
		case state != wire.OrderPending:
			verdicts[i] = stands
		case !take(p, seats):
			verdicts[i] = loses
		default:
			verdicts[i] = wins
		}
	}
	return verdicts
}

// take removes all seats of p from seats, or none, and reports whether it did.
func take(p Purchase, seats map[seatKey]seatRow) bool {
	mine := make(map[seatKey]bool, len(p.Order.Seats))
	for _, q := range p.Order.Seats {
		k := seatKey{p.Order.Event, q.ID}
		s, ok := seats[k]
		if !ok || !s.free || p.Revision > math.MaxInt64 || s.fence >= int64(p.Revision) || mine[k] {
			return false
		}
		mine[k] = true
	}
	for k := range mine {
		delete(seats, k)
	}
	return len(mine) > 0
}

// commit presumes that everybody wins, as they nearly always do: whoever commits holds
// the seats. write finds out if somebody doesn't, and the next attempt looks.
func (l *Ledger) commit(ctx context.Context, tx pgx.Tx, items []Purchase, results []group.Result[Committed], again bool) error {
	purchases, index := distinct(items, func(p Purchase) string { return p.Order.Order })
	verdicts := slices.Repeat([]verdict{wins}, len(purchases))
	if again || slices.ContainsFunc(purchases, func(p Purchase) bool { return len(p.Order.Seats) == 0 }) {
		states, seats, err := read(ctx, tx, purchases)
		if err != nil {
			return err
		}
		verdicts = decide(purchases, states, seats)
	}
	orders := make([]Order, len(purchases))
	w := writes{now: l.cfg.Now(), taken: map[string]Task{}}
	var known []string
	for i, p := range purchases {
		o := Order{ID: p.Order.Order, Hold: p.Order.Hold, Event: p.Order.Event, Fan: p.Order.Fan,
			Seats: p.Order.Seats, Total: p.Order.Total, Currency: p.Order.Currency}
		switch verdicts[i] {
		case wins:
			o.State = wire.OrderPaid
			for range o.Seats {
				o.Tickets = append(o.Tickets, wire.NewTicket())
			}
			w.win(p, o)
		case loses:
			o.State, o.Reason = wire.OrderFailed, ReasonSeatGone
			w.lose(p, o)
		case late:
			w.void(p)
			known = append(known, o.ID)
		case stands:
			known = append(known, o.ID)
		}
		orders[i] = o
	}
	if err := l.write(ctx, tx, &w); err != nil {
		return err
	}
	found, err := load(ctx, tx, known)
	if err != nil {
		return err
	}
	for i, n := range index {
		results[i].Value.Order = orders[n]
		if o, ok := found[orders[n].ID]; ok {
			results[i].Value.Order = o
		}
		if t, ok := w.taken[orders[n].ID]; ok {
			results[i].Value.Capture = t
			delete(w.taken, t.Order) // it is of one caller
		}
		if verdicts[n] == unknown {
			results[i].Err = fmt.Errorf("order %s: %w", orders[n].ID, ErrNotFound)
		}
	}
	return nil
}

// read takes no locks: write detects what has changed since.
func read(ctx context.Context, tx pgx.Tx, purchases []Purchase) (map[string]wire.OrderState, map[seatKey]seatRow, error) {
	var orders, events, ids []string
	for _, p := range purchases {
		orders = append(orders, p.Order.Order)
		for _, q := range p.Order.Seats {
			events, ids = append(events, p.Order.Event), append(ids, q.ID)
		}
	}
	states := make(map[string]wire.OrderState, len(orders))
	seats := make(map[seatKey]seatRow, len(ids))
	var b pgx.Batch
	b.Queue("SELECT order_id, state FROM orders WHERE order_id = ANY ($1::text[])", orders).Query(func(rows pgx.Rows) error {
		var id string
		var state wire.OrderState
		_, err := pgx.ForEachRow(rows, []any{&id, &state}, func() error { states[id] = state; return nil })
		return err
	})
	b.Queue(`SELECT s.event_id, s.seat_id, s.fence, s.status = 'AVAILABLE' AND NOT EXISTS (
			SELECT FROM bookings b WHERE b.event_id = s.event_id AND b.seat_id = s.seat_id)
		FROM unnest($1::text[], $2::text[]) AS w (event_id, seat_id) JOIN seats s USING (event_id, seat_id)`,
		events, ids).Query(func(rows pgx.Rows) error {
		var k seatKey
		var s seatRow
		_, err := pgx.ForEachRow(rows, []any{&k.event, &k.seat, &s.fence, &s.free}, func() error { seats[k] = s; return nil })
		return err
	})
	err := run(ctx, tx, &b)
	return states, seats, err
}
