package sim

import (
	"errors"
	"fmt"
	"time"

	"frontrow/inventory/seating"
	"frontrow/wire"
)

// Bounds, as in packages consume and checkout and ORDERS' consumer.
const (
	ackWait      = 10 * time.Second
	firstDelay   = 100 * time.Millisecond
	maxDelay     = 10 * time.Second
	ledgerLimit  = 10 * time.Second
	seatsTimeout = 5 * time.Second
	patience     = 10 * time.Minute
)

// Why an order fails while its hold stands.
const (
	reasonDeclined    = "declined"
	reasonUnreachable = "unreachable"
)

// queue is ORDERS: a message for each order, delivered until it is
// acknowledged, and now and then to two workers at once.
type queue struct {
	w        *world
	messages map[string]*message // by order: the subject takes one, ever
}

type message struct {
	order      wire.OrderMessage
	at         time.Time
	deliveries int
	acked      bool
}

// put is create-only; that the message is there already is success.
func (q *queue) put(o wire.OrderMessage) {
	if q.messages[o.Order] == nil {
		m := &message{order: o, at: q.w.now}
		q.messages[o.Order] = m
		q.deliver(m, q.w.between(0, 50*time.Millisecond))
	}
}

// deliver hands a message to a worker, and again when that one gives it back
// or has not been heard of for ackWait.
func (q *queue) deliver(m *message, after time.Duration) {
	q.w.after(after, "orders", "delivers", func() {
		if m.acked {
			return
		}
		m.deliveries++
		if m.deliveries > 1 {
			q.w.counts.Redelivered++
		}
		n, settled := m.deliveries, false
		worker := q.w.spawn(fmt.Sprintf("checkout.%d", n), func(p *proc) {
			c := checkout{w: q.w, p: p, since: m.at}
			err := c.purchase(m.order)
			q.w.carry(p.name, "settles", func() {
				settled = true
				if err == nil {
					m.acked = true
					return
				}
				q.w.note("order %s: %v", m.order.Order, err)
				q.deliver(m, min(firstDelay<<min(n-1, 7), maxDelay))
			})
		})
		q.w.mortal(worker, 0.1)
		q.expect(m, worker, &settled)
		if q.w.faulty() && q.w.chance(0.05) {
			q.deliver(m, q.w.between(0, 5*time.Second))
		}
	})
}

// expect delivers a message again whose worker is dead, or seems so because
// its heartbeats are lost.
func (q *queue) expect(m *message, worker *proc, settled *bool) {
	q.w.after(ackWait, "orders", "waits for an acknowledgement", func() {
		switch {
		case m.acked || *settled:
		case worker.ended || q.w.faulty() && q.w.chance(0.05):
			q.deliver(m, 0)
		default:
			q.expect(m, worker, settled)
		}
	})
}

// checkout is one delivery of an order; it follows inventory/checkout/purchase.go.
type checkout struct {
	w     *world
	p     *proc
	since time.Time
}

func (c *checkout) purchase(m wire.OrderMessage) error {
	o, err := c.w.ledger.ask(c.p, ledgerLimit, func() order { return c.w.ledger.begin(m) })
	if err != nil {
		_, _ = c.extend(m)
		return fmt.Errorf("begin: %w", err)
	}
	if o.state != wire.OrderPending {
		return c.conclude(o)
	}
	hold, err := c.extend(m)
	if over(err) {
		return c.fail(m, "the hold had ended", false)
	}
	if err != nil {
		return fmt.Errorf("extend: %w", err)
	}
	state, err := c.w.provider.ask(c.p, authorizeLimit, func() paid {
		return c.w.provider.authorize(m.Order, m.Total, m.Payment.Method)
	})
	switch {
	case errors.Is(err, errPermanent):
		return c.fail(m, "refused", false)
	case err != nil && c.w.now.Sub(c.since) > patience:
		return c.fail(m, reasonUnreachable, false)
	case err != nil:
		return fmt.Errorf("authorize: %w", err)
	case state == "declined":
		return c.fail(m, reasonDeclined, true)
	case state == "voided":
		return c.fail(m, "given up meanwhile", true)
	}
	o, err = c.w.ledger.ask(c.p, ledgerLimit, func() order { return c.w.ledger.commit(m, hold.Revision) })
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return c.conclude(o)
}

func (c *checkout) fail(m wire.OrderMessage, reason string, declined bool) error {
	o, err := c.w.ledger.ask(c.p, ledgerLimit, func() order { return c.w.ledger.fail(m.Order, reason, declined) })
	if err != nil {
		return fmt.Errorf("fail: %w", err)
	}
	return c.conclude(o)
}

// conclude makes the seats follow an order that has ended.
func (c *checkout) conclude(o order) error {
	m := o.msg
	switch o.state {
	case wire.OrderPaid:
		err := c.asked(sellWeight, func(e *seating.Engine, now time.Time) *wire.Problem {
			return e.Confirm(wire.ConfirmRequest{Hold: m.Hold, Order: m.Order, Fan: m.Fan, Seats: m.Seats}, now)
		})
		if err != nil {
			return fmt.Errorf("confirm: %w", err)
		}
	case wire.OrderFailed:
		err := c.asked(holdWeight, func(e *seating.Engine, now time.Time) *wire.Problem {
			return e.Release(wire.ReleaseRequest{Hold: m.Hold, Order: m.Order, Why: o.reason}, now)
		})
		if err != nil && !over(err) {
			return fmt.Errorf("release: %w", err)
		}
	}
	c.w.check.noticed(o)
	return nil
}

func (c *checkout) extend(m wire.OrderMessage) (wire.ExtendReply, error) {
	reply, ok := askWriter(c.w, c.p, seatsTimeout, holdWeight, func(e *seating.Engine, now time.Time) func(*writer) wire.ExtendReply {
		reply := e.Extend(wire.ExtendRequest{Hold: m.Hold, Order: m.Order}, now)
		return func(wr *writer) wire.ExtendReply {
			reply.Revision = wr.fence(m.Hold)
			return reply
		}
	}, wire.ExtendReply{Problem: wire.Busy("")})
	return reply, orNil(reply.Problem, ok)
}

func (c *checkout) asked(weight int, decide func(*seating.Engine, time.Time) *wire.Problem) error {
	return orNil(askSeats(c.w, c.p, seatsTimeout, weight, decide))
}

// askSeats is askWriter for an act that answers nothing but success.
func askSeats(w *world, p *proc, limit time.Duration, weight int, decide func(*seating.Engine, time.Time) *wire.Problem) (*wire.Problem, bool) {
	return askWriter(w, p, limit, weight, func(e *seating.Engine, now time.Time) func(*writer) *wire.Problem {
		problem := decide(e, now)
		return func(*writer) *wire.Problem { return problem }
	}, wire.Busy(""))
}

func orNil(p *wire.Problem, ok bool) error {
	switch {
	case !ok:
		return errNoAnswer
	case p != nil:
		return p
	}
	return nil
}

// over reports whether the writer says that the hold has ended or never was.
func over(err error) bool {
	var p *wire.Problem
	return errors.As(err, &p) && (p.Code == wire.CodeHoldOver || p.Code == wire.CodeNotFound)
}
