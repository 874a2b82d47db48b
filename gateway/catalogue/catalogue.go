package catalogue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"frontrow/gateway/arrivals"
	"frontrow/gateway/live"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

const (
	// repairMin and repairMax bound the pause before something that went wrong in
	// the background is tried again.
	repairMin = 250 * time.Millisecond
	repairMax = 15 * time.Second
	// planTimeout bounds one attempt at reading a plan.
	planTimeout = 20 * time.Second
	// noticeBacklog bounds the notices that wait to be routed.
	noticeBacklog = 65536
)

// Config configures a Catalogue. Whatever is not optional is required.
type Config struct {
	NATS      *nats.Conn
	JetStream jetstream.JetStream
	Region    string
	Revoked   Watched // of REVOKED
	SignOuts  Watched // of SIGNEDOUT
	// Sockets are those of the process, which the events' viewers are among.
	Sockets *live.Sockets
	// Told is told of every notice to a fan.
	Told       func(fan string, n *wire.Notice)
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// Watched is told of a bucket: of each record, and when all that was stored has been
// told.
type Watched interface {
	Note(kv.Entry) error
	Arrived()
}

// Catalogue is every event this gateway knows, kept by one watch a bucket.
// An event can be found once its plan is here and all of its watches run.
type Catalogue struct {
	cfg     Config
	spoiled *records.Spoiled
	tasks   *errgroup.Group
	ctx     context.Context // of the tasks; set by Run

	mu      sync.RWMutex
	events  map[string]*Event
	known   map[string]bool // buckets of which all that was stored has been seen
	opening int             // events whose first attempt at opening is under way
}

// New knows no event yet.
func New(cfg Config) *Catalogue {
	return &Catalogue{cfg: cfg, spoiled: records.NewSpoiled(cfg.Logger, cfg.Registerer), events: map[string]*Event{}, known: map[string]bool{}}
}

// Run watches, and keeps the events live, until ctx ends. It is called once.
func (c *Catalogue) Run(ctx context.Context) error {
	c.tasks, c.ctx = errgroup.WithContext(ctx)
	for bucket, entry := range map[string]func(kv.Entry) error{
		wire.EventsBucket: c.onEvent, wire.BoardBucket: c.onBoard, wire.StockBucket: c.onStock, wire.PricesBucket: c.onPrice,
		wire.RevokedBucket: c.cfg.Revoked.Note, wire.SignedOutBucket: c.cfg.SignOuts.Note,
	} {
		c.follow(c.ctx, bucket, ">", kv.Watcher{
			Entry: func(e kv.Entry) {
				err := entry(e)
				kind := wire.SpoiledKind(err)
				c.spoiled.Note(bucket, e.Key, kind)
				if err != nil && kind == "" {
					c.cfg.Logger.Error("record was not understood", "bucket", bucket, "key", e.Key, "err", err)
				}
			},
			Current: func() {
				switch bucket {
				case wire.RevokedBucket:
					c.cfg.Revoked.Arrived()
				case wire.SignedOutBucket:
					c.cfg.SignOuts.Arrived()
				}
				c.mu.Lock()
				c.known[bucket] = true
				c.mu.Unlock()
			},
		})
	}
	return c.tasks.Wait()
}

// follow watches a bucket until ctx ends, also before the bucket is there.
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
	for wait := repairMin; ; wait = min(2*wait, repairMax) {
		if do() == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

// entry is the event called id, made if this is the first that is heard of it.
func (c *Catalogue) entry(id string) (*Event, error) {
	if !wire.IsName(id) {
		return nil, fmt.Errorf("%q is not an event's name", id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.events[id] == nil {
		c.events[id] = &Event{id: id}
	}
	return c.events[id], nil
}

func (c *Catalogue) onEvent(e kv.Entry) error {
	ev, err := c.entry(e.Key)
	if err != nil {
		return err
	}
	rec, err := wire.Read[wire.Event](e.Key, e.Value)
	if err != nil {
		return err
	}
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

func (c *Catalogue) onBoard(e kv.Entry) error {
	ev, err := c.entry(e.Key)
	if err != nil {
		return err
	}
	b, err := wire.Read[wire.Board](e.Key, e.Value)
	if err != nil {
		return err
	}
	return ev.feed.SetBoard(b, uint64(e.Revision))
}

func (c *Catalogue) onStock(e kv.Entry) error {
	ev, err := c.entry(e.Key)
	if err != nil {
		return err
	}
	s, err := wire.Read[wire.Stock](e.Key, e.Value)
	if err != nil {
		return err
	}
	ev.feed.SetStock(s)
	return nil
}

func (c *Catalogue) onPrice(e kv.Entry) error {
	id, level, ok := strings.Cut(e.Key, ".")
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
	ev.prices.Store(level, p)
	return nil
}

// open loads the event's plan, starts what keeps it live, and makes it visible
// when its seats have been read.
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
	registers := arrivals.Config{Spoiled: c.spoiled, JetStream: c.cfg.JetStream, Region: c.cfg.Region, Logger: c.cfg.Logger, Registerer: c.cfg.Registerer}
	ev.queues = map[string]*arrivals.Queue{}
	for _, lane := range wire.Lanes() {
		q := arrivals.NewQueue(registers, ev.id, lane, func(given time.Time) string {
			if b := ev.Board(); b != nil {
				return b.Line(lane, c.cfg.Region, given)
			}
			return c.cfg.Region
		})
		ev.queues[lane] = q
		c.tasks.Go(func() error { return q.Run(ctx) })
	}
	ev.Codes = arrivals.NewClaims(registers, ev.id)
	c.tasks.Go(func() error { return ev.Codes.Run(ctx) })
	ev.visible.Store(true)
	seats := ev.Hub.Watcher()
	seats.Entry = c.noted(wire.SeatsBucket(ev.id), seats.Entry)
	c.follow(ctx, wire.SeatsBucket(ev.id), wire.SeatPrefix+">", seats)
	c.tasks.Go(func() error { return c.notices(ctx, ev) })
	c.tasks.Go(func() error { return ev.Hub.Run(ctx) })
	return nil
}

// noted notes the seats' records that the map can't read, beside what it does with them.
func (c *Catalogue) noted(bucket string, entry func(kv.Entry)) func(kv.Entry) {
	return func(e kv.Entry) {
		var err error
		if !live.Readable(e.Value) {
			_, err = wire.Read[wire.Seat](e.Key, e.Value)
		}
		c.spoiled.Note(bucket, e.Key, wire.SpoiledKind(err))
		entry(e)
	}
}

// plan reads a seating plan by its digest.
func (c *Catalogue) plan(ctx context.Context, digest string) (*live.Venue, error) {
	ctx, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	store, err := c.cfg.JetStream.ObjectStore(ctx, wire.PlansObjects)
	if err != nil {
		return nil, fmt.Errorf("object store %s: %w", wire.PlansObjects, err)
	}
	raw, err := store.GetBytes(ctx, digest)
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", digest, err)
	}
	v, err := live.NewVenue(digest, raw)
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", digest, err)
	}
	return v, nil
}

// notices routes the event's notices to the sockets of their fans. They are
// best effort, so those that don't fit the backlog are lost.
func (c *Catalogue) notices(ctx context.Context, ev *Event) error {
	at := len(wire.NoticeSubject(ev.id, ""))
	sub, err := c.cfg.NATS.Subscribe(wire.NoticeAll(ev.id), func(m *nats.Msg) {
		var n wire.Notice
		if err := json.Unmarshal(m.Data, &n); err != nil {
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

// Find is the event called id, for a request.
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

// List is every visible event, the next to start first.
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

// Ready reports whether everything that was stored when this gateway started has
// been read, or at least been tried.
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
