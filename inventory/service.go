package inventory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"frontrow/internal/records"
	"frontrow/inventory/ledger"
	"frontrow/inventory/seating"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Ledger is what the writer needs of PostgreSQL.
type Ledger interface {
	Sales
	// PutEvent makes the event and its seats known to the ledger, once or again.
	PutEvent(ctx context.Context, event wire.Event, seats []string) error
	// GiveUp decides the fate of an order whose hold has passed its deadline in
	// checkout: an order paid by now is answered as paid; any other is failed
	// for good, so that no later commit can succeed.
	GiveUp(ctx context.Context, order, event, fan string) (wire.OrderReply, error)
}

// Sales is what PostgreSQL says is sold.
type Sales interface {
	// Bookings lists the seats of an event that are sold: no other seats are.
	Bookings(ctx context.Context, event string) ([]ledger.Booking, error)
	// Reopen is Bookings for a writer under whose revisions nothing was offered
	// yet: they begin anew, above the given one, and no hold of before exists any
	// more. What was sold before can be sold again, what was being bought before
	// can't be any more.
	Reopen(ctx context.Context, event string, revision uint64) ([]ledger.Booking, error)
	// Order reads an order as it stands, or ledger.ErrNotFound.
	Order(ctx context.Context, order string) (ledger.Order, error)
}

// Config of an inventory worker.
type Config struct {
	NATS       *nats.Conn
	Ledger     Ledger
	Refunds    Refunds // the same PostgreSQL's
	Name       string  // of this process, unlike any other
	Version    string  // of the build, as semantic versioning writes it; empty: "0.0.0"
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
	LeaseTTL   time.Duration // how long a crashed writer's lease outlives it; 0 means kv.DefaultTTL
}

// Validate says what is missing.
func (c Config) Validate() error {
	if c.NATS == nil || c.Ledger == nil || c.Refunds == nil || c.Name == "" {
		return errors.New("inventory: NATS, Ledger, Refunds and Name are needed")
	}
	return nil
}

// Bounds of the service.
const (
	maxSettling   = 64               // holds the ledger is being asked about at once, per process
	settleTimeout = 10 * time.Second // for one such question
	ledgerRetry   = 2 * time.Second  // before the event is offered to the ledger again
	planTimeout   = 30 * time.Second // to fetch and read a plan
	planRetry     = time.Second      // before it is asked for again
)

// Service is an inventory worker: it contends for every event and is the
// writer of those it gets.
type Service struct {
	cfg       Config
	js        jetstream.JetStream
	leases    *kv.Leases
	metrics   *metrics
	spoiled   *records.Spoiled
	settling  chan struct{}
	refunding chan struct{} // one element for each operator's refund under way

	mu      sync.Mutex
	events  map[string]*event
	prices  map[string]map[string]wire.Price // by event and level: they may come before the event
	ready   bool
	writing int // events whose lease this process has
}

// event is what all terms of one event share. Event and prices may change
// while a writer is at work; it is told through changed.
type event struct {
	id       string
	index    *plan.Index
	subjects []string // by seat
	changed  chan struct{}

	stoodBack bool // at the last lease: its holder alone uses it

	mu     sync.Mutex
	record wire.Event
	prices map[string]wire.Price
}

func (e *event) current() wire.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.record
}

// refresh brings an engine up to date with the event's record and prices.
func (e *event) refresh(engine *seating.Engine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	engine.SetEvent(e.record)
	for level, p := range e.prices {
		engine.SetPrice(level, p)
	}
}

func (e *event) update(change func()) {
	e.mu.Lock()
	change()
	e.mu.Unlock()
	select {
	case e.changed <- struct{}{}:
	default:
	}
}

// New returns a worker that works once Run is called.
func New(cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Version == "" {
		cfg.Version = "0.0.0"
	}
	js, err := jetstream.New(cfg.NATS)
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	leases, err := kv.NewLeases(kv.LeasesConfig{Bucket: kv.Open(js, wire.LeasesBucket), Holder: cfg.Name, TTL: cfg.LeaseTTL, Logger: cfg.Logger})
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	return &Service{cfg: cfg, js: js, leases: leases, metrics: newMetrics(cfg.Registerer), spoiled: records.NewSpoiled(cfg.Logger, cfg.Registerer),
		settling: make(chan struct{}, maxSettling), refunding: make(chan struct{}, maxRefunding), events: map[string]*event{}, prices: map[string]map[string]wire.Price{}}, nil
}

// Run works until ctx ends and then hands over what it is writer of.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	operator, err := s.operate(ctx)
	if err != nil {
		return fmt.Errorf("inventory: %w", err)
	}
	g.Go(func() error { return s.leases.Run(ctx) })
	g.Go(func() error {
		return s.watch(ctx, wire.PricesBucket, func(e kv.Entry) { s.priced(e) }, func() {})
	})
	g.Go(func() error {
		return s.watch(ctx, wire.EventsBucket, func(e kv.Entry) {
			s.seen(ctx, e, func(e *event) { g.Go(func() error { return s.contend(ctx, e) }) })
		}, s.setReady)
	})
	err = errors.Join(g.Wait(), operator.Stop())
	for range cap(s.refunding) { // those under way end with ctx, and no other begins
		s.refunding <- struct{}{}
	}
	return err
}

func (s *Service) watch(ctx context.Context, bucket string, entry func(kv.Entry), current func()) error {
	err := kv.Open(s.js, bucket).Watch(ctx, ">", kv.Watcher{Entry: entry, Current: current})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Service) setReady() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = true
}

// Ready says whether the worker knows all events, for the readiness probe.
func (s *Service) Ready(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready {
		return errors.New("events are not loaded yet")
	}
	return nil
}

// seen takes an event's record from EVENTS; start is called for a new one.
func (s *Service) seen(ctx context.Context, e kv.Entry, start func(*event)) {
	record, err := records.Read[wire.Event](s.spoiled, wire.EventsBucket, e)
	if err != nil {
		return // one that is known goes on as it was
	}
	s.mu.Lock()
	known := s.events[e.Key]
	s.mu.Unlock()
	if known != nil {
		known.update(func() { known.record = record })
		return
	}
	ev := &event{id: e.Key, record: record, changed: make(chan struct{}, 1), prices: map[string]wire.Price{}}
	s.mu.Lock()
	s.events[e.Key] = ev
	for level, p := range s.prices[e.Key] {
		ev.prices[level] = p
	}
	s.mu.Unlock()
	start(ev)
}

// prepare reads the event's plan, however long it takes to come: a replica
// that answers may not have it yet.
func (s *Service) prepare(ctx context.Context, e *event) error {
	for {
		index, err := s.plan(ctx, e.current().Plan)
		if err == nil {
			e.index, e.subjects = index, make([]string, index.Len())
			bucket := wire.SeatsBucket(e.id)
			for seat := range e.subjects {
				e.subjects[seat] = wire.KVSubject(bucket, wire.SeatKey(index.ID(seat)))
			}
			return nil
		}
		s.cfg.Logger.Warn("event without a plan: it is asked for again", "event_id", e.id, "err", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(planRetry):
		}
	}
}

func (s *Service) plan(ctx context.Context, digest string) (*plan.Index, error) {
	ctx, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	store, err := s.js.ObjectStore(ctx, wire.PlansObjects)
	if err != nil {
		return nil, fmt.Errorf("plans: %w", err)
	}
	raw, err := store.GetBytes(ctx, digest)
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", digest, err)
	}
	p, err := plan.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", digest, err)
	}
	return plan.NewIndex(p), nil
}

// priced takes a price from PRICES.
func (s *Service) priced(e kv.Entry) {
	p, err := records.Read[wire.Price](s.spoiled, wire.PricesBucket, e)
	id, level, ok := wire.SplitPriceKey(e.Key)
	if err != nil || !ok {
		return // the one before stands
	}
	s.mu.Lock()
	if s.prices[id] == nil {
		s.prices[id] = map[string]wire.Price{}
	}
	s.prices[id][level] = p
	ev := s.events[id]
	s.mu.Unlock()
	if ev != nil {
		ev.update(func() { ev.prices[level] = p })
	}
}

// contend is the writer of an event whenever the lease allows.
func (s *Service) contend(ctx context.Context, e *event) error {
	if s.prepare(ctx, e) != nil {
		return nil
	}
	err := s.leases.Hold(ctx, wire.LeaseKey(wire.RoleWriter, e.id), func(ctx context.Context, term uint64) error {
		return s.write(ctx, e, term)
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// write is one term: the writer, starting anew as often as it must.
func (s *Service) write(ctx context.Context, e *event, term uint64) error {
	mine, done := s.begin(ctx, e)
	defer done()
	if !mine {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	stock := newStockPublisher(kv.Open(s.js, wire.StockBucket), e.id, s.cfg.Logger)
	wg.Go(func() { stock.run(ctx) })
	wg.Go(func() { s.introduce(ctx, e) })
	for {
		w := s.newWriter(e, term, stock)
		if err := w.run(ctx); !errors.Is(err, errRestart) || ctx.Err() != nil {
			return err
		} else {
			s.cfg.Logger.Warn("writer starts anew", "event_id", e.id, "term", term, "err", err)
		}
	}
}

func (s *Service) newWriter(e *event, term uint64, stock *stockPublisher) *writer {
	return &writer{event: e, name: s.cfg.Name, term: term, nc: s.cfg.NATS, js: s.js, stream: &kv.Open(s.js, wire.SeatsBucket(e.id)).Stream,
		queue: make(chan command, maxQueue), landed: make(chan outcome, 1), replies: make(chan []reply, maxReplies),
		ledger: s.cfg.Ledger, settling: s.settling, asking: map[string]bool{}, now: s.cfg.Now, logger: s.cfg.Logger, metrics: s.metrics, spoiled: s.spoiled, stock: stock}
}

// introduce makes the event known to the ledger, however long that takes;
// holds don't wait for it.
func (s *Service) introduce(ctx context.Context, e *event) {
	seats := make([]string, e.index.Len())
	for i := range seats {
		seats[i] = e.index.ID(i)
	}
	for {
		err := s.cfg.Ledger.PutEvent(ctx, e.current(), seats)
		if err == nil || ctx.Err() != nil {
			return
		}
		s.cfg.Logger.Warn("the ledger doesn't know the event yet", "event_id", e.id, "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(ledgerRetry):
		}
	}
}
