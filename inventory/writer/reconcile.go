package writer

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
	reconcileFirst   = 5 * time.Millisecond // after the term has begun: who waits for it comes first
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

// confirm is how a booked order's seats become sold.
func (r repair) confirm() wire.ConfirmRequest {
	return wire.ConfirmRequest{Hold: r.Hold, Order: r.Order, Fan: r.Fan, Seats: r.Seats}
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
func (t *term) reconcile(ctx context.Context) {
	for next := reconcileFirst; wait(ctx, next) == nil; {
		next = reconcileEvery
		if err := t.reconcileOnce(ctx); err != nil && ctx.Err() == nil {
			t.cfg.Logger.Warn("seats are not reconciled with the ledger", "event", t.event.id, "err", err)
			next = reconcileAgain
		}
		if err := t.repairWithin(ctx); err != nil && ctx.Err() == nil {
			t.cfg.Logger.Warn("spoiled records of seats are not repaired yet", "event", t.event.id, "err", err)
		}
	}
}

// reconcileOnce reads the seats first and the ledger second: a seat is sold
// only after its booking was committed, so that what is sold here is booked
// there, or was refunded meanwhile.
func (t *term) reconcileOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	sold, err := askWriter[[]seating.Sale](ctx, t, actSold, &soldSeats{})
	if err != nil {
		return err
	}
	bookings, err := t.cfg.Ledger.Bookings(ctx, t.event.id)
	if err != nil {
		return err
	}
	unbooked := 0
	for _, r := range diff(sold, bookings) {
		failpoint.Here(failpoint.DifferenceFound)
		switch {
		case r.Booked && t.cfg.Now().Sub(r.At) < reconcileGrace:
		case r.Booked:
			err = t.makeSold(ctx, r)
		case unbooked < maxUnbooked:
			unbooked++
			err = t.takeBack(ctx, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// makeSold makes sold what is booked.
func (t *term) makeSold(ctx context.Context, r repair) error {
	reply, err := askWriter[wire.Reply](ctx, t, actBook, &booked{r.confirm()})
	switch {
	case err != nil:
		return err
	case reply.Problem != nil:
		t.metrics.repairs.WithLabelValues(repairNone).Inc()
		t.cfg.Logger.Error("booked seats can't be made sold", "event", t.event.id, "order", r.Order, "err", reply.Problem)
	default:
		t.metrics.repairs.WithLabelValues(repairSold).Inc()
		t.cfg.Logger.Warn("booked seats were not sold: repaired", "event", t.event.id, "order", r.Order, "seats", len(r.Seats))
	}
	return nil
}

// takeBack looks into sold seats without a booking. What the ledger has taken
// back goes on sale again, or off it if the refund says so. A seat which it says
// belongs to the order, and one whose order it doesn't know, stays sold: to offer
// what somebody may own is worse.
func (t *term) takeBack(ctx context.Context, r repair) error {
	order, err := t.cfg.Ledger.Order(ctx, r.Order)
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
		t.metrics.repairs.WithLabelValues(repairNone).Inc()
		t.cfg.Logger.Error("seats are sold without a booking", "event", t.event.id, "order", r.Order, "state", order.State, "seats", len(r.Seats)-len(back))
	}
	if len(back) == 0 {
		return nil
	}
	var refused *wire.Problem
	for _, part := range order.TakingBack(back, wire.RefundRequest{Hold: r.Hold, Order: r.Order, Fan: r.Fan, Why: "the ledger has taken them back"}) {
		reply, err := askWriter[wire.Reply](ctx, t, wire.ActRefund, &part)
		if err != nil {
			return err
		}
		refused = cmp.Or(refused, reply.Problem)
	}
	switch {
	case refused != nil:
		t.metrics.repairs.WithLabelValues(repairNone).Inc()
		t.cfg.Logger.Error("seats without a booking can't be freed", "event", t.event.id, "order", r.Order, "err", refused)
	default:
		t.metrics.repairs.WithLabelValues(repairFreed).Inc()
		t.cfg.Logger.Warn("seats the ledger had taken back were still sold: repaired", "event", t.event.id, "order", r.Order, "seats", len(back))
	}
	return nil
}

// gone reports whether the ledger says that a seat is not the order's any more.
func gone(o ledger.Order, seat string) bool {
	switch o.State {
	case wire.OrderRefunded, wire.OrderFailed:
		return true
	case wire.OrderPaid:
		return !slices.ContainsFunc(o.Seats, func(q wire.SeatQuote) bool { return q.ID == seat })
	}
	return false
}

// question asks the ledger something, as one of a few questions at a time, within a bound.
func (t *term) question(ctx context.Context, ask func(context.Context) error) error {
	select {
	case t.questions <- struct{}{}:
		defer func() { <-t.questions }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	return ask(ctx)
}

// askLedger asks the ledger about a hold in checkout whose deadline has passed
// and gives the writer the answer. Without an answer the hold stays.
func (t *term) askLedger(ctx context.Context, h seating.Ended) {
	v := &verdict{hold: h}
	v.err = t.question(ctx, func(ctx context.Context) (err error) {
		if v.order, err = t.cfg.Ledger.GiveUp(ctx, h.Order, t.event.id, h.Fan); err == nil && v.order.State == wire.OrderRefunded {
			v.back, err = t.refunded(ctx, h)
		}
		return err
	})
	switch {
	case v.err == nil:
		failpoint.Here(failpoint.CheckoutSettled)
	case ctx.Err() != nil:
		return // the next writer asks
	default:
		t.cfg.Logger.Warn("a hold past its deadline waits for the ledger", "event", t.event.id, "err", v.err)
	}
	_ = t.tell(ctx, command{act: actVerdict, request: v, weight: weight(v)}) // else the next writer asks
}

// confirmAsBooked confirms what the ledger, asked in this term, says that an order has. A
// confirmation of seats that are not its order's here is older than what has become of them: the
// order may have been refunded, and its seats given back, under a writer of before. A refund
// that this one is asked for meanwhile is remembered by its engine.
func (t *term) confirmAsBooked(ctx context.Context, c command) {
	r := *c.request.(*wire.ConfirmRequest)
	var order ledger.Order
	err := t.question(ctx, func(ctx context.Context) (err error) {
		order, err = t.cfg.Ledger.Order(ctx, r.Order)
		return err
	})
	r.Seats = nil // of a refunded order: nothing is confirmed
	if order.State == wire.OrderPaid {
		r.Seats = order.Seats
	}
	booked := command{act: actBook, request: &booked{r}, weight: c.weight, to: c.to}
	if err != nil || order.State != wire.OrderPaid && order.State != wire.OrderRefunded || t.tell(ctx, booked) != nil {
		t.answer(c, wire.Reply{Problem: wire.Busy("Whose the seats are can't be said before the ledger is asked. Please try again.")})
	}
}

// refunded is where the seats of an order go that was paid and refunded before they were
// known as sold: on sale, or off it.
func (t *term) refunded(ctx context.Context, h seating.Ended) ([]wire.RefundRequest, error) {
	order, err := t.cfg.Ledger.Order(ctx, h.Order)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(order.Refunded))
	for i, q := range order.Refunded {
		ids[i] = q.ID
	}
	return order.TakingBack(ids, wire.RefundRequest{Hold: h.Hold, Order: h.Order, Fan: h.Fan, Why: "refunded before the sale was confirmed"}), nil
}
