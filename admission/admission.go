package admission

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"frontrow/admission/scene"
	"frontrow/internal/records"
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
	Keys       *wire.Keyring         // its pass keys sign
	Name       string                // of this instance, unlike any other; empty: a random one
	Regions    []Region              // whose places are called, home first; none: "home" alone
	Domain     string                // JetStream domain of NATS, for mirrors in other regions; needed if there are any
	Replicas   int                   // of the streams of new events; 0: 1
	Version    string                // of the build, as semantic versioning writes it; empty: "0.0.0"
	LeaseTTL   time.Duration         // how long an admitter that fell silent is waited for; 0: kv.DefaultTTL
	Logger     *slog.Logger          // nil: none
	Registerer prometheus.Registerer // nil: none
	Now        func() time.Time      // nil: time.Now
}

// Region is where fans join queues of their own.
type Region struct {
	Name   string
	Domain string // JetStream domain of its servers; empty: that of the connection
}

// Validate says what is missing.
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

// Service calls fans and gives out passes, for every event whose admitter it is.
type Service struct {
	cfg     Config
	js      jetstream.JetStream
	regions map[string]jetstream.JetStream // by name
	events  *kv.Bucket
	log     *kv.Stream // SALELOG
	leases  *kv.Leases
	view    *scene.View
	spoiled *records.Spoiled
	metrics *metrics
	beat    time.Duration // between two looks at what may be worth a board
	step    time.Duration // between two slices of a call
	ready   atomic.Bool
}

// New checks cfg and builds a Service; it asks nothing of the servers yet. The
// streams of wire.CreateCore must exist before Run.
func New(cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	js, err := jetstream.New(cfg.NATS)
	if err != nil {
		return nil, fmt.Errorf("admission: %w", err)
	}
	leases, err := kv.NewLeases(kv.LeasesConfig{
		Bucket: kv.Open(js, wire.LeasesBucket), Holder: cfg.Name, TTL: cfg.LeaseTTL,
		Logger: cfg.Logger, Registerer: cfg.Registerer,
	})
	if err != nil {
		return nil, fmt.Errorf("admission: %w", err)
	}
	regions := map[string]jetstream.JetStream{}
	for _, r := range cfg.Regions {
		if regions[r.Name] = js; r.Domain == "" {
			continue
		}
		if regions[r.Name], err = jetstream.NewWithDomain(cfg.NATS, r.Domain); err != nil {
			return nil, fmt.Errorf("admission: region %s: %w", r.Name, err)
		}
	}
	spoiled := records.NewSpoiled(cfg.Logger, cfg.Registerer)
	return &Service{
		cfg: cfg, js: js, regions: regions, leases: leases, beat: time.Second, step: time.Second,
		events: kv.Open(js, wire.EventsBucket), log: kv.OpenStream(js, wire.SaleLogStream),
		view: scene.NewView(spoiled), spoiled: spoiled, metrics: newMetrics(cfg.Registerer),
	}, nil
}

// Ready is nil once the service answers operators and contends for its events.
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
	g.Go(func() error { return s.leases.Run(ctx) })
	g.Go(func() error {
		return s.view.Run(ctx, s.js, func(event string) {
			g.Go(func() error {
				return s.leases.Hold(ctx, wire.LeaseKey(wire.RoleAdmitter, event), func(ctx context.Context, term uint64) error {
					return s.lead(ctx, event, term)
				})
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
