package admission

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"frontrow/admission/admitter"
	"frontrow/admission/queue"
	"frontrow/admission/sale"
	"frontrow/internal/bus"
	"frontrow/internal/leader"
	"frontrow/internal/records"
	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Config configures a Service. NATS and Keys are required.
type Config struct {
	NATS       *nats.Conn
	Keys       *keyring.Keyring      // its pass keys sign
	Name       string                // of this instance, unique; empty: a random one
	Regions    []Region              // whose places are called, home first; none: "home" alone
	Domain     string                // JetStream domain of NATS, for mirrors in other regions; needed if there are any
	Replicas   int                   // of the streams of new events; 0: 1
	Version    string                // of the build, as semantic versioning writes it; empty: "0.0.0"
	LeaseTTL   time.Duration         // how long to wait for an admitter that fell silent; 0: kv.DefaultTTL
	Logger     *slog.Logger          // nil: none
	Registerer prometheus.Registerer // nil: none
	Now        func() time.Time      // nil: time.Now
}

// Region is where fans join queues of its own.
type Region struct {
	Name   string
	Domain string // JetStream domain of its servers; empty: that of the connection
}

// Validate reports what is missing.
func (c Config) Validate() error {
	switch {
	case c.NATS == nil:
		return errors.New("admission: NATS is required")
	case c.Keys == nil || len(c.Keys.Keys().Pass) == 0:
		return errors.New("admission: a keyring with a pass key is required")
	case len(c.Regions) > 1 && c.Domain == "":
		return errors.New("admission: with other regions, the domain of the home region's servers is required")
	case c.Replicas < 0 || c.Replicas > 5:
		return fmt.Errorf("admission: %d replicas", c.Replicas)
	}
	for i, r := range c.Regions {
		if !wire.IsName(r.Name) || (i == 0) != (r.Domain == "") {
			return fmt.Errorf("admission: region %q of domain %q: use a-z, 0-9 and '-', and a domain for all but the first", r.Name, r.Domain)
		}
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = "admission-" + rand.Text()[:8]
	}
	if len(c.Regions) == 0 {
		c.Regions = []Region{{Name: "home"}}
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.Version == "" {
		c.Version = "0.0.0"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Service calls fans and gives out passes for every event whose admitter it is.
type Service struct {
	cfg     Config
	js      jetstream.JetStream
	regions map[string]jetstream.JetStream // by name; those of term.Regions
	events  *kv.Bucket
	log     *kv.Stream // SALELOG
	leader  *leader.Leader
	view    *sale.View
	spoiled *records.Spoiled
	term    admitter.Config // of each term
	ready   atomic.Bool
}

// New checks cfg and builds a Service; it makes no requests yet. The streams of
// streams.CreateCore must exist before Run.
func New(cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	js, err := jetstream.New(cfg.NATS)
	if err != nil {
		return nil, fmt.Errorf("admission: %w", err)
	}
	store, spoiled := kv.JetStream(js), records.NewSpoiled(cfg.Logger, cfg.Registerer)
	leader, err := leader.New(leader.Config{
		Store: store, Role: wire.RoleAdmitter, Holder: cfg.Name, TTL: cfg.LeaseTTL, Prices: true,
		Spoiled: spoiled, Logger: cfg.Logger, Registerer: cfg.Registerer,
	})
	if err != nil {
		return nil, fmt.Errorf("admission: %w", err)
	}
	s := &Service{
		cfg: cfg, js: js, regions: map[string]jetstream.JetStream{}, leader: leader,
		events: kv.NewBucket(store, wire.EventsBucket), log: kv.NewStream(store, wire.SaleLogStream),
		view: sale.NewView(leader, spoiled), spoiled: spoiled,
	}
	s.term = admitter.Config{
		Name: cfg.Name, Store: store, Bus: bus.New(cfg.NATS), View: s.view, Keys: cfg.Keys, Spoiled: spoiled, Orders: s.orders,
		Beat: time.Second, Slice: time.Second,
		Now: cfg.Now, Logger: cfg.Logger, Metrics: admitter.NewMetrics(cfg.Registerer), Registerer: cfg.Registerer,
	}
	for _, r := range cfg.Regions {
		if err := s.addRegion(r); err != nil {
			return nil, fmt.Errorf("admission: region %s: %w", r.Name, err)
		}
	}
	return s, nil
}

// addRegion lets every term call the places of a region.
func (s *Service) addRegion(r Region) (err error) {
	js := s.js
	if r.Domain != "" {
		if js, err = jetstream.NewWithDomain(s.cfg.NATS, r.Domain); err != nil {
			return err
		}
	}
	s.regions[r.Name] = js
	s.term.Regions = append(s.term.Regions, queue.Region{Name: r.Name, Store: kv.JetStream(js)})
	return nil
}

// Ready returns nil once the service answers operators and contends for its events.
func (s *Service) Ready() error {
	if !s.ready.Load() {
		return errors.New("admission: not ready")
	}
	if !s.cfg.NATS.IsConnected() {
		return errors.New("admission: not connected to NATS")
	}
	return nil
}

// Run serves until ctx ends, and then returns nil.
func (s *Service) Run(ctx context.Context) error {
	outer := ctx
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.view.Run(ctx, s.term.Store) })
	g.Go(func() error {
		return s.leader.Run(ctx, func(ctx context.Context, e *leader.Event) error {
			return s.leader.Lead(ctx, e.ID, func(ctx context.Context, term uint64) error {
				return s.lead(ctx, e.ID, term)
			})
		})
	})
	g.Go(func() error { return s.serveOperators(ctx) })
	err := g.Wait()
	s.ready.Store(false)
	if outer.Err() != nil {
		return nil
	}
	return err
}

// lead serves one term as admitter of an event.
func (s *Service) lead(ctx context.Context, event string, term uint64) error {
	if err := s.view.Await(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { s.keepRegions(ctx, event) })
	return admitter.New(s.term, event, term).Run(ctx)
}

// orders returns how many orders are waiting to be paid for, or are being paid.
func (s *Service) orders(ctx context.Context) (int, error) {
	c, err := s.js.Consumer(ctx, wire.OrdersStream, wire.CheckoutConsumer)
	if err != nil {
		return 0, err
	}
	return int(min(c.CachedInfo().NumPending+uint64(c.CachedInfo().NumAckPending), math.MaxInt32)), nil
}
