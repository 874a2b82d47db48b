package arrivals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"frontrow/gateway/recent"
	"frontrow/internal/failpoint"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"
)

const (
	// joinTimeout bounds a join: what is not settled by then is repeated by the fan.
	joinTimeout = 5 * time.Second
	// joinAttempts bounds the rounds of "somebody is creating it, look again".
	joinAttempts = 4
	// maxJoined bounds each generation of a lane's places that are remembered.
	maxJoined = 65536
)

// Config is what queues and claims have in common.
type Config struct {
	JetStream  jetstream.JetStream
	Region     string
	Spoiled    *records.Spoiled // is told of records that can't be read
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// Queue is one lane of an event, in this gateway's region.
type Queue struct {
	event, lane, region string
	line                func(given time.Time) string // see NewQueue

	bucket  *kv.Bucket
	joins   *kv.Committer
	joined  *recent.Memory[string, wire.Place] // by key: a place never changes
	joining singleflight.Group                 // by key
	spoiled *records.Spoiled
	log     *slog.Logger
}

// NewQueue is a lane of an event. Line is the name of the line in which a place stands
// that was given out at an instant; at zero, now: see wire.Life. It gives no place
// before Run runs.
func NewQueue(cfg Config, event, lane string, line func(given time.Time) string) *Queue {
	bucket := kv.Open(cfg.JetStream, wire.QueueBucket(event, lane))
	return &Queue{event: event, lane: lane, region: cfg.Region, line: line, bucket: bucket, joined: recent.New[string, wire.Place](maxJoined), spoiled: cfg.Spoiled, log: cfg.Logger,
		joins: kv.NewCommitter(kv.CommitterConfig{Stream: &bucket.Stream, Registerer: cfg.Registerer})}
}

// Run stores places until ctx ends.
func (q *Queue) Run(ctx context.Context) error { return q.joins.Run(ctx) }

// Place gives a fan their place of a turn. A join that is refused spoils the batch of all
// who join in the same moment, so one who repeats is answered from memory where
// possible, and their joins in flight are one. Fresh is true for one of them at most.
func (q *Queue) Place(ctx context.Context, rec wire.PlaceRecord) (p wire.Place, fresh bool, err error) {
	key := wire.TurnKey(rec.Fan, rec.Turn)
	if p, ok := q.joined.Get(key); ok {
		return q.Again(ctx, p), false, nil
	}
	v, err, _ := q.joining.Do(key, func() (any, error) {
		// Others may wait for this, so it doesn't end with its first caller.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), joinTimeout)
		defer cancel()
		var p wire.Place
		p, fresh, err = q.create(ctx, rec)
		return p, err
	})
	if err != nil {
		return wire.Place{}, false, err
	}
	p = v.(wire.Place)
	q.joined.Put(key, p)
	return p, fresh, nil
}

// create makes the fan's place by a create-only write, or reads the one they have
// back from the leader. A conflict is not proof of a place (the write in flight
// may fail), so it is looked for.
func (q *Queue) create(ctx context.Context, rec wire.PlaceRecord) (p wire.Place, fresh bool, err error) {
	value, err := json.Marshal(rec)
	if err != nil {
		return p, false, err
	}
	for range joinAttempts {
		number, err := q.joins.Do(ctx, kv.Write{Key: wire.TurnKey(rec.Fan, rec.Turn), Value: value, Expect: kv.Absent()})
		if err == nil {
			failpoint.Here(failpoint.PlaceStored)
			return q.of(rec, number, time.Time{}), true, nil
		}
		if !errors.Is(err, kv.ErrConflict) && !errors.Is(err, kv.ErrUnknown) {
			q.log.Warn("join", "event", q.event, "lane", q.lane, "err", err)
			return p, false, wire.Busy("You can't join the queue right now. Please try again.")
		}
		if p, ok, err := q.find(ctx, wire.TurnKey(rec.Fan, rec.Turn)); ok || err != nil {
			return p, false, err
		}
	}
	return p, false, wire.Busy("The queue is very busy. Please try again.")
}

// Has reports whether a fan has a place of a turn here; Place then finds it in memory.
func (q *Queue) Has(ctx context.Context, fan string, turn int) (bool, error) {
	key := wire.TurnKey(fan, turn)
	if _, ok := q.joined.Get(key); ok {
		return true, nil
	}
	p, ok, err := q.find(ctx, key)
	if ok {
		q.joined.Put(key, p)
	}
	return ok, err
}

// find is the place under a key, if there is one.
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

// Again is a place that was given out here before, by the line it stands in. Nobody is
// asked unless the queue has begun another life since: then what it has no record of
// was lost with the one before, and stays what it was.
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
	return wire.Place{Event: q.event, Lane: q.lane, Region: q.line(given), Number: uint64(number), Fan: rec.Fan, Turn: rec.Turn, At: rec.At, Grant: rec.Grant}
}
