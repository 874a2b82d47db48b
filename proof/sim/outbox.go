package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"frontrow/inventory/ledger"
	"frontrow/wire"
)

// The outbox of books, and the money it moves.

// claim takes the tasks that are due, for a lease.
func (b *books) claim(n int, lease time.Duration) (claimed []ledger.Task) {
	now := b.now()
	var due []*task
	for _, t := range b.tasks {
		if t.done.IsZero() && !t.next.After(now) && (t.Kind != ledger.KindRefund || !b.capturing(t.Order)) {
			due = append(due, t)
		}
	}
	slices.SortStableFunc(due, func(a, b *task) int { return a.next.Compare(b.next) })
	for _, t := range due[:min(n, len(due))] {
		t.Attempts++
		t.next = now.Add(lease)
		claimed = append(claimed, t.Task)
	}
	return claimed
}

// capturing reports whether a capture of the order is still to be done.
func (b *books) capturing(order string) bool {
	return slices.ContainsFunc(b.tasks, func(t *task) bool {
		return t.Order == order && t.Kind == ledger.KindCapture && t.done.IsZero()
	})
}

// due reports whether claim would take a task.
func (b *books) due() bool {
	now := b.now()
	return slices.ContainsFunc(b.tasks, func(t *task) bool {
		return t.done.IsZero() && !t.next.After(now) && (t.Kind != ledger.KindRefund || !b.capturing(t.Order))
	})
}

// finish settles claimed tasks. Claims that have passed to somebody else are left alone.
func (b *books) finish(ends []ledger.End) {
	for _, e := range ends {
		i := slices.IndexFunc(b.tasks, func(t *task) bool { return t.ID == e.ID })
		if i < 0 || b.tasks[i].Attempts != e.Attempts || !b.tasks[i].done.IsZero() {
			continue
		}
		t := b.tasks[i]
		a := b.orders[t.Order]
		switch {
		case e.Refused != "":
			t.refused, t.next = true, never
			if a.State == wire.OrderRefunded {
				b.forgo(a)
				a.Reason = ledger.ReasonUncollected
			}
			continue
		case !e.Again.IsZero():
			t.next = e.Again
			continue
		}
		t.done = b.now()
		switch {
		case t.Kind == ledger.KindRefund:
			a.refunds[t.no-1].done = true
		case a.payment != nil && a.payment.State == "authorized":
			a.payment.State = map[string]string{ledger.KindCapture: "captured", ledger.KindVoid: "voided"}[t.Kind]
		}
	}
}

// never is when a refused capture is due.
var never = time.Unix(1<<40, 0)

// refused is the order's capture if the provider refuses it for good, or nil.
func (b *books) refused(order string) *task {
	i := slices.IndexFunc(b.tasks, func(t *task) bool { return t.Order == order && t.refused && t.done.IsZero() })
	if i < 0 {
		return nil
	}
	return b.tasks[i]
}

// forgo has an order's authorisation voided instead of captured, and nothing returned.
func (b *books) forgo(a *account) {
	b.returnNothing(a)
	b.tasks = slices.DeleteFunc(b.tasks, func(t *task) bool {
		return t.Order == a.ID && t.Kind == ledger.KindCapture && t.done.IsZero()
	})
	p := a.payment
	b.put(ledger.Task{Kind: ledger.KindVoid, Order: a.ID, Reference: p.Reference, Amount: p.Amount, Currency: p.Currency}, b.now())
}

func (b *books) returnNothing(a *account) {
	b.tasks = slices.DeleteFunc(b.tasks, func(t *task) bool {
		return t.Order == a.ID && t.Kind == ledger.KindRefund && t.done.IsZero()
	})
	for _, r := range a.refunds {
		if !r.done {
			r.amount, r.done = 0, true
		}
	}
}

// retryCaptures makes refused captures of an event due again: of one order, or of all.
func (b *books) retryCaptures(event, order string) (n int) {
	for _, t := range b.tasks {
		if t.refused && t.done.IsZero() && b.orders[t.Order].Event == event && (order == "" || order == t.Order) {
			t.refused, t.next = false, b.now()
			t.Attempts++
			n++
		}
	}
	return n
}

// writeOff gives an order's money up.
func (b *books) writeOff(order string) (lost ledger.Sum, err error) {
	a := b.orders[order]
	t := b.refused(order)
	switch {
	case a == nil:
		return lost, ledger.ErrNotFound
	case a.payment != nil && a.payment.State == "written_off":
		return ledger.Sum{Count: 1, Amount: a.payment.Amount}, nil
	case t == nil:
		return lost, ledger.ErrNotRefused
	}
	a.payment.State, t.done = "written_off", b.now()
	b.returnNothing(a)
	return ledger.Sum{Count: 1, Amount: a.payment.Amount}, nil
}

// settle brings a payment that was found to the end which its order demands.
func (b *books) settle(f ledger.Found) (ledger.Order, error) {
	a := b.orders[f.Order]
	if a == nil || a.State != wire.OrderFailed && a.State != wire.OrderRefunded {
		return b.load(f.Order)
	}
	returnedAll := f.State == "refunded"
	if returnedAll {
		f.State = "captured"
	}
	known := ""
	if a.payment != nil {
		known = a.payment.State
	}
	if !news(known, f.State) {
		return b.load(f.Order)
	}
	if a.payment != nil {
		f.Provider = a.payment.Provider
	}
	a.payment = &f
	if f.State == "authorized" {
		b.put(ledger.Task{Kind: ledger.KindVoid, Order: f.Order, Reference: f.Reference, Amount: f.Amount, Currency: f.Currency}, b.now())
		return b.load(f.Order)
	}
	captured, returned := f.State == "captured", a.returned()
	b.close(f.Order, func(t *task) bool { return t.Kind != ledger.KindRefund || !captured })
	if captured && a.State == wire.OrderRefunded {
		a.Reason = ""
	}
	if !captured {
		for _, r := range a.refunds {
			if !r.done {
				*r = refunding{done: true, told: r.told}
			}
		}
	}
	if due := f.Amount - returned; captured && due > 0 {
		b.owe(a, f.Reference, f.Currency, due, false)
	}
	if returnedAll {
		for _, r := range a.refunds {
			r.done = true
		}
		b.close(f.Order, func(*task) bool { return true })
	}
	return b.load(f.Order)
}

// close ends tasks of an order that nobody has to do any more.
func (b *books) close(order string, which func(*task) bool) {
	for _, t := range b.tasks {
		if t.Order == order && t.done.IsZero() && which(t) {
			t.done = b.now()
			t.Attempts++
		}
	}
}

// news reports whether a payment known in one state can be in the other now.
func news(known, heard string) bool {
	switch known {
	case "captured":
		return false
	case "voided", "written_off":
		return heard == "captured"
	case "authorized", "declined":
		return heard != known
	}
	return true
}

// owe records the next refund of an order, and the task to make it.
func (b *books) owe(a *account, reference, currency string, amount int64, seats bool) {
	a.refunds = append(a.refunds, &refunding{amount: amount, done: amount == 0, told: !seats})
	if no := len(a.refunds); amount > 0 {
		t := ledger.Task{Kind: ledger.KindRefund, Order: a.ID, Key: fmt.Sprintf("%s.%d", a.ID, no),
			Reference: reference, Amount: amount, Currency: currency}
		b.add(&task{Task: t, no: no, next: b.now()})
	}
}

// unsettled are the failed orders whose provider should be asked again.
func (b *books) unsettled(after ledger.Unsettled, n int) (found []ledger.Unsettled) {
	for _, t := range b.tasks {
		a := b.orders[t.Order]
		u := ledger.Unsettled{Asked: t.done, Order: t.Order, Event: a.Event, Fan: a.Fan}
		if t.Kind == ledger.KindVoid && !t.done.IsZero() && a.State == wire.OrderFailed && a.payment == nil && byAsked(u, after) > 0 {
			found = append(found, u)
		}
	}
	slices.SortFunc(found, byAsked)
	return found[:min(n, len(found))]
}

func byAsked(a, b ledger.Unsettled) int {
	return cmp.Or(a.Asked.Compare(b.Asked), strings.Compare(a.Order, b.Order))
}
