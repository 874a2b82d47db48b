package asking

import (
	"context"
	"sync"
	"time"

	"frontrow/wire"
)

// Bus is a connection to NATS. Package bus says what its methods promise.
type Bus interface {
	Request(ctx context.Context, subject string, data []byte) ([]byte, error)
	Publish(subject string, data []byte) error
}

// Bounds of a Joiner; those of a message are package wire's.
const (
	maxWaiting  = 8192                   // requests about one event that have not left
	maxUnderWay = 2                      // messages about one event
	maxMissing  = 14                     // more of them, which have had no answer for longer than patience
	patience    = 250 * time.Millisecond // with a message, before the next may leave
	aloneFor    = 5 * time.Second        // no message is tried after one was refused as a whole
)

// Joiner is a Bus whose requests to the writers of events travel together.
type Joiner struct {
	Bus
	together string

	mu    sync.Mutex
	lines map[string]*line // by event: those with anything waiting or under way
	alone time.Time        // until then nothing travels together
}

// New returns a Joiner over bus. Together is what may travel: wire.TogetherFans or
// wire.TogetherOrders.
func New(bus Bus, together string) *Joiner {
	return &Joiner{Bus: bus, together: together, lines: map[string]*line{}}
}

// question is one request on its way.
type question struct {
	ctx     context.Context // of its caller
	act     string
	request []byte
	answer  chan answer // has room for one
}

// answer is what becomes of a question.
type answer struct {
	text  []byte
	alone bool // it must be asked alone
	err   error
}

// Request sends a request and waits for its answer until ctx ends.
func (j *Joiner) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	event, act, ok := wire.SplitSeats(subject)
	if !ok || !wire.TravelsTogether(j.together, act) || !(wire.Together{Act: act, Request: data}).Fits() {
		return j.Bus.Request(ctx, subject, data)
	}
	q := &question{ctx: ctx, act: act, request: data, answer: make(chan answer, 1)}
	if alone, full := j.put(event, q); alone {
		return j.Bus.Request(ctx, subject, data)
	} else if full {
		return wire.Append(nil, wire.Reply{Problem: wire.Busy("Too many people are choosing seats this second. Try again.")})
	}
	select {
	case a := <-q.answer:
		if a.alone {
			return j.Bus.Request(ctx, subject, data)
		}
		return a.text, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// put has q wait for the next message about its event, and sends that if it can leave now.
func (j *Joiner) put(event string, q *question) (alone, full bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.alone.IsZero() {
		if time.Now().Before(j.alone) {
			return true, false
		}
		j.alone = time.Time{}
	}
	l := j.lines[event]
	if l == nil {
		l = &line{Joiner: j, event: event}
		j.lines[event] = l
	}
	if len(l.waiting) == maxWaiting {
		return false, true
	}
	l.waiting = append(l.waiting, q)
	l.leave()
	return false, false
}

// askAlone has requests asked alone for a while.
func (j *Joiner) askAlone() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.alone = time.Now().Add(aloneFor)
}
