package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"frontrow/inventory/ledger"
	"frontrow/wire"
)

// voidAfter is ledger's: when a provider is asked to void what may stand under an order
// that has failed.
const voidAfter = time.Minute

// nothingAgreed is the currency of an order that was never begun.
const nothingAgreed = "XXX"

// books are the tables of package ledger, and its transactions as rules over them, one at a
// time. TestBooks holds them to what PostgreSQL does.
type books struct {
	now    func() time.Time
	events map[string]bool
	seats  map[place]*seat
	orders map[string]*account
	tasks  []*task
	parked map[string]*parked

	lastTask int64 // id

	ended     func(ledger.Order)            // an order failed; may be nil
	booked    func(o ledger.Order, s *seat) // a seat is about to be booked; may be nil
	blind     bool                          // bug: takes the seats unseen
	forgetful bool                          // bug: says that an order is parked, and forgets it
	slack     bool                          // bug: has nothing voided that may be authorised unnoticed
}

type place struct{ event, seat string }

// seat is sold while order is set. The fence stays.
type seat struct {
	fence  uint64
	order  string
	ticket string
	sold   uint64 // the revision of the hold it was sold under
	at     time.Time
}

// account is an order and its money.
type account struct {
	ledger.Order
	payment *ledger.Found
	refunds []*refunding
}

type refunding struct {
	amount     int64
	done, told bool
}

func (a *account) returned() (sum int64) {
	for _, r := range a.refunds {
		sum += r.amount
	}
	return sum
}

// task is one of the outbox.
type task struct {
	ledger.Task
	no   int // of the refund
	next time.Time
	done time.Time // zero: not

	refused bool // for good, by the provider
}

func newBooks(now func() time.Time) *books {
	return &books{now: now, events: map[string]bool{}, seats: map[place]*seat{}, orders: map[string]*account{}, parked: map[string]*parked{}}
}

// load is a whole order as it stands.
func (b *books) load(id string) (ledger.Order, error) {
	a := b.orders[id]
	if a == nil {
		return ledger.Order{}, fmt.Errorf("order %s: %w", id, ledger.ErrNotFound)
	}
	o := a.Order
	o.Seats, o.Refunded = slices.Clone(o.Seats), slices.Clone(o.Refunded)
	o.Tickets, o.OffSale = slices.Clone(o.Tickets), slices.Clone(o.OffSale)
	return o, nil
}

func (b *books) putEvent(event string, seats []string) {
	b.events[event] = true
	for _, id := range seats {
		if k := (place{event, id}); b.seats[k] == nil {
			b.seats[k] = &seat{}
		}
	}
}

func (b *books) begin(m wire.OrderMessage) (ledger.Order, error) {
	if b.orders[m.Order] != nil {
		return b.load(m.Order)
	}
	if !b.events[m.Event] {
		return ledger.Order{}, fmt.Errorf("order %s: event %s: %w", m.Order, m.Event, ledger.ErrUnknownEvent)
	}
	o := ledger.Order{ID: m.Order, Hold: m.Hold, Event: m.Event, Fan: m.Fan, State: wire.OrderPending,
		Seats: m.Seats, Total: m.Total, Currency: m.Currency}
	stored := o
	stored.Seats = slices.SortedFunc(slices.Values(m.Seats), bySeat)
	b.orders[m.Order] = &account{Order: stored}
	return o, nil
}

func bySeat(a, b wire.SeatQuote) int { return strings.Compare(a.ID, b.ID) }

// commit books all seats of a pending order or fails it.
func (b *books) commit(p ledger.Purchase) (c ledger.Committed, err error) {
	a := b.orders[p.Order.Order]
	switch {
	case a == nil:
		return c, fmt.Errorf("order %s: %w", p.Order.Order, ledger.ErrNotFound)
	case a.State == wire.OrderFailed: // given up before: an authorisation came too late
		b.charge(p, ledger.KindVoid)
		c.Order, err = b.load(a.ID)
		return c, err
	case a.State != wire.OrderPending:
		c.Order, err = b.load(a.ID)
		return c, err
	case !b.bookable(p):
		a.State, a.Reason = wire.OrderFailed, ledger.ReasonSeatGone
		b.fails(a)
		b.charge(p, ledger.KindVoid)
		c.Order, err = b.load(a.ID)
		c.Seats = p.Order.Seats
		return c, err
	}
	tickets := map[string]string{}
	for _, q := range p.Order.Seats {
		s := b.seats[place{p.Order.Event, q.ID}]
		if b.booked != nil {
			b.booked(a.Order, s)
		}
		tickets[q.ID] = "t_" + strings.TrimPrefix(a.ID, "o_") + "." + q.ID
		*s = seat{fence: p.Revision, order: a.ID, ticket: tickets[q.ID], sold: p.Revision, at: b.now()}
	}
	a.State = wire.OrderPaid
	for _, q := range a.Seats {
		a.Tickets = append(a.Tickets, tickets[q.ID])
	}
	c.Capture = b.charge(p, ledger.KindCapture)
	c.Order, err = b.load(a.ID)
	c.Seats, c.Tickets = p.Order.Seats, nil
	for _, q := range p.Order.Seats {
		c.Tickets = append(c.Tickets, tickets[q.ID])
	}
	return c, err
}

func (b *books) bookable(p ledger.Purchase) bool {
	if b.blind {
		return true
	}
	seen := map[string]bool{}
	for _, q := range p.Order.Seats {
		s := b.seats[place{p.Order.Event, q.ID}]
		if s == nil || s.order != "" || s.fence >= p.Revision || seen[q.ID] {
			return false
		}
		seen[q.ID] = true
	}
	return len(seen) > 0
}

func (b *books) fails(a *account) {
	if b.ended != nil {
		b.ended(a.Order)
	}
}

// charge records the authorisation and what is to become of it. It returns a task that
// the committer takes.
func (b *books) charge(p ledger.Purchase, kind string) (mine ledger.Task) {
	if p.Order.Total == 0 {
		return mine
	}
	a := b.orders[p.Order.Order]
	if a.payment == nil {
		a.payment = &ledger.Found{Order: a.ID, Provider: p.Provider, Reference: p.Reference, State: "authorized", Amount: p.Order.Total, Currency: p.Order.Currency}
	}
	t := ledger.Task{Kind: kind, Order: a.ID, Reference: p.Reference, Amount: p.Order.Total, Currency: p.Order.Currency}
	if kind == ledger.KindVoid {
		b.put(t, b.now())
		return mine
	}
	if p.Lease != 0 {
		t.Attempts = 1
	}
	added := b.add(&task{Task: t, next: b.now().Add(p.Lease)})
	if p.Lease != 0 {
		mine = added.Task
	}
	return mine
}

// put adds or renews a task, unless the payment has reached its end.
func (b *books) put(t ledger.Task, at time.Time) {
	for _, old := range b.tasks {
		if old.Order != t.Order || old.Kind != t.Kind {
			continue
		}
		if p := b.orders[t.Order].payment; p == nil || p.State != "captured" && p.State != "voided" {
			t.ID, t.Attempts = old.ID, old.Attempts+1
			*old = task{Task: t, next: at}
		}
		return
	}
	b.add(&task{Task: t, next: at})
}

func (b *books) add(t *task) *task {
	b.lastTask++
	t.ID = b.lastTask
	b.tasks = append(b.tasks, t)
	return t
}

// fail ends a pending order, unless it is paid meanwhile.
func (b *books) fail(id, reason string, declined bool) (ledger.Order, error) {
	a := b.orders[id]
	if a == nil {
		return b.load(id)
	}
	if a.State == wire.OrderPending {
		a.State, a.Reason = wire.OrderFailed, reason
		b.fails(a)
		if free := a.Total == 0 && a.Currency != nothingAgreed; !declined && !free && !b.slack {
			b.put(ledger.Task{Kind: ledger.KindVoid, Order: id}, b.now().Add(voidAfter))
		}
	}
	return b.load(id)
}

// giveUp decides the race between an order and its hold's deadline, even for an order
// never begun.
func (b *books) giveUp(id, event, fan string) (ledger.Order, error) {
	if b.orders[id] == nil {
		b.orders[id] = &account{Order: ledger.Order{ID: id, Hold: wire.HoldOfOrder(id), Event: event, Fan: fan, State: wire.OrderPending, Currency: nothingAgreed}}
	}
	return b.fail(id, ledger.ReasonGivenUp, false)
}

// reopen begins the revisions of an event anew.
func (b *books) reopen(event string, revision uint64) []ledger.Booking {
	for _, id := range b.ids() {
		if a := b.orders[id]; a.Event == event && a.State == wire.OrderPending {
			a.State, a.Reason = wire.OrderFailed, ledger.ReasonLost
			b.fails(a)
			b.put(ledger.Task{Kind: ledger.KindVoid, Order: id}, b.now().Add(voidAfter))
		}
	}
	for k, s := range b.seats {
		if k.event == event {
			s.fence = min(s.fence, revision)
		}
	}
	return b.bookings(event)
}

// ids of all orders, in their order.
func (b *books) ids() []string {
	ids := make([]string, 0, len(b.orders))
	for id := range b.orders {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (b *books) bookings(event string) (found []ledger.Booking) {
	for k, s := range b.seats {
		if k.event != event || s.order == "" {
			continue
		}
		a := b.orders[s.order]
		i := slices.IndexFunc(a.Seats, func(q wire.SeatQuote) bool { return q.ID == k.seat })
		found = append(found, ledger.Booking{Seat: a.Seats[i], Order: a.ID, Hold: a.Hold, Fan: a.Fan, Ticket: s.ticket, Revision: s.sold, At: s.at})
	}
	slices.SortFunc(found, func(a, b ledger.Booking) int { return bySeat(a.Seat, b.Seat) })
	return found
}
