package sim

import (
	"errors"
	"time"

	"frontrow/wire"
)

// voidAfter and the lease of a task are those of packages ledger and checkout.
const (
	voidAfter = time.Minute
	taskLease = 30 * time.Second
	relayPoll = 500 * time.Millisecond
)

const (
	capture = "capture"
	void    = "void"
)

var (
	errAway    = errors.New("the ledger is away")
	errUnbegun = errors.New("no such order")
)

// ledger is PostgreSQL by the rules of package ledger: each method is a
// transaction, done as a whole or not at all, and may be repeated. What is lost
// or late is the request to it, or its answer.
type ledger struct {
	w        *world
	away     time.Time
	orders   map[string]*order
	seats    map[string]*booking // by seat
	payments map[string]string   // by order: authorized, captured, voided
	outbox   []*task
	armed    *event
	armedAt  time.Time
}

type order struct {
	msg    wire.OrderMessage
	state  wire.OrderState
	reason string
	err    error
}

// booking is a seat: sold when order is set, under a fence.
type booking struct {
	order string
	fence uint64
}

// task is something the provider has still to be told.
type task struct {
	kind, order string
	known       bool // the authorisation, when the task was written
	at          time.Time
	attempts    int
	done        bool
}

func newLedger(w *world) *ledger {
	l := &ledger{w: w, orders: map[string]*order{}, seats: map[string]*booking{}, payments: map[string]string{}}
	for i := range w.index.Len() {
		l.seats[w.index.ID(i)] = &booking{}
	}
	return l
}

// ask runs a transaction. An error leaves its outcome open.
func (l *ledger) ask(p *proc, limit time.Duration, transaction func() order) (order, error) {
	o, ok := ask(l.w, p, "ledger", limit, func() order {
		if l.w.faulty() && (l.w.now.Before(l.away) || l.w.chance(0.02)) {
			return order{err: errAway}
		}
		o := transaction()
		l.w.check.limits()
		return o
	})
	if !ok {
		return o, errNoAnswer
	}
	return o, o.err
}

func (l *ledger) begin(m wire.OrderMessage) order {
	if l.orders[m.Order] == nil {
		l.orders[m.Order] = &order{msg: m, state: wire.OrderPending}
	}
	return *l.orders[m.Order]
}

// commit books all seats of a pending order or fails it.
func (l *ledger) commit(m wire.OrderMessage, revision uint64) order {
	o := l.orders[m.Order]
	switch {
	case o == nil:
		return order{err: errUnbegun}
	case o.state == wire.OrderFailed: // given up before: an authorisation came too late
		l.w.counts.LateCommits++
		l.charge(m.Order, void)
	case o.state != wire.OrderPending:
	case !l.bookable(m, revision):
		l.end(o, "the seats went to somebody else")
		l.charge(m.Order, void)
	default:
		o.state = wire.OrderPaid
		l.w.counts.Paid++
		for _, q := range m.Seats {
			if b := l.seats[q.ID]; b.order != "" {
				l.w.violate("UNIQUE", "seat %s booked for %s and for %s", q.ID, b.order, m.Order)
			}
			l.seats[q.ID] = &booking{m.Order, revision}
		}
		l.charge(m.Order, capture)
	}
	return *o
}

func (l *ledger) bookable(m wire.OrderMessage, revision uint64) bool {
	if l.w.cfg.Bugs.NoSeatCheck {
		return true
	}
	for _, q := range m.Seats {
		if b := l.seats[q.ID]; b == nil || b.order != "" || b.fence >= revision {
			return false
		}
	}
	return len(m.Seats) > 0
}

// charge records the authorisation and what is to become of it.
func (l *ledger) charge(order, kind string) {
	if l.payments[order] == "" {
		l.payments[order] = "authorized"
	}
	l.put(kind, order, true, l.w.now)
}

// fail ends a pending order, unless it is paid meanwhile.
func (l *ledger) fail(id, reason string, declined bool) order {
	o := l.orders[id]
	if o == nil {
		return order{err: errUnbegun}
	}
	if o.state == wire.OrderPending {
		l.end(o, reason)
		l.w.counts.Failed++
		if !declined && !l.w.cfg.Bugs.NoVoid {
			l.put(void, id, false, l.w.now.Add(voidAfter))
		}
	}
	return *o
}

func (l *ledger) end(o *order, reason string) {
	o.state, o.reason = wire.OrderFailed, reason
	l.w.check.failed(o)
}

// giveUp decides the race between an order and its hold's deadline, even for
// an order never begun.
func (l *ledger) giveUp(id, fan string) order {
	if l.orders[id] == nil {
		l.orders[id] = &order{state: wire.OrderPending,
			msg: wire.OrderMessage{Order: id, Hold: wire.HoldOfOrder(id), Event: eventID, Fan: fan}}
	}
	return l.fail(id, "the checkout took too long", false)
}

// put adds or renews a task, unless the payment has reached its end.
func (l *ledger) put(kind, order string, known bool, at time.Time) {
	defer l.arm()
	for _, t := range l.outbox {
		if t.kind == kind && t.order == order {
			if s := l.payments[order]; s != "captured" && s != "voided" {
				t.known, t.at, t.done = known, at, false
				t.attempts++
			}
			return
		}
	}
	l.outbox = append(l.outbox, &task{kind: kind, order: order, known: known, at: at})
}

// claim takes the tasks that are due, for a lease.
func (l *ledger) claim() (claimed []task) {
	for _, t := range l.outbox {
		if !t.done && !t.at.After(l.w.now) {
			t.attempts++
			t.at = l.w.now.Add(taskLease)
			claimed = append(claimed, *t)
		}
	}
	return claimed
}

// finish settles a claimed task: done, or due again at an instant. A claim
// that has passed to somebody else is left alone.
func (l *ledger) finish(c task, done bool, again time.Time) {
	for _, t := range l.outbox {
		if t.kind != c.kind || t.order != c.order || t.done {
			continue
		}
		if !done {
			t.at = again
		} else if t.attempts == c.attempts {
			t.done = true
			if l.payments[t.order] == "authorized" {
				l.payments[t.order] = map[string]string{capture: "captured", void: "voided"}[t.kind]
			}
		}
	}
}

// arm has a relay look when the next task is due, and again until it is done.
func (l *ledger) arm() {
	var at time.Time
	for _, t := range l.outbox {
		if !t.done && (at.IsZero() || t.at.Before(at)) {
			at = t.at
		}
	}
	if at.IsZero() || l.armed != nil && l.armed.do != nil && !at.Before(l.armedAt) {
		return
	}
	if l.armed != nil {
		l.armed.do = nil
	}
	l.armedAt = at
	l.armed = l.w.after(max(at.Sub(l.w.now), 0)+l.w.between(0, relayPoll), "outbox", "is due", func() {
		l.armed = nil
		l.w.mortal(l.w.spawn("relay", l.w.relay), 0.1)
		l.w.after(relayPoll, "outbox", "is looked at", l.arm)
	})
}
