package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

const (
	// joinTimeout bounds a join. A fan repeats one that is not settled by then.
	joinTimeout = 5 * time.Second
	// joinAttempts bounds the rounds of "somebody is creating it, look again".
	joinAttempts = 4
	// maxJoined bounds the places of a lane that are remembered.
	maxJoined = 1 << 17
	// recordRoom is the memory taken for a record at first.
	recordRoom = 192
)

// Queue is one lane of an event, in this gateway's region.
type Queue struct {
	event, lane, region string
	line                func(given time.Time) string // see newQueue

	bucket  *kv.Bucket
	joins   *kv.Committer
	joined  *lru.Cache[string, wire.Place] // by key: a place never changes
	joining singleflight.Group             // by key
	spoiled *records.Spoiled
	log     *slog.Logger
}

// newQueue returns a lane of an event. line returns the name of the line in which a place
// given out at an instant stands, the zero time meaning now; see wire.Life. The queue gives
// out no place before run runs.
func newQueue(cfg Config, spoiled *records.Spoiled, event, lane string, line func(given time.Time) string) *Queue {
	bucket := kv.Open(cfg.JetStream, wire.QueueBucket(event, lane))
	joined, _ := lru.New[string, wire.Place](maxJoined) // fails on no room alone
	return &Queue{event: event, lane: lane, region: cfg.Region, line: line, bucket: bucket, joined: joined, spoiled: spoiled, log: cfg.Logger,
		joins: kv.NewCommitter(kv.CommitterConfig{Stream: &bucket.Stream, Registerer: cfg.Registerer})}
}

// run stores places until ctx ends.
func (q *Queue) run(ctx context.Context) error { return q.joins.Run(ctx) }

// Place gives a fan their place for a turn. A refused join fails the batch of all who join
// at that moment, so a repeated one is answered from memory where possible, and a fan's
// concurrent joins become one. fresh is true for at most one of them.
func (q *Queue) Place(ctx context.Context, rec wire.PlaceRecord) (p wire.Place, fresh bool, err error) {
	key := wire.TurnKey(rec.Fan, rec.Turn)
	if p, ok := q.joined.Get(key); ok {
		return q.Again(ctx, p), false, nil
	}
	v, err, _ := q.joining.Do(key, func() (any, error) {
		// Others may be waiting for this, so it doesn't end with its first caller.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), joinTimeout)
		defer cancel()
		var p wire.Place
		p, fresh, err = q.create(ctx, key, rec)
		return p, err
	})
	if err != nil {
		return wire.Place{}, false, err
	}
	p = v.(wire.Place)
	q.joined.Add(key, p)
	return p, fresh, nil
}

// create makes the fan's place by a create-only write, or reads the one they have from the
// leader. A conflict doesn't prove that there is a place, since the write in flight may
// fail, so create looks for it.
func (q *Queue) create(ctx context.Context, key string, rec wire.PlaceRecord) (p wire.Place, fresh bool, err error) {
	value := rec.AppendJSON(make([]byte, 0, recordRoom))
	for range joinAttempts {
		number, err := q.joins.Do(ctx, kv.Write{Key: key, Value: value, Expect: kv.Absent()})
		if err == nil {
			failpoint.Here(failpoint.PlaceStored)
			return q.of(rec, number, time.Time{}), true, nil
		}
		if !errors.Is(err, kv.ErrConflict) && !errors.Is(err, kv.ErrUnknown) {
			q.log.Warn("join", "event", q.event, "lane", q.lane, "err", err)
			return p, false, wire.Busy("You can't join the queue right now. Please try again.")
		}
		if p, ok, err := q.find(ctx, key); ok || err != nil {
			return p, false, err
		}
	}
	return p, false, wire.Busy("The queue is very busy. Please try again.")
}

// Has reports whether a fan has a place for a turn here; Place then finds it in memory.
func (q *Queue) Has(ctx context.Context, fan string, turn int) (bool, error) {
	key := wire.TurnKey(fan, turn)
	if _, ok := q.joined.Get(key); ok {
		return true, nil
	}
	p, ok, err := q.find(ctx, key)
	if ok {
		q.joined.Add(key, p)
	}
	return ok, err
}

// find returns the place under a key, if there is one.
func (q *Queue) find(ctx context.Context, key string) (p wire.Place, ok bool, err error) {
	stored, err := q.bucket.Get(ctx, key)
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return p, false, nil
	case err != nil:
		return p, false, wire.Busy("The queue can't be read right now. Please try again.")
	}
	rec, err := records.Read[wire.PlaceRecord](q.spoiled, q.bucket.Name(), stored)
	if err != nil {
		return p, false, fmt.Errorf("read place %d of %s: %w", stored.Revision, q.event, err)
	}
	return q.of(rec, stored.Revision, rec.Given(stored.Created)), true, nil
}

// Again returns a place that was given out here before, with the line it stands in. It asks
// nobody unless the queue has begun another life since. A place of which the queue then has
// no record was lost with the life before, and stays as it was.
func (q *Queue) Again(ctx context.Context, p wire.Place) wire.Place {
	if wire.RegionOf(p.Region) != q.region || p.Region == q.line(time.Time{}) {
		return p
	}
	if now, ok, err := q.find(ctx, wire.TurnKey(p.Fan, p.Turn)); ok && err == nil && now.Number == p.Number {
		p.Region = now.Region
	}
	return p
}

func (q *Queue) of(rec wire.PlaceRecord, number kv.Revision, given time.Time) wire.Place {
	return wire.Place{Event: q.event, Lane: q.lane, Region: q.line(given), Number: uint64(number), Fan: rec.Fan, Turn: rec.Turn, At: rec.At, Grant: rec.Grant, Priced: rec.Priced}
}
