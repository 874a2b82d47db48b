package sim

import (
	"fmt"
	"slices"

	"frontrow/inventory/ledger"
	"frontrow/wire"
)

// Refunds in books.

// refund gives seats of paid orders back, all of the orders or none.
func (b *books) refund(asked []ledger.RefundOrder) ([]ledger.Refunded, error) {
	type part struct{ standing, before []wire.SeatQuote }
	parts := make([]part, len(asked))
	for i, r := range asked {
		a := b.orders[r.Order]
		switch {
		case a == nil:
			return nil, ledger.ErrNotFound
		case a.State != wire.OrderPaid && a.State != wire.OrderRefunded:
			return nil, fmt.Errorf("%s: %w", a.State, ledger.ErrNotPaid)
		}
		p := part{a.Seats, a.Refunded}
		if r.Seats != nil {
			p = part{}
			for n, id := range r.Seats {
				is := func(q wire.SeatQuote) bool { return q.ID == id }
				switch stands, was := slices.IndexFunc(a.Seats, is), slices.IndexFunc(a.Refunded, is); {
				case slices.Contains(r.Seats[:n], id):
				case stands >= 0:
					p.standing = append(p.standing, a.Seats[stands])
				case was >= 0:
					p.before = append(p.before, a.Refunded[was])
				default:
					return nil, fmt.Errorf("seat %s: %w", id, ledger.ErrNotFound)
				}
			}
		}
		parts[i] = p
	}
	done := make([]ledger.Refunded, len(asked))
	for i, r := range asked {
		a := b.orders[r.Order]
		standing := slices.Clone(parts[i].standing)
		d := ledger.Refunded{Seats: slices.Concat(standing, parts[i].before), Now: len(standing)}
		for _, q := range standing {
			d.Amount += q.Price.Total
		}
		if d.Now > 0 {
			d.Amount = b.giveBack(a, standing, d.Amount, r.Block)
		}
		d.Uncollected = a.State == wire.OrderRefunded && a.Reason != ""
		d.Number = len(a.refunds)
		d.Order, _ = b.load(r.Order)
		done[i] = d
	}
	return done, nil
}

// giveBack takes standing seats from an order, and returns its money, of which it says how
// much that is.
func (b *books) giveBack(a *account, seats []wire.SeatQuote, amount int64, off bool) (given int64) {
	whole, first := len(seats) == len(a.Seats), len(a.refunds) == 0
	var stand []wire.SeatQuote
	var tickets []string
	for i, q := range a.Seats {
		if !slices.Contains(seats, q) {
			stand, tickets = append(stand, q), append(tickets, a.Tickets[i])
			continue
		}
		s := b.seats[place{a.Event, q.ID}]
		*s = seat{fence: s.fence}
		a.Refunded = append(a.Refunded, q)
		if off {
			a.OffSale = append(a.OffSale, q.ID)
		}
	}
	slices.SortFunc(a.Refunded, bySeat)
	slices.Sort(a.OffSale)
	a.Seats, a.Tickets = stand, tickets
	if whole {
		a.State = wire.OrderRefunded
	}
	reference, currency := "", a.Currency
	if a.payment != nil {
		reference, currency = a.payment.Reference, a.payment.Currency
	}
	untouched := slices.IndexFunc(b.tasks, func(t *task) bool {
		return t.Order == a.ID && t.Kind == ledger.KindCapture && t.done.IsZero() && t.Attempts == 0
	})
	given = amount
	lost, refused := a.payment != nil && a.payment.State == "written_off", b.refused(a.ID) != nil
	if whole && (lost || refused) {
		a.Reason, given = ledger.ReasonUncollected, 0
	}
	switch {
	case lost:
		given, amount = 0, 0
	case whole && refused:
		b.forgo(a)
		amount = 0
	case whole && first && a.payment != nil && a.payment.State == "authorized" && untouched >= 0:
		b.tasks = slices.Delete(b.tasks, untouched, untouched+1)
		b.put(ledger.Task{Kind: ledger.KindVoid, Order: a.ID, Reference: reference, Amount: a.payment.Amount, Currency: currency}, b.now())
		amount = 0
	}
	b.owe(a, reference, currency, amount, true)
	return given
}

// refundEvent refunds the next orders of an event, n at most.
func (b *books) refundEvent(r ledger.RefundEvent, n int) ([]ledger.Refunded, error) {
	var asked []ledger.RefundOrder
	for _, want := range []func(*account) bool{untold, func(a *account) bool { return a.State == wire.OrderPaid }} {
		for _, id := range b.ids() {
			if a := b.orders[id]; a.Event == r.Event && want(a) && len(asked) < n {
				asked = append(asked, ledger.RefundOrder{Order: id, Block: r.Block, Why: r.Why, By: r.By})
			}
		}
	}
	return b.refund(asked)
}

// untold is an order refunded as a whole whose seats the writer may not have taken back yet.
func untold(a *account) bool {
	return a.State == wire.OrderRefunded && slices.ContainsFunc(a.refunds, func(r *refunding) bool { return !r.told })
}

func (b *books) told(refunds []ledger.Refunded) {
	for _, r := range refunds {
		for i, one := range b.orders[r.Order.ID].refunds {
			if i < r.Number {
				one.told = true
			}
		}
	}
}

// stuckAfter is ledger's: attempts of a capture that are borne before it counts as stuck.
const stuckAfter = 9

// remaining counts what refundEvent has still to do, or may have.
func (b *books) remaining(event string) (r ledger.Remaining) {
	for _, t := range b.tasks {
		if a := b.orders[t.Order]; a.Event == event && t.Kind == ledger.KindCapture && t.done.IsZero() && (t.Attempts > stuckAfter || t.refused) {
			for _, one := range a.refunds {
				if !one.done {
					r.Stuck++
				}
			}
		}
	}
	for _, a := range b.orders {
		switch {
		case a.Event != event:
		case a.State == wire.OrderPaid:
			r.Paid++
		case a.State == wire.OrderPending:
			r.Pending++
		case untold(a):
			r.Untold++
		}
	}
	return r
}
