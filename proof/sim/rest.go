package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"frontrow/inventory/payment"
	"frontrow/wire"
)

// unrestful reports whether something has not come to its end.
func (c *checker) unrestful() bool {
	invariant, _ := c.unrest()
	return invariant != ""
}

// unrest is what has not come to its end, and must before long.
func (c *checker) unrest() (invariant, detail string) {
	w := c.w
	if w.veryLate > 0 {
		return "liveness", "a request is on its way"
	}
	if n, m := w.shopping.Load(), w.refunding.Load(); n+m > 0 {
		return "liveness", fmt.Sprintf("%d fans and %d operators wait for an answer", n, m)
	}
	for _, m := range w.orders.waiting {
		if !m.acked {
			return "liveness", m.entry.Key + " is still in ORDERS"
		}
	}
	w.orders.waiting = nil
	for id := range c.accepted {
		if w.books.orders[id] == nil {
			return "liveness", "order " + id + " was accepted and is nowhere"
		}
	}
	for id, a := range w.books.orders {
		if a.State == wire.OrderPending {
			return "liveness", "order " + id + " is pending"
		}
		due := int64(0)
		for _, q := range a.Seats {
			if a.State == wire.OrderPaid {
				due += q.Price.Total
			}
		}
		for _, seat := range a.OffSale { // nobody puts it back
			if f := c.seats[seat]; f.state != wire.Blocked {
				return "I4", fmt.Sprintf("seat %s was refunded to stay off sale, and is %s", seat, f.state)
			}
		}
		if slices.ContainsFunc(a.refunds, func(r *refunding) bool { return !r.done || !r.told }) {
			return "liveness", fmt.Sprintf("a refund of order %s is not done, or the writer not told", id)
		}
		if m := w.provider.payments[id]; w.provider.owed(id) != due || a.State == wire.OrderFailed && m != nil && m.State == payment.Authorized {
			return "I4", fmt.Sprintf("order %s is %s for %d, its payment %+v", id, a.State, due, m)
		}
	}
	for id := range w.books.parked {
		return "I10", "order " + id + " still waits for its fan"
	}
	for _, t := range w.books.tasks {
		if t.done.IsZero() {
			return "I10", fmt.Sprintf("the outbox still has to %s %s", t.Kind, t.Order)
		}
	}
	return c.seatsUnrest()
}

// seatsUnrest is a seat about which log, record and ledger disagree, or that is kept.
func (c *checker) seatsUnrest() (invariant, detail string) {
	stream, bucket := wire.KVStream(wire.SeatsBucket(eventID)), wire.SeatsBucket(eventID)
	for id, f := range c.seats {
		order := c.w.books.seats[place{eventID, id}]
		var r wire.Seat
		_ = json.Unmarshal(c.w.last(stream, wire.KVSubject(bucket, wire.SeatKey(id))).Value, &r)
		switch {
		case order == nil:
			return "liveness", "the ledger doesn't know seat " + id
		case r.State != f.state:
			return "I10", fmt.Sprintf("seat %s is %s and replays to %s", id, r.State, f.state)
		case f.state == wire.Held:
			return "I7", fmt.Sprintf("seat %s is held until %v, and it is %v", id, f.hold.until, time.Now())
		case f.state == wire.Sold && f.hold.order != order.order, f.state != wire.Sold && order.order != "":
			return "I4", fmt.Sprintf("seat %s is %s (%+v), in the ledger it is %q's", id, f.state, f.hold, order.order)
		}
	}
	return "", ""
}
