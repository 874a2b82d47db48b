package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"frontrow/gateway/live"
	"frontrow/internal/records"
	"frontrow/internal/salelog"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/cenkalti/backoff/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

const (
	// repairMin and repairMax bound the pause before a failed background task is tried
	// again.
	repairMin = 250 * time.Millisecond
	repairMax = 15 * time.Second
	// noticeBacklog bounds the notices waiting to be routed.
	noticeBacklog = 65536
)

// Config configures a Catalogue. All but Registerer is required.
type Config struct {
	NATS      *nats.Conn
	JetStream jetstream.JetStream
	Region    string
	Revoked   Watched // of REVOKED
	SignOuts  Watched // of SIGNEDOUT
	// Sockets are the live sockets of the process, the events' viewers among them.
	Sockets *live.Sockets
	// Told is called with every notice to a fan.
	Told       func(fan string, n *wire.Notice)
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// Watched takes a bucket's records: each one, and then that all stored ones have come.
type Watched interface {
	Note(kv.Entry) error
	Arrived()
}

// Catalogue is every event this gateway knows, kept up to date by one watch per bucket. An
// event can be found once its plan is here and all of its watches run.
type Catalogue struct {
	cfg     Config
	spoiled *records.Spoiled
	tasks   *errgroup.Group
	ctx     context.Context // of the tasks; set by Run

	mu      sync.RWMutex
	events  map[string]*Event
	known   map[string]bool // buckets whose stored records have all been seen
	opening int             // events whose first attempt at opening is under way
}

// New returns a Catalogue that knows no event yet.
func New(cfg Config) *Catalogue {
	return &Catalogue{cfg: cfg, spoiled: records.NewSpoiled(cfg.Logger, cfg.Registerer), events: map[string]*Event{}, known: map[string]bool{}}
}

// Run watches and keeps the events live until ctx ends. It is called once.
func (c *Catalogue) Run(ctx context.Context) error {
	c.tasks, c.ctx = errgroup.WithContext(ctx)
	c.tell(wire.EventsBucket, about(c, c.setRecord), nil)
	c.tell(wire.BoardBucket, about(c, func(ev *Event, b wire.Board, e kv.Entry) error {
		return ev.feed.SetBoard(b, uint64(e.Revision))
	}), nil)
	c.tell(wire.StockBucket, about(c, func(ev *Event, s wire.Stock, _ kv.Entry) error {
		ev.feed.SetStock(s)
		return nil
	}), nil)
	c.tell(wire.PricesBucket, c.setPrice, nil)
	for bucket, w := range map[string]Watched{wire.RevokedBucket: c.cfg.Revoked, wire.SignedOutBucket: c.cfg.SignOuts} {
		c.tell(bucket, w.Note, w.Arrived)
	}
	return c.tasks.Wait()
}

// tell watches a bucket, calls take with each record and, once all stored ones have come,
// arrived, if not nil.
func (c *Catalogue) tell(bucket string, take func(kv.Entry) error, arrived func()) {
	c.follow(c.ctx, bucket, ">", kv.Watcher{
		Entry: func(e kv.Entry) {
			err := take(e)
			kind := wire.SpoiledKind(err)
			c.spoiled.Note(bucket, e.Key, kind)
			if err != nil && kind == "" {
				c.cfg.Logger.Error("record was not understood", "bucket", bucket, "key", e.Key, "err", err)
			}
		},
		Current: func() {
			if arrived != nil {
				arrived()
			}
			c.mu.Lock()
			c.known[bucket] = true
			c.mu.Unlock()
		},
	})
}

// about adapts take to the records of a bucket whose keys are events.
func about[T any, P wire.Record[T]](c *Catalogue, take func(*Event, T, kv.Entry) error) func(kv.Entry) error {
	return func(e kv.Entry) error {
		ev, err := c.entry(e.Key)
		if err != nil {
			return err
		}
		record, err := wire.Read[T, P](e.Key, e.Value)
		if err != nil {
			return err
		}
		return take(ev, record, e)
	}
}

// follow watches a bucket until ctx ends, even if the bucket doesn't exist yet.
func (c *Catalogue) follow(ctx context.Context, bucket, filter string, w kv.Watcher) {
	c.tasks.Go(func() error {
		return repair(ctx, func() error {
			err := kv.Open(c.cfg.JetStream, bucket).Watch(ctx, filter, w)
			if ctx.Err() == nil {
				c.cfg.Logger.Warn("watch could not begin", "bucket", bucket, "err", err)
			}
			return err
		})
	})
}

// repair repeats do until it succeeds or ctx ends; it returns nil.
func repair(ctx context.Context, do func() error) error {
	pauses := &backoff.ExponentialBackOff{InitialInterval: repairMin, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: repairMax}
	_, _ = backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, do() }, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0))
	return nil
}

// entry returns the event called id, and creates it when it is first heard of.
func (c *Catalogue) entry(id string) (*Event, error) {
	if !wire.IsName(id) {
		return nil, fmt.Errorf("%q is not an event's name", id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.events[id] == nil {
		c.events[id] = &Event{id: id, bucket: kv.Open(c.cfg.JetStream, wire.PricesBucket)}
	}
	return c.events[id], nil
}

// setRecord takes the newest record of an event, and opens the event if it is new.
func (c *Catalogue) setRecord(ev *Event, rec wire.Event, _ kv.Entry) error {
	if old := ev.record.Load(); old != nil && old.Plan != rec.Plan {
		return errors.New("the plan of an event can't change: keeping the old record")
	}
	rec.Spec = rec.Spec.WithDefaults()
	ev.zone.Store(rec.Spec.Zone())
	ev.record.Store(&rec)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !ev.begun {
		ev.begun = true
		c.opening++
		c.tasks.Go(func() error { return c.open(c.ctx, ev) })
	}
	return nil
}

// setPrice takes a level's newest price.
func (c *Catalogue) setPrice(e kv.Entry) error {
	id, level, ok := wire.SplitPriceKey(e.Key)
	if !ok {
		return errors.New("the key is not event.level")
	}
	ev, err := c.entry(id)
	if err != nil {
		return err
	}
	p, err := wire.Read[wire.Price](e.Key, e.Value)
	if err != nil {
		return err
	}
	l, _ := ev.prices.LoadOrStore(level, &levelPrices{seen: []wire.Price{p}, newest: e.Revision, oldest: e.Revision})
	l.(*levelPrices).set(p, e.Revision)
	return nil
}

// open loads the event's plan, starts the tasks that keep it live, and makes it visible
// once its seats have been read.
func (c *Catalogue) open(ctx context.Context, ev *Event) error {
	first := sync.OnceFunc(func() {
		c.mu.Lock()
		c.opening--
		c.mu.Unlock()
	})
	defer first()
	var v *live.Venue
	_ = repair(ctx, func() (err error) {
		if v, err = c.plan(ctx, ev.record.Load().Plan); err != nil && ctx.Err() == nil {
			c.cfg.Logger.Warn("plan can't be read", "event", ev.id, "err", err)
			first()
		}
		return err
	})
	if v == nil {
		return nil // ctx ended
	}
	ev.Venue, ev.Hub = v, live.NewHub(v, &ev.feed, c.cfg.Sockets)
	ev.queues = map[string]*Queue{}
	for _, lane := range wire.Lanes() {
		q := newQueue(c.cfg, c.spoiled, ev.id, lane, func(given time.Time) string {
			if b := ev.Board(); b != nil {
				return b.Line(lane, c.cfg.Region, given)
			}
			return c.cfg.Region
		})
		ev.queues[lane] = q
		c.tasks.Go(func() error { return q.run(ctx) })
	}
	ev.Codes = newClaims(c.cfg, c.spoiled, ev.id)
	c.tasks.Go(func() error { return ev.Codes.run(ctx) })
	ev.visible.Store(true)
	c.tasks.Go(func() error { return c.seats(ctx, ev) })
	c.tasks.Go(func() error { return c.notices(ctx, ev) })
	c.tasks.Go(func() error { return ev.Hub.Run(ctx) })
	return nil
}

// seats keeps the event's map up to date until ctx ends, even if there are no seats yet.
func (c *Catalogue) seats(ctx context.Context, ev *Event) error {
	cfg := salelog.Config{Seats: kv.Open(c.cfg.JetStream, wire.SeatsBucket(ev.id)), Index: ev.Venue.Index, Spoiled: c.spoiled, Logger: c.cfg.Logger}
	return repair(ctx, func() error {
		err := salelog.Follow(ctx, cfg, ev.Hub.Watcher())
		if ctx.Err() == nil {
			c.cfg.Logger.Warn("seats can't be followed yet", "event", ev.id, "err", err)
		}
		return err
	})
}

// plan reads a seating plan by its digest.
func (c *Catalogue) plan(ctx context.Context, digest string) (*live.Venue, error) {
	p, raw, err := records.Plan(ctx, c.cfg.JetStream, digest)
	if err != nil {
		return nil, err
	}
	return live.NewVenue(digest, p, raw)
}

// notices routes the event's notices to the sockets of their fans. They are best effort:
// those beyond the backlog are lost.
func (c *Catalogue) notices(ctx context.Context, ev *Event) error {
	at := len(wire.NoticeSubject(ev.id, ""))
	sub, err := c.cfg.NATS.Subscribe(wire.NoticeAll(ev.id), func(m *nats.Msg) {
		var n wire.Notice
		if err := wire.Unmarshal(m.Data, &n); err != nil {
			c.cfg.Logger.Error("notice was not understood", "event", ev.id, "err", err)
			return
		}
		c.cfg.Told(m.Subject[at:], &n)
		if n.Kind != wire.NoticeReturn {
			ev.Hub.Notice(m.Subject[at:], &n)
		}
	})
	if err != nil {
		return fmt.Errorf("subscribe to notices of %s: %w", ev.id, err)
	}
	if err := sub.SetPendingLimits(noticeBacklog, -1); err != nil {
		return fmt.Errorf("bound the notices of %s: %w", ev.id, err)
	}
	<-ctx.Done()
	_ = sub.Unsubscribe()
	return nil
}

// Find returns the event called id, or a refusal.
func (c *Catalogue) Find(id string) (*Event, error) {
	c.mu.RLock()
	ev, known := c.events[id], c.known[wire.EventsBucket]
	c.mu.RUnlock()
	switch {
	case ev != nil && ev.visible.Load():
		return ev, nil
	case !known || ev != nil && ev.record.Load() != nil:
		return nil, wire.Busy("This event is still loading. Please try again in a moment.")
	}
	return nil, wire.Refuse(wire.CodeNotFound, "There is no such event.")
}

// List returns the visible events, the next to start first.
func (c *Catalogue) List() []*Event {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var all []*Event
	for _, ev := range c.events {
		if ev.visible.Load() {
			all = append(all, ev)
		}
	}
	slices.SortFunc(all, func(a, b *Event) int {
		if d := a.record.Load().Spec.StartsAt.Compare(b.record.Load().Spec.StartsAt); d != 0 {
			return d
		}
		return strings.Compare(a.id, b.id)
	})
	return all
}

// Ready returns nil once everything that was stored when this gateway started has been
// read, or at least tried.
func (c *Catalogue) Ready() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	switch {
	case !c.known[wire.EventsBucket] || !c.known[wire.BoardBucket] || !c.known[wire.RevokedBucket] || !c.known[wire.SignedOutBucket]:
		return errors.New("events, boards, revoked passes and ended sessions are not read yet")
	case c.opening > 0:
		return fmt.Errorf("%d events are being loaded", c.opening)
	}
	return nil
}
