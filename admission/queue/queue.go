package queue

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"frontrow/admission/passes"
	"frontrow/kv"
	"frontrow/wire"
)

// askTimeout bounds a look at all queues.
const askTimeout = 2 * time.Second

// clockSkew is how much gateways' clocks may differ from ours and the servers'.
const clockSkew = 2 * time.Second

// Region is where fans join queues of its own.
type Region struct {
	Name  string
	Store kv.Store // of its servers
}

// Queues are the queues of one event, lane by lane in the order they are served.
type Queues struct {
	list  []*queue
	began time.Time // when they were resumed
}

// queue is a lane of an event in one region.
type queue struct {
	lane, region string
	stream       *kv.Stream

	lives  []wire.Life // oldest first; the stream is in the last
	asOf   time.Time   // when that was true; zero: not asked successfully since Resume
	absent bool        // at the last look
}

// New returns an event's queues in the regions, home first.
func New(event string, regions []Region) *Queues {
	q := &Queues{}
	for _, lane := range wire.Lanes() {
		for _, r := range regions {
			q.list = append(q.list, &queue{lane: lane, region: r.Name, stream: &kv.NewBucket(r.Store, wire.QueueBucket(event, lane)).Stream,
				lives: []wire.Life{{Lane: lane, Region: r.Name}}})
		}
	}
	return q
}

// Resume continues from the recorded lives; a queue without a record has given out as many
// places as are called. The wait for regions that don't answer starts now.
func (q *Queues) Resume(lives []wire.Life, lines []wire.Line, now time.Time) {
	q.began = now
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

// Look asks all queues how many places they have given out, and whether they are in another
// life. What was known of a region that doesn't answer stays. It notes what it finds under
// lock, with which its caller guards all other methods except Plan and Entrants.
func (q *Queues) Look(ctx context.Context, now func() time.Time, lock sync.Locker) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, one := range q.list {
		wg.Go(func() {
			asked := now()
			lives, err := one.look(ctx)
			lock.Lock()
			defer lock.Unlock()
			if one.absent = err != nil; !one.absent {
				one.lives, one.asOf = lives, asked
			}
		})
	}
	wg.Wait()
}

// look returns the present lives of the queue.
func (q *queue) look(ctx context.Context) ([]wire.Life, error) {
	newest, err := q.stream.Get(ctx, ">")
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return nil, err
	}
	last := q.last()
	noted, now := last.Last(), wire.Mark{Number: uint64(newest.Revision), At: newest.Created}
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
	if len(lives) > 1 && last.Joined() < now.Number { // a backup may still be being restored
		before, err := q.Until(ctx, last.Since.Add(1))
		if err != nil {
			return nil, err
		}
		last.From = max(last.From, min(before, now.Number))
	}
	lives[len(lives)-1] = grown(last, now)
	return lives, nil
}

// order returns the order of the places of a life.
func (q *queue) order(life int) arrivals {
	if life < len(q.lives)-1 {
		return ended(q.lives[life].Marks)
	}
	return q
}

// last returns the life that the queue is in.
func (q *queue) last() wire.Life { return q.lives[len(q.lives)-1] }

// Lives returns what was seen of the queues, in the order in which they are served.
func (q *Queues) Lives() (all []wire.Life) {
	for _, one := range q.list {
		all = append(all, one.lives...)
	}
	return all
}

// Break is where a queue began another life: the line that ended, with its number of known
// places, and the line that followed, with the number after which it begins.
type Break struct {
	Ended  passes.Line
	Joined uint64
	Begun  passes.Line
	From   uint64
}

// Breaks returns the breaks of all queues.
func (q *Queues) Breaks() (all []Break) {
	for _, one := range q.list {
		for i, l := range one.lives[1:] {
			before := one.lives[i]
			all = append(all, Break{Ended: lineOf(before), Joined: before.Joined(), Begun: lineOf(l), From: l.From})
		}
	}
	return all
}

func lineOf(l wire.Life) passes.Line { return passes.Line{Lane: l.Lane, Region: l.Region} }

// Doubtful reports whether a place may belong to a life not yet known: the last look had
// already seen its number, and the place came after that.
func (q *Queues) Doubtful(p wire.Place) bool {
	one := q.queue(p.Lane, p.Region)
	return one != nil && p.Number <= one.last().Joined() && p.At.After(one.asOf.Add(-clockSkew))
}

// Silent reports whether the queue of a line did not answer the last look.
func (q *Queues) Silent(lane, line string) bool {
	one := q.queue(lane, line)
	return one != nil && one.absent
}

// Stands returns the line that a place stands in. The gateway that gave it out may not have
// known that the queue was in another life, so if there has been more than one the queue is
// asked. A place on record belongs to the life in which its instant falls; one without a
// record was lost with an earlier life (see lost). lock is as in Look.
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
	if err := wire.Unmarshal(e.Value, &rec); err != nil {
		return "", fmt.Errorf("place %d of %s: %w", p.Number, one.stream.Name(), err)
	}
	for _, l := range slices.Backward(lives) {
		if line = l.Region; rec.Given(e.Created).After(l.Since) {
			break
		}
	}
	return line, nil
}

// queue returns a line's queue, nil if there is none.
func (q *Queues) queue(lane, line string) *queue {
	for _, one := range q.list {
		if one.lane == lane && slices.ContainsFunc(one.lives, func(l wire.Life) bool { return l.Region == line }) {
			return one
		}
	}
	return nil
}

// Has reports whether a line is one of these queues.
func (q *Queues) Has(l passes.Line) bool {
	return q.queue(l.Lane, l.Region) != nil
}

// Absent returns the regions that did not answer the last look.
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
