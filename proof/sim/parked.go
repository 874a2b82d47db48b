package sim

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"frontrow/inventory/ledger"
	"frontrow/wire"
)

// Orders in books that wait for their fans.

// parked is an order that waits, and when somebody looks at it.
type parked struct {
	ledger.Parked
	woken, next time.Time
}

func (b *books) park(p ledger.Parked, until time.Time) (ledger.Order, error) {
	o, err := b.load(p.Order.Order)
	if err != nil || o.State != wire.OrderPending {
		return o, err
	}
	if waits := b.parked[o.ID]; waits != nil {
		waits.next = until
	} else if !b.forgetful {
		b.parked[o.ID] = &parked{p, b.now(), until}
	}
	m := p.Order
	return ledger.Order{ID: m.Order, Hold: m.Hold, Event: m.Event, Fan: m.Fan, State: wire.OrderPending,
		Seats: m.Seats, Total: m.Total, Currency: m.Currency}, nil
}

// waiting returns the parked orders that are due, those due first in front.
func (b *books) waiting() (due []*parked) {
	for _, p := range b.parked {
		if !p.next.After(b.now()) {
			due = append(due, p)
		}
	}
	slices.SortFunc(due, func(a, b *parked) int {
		if c := a.next.Compare(b.next); c != 0 {
			return c
		}
		return strings.Compare(a.Order.Order, b.Order.Order)
	})
	return due
}

func (b *books) takeDue(n int, lease time.Duration) (due []ledger.Parked) {
	waiting := b.waiting()
	for _, p := range waiting[:min(n, len(waiting))] {
		p.woken, p.next = b.now(), b.now().Add(lease)
		due = append(due, p.Parked)
	}
	return due
}

func (b *books) parkedOrder(id string) (ledger.Parked, error) {
	if p := b.parked[id]; p != nil {
		return p.Parked, nil
	}
	return ledger.Parked{}, ledger.ErrNotFound
}

func (b *books) hurry(id string, least time.Duration) {
	p := b.parked[id]
	if p == nil {
		return
	}
	at := b.now()
	if floor := p.woken.Add(least); floor.After(at) {
		at = floor
	}
	if p.next.After(at) {
		p.next = at
	}
}

func (b *books) unpark(orders []string) {
	for _, id := range orders {
		delete(b.parked, id)
	}
}

func (p ledgerOf) Park(ctx context.Context, o ledger.Parked, until time.Time) (ledger.Order, error) {
	return transact(ctx, p, "park "+o.Order.Order, func(b *books) (ledger.Order, error) {
		if b.parked[o.Order.Order] == nil {
			p.w.counts.Parked++
		}
		return b.park(o, until)
	})
}

func (p ledgerOf) Parked(ctx context.Context, order string) (ledger.Parked, error) {
	return transact(ctx, p, "parked "+order, func(b *books) (ledger.Parked, error) { return b.parkedOrder(order) })
}

// Due asks twice a second, and mostly for nothing: see Claim.
func (p ledgerOf) Due(ctx context.Context, n int, lease time.Duration) ([]ledger.Parked, error) {
	if p.isDead() {
		return nil, errNoAnswer
	}
	p.w.booksMu.Lock()
	due := len(p.w.books.waiting()) > 0
	p.w.booksMu.Unlock()
	if !due {
		return nil, nil
	}
	return transact(ctx, p, "due", func(b *books) ([]ledger.Parked, error) { return b.takeDue(n, lease), nil })
}

func (p ledgerOf) Unpark(ctx context.Context, orders []string) error {
	_, err := transact(ctx, p, "unpark "+strings.Join(slices.Sorted(slices.Values(orders)), " "), func(b *books) (struct{}, error) {
		for _, id := range orders {
			p.w.check.unparked(id)
		}
		b.unpark(orders)
		return struct{}{}, nil
	})
	return err
}

// looks has the buyer of an order look at it, as package checkout answers them.
func (v *provider) looks(order string) {
	v.w.booksMu.Lock()
	defer v.w.booksMu.Unlock()
	v.w.books.hurry(order, fanLook)
}

// fanLook is package checkout's: an order that waits is looked at again at most so often
// because its fan looks.
const fanLook = 5 * time.Second

// acknowledged: a message is gone once its order has ended, or waits where others find it.
func (c *checker) acknowledged(order string) {
	o, err := c.w.books.load(order)
	if errors.Is(err, ledger.ErrNotFound) || o.State == wire.OrderPending && c.w.books.parked[order] == nil {
		c.w.violate("I10", "the message of order %s is acknowledged, which is %q and nobody's", order, o.State)
	}
}

// unparked: an order that waits is forgotten once it has ended and its seats have followed.
func (c *checker) unparked(order string) {
	o, err := c.w.books.load(order)
	h := c.holds[o.Hold]
	if err != nil || o.State == wire.OrderPending || h != nil && h.order == order && !h.over && o.State != wire.OrderRefunded {
		c.w.violate("I10", "order %s is forgotten, which is %q, and its hold %+v", order, o.State, h)
	}
}
