package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/inventory/ledger"
	"frontrow/inventory/seating"
	"frontrow/wire"
)

// Bounds of reconciliation.
const (
	reconcileEvery   = time.Minute
	reconcileAgain   = 5 * time.Second  // after the ledger could not be asked
	reconcileTimeout = 30 * time.Second // for one round
	reconcileGrace   = 10 * time.Second // a younger booking is being confirmed by its checkout
	maxUnbooked      = 512              // orders of sold seats looked into in one round: more than a refund of the whole event leaves half done
)

// repair is one order about which seats and ledger disagree.
type repair struct {
	Booked           bool // true: booked, but not sold. False: sold, but not booked
	Order, Hold, Fan string
	Seats            []wire.SeatQuote // booked: all of the order; else those without a booking, by id alone
	At               time.Time        // when it was booked
}

// diff compares the seats sold with the ledger's bookings. What is sold without
// a booking comes first: a booking may be waiting for that very seat.
func diff(sold []seating.Sale, bookings []ledger.Booking) []repair {
	soldTo := make(map[string]string, len(sold)) // order by seat
	for _, s := range sold {
		soldTo[s.Seat] = s.Order
	}
	bookedTo := make(map[string]string, len(bookings))
	missing := map[string]bool{} // orders
	for _, b := range bookings {
		bookedTo[b.Seat.ID] = b.Order
		if soldTo[b.Seat.ID] != b.Order {
			missing[b.Order] = true
		}
	}
	var repairs []repair
	at := map[string]int{}
	add := func(r repair, seat wire.SeatQuote) {
		i, ok := at[r.Order]
		if !ok {
			i = len(repairs)
			at[r.Order], repairs = i, append(repairs, r)
		}
		repairs[i].Seats = append(repairs[i].Seats, seat)
	}
	for _, s := range sold {
		if bookedTo[s.Seat] != s.Order {
			add(repair{Order: s.Order, Hold: s.Hold, Fan: s.Fan}, wire.SeatQuote{ID: s.Seat})
		}
	}
	clear(at) // an order may have one of each
	for _, b := range bookings {
		if missing[b.Order] {
			add(repair{Booked: true, Order: b.Order, Hold: b.Hold, Fan: b.Fan, At: b.At}, b.Seat)
		}
	}
	return repairs
}

// reconcile compares seats and ledger at the start of a term and then every
// minute. Holds don't wait for it.
func (w *writer) reconcile(ctx context.Context) {
	for {
		wait := reconcileEvery
		if err := w.reconcileOnce(ctx); err != nil && ctx.Err() == nil {
			w.logger.Warn("seats are not reconciled with the ledger", "event_id", w.event.id, "err", err)
			wait = reconcileAgain
		}
		if err := w.repairWithin(ctx); err != nil && ctx.Err() == nil {
			w.logger.Warn("spoiled records of seats are not repaired yet", "event_id", w.event.id, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// reconcileOnce reads the seats first and the ledger second: a seat is sold
// only after its booking was committed, so that what is sold here is booked
// there, or was refunded meanwhile.
func (w *writer) reconcileOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	sold, err := own(ctx, w, 0, func(e *seating.Engine, _ time.Time) []seating.Sale { return e.Sold() })
	if err != nil {
		return err
	}
	bookings, err := w.ledger.Bookings(ctx, w.event.id)
	if err != nil {
		return err
	}
	unbooked := 0
	for _, r := range diff(sold, bookings) {
		failpoint.Here(failpoint.DifferenceFound)
		switch {
		case r.Booked && w.now().Sub(r.At) < reconcileGrace:
		case r.Booked:
			err = w.booked(ctx, r)
		case unbooked < maxUnbooked:
			unbooked++
			err = w.unbooked(ctx, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sell makes r's seats those of its order, or says why not.
func sell(e *seating.Engine, r repair, now time.Time) *wire.Problem {
	if p := e.Confirm(wire.ConfirmRequest{Hold: r.Hold, Order: r.Order, Fan: r.Fan, Seats: r.Seats}, now); p != nil {
		return p
	}
	for _, q := range r.Seats {
		if e.OrderOf(q.ID) != r.Order {
			return wire.Refuse(wire.CodeTaken, "The order has other seats than "+q.ID+".")
		}
	}
	return nil
}

// booked makes sold what is booked.
func (w *writer) booked(ctx context.Context, r repair) error {
	refused, err := own(ctx, w, 2*wire.MaxPerFan, func(e *seating.Engine, now time.Time) *wire.Problem { return sell(e, r, now) })
	switch {
	case err != nil:
		return err
	case refused != nil:
		w.metrics.repairs.WithLabelValues(repairNone).Inc()
		w.logger.Error("booked seats can't be made sold", "event_id", w.event.id, "order_id", r.Order, "err", refused)
	default:
		w.metrics.repairs.WithLabelValues(repairSold).Inc()
		w.logger.Warn("booked seats were not sold: repaired", "event_id", w.event.id, "order_id", r.Order, "seats", len(r.Seats))
	}
	return nil
}

// unbooked looks into sold seats without a booking. What the ledger has taken
// back goes on sale again, or off it if the refund says so. A seat which it says
// belongs to the order, and one whose order it doesn't know, stays sold: to offer
// what somebody may own is worse.
func (w *writer) unbooked(ctx context.Context, r repair) error {
	order, err := w.ledger.Order(ctx, r.Order)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return fmt.Errorf("order %s: %w", r.Order, err)
	}
	var back []string
	for _, q := range r.Seats {
		if gone(order, q.ID) {
			back = append(back, q.ID)
		}
	}
	if len(back) < len(r.Seats) {
		w.metrics.repairs.WithLabelValues(repairNone).Inc()
		w.logger.Error("seats are sold without a booking", "event_id", w.event.id, "order_id", r.Order, "order_state", order.State, "seats", len(r.Seats)-len(back))
	}
	if len(back) == 0 {
		return nil
	}
	parts := takingBack(order, back, wire.RefundRequest{Hold: r.Hold, Order: r.Order, Fan: r.Fan, Why: "the ledger has taken them back"})
	refused, err := own(ctx, w, 2*wire.MaxPerFan, func(e *seating.Engine, now time.Time) (p *wire.Problem) {
		for _, part := range parts {
			p = cmp.Or(p, e.Refund(part, now))
		}
		return p
	})
	switch {
	case err != nil:
		return err
	case refused != nil:
		w.metrics.repairs.WithLabelValues(repairNone).Inc()
		w.logger.Error("seats without a booking can't be freed", "event_id", w.event.id, "order_id", r.Order, "err", refused)
	default:
		w.metrics.repairs.WithLabelValues(repairFreed).Inc()
		w.logger.Warn("seats the ledger had taken back were still sold: repaired", "event_id", w.event.id, "order_id", r.Order, "seats", len(back))
	}
	return nil
}

// gone tells whether the ledger says that a seat is not the order's any more.
func gone(o ledger.Order, seat string) bool {
	switch o.State {
	case wire.OrderRefunded, wire.OrderFailed:
		return true
	case wire.OrderPaid:
		return !slices.ContainsFunc(o.Seats, func(q wire.SeatQuote) bool { return q.ID == seat })
	}
	return false
}

// own runs f on the engine between the fans' commands and returns its result.
func own[T any](ctx context.Context, w *writer, weight int, f func(*seating.Engine, time.Time) T) (result T, err error) {
	done := make(chan T, 1)
	c := command{weight: weight, decide: func(e *seating.Engine, now time.Time) func(*seating.Engine) any {
		done <- f(e, now)
		return given(nil)
	}}
	select {
	case w.queue <- c: // never refused: it waits for room
	case <-ctx.Done():
		return result, ctx.Err()
	}
	select {
	case result = <-done:
		return result, nil
	case <-ctx.Done():
		return result, ctx.Err()
	}
}

// settleHold asks the ledger about a hold in checkout whose deadline has passed
// and gives the writer the answer. Without an answer the hold stays.
func (w *writer) settleHold(ctx context.Context, h seating.Ended) {
	select {
	case w.settling <- struct{}{}:
		defer func() { <-w.settling }()
	case <-ctx.Done():
		return
	}
	asking, cancel := context.WithTimeout(ctx, settleTimeout)
	reply, err := w.ledger.GiveUp(asking, h.Order, w.event.id, h.Fan)
	cancel()
	if err == nil {
		failpoint.Here(failpoint.CheckoutSettled)
	}
	own := command{weight: 2 * wire.MaxPerFan, decide: func(e *seating.Engine, now time.Time) func(*seating.Engine) any {
		delete(w.asking, h.Hold)
		switch {
		case err != nil:
			e.Postpone(h.Hold, now.Add(settleAgain))
		case reply.State == wire.OrderPaid:
			e.Confirm(wire.ConfirmRequest{Hold: h.Hold, Order: h.Order, Fan: h.Fan, Seats: reply.Seats}, now)
		default:
			e.Release(wire.ReleaseRequest{Hold: h.Hold, Order: h.Order, Why: "the deadline passed during the checkout"}, now)
		}
		return given(nil)
	}}
	switch {
	case err != nil:
		w.logger.Warn("a hold past its deadline waits for the ledger", "event_id", w.event.id, "err", err)
	case reply.State != wire.OrderPaid:
		notify(w.nc, w.event.id, h.Fan, wire.Notice{Kind: "order", Hold: h.Hold, Order: h.Order, State: string(reply.State), Reason: reply.Reason, At: w.now().UTC()})
	}
	select {
	case w.queue <- own: // never refused: it ends a hold
	case <-ctx.Done():
	}
}
