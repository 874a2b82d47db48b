package pricing

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"frontrow/internal/leader"
	"frontrow/internal/operator"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	recheck    = 10 * time.Second // after a price could not be written, and from time to time
	writeTries = 8                // of one price, while another write to it is in flight
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

// Service keeps PRICES as the events' specs say.
type Service struct {
	cfg     Config
	js      jetstream.JetStream
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
	s := &Service{cfg: cfg, js: js, leader: leader, prices: kv.Open(js, wire.PricesBucket), spoiled: spoiled,
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
	}, operator.Endpoint{
		Name: "pricing-status", Subject: wire.OperatorSubject("pricing", "status", "*"),
		About: "The prices of an event's levels, with their history.", Request: "{}", Response: "Status", Do: s.status,
	})
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

// follow keeps an event's prices as its spec says, while the lease is held.
func (s *Service) follow(ctx context.Context, e *leader.Event) error {
	again := time.NewTicker(recheck)
	defer again.Stop()
	for {
		for level, want := range FromSpec(e.Record().Spec) {
			if err := s.set(ctx, e.ID, level, want); err != nil && ctx.Err() == nil {
				s.cfg.Logger.Warn("price not written yet", "event", e.ID, "level", level, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-e.Changed():
		case <-again.C:
		}
	}
}

// set writes a level's price if it is another than it was.
func (s *Service) set(ctx context.Context, event, level string, want wire.Amounts) error {
	key := wire.PriceKey(event, level)
	for try := 1; ; try++ {
		var now wire.Price
		spoiled := false
		e, err := s.prices.Get(ctx, key)
		switch {
		case errors.Is(err, kv.ErrNotFound):
		case err != nil:
			return err
		default:
			now, err = records.Last[wire.Price](ctx, s.spoiled, &s.prices.Stream, e)
			if kind := wire.SpoiledKind(err); err != nil && (kind == "" || kind == wire.SpoiledNewer) {
				return fmt.Errorf("price %s: %w", key, err)
			}
			_, junk := wire.Read[wire.Price](key, e.Value)
			spoiled = junk != nil
		}
		next, changed := Reprice(now, want, whySpec, s.cfg.Now())
		if !changed && !spoiled {
			return nil // else it is stored again as it was
		}
		value, err := json.Marshal(next)
		if err != nil {
			return err
		}
		_, err = s.prices.Update(ctx, key, value, e.Revision)
		if err == nil {
			s.spoiled.Note(s.prices.Name(), key, "")
			s.changes.Inc()
			s.cfg.Logger.Info("price changed", "event", event, "level", level, "total", next.Total, "version", next.Version, "why", next.Why)
			return nil
		}
		if !errors.Is(err, kv.ErrConflict) || try == writeTries {
			return err
		}
	}
}

// Status is what frontrow.pricing.status.<event> answers.
type Status struct {
	Event    string                `json:"event"`
	Currency string                `json:"currency"`
	Levels   map[string]LevelState `json:"levels"`
}

// LevelState is a level's price and those before it, newest first.
type LevelState struct {
	Name    string       `json:"name"`
	Now     *wire.Price  `json:"now,omitempty"`
	History []wire.Price `json:"history,omitempty"`
}

func (s *Service) status(ctx context.Context, r operator.Request) (any, error) {
	e := s.leader.Event(r.Event)
	if e == nil {
		return nil, wire.Refuse(wire.CodeNotFound, fmt.Sprintf("There is no event %q.", r.Event))
	}
	spec := e.Record().Spec
	bucket, err := s.js.KeyValue(ctx, wire.PricesBucket)
	if err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	status := Status{Event: e.ID, Currency: spec.Currency, Levels: map[string]LevelState{}}
	for _, l := range spec.Levels {
		state := LevelState{Name: l.Name}
		entries, err := bucket.History(ctx, wire.PriceKey(e.ID, l.ID))
		if err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
			return nil, fmt.Errorf("history of %s: %w", l.ID, err)
		}
		for _, e := range entries {
			p, err := wire.Read[wire.Price](e.Key(), e.Value())
			if err != nil {
				continue // junk was never in force
			}
			state.Now = &p
			state.History = append([]wire.Price{p}, state.History...)
		}
		status.Levels[l.ID] = state
	}
	return status, nil
}
