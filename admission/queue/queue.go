package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// clockSkew is by how much the clocks of gateways may differ from ours and the servers'.
const clockSkew = 2 * time.Second

// Queues are those of one event, lane by lane in the order they are served.
type Queues struct {
	js   map[string]jetstream.JetStream // by region
	list []*queue
}

// queue is a lane of an event in one region.
type queue struct {
	lane, region string
	stream       *kv.Stream

	lives  []wire.Life // oldest first; the stream is in the last
	asOf   time.Time   // that was true then; zero: never asked with success
	absent bool        // at the last look
}

// New are the queues of an event in some regions, home first, each of which has
// its servers in js.
func New(event string, regions []string, js map[string]jetstream.JetStream) *Queues {
	q := &Queues{js: js}
	for _, lane := range wire.Lanes() {
		for _, r := range regions {
			q.list = append(q.list, &queue{lane: lane, region: r, stream: &kv.Open(js[r], wire.QueueBucket(event, lane)).Stream,
				lives: []wire.Life{{Lane: lane, Region: r}}})
		}
	}
	return q
}

// Resume goes on from what was recorded of the lives; of a queue of which nothing
// was, as many places were given out as are called.
func (q *Queues) Resume(lives []wire.Life, lines []wire.Line) {
	for _, one := range q.list {
		var known []wire.Life
		for _, l := range lives {
			if l.Lane == one.lane && wire.RegionOf(l.Region) == one.region {
				known = append(known, l)
			}
		}
		for _, l := range lines {
			if known == nil && l.Lane == one.lane && l.Region == one.region {
				one.lives[0] = grown(one.lives[0], wire.Mark{Number: l.Head})
			}
		}
		if known != nil {
			one.lives = known
		}
	}
}

// Look asks all queues how many places they have given out, and whether they are in
// another life. Those of a region that doesn't answer keep what was known. What it
// finds is noted under lock, with which its caller guards all other methods but Plan
// and Entrants.
func (q *Queues) Look(ctx context.Context, now func() time.Time, lock sync.Locker) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, one := range q.list {
		wg.Go(func() {
			asked := now()
			lives, err := one.look(ctx, q.js[one.region])
			lock.Lock()
			defer lock.Unlock()
			if one.absent = err != nil; !one.absent {
				one.lives, one.asOf = lives, asked
			}
		})
	}
	wg.Wait()
}

// look is the lives of the queue as they are now.
func (q *queue) look(ctx context.Context, js jetstream.JetStream) ([]wire.Life, error) {
	s, err := js.Stream(ctx, q.stream.Name())
	if err != nil {
		return nil, err
	}
	state, last := s.CachedInfo().State, q.last()
	noted, now := last.Last(), wire.Mark{Number: state.LastSeq, At: state.LastTime}
	again := now
	if now.Number > noted.Number && noted.Number > 0 {
		again = wire.Mark{Number: noted.Number}
		if again.At, err = q.Instant(ctx, noted.Number); err != nil && !errors.Is(err, kv.ErrNotFound) {
			return nil, err
		}
	}
	lives := slices.Clone(q.lives)
	if noted.Number > 0 && another(noted, now, again) {
		if len(lives) == maxLives {
			return nil, fmt.Errorf("queue %s was lost %d times", q.stream.Name(), maxLives)
		}
		last = wire.Life{Lane: q.lane, Region: wire.LineName(q.region, len(lives)+1), Since: noted.At}
		lives = append(lives, last)
	}
	if len(lives) > 1 && last.Joined() < now.Number { // a backup may be on its way back still
		before, err := q.Until(ctx, last.Since.Add(1))
		if err != nil {
			return nil, err
		}
		last.From = max(last.From, min(before, now.Number))
	}
	lives[len(lives)-1] = grown(last, now)
	return lives, nil
}

// order is that of the places of one of the lives.
func (q *queue) order(life int) arrivals {
	if life < len(q.lives)-1 {
		return ended(q.lives[life].Marks)
	}
	return q
}

// last is the life that the queue is in.
func (q *queue) last() wire.Life { return q.lives[len(q.lives)-1] }

// Lives are what was seen of the queues, in the order in which they are served.
func (q *Queues) Lives() (all []wire.Life) {
	for _, one := range q.list {
		all = append(all, one.lives...)
	}
	return all
}

// Break is where a queue has begun another life: a line that has ended, with how many
// places of it are known; and the one that came after it, with the number that it
// begins behind.
type Break struct {
	Ended  roll.Line
	Joined uint64
	Begun  roll.Line
	From   uint64
}

// Breaks are those of all queues.
func (q *Queues) Breaks() (all []Break) {
	for _, one := range q.list {
		for i, l := range one.lives[1:] {
			before := one.lives[i]
			all = append(all, Break{Ended: lineOf(before), Joined: before.Joined(), Begun: lineOf(l), From: l.From})
		}
	}
	return all
}

func lineOf(l wire.Life) roll.Line { return roll.Line{Lane: l.Lane, Region: l.Region} }

// Doubtful tells whether a place may be of a life that is not known of yet: the last
// look had seen its number already, and it came after that.
func (q *Queues) Doubtful(p wire.Place) bool {
	one := q.queue(p.Lane, p.Region)
	return one != nil && p.Number <= one.last().Joined() && p.At.After(one.asOf.Add(-clockSkew))
}

// Silent tells whether the queue of a line did not answer the last look.
func (q *Queues) Silent(lane, line string) bool {
	one := q.queue(lane, line)
	return one != nil && one.absent
}

// Stands is the line that a place stands in. Whoever gave it out may not have known yet
// that the queue was in another life, so once there was one the queue is asked: a record
// that it has is of the life that its instant falls in. One that it has not was lost with
// a life before (see lost). Lock is as in Look.
func (q *Queues) Stands(ctx context.Context, p wire.Place, lock sync.Locker) (line string, err error) {
	lock.Lock()
	one := q.queue(p.Lane, p.Region)
	lives := one.lives
	lock.Unlock()
	if len(lives) == 1 {
		return p.Region, nil
	}
	e, err := one.stream.Get(ctx, wire.TurnKey(p.Fan, p.Turn))
	switch {
	case errors.Is(err, kv.ErrNotFound) || err == nil && uint64(e.Revision) != p.Number:
		return lost(lives, p), nil
	case err != nil:
		return "", err
	}
	var rec wire.PlaceRecord
	if err := json.Unmarshal(e.Value, &rec); err != nil {
		return "", fmt.Errorf("place %d of %s: %w", p.Number, one.stream.Name(), err)
	}
	for _, l := range slices.Backward(lives) {
		if line = l.Region; rec.Given(e.Created).After(l.Since) {
			break
		}
	}
	return line, nil
}

// queue is that of a line; nil if there is none.
func (q *Queues) queue(lane, line string) *queue {
	for _, one := range q.list {
		if one.lane == lane && slices.ContainsFunc(one.lives, func(l wire.Life) bool { return l.Region == line }) {
			return one
		}
	}
	return nil
}

// Has tells whether a line is one of these queues.
func (q *Queues) Has(l roll.Line) bool {
	return q.queue(l.Lane, l.Region) != nil
}

// Absent are the regions that did not answer the last look.
func (q *Queues) Absent() (names []string) {
	seen := map[string]bool{}
	for _, one := range q.list {
		if r := one.region; one.absent && !seen[r] {
			seen[r], names = true, append(names, r)
		}
	}
	return names
}

func (q *Queues) of(lane string) (list []*queue) {
	for _, one := range q.list {
		if one.lane == lane {
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
