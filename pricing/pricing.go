package pricing

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"frontrow/internal/leader"
	"frontrow/internal/operator"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/pricing/rules"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

const (
	recheck = 10 * time.Second // after a price could not be published, and from time to time
	look    = time.Second      // between two looks at a sale by whose course prices move
)

// Config configures a Service. NATS is required.
type Config struct {
	NATS       *nats.Conn
	Name       string                // of this instance, unlike any other; empty: a random one
	Version    string                // of the build, as semantic versioning writes it; empty: "0.0.0"
	LeaseTTL   time.Duration         // how long a pricer that fell silent is waited for; 0: kv.DefaultTTL
	Logger     *slog.Logger          // nil: none
	Registerer prometheus.Registerer // nil: none
	Now        func() time.Time      // nil: time.Now
}

// Validate says what is missing.
func (c Config) Validate() error {
	if c.NATS == nil {
		return errors.New("pricing: NATS is required")
	}
	return nil
}

// Service moves events' prices by their rules.
type Service struct {
	cfg     Config
	js      jetstream.JetStream
	acts    *kv.Stream
	prices  *kv.Bucket
	spoiled *records.Spoiled
	leader  *leader.Leader
	changes prometheus.Counter
	serving atomic.Bool
}

// New checks cfg and builds a Service. The streams of streams.CreateCore must
// exist before Run.
func New(cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Name == "" {
		cfg.Name = "pricing-" + rand.Text()[:8]
	}
	if cfg.Version == "" {
		cfg.Version = "0.0.0"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	js, err := jetstream.New(cfg.NATS)
	if err != nil {
		return nil, fmt.Errorf("pricing: %w", err)
	}
	spoiled := records.NewSpoiled(cfg.Logger, cfg.Registerer)
	leader, err := leader.New(leader.Config{Store: kv.JetStream(js), Role: wire.RolePricer, Holder: cfg.Name, TTL: cfg.LeaseTTL,
		Spoiled: spoiled, Logger: cfg.Logger, Registerer: cfg.Registerer})
	if err != nil {
		return nil, fmt.Errorf("pricing: %w", err)
	}
	s := &Service{cfg: cfg, js: js, leader: leader, acts: kv.OpenStream(js, wire.SaleLogStream), prices: kv.Open(js, wire.PricesBucket), spoiled: spoiled,
		changes: prometheus.NewCounter(prometheus.CounterOpts{Name: "frontrow_pricing_changes_total", Help: "Prices written."})}
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(s.changes)
	}
	return s, nil
}

// Ready is nil once the service has read all events and answers operators.
func (s *Service) Ready() error {
	if !s.serving.Load() || !s.cfg.NATS.IsConnected() {
		return errors.New("pricing: not ready")
	}
	return s.leader.Ready()
}

// Run serves until ctx ends, and then returns nil.
func (s *Service) Run(ctx context.Context) error {
	stop, err := operator.Serve(ctx, operator.Config{
		NATS: s.cfg.NATS, Name: wire.ServicePricing, Version: s.cfg.Version, Logger: s.cfg.Logger,
		Description: "Says what a place of each price level costs, and why.", Metadata: map[string]string{"instance": s.cfg.Name},
	}, s.endpoints()...)
	if err != nil {
		return fmt.Errorf("pricing: %w", err)
	}
	defer stop()
	s.serving.Store(true)
	defer s.serving.Store(false)
	return s.leader.Run(ctx, func(ctx context.Context, e *leader.Event) error {
		return s.leader.Lead(ctx, e.ID, func(ctx context.Context, _ uint64) error { return s.follow(ctx, e) })
	})
}

// book returns the stored prices of an event.
func (s *Service) book(event string) *book {
	return &book{event: event, pricer: s.cfg.Name, acts: s.acts, prices: s.prices, spoiled: s.spoiled, logger: s.cfg.Logger,
		changed: func(levels int) { s.changes.Add(float64(levels)) }}
}

// follow moves an event's prices as its rules say, while the lease is held.
func (s *Service) follow(ctx context.Context, e *leader.Event) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.lead(ctx, e, g.Go) })
	return g.Wait()
}

// lead decides whenever something may have changed. Only a sale whose course moves prices is
// watched, by a task of its own.
func (s *Service) lead(ctx context.Context, e *leader.Event, start func(func() error)) error {
	b, seen := s.book(e.ID), (*sale)(nil)
	checks, looks := time.NewTicker(recheck), time.NewTicker(look)
	defer checks.Stop()
	defer looks.Stop()
	for check := true; ; {
		record := e.Record()
		spec := record.Spec.WithDefaults()
		if spec.Pricing.Mode != wire.PricingFixed && seen == nil {
			seen = &sale{}
			start(func() error { return s.watch(ctx, e.ID, seen) })
		}
		var err error
		if rests := record.State == wire.EventClosed && seen != nil; !rests {
			err = s.decide(ctx, b, spec, seen, check)
		} else if check {
			err = b.publish(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.cfg.Logger.Warn("prices not written yet", "event", e.ID, "err", err)
		}
		check = true
		select {
		case <-ctx.Done():
			return nil
		case <-e.Changed():
		case <-checks.C:
		case <-looks.C:
			check = false
		}
	}
}

// decide makes the act that is due, if any. With check, it publishes what PRICES lacks even
// if nothing is due.
func (s *Service) decide(ctx context.Context, b *book, spec wire.Spec, seen *sale, check bool) error {
	now := s.cfg.Now().UTC().Round(0)
	act := wire.PriceAct{Kind: wire.PriceActRules, At: now, Rules: spec.PriceRules()}
	if seen != nil {
		signals := seen.signals(act.Rules, time.Duration(spec.Admission.Tick), now)
		act.Signals = &signals
	} else if !check {
		return nil // prices that are fixed move with the spec alone
	}
	if err := spec.CheckPricing(); err != nil {
		if !check {
			return nil // it is told often enough
		}
		return fmt.Errorf("no rule of the event is kept: %w", err)
	}
	_, err := b.act(ctx, act)
	if errors.Is(err, rules.ErrNothing) && spec.Pricing.Mode == wire.PricingPropose {
		act.Kind = wire.PriceActPropose
		_, err = b.act(ctx, act)
	}
	if errors.Is(err, rules.ErrNothing) {
		if err = nil; check {
			err = b.publish(ctx)
		}
	}
	if errors.Is(err, errBehind) {
		err = b.catchUp(ctx, act)
	}
	return err
}
