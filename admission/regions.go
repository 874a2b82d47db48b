package admission

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"frontrow/admission/roll"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// regionPause is between two tries to make the streams of a region that is away.
const regionPause = 5 * time.Second

// Region is where fans join queues of their own.
type Region struct {
	Name   string
	Domain string // JetStream domain of its servers; empty: that of the connection
}

// queue is a lane of an event in one region.
type queue struct {
	line   roll.Line
	stream *kv.Stream

	joined uint64    // places given out, as far as is known
	asOf   time.Time // joined was true then; zero: never asked with success
	absent bool      // at the last look
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

// queues are those of one event, lane by lane in the order they are served.
type queues struct {
	js   map[string]jetstream.JetStream // by region
	list []*queue
}

func newQueues(event string, regions []Region, js map[string]jetstream.JetStream) *queues {
	q := &queues{js: js}
	for _, lane := range wire.Lanes() {
		for _, r := range regions {
			q.list = append(q.list, &queue{line: roll.Line{Lane: lane, Region: r.Name}, stream: &kv.Open(js[r.Name], wire.QueueBucket(event, lane)).Stream})
		}
	}
	return q
}

// look asks all queues how many places they have given out. Those of a region
// that doesn't answer keep what was known. What it finds is noted under lock.
func (q *queues) look(ctx context.Context, now func() time.Time, lock sync.Locker) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
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

// absentRegions lists those that don't answer.
func (q *queues) absentRegions() (names []string) {
	seen := map[string]bool{}
	for _, one := range q.list {
		if r := one.line.Region; one.absent && !seen[r] {
			seen[r], names = true, append(names, r)
		}
	}
	return names
}

func (q *queues) of(lane string) (list []*queue) {
	for _, one := range q.list {
		if one.line.Lane == lane {
			list = append(list, one)
		}
	}
	return list
}

// plan says how far each line is to be called for n fans: lane by lane, in a
// lane the draw before the others, those by arrival. Open is how far a line is
// called. While a region has been silent for no longer than wait, nobody is
// called who came after it was last heard: he might be overtaking. After that
// it is gone without; its fans come first when it is back, by their arrival.
func (q *queues) plan(ctx context.Context, n uint64, open func(roll.Line) uint64, draws map[string]wire.Draw, wait time.Duration, now time.Time) (map[roll.Line]uint64, error) {
	to := map[roll.Line]uint64{}
	for _, lane := range wire.Lanes() {
		if d, ok := draws[lane]; ok && n > 0 {
			ranks := roll.Line{Lane: lane}
			if k := min(n, d.Total()-open(ranks)); k > 0 {
				to[ranks], n = open(ranks)+k, n-k
			}
		}
		if n == 0 {
			break
		}
		lines, err := q.waiting(ctx, lane, open, wait, now)
		if err != nil {
			return nil, err
		}
		ends, err := earliest(ctx, lines, n)
		if err != nil {
			return nil, fmt.Errorf("lane %s: %w", lane, err)
		}
		for i, end := range ends {
			if end > lines[i].from {
				to[lines[i].line] = end
				n -= end - lines[i].from
			}
		}
	}
	return to, nil
}

// waiting is the stretches of a lane that may be called.
func (q *queues) waiting(ctx context.Context, lane string, open func(roll.Line) uint64, wait time.Duration, now time.Time) ([]waiting, error) {
	var lines []waiting
	var heard time.Time // nobody who came later is called
	for _, one := range q.of(lane) {
		switch {
		case one.absent && now.Sub(one.asOf) >= wait:
			continue
		case one.absent && (heard.IsZero() || one.asOf.Before(heard)):
			heard = one.asOf
		}
		if from := open(one.line); one.joined > from && !one.absent {
			lines = append(lines, waiting{arrivals: one, line: one.line, from: from, to: one.joined})
		}
	}
	if heard.IsZero() {
		return lines, nil
	}
	for i := range lines {
		until, err := lines[i].Until(ctx, heard)
		if err != nil {
			return nil, err
		}
		lines[i].to = max(lines[i].from, min(lines[i].to, until))
	}
	return lines, nil
}

// settle makes what an event needs in the regions beside home, however long
// one is away: its queues, and mirrors of what gateways read.
func (s *Service) settle(ctx context.Context, event string) {
	var wg sync.WaitGroup
	for _, r := range s.cfg.Regions {
		if r.Domain == "" {
			continue // made when the event was put up
		}
		wg.Go(func() {
			for {
				attempt, cancel := context.WithTimeout(ctx, takeOverTimeout)
				err := wire.CreateInRegion(attempt, s.regions[r.Name], event, s.cfg.Domain, s.cfg.Replicas)
				cancel()
				if err == nil || ctx.Err() != nil {
					return
				}
				s.cfg.Logger.Warn("region not prepared yet", "event", event, "region", r.Name, "error", err)
				select {
				case <-ctx.Done():
					return
				case <-time.After(regionPause):
				}
			}
		})
	}
	wg.Wait()
}
