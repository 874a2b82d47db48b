package sim

import (
	"context"
	"time"

	"frontrow/internal/consume"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// ackWait is that of ORDERS' consumer.
const ackWait = 10 * time.Second

// queue is the consumer of ORDERS: a message for each order, delivered until it is
// acknowledged, and now and then to two workers at once.
type queue struct {
	w       *world
	waiting []*message // not acknowledged, in the order of arrival
	pulls   []*pull
}

// message is one of ORDERS.
type message struct {
	entry      kv.Entry
	deliveries uint64
	until      time.Time // delivered until then; zero: to be delivered
	acked      bool
}

// put takes a message that was stored.
func (q *queue) put(e kv.Entry) {
	m := &message{entry: e}
	q.waiting = append(q.waiting, m)
	q.deliver(m, q.w.between(0, 10*time.Millisecond))
}

// deliver hands a message to a worker, once one pulls.
func (q *queue) deliver(m *message, after time.Duration) {
	w := q.w
	w.after(after, "orders", "delivers", func() {
		if m.acked {
			return
		}
		var live []*pull
		for _, p := range q.pulls {
			if !p.p.isDead() && !p.hasEnded() {
				live = append(live, p)
			}
		}
		q.pulls = live
		if len(live) == 0 {
			q.deliver(m, 200*time.Millisecond)
			return
		}
		if m.deliveries++; m.deliveries > 1 {
			w.counts.Redelivered++
		}
		to, d := live[w.IntN(len(live))], &delivery{q: q, m: m, n: m.deliveries}
		m.until = time.Now().Add(ackWait)
		d.p = to.p
		to.p.carry(maxLate, "orders", "delivers to "+to.p.name, func() { to.p.awake("is handed an order", func() { to.put(d) }) })
		q.expect(m, d.n)
		if w.faulty() && w.chance(0.03) {
			q.deliver(m, w.between(0, 5*time.Second))
		}
	})
}

// expect delivers a message again that nobody has settled within ackWait.
func (q *queue) expect(m *message, n uint64) {
	q.w.after(time.Until(m.until), "orders", "waits for an acknowledgement", func() {
		switch {
		case m.acked || m.deliveries != n:
		case during(m.until):
			q.expect(m, n)
		default:
			q.deliver(m, 0)
		}
	})
}

// ordersOf is checkout.Orders for one process.
type ordersOf struct{ *process }

// Source implements checkout.Orders.
func (o ordersOf) Source(context.Context) (consume.Source, error) { return source(o), nil }

// Trim implements checkout.Orders: what is acknowledged does no harm here.
func (o ordersOf) Trim(context.Context) error { return nil }

// Bury implements checkout.Orders. Nothing here is poison.
func (o ordersOf) Bury(_ context.Context, subject, _ string, record []byte) error {
	o.tell("orders", "buries "+subject, func() { o.w.violate("liveness", "a message of %s is buried: %s", subject, record) })
	return nil
}

// source is the consumer as one process pulls from it.
type source struct{ *process }

// Name implements consume.Source.
func (s source) Name() string { return wire.CheckoutConsumer }

// AckWait implements consume.Source.
func (s source) AckWait() time.Duration { return ackWait }

// Pull implements consume.Source.
func (s source) Pull(int) (consume.Pull, error) {
	p := &pull{newMailbox[*delivery](jetstream.ErrMsgIteratorClosed), s.process}
	s.submit("orders", "pulls", func() { s.w.orders.pulls = append(s.w.orders.pulls, p) })
	return p, nil
}

// pull is what one process has been handed and not begun.
type pull struct {
	*mailbox[*delivery]
	p *process
}

// Next implements consume.Pull.
func (p *pull) Next(ctx context.Context) (jetstream.Msg, error) {
	d, err := p.next(ctx, nil)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Drain implements consume.Pull.
func (p *pull) Drain() { p.end() }

// Stop implements consume.Pull.
func (p *pull) Stop() { p.end() }

// delivery is a message in the hands of a process. What it answers may be lost.
type delivery struct {
	jetstream.Msg
	q *queue
	p *process
	m *message
	n uint64
}

// Subject implements jetstream.Msg.
func (d *delivery) Subject() string { return d.m.entry.Key }

// Data implements jetstream.Msg.
func (d *delivery) Data() []byte { return d.m.entry.Value }

// Metadata implements jetstream.Msg.
func (d *delivery) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{NumDelivered: d.n, Timestamp: d.m.entry.Created,
		Sequence: jetstream.SequencePair{Stream: uint64(d.m.entry.Revision)}}, nil
}

func (d *delivery) answer(what string, do func()) error {
	d.p.tell("orders", what+" "+d.m.entry.Key, do)
	return nil
}

// Ack implements jetstream.Msg.
func (d *delivery) Ack() error {
	return d.answer("acknowledgement of", func() {
		d.m.acked = true
		d.q.w.check.acknowledged(wire.OrderOfSubject(d.m.entry.Key))
	})
}

// Nak implements jetstream.Msg.
func (d *delivery) Nak() error { return d.NakWithDelay(0) }

// NakWithDelay implements jetstream.Msg.
func (d *delivery) NakWithDelay(delay time.Duration) error {
	return d.answer("giving back of", func() {
		if d.m.deliveries == d.n { // else another has it
			d.m.deliveries, d.m.until = d.n, time.Time{}
			d.q.deliver(d.m, delay)
		}
	})
}

// InProgress implements jetstream.Msg.
func (d *delivery) InProgress() error {
	return d.answer("progress of", func() { d.m.until = time.Now().Add(ackWait) })
}

// TermWithReason implements jetstream.Msg.
func (d *delivery) TermWithReason(string) error { return d.Ack() }
