package queue

import (
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"sync"
	"time"

	"frontrow/admission/roll"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// askTimeout bounds a look at all queues.
const askTimeout = 2 * time.Second

// Queues are those of one event, lane by lane in the order they are served.
type Queues struct {
	js   map[string]jetstream.JetStream // by region
	list []*queue
}

// queue is a lane of an event in one region.
type queue struct {
	line   roll.Line
	stream *kv.Stream

	joined uint64    // places given out, as far as is known
	asOf   time.Time // joined was true then; zero: never asked with success
	absent bool      // at the last look
}

// New are the queues of an event in some regions, home first, each of which has
// its servers in js.
func New(event string, regions []string, js map[string]jetstream.JetStream) *Queues {
	q := &Queues{js: js}
	for _, lane := range wire.Lanes() {
		for _, r := range regions {
			q.list = append(q.list, &queue{line: roll.Line{Lane: lane, Region: r}, stream: &kv.Open(js[r], wire.QueueBucket(event, lane)).Stream})
		}
	}
	return q
}

// Look asks all queues how many places they have given out. Those of a region
// that doesn't answer keep what was known. What it finds is noted under lock,
// with which its caller guards Joined and Absent.
func (q *Queues) Look(ctx context.Context, now func() time.Time, lock sync.Locker) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, one := range q.list {
		wg.Go(func() {
			asked := now()
			s, err := q.js[one.line.Region].Stream(ctx, one.stream.Name())
			lock.Lock()
			defer lock.Unlock()
			if one.absent = err != nil; !one.absent {
				one.joined, one.asOf = max(one.joined, s.CachedInfo().State.LastSeq), asked
			}
		})
	}
	wg.Wait()
}

// Joined are how many places each queue has given out, as far as is known, in
// the order in which the queues are served.
func (q *Queues) Joined() iter.Seq2[roll.Line, uint64] {
	return func(yield func(roll.Line, uint64) bool) {
		for _, one := range q.list {
			if !yield(one.line, one.joined) {
				return
			}
		}
	}
}

// Has tells whether a line is one of these queues.
func (q *Queues) Has(l roll.Line) bool {
	return slices.ContainsFunc(q.list, func(one *queue) bool { return one.line == l })
}

// Absent are the regions that did not answer the last look.
func (q *Queues) Absent() (names []string) {
	seen := map[string]bool{}
	for _, one := range q.list {
		if r := one.line.Region; one.absent && !seen[r] {
			seen[r], names = true, append(names, r)
		}
	}
	return names
}

func (q *Queues) of(lane string) (list []*queue) {
	for _, one := range q.list {
		if one.line.Lane == lane {
			list = append(list, one)
		}
	}
	return list
}

// Instant implements arrivals.
func (q *queue) Instant(ctx context.Context, number uint64) (time.Time, error) {
	e, err := q.stream.At(ctx, kv.Revision(number))
	return e.Created, err
}

// Until implements arrivals.
func (q *queue) Until(ctx context.Context, t time.Time) (uint64, error) {
	e, err := q.stream.Since(ctx, t)
	if errors.Is(err, kv.ErrNotFound) {
		return math.MaxUint64, nil // all of them
	}
	return uint64(e.Revision) - 1, err
}
