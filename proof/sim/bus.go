package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"frontrow/internal/bus"
	"frontrow/kv"
	"frontrow/kv/memory"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// network is the subjects that anybody has subscribed to, and the requests that wait.
type network struct {
	mu      sync.Mutex
	subs    []*subscription
	waiting map[string]chan []byte // by inbox
	inboxes int
	arrived map[arrival]kv.Revision // of the seats, when a request reached a process
}

// arrival is a request at one of those it went to.
type arrival struct {
	inbox string
	at    *process
}

// wait names the inbox of a request. It is kept: answers come late.
func (n *network) wait(answer chan []byte) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.inboxes++
	inbox := fmt.Sprintf("_INBOX.%d", n.inboxes)
	n.waiting[inbox] = answer
	return inbox
}

type subscription struct {
	p       *process
	subject string
	handle  func(bus.Msg)
	stopped atomic.Bool
}

// busOf is the bus as one process reaches it. What is sent may be lost, late, and come in
// any order; a request may even come twice, as if asked again.
type busOf struct{ *process }

// Subscribe is as of package bus.
func (b busOf) Subscribe(subject string, handle func(bus.Msg)) (stop func() error, err error) {
	if b.isDead() {
		return nil, errNoAnswer
	}
	s := &subscription{p: b.process, subject: subject, handle: handle}
	n := &b.w.net
	n.mu.Lock()
	defer n.mu.Unlock()
	n.subs = append(n.subs, s)
	return func() error {
		s.stopped.Store(true)
		n.mu.Lock()
		defer n.mu.Unlock()
		n.subs = slices.DeleteFunc(n.subs, func(o *subscription) bool { return o == s })
		return nil
	}, nil
}

// listening are those who have subscribed to subject, in a fixed order.
func (n *network) listening(subject string) (subs []*subscription) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.subs {
		if !s.p.isDead() && memory.Matches(s.subject, subject) {
			subs = append(subs, s)
		}
	}
	slices.SortStableFunc(subs, func(a, b *subscription) int { return a.p.id - b.p.id })
	return subs
}

// Request is as of package bus.
func (b busOf) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	w := b.w
	answer := make(chan []byte, 1)
	n := &w.net
	nobody := make(chan struct{})
	if !b.submit("bus", subject+string(data), func() {
		inbox := n.wait(answer)
		subs := n.listening(subject)
		if len(subs) == 0 {
			b.carry(maxLate, b.name, "finds nobody at "+subject, func() { close(nobody) })
		}
		for _, s := range subs {
			arrive := func() { s.deliver(w, bus.Msg{Subject: subject, Reply: inbox, Data: data}) }
			b.carry(maxLate, b.name, "asks "+s.p.name+" "+subject, arrive)
			switch {
			case w.faulty() && w.chance(0.05):
				w.after(w.between(0, maxLate), b.name, "asks late "+s.p.name+" "+subject, arrive)
			case w.faulty() && w.chance(0.01):
				b.carry(maxLate, b.name, "asks again "+s.p.name+" "+subject, arrive)
			}
		}
	}) {
		return nil, errNoAnswer
	}
	select {
	case a := <-answer:
		return a, nil
	case <-nobody:
		return nil, nats.ErrNoResponders
	case <-b.dead:
		return nil, errNoAnswer
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// deliver hands a message to a subscriber, on a goroutine of its process.
func (s *subscription) deliver(w *world, m bus.Msg) {
	s.p.awake("hears "+m.Subject, func() {
		if s.stopped.Load() {
			return
		}
		if first := (arrival{m.Reply, s.p}); w.net.arrived[first] == 0 {
			w.net.arrived[first] = w.memory.Last(wire.KVStream(wire.SeatsBucket(eventID)))
		}
		w.observer.asked(m)
		go s.handle(m)
	})
}

// Publish is as of package bus.
func (b busOf) Publish(subject string, data []byte) error {
	w, n := b.w, &b.w.net
	reply := strings.HasPrefix(subject, "_INBOX.")
	kind := "tell"
	if reply {
		kind = "answer"
	}
	if !b.submit(kind, subject+string(data), func() {
		if !reply {
			w.observer.noticed(subject, data)
			return
		}
		w.observer.answered(b.process, data, n.arrived[arrival{subject, b.process}])
		b.carry(maxLate, b.name, "answers", func() { n.answer(subject, data) })
	}) {
		return errNoAnswer
	}
	return nil
}

func (n *network) answer(inbox string, data []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.waiting[inbox]; c != nil {
		select {
		case c <- data:
		default:
		}
	}
}
