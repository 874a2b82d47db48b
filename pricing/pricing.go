package pricing

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

const (
	recheck         = 10 * time.Second // after a price could not be written, and from time to time
	operatorTimeout = 8 * time.Second
	writeTries      = 8 // of one price, while another write to it is in flight
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
	leases  *kv.Leases
	changes prometheus.Counter
	ready   atomic.Bool

	mu     sync.Mutex
	events map[string]*offer
}

// offer is an event's spec as last seen. Changed holds a token when it is new.
type offer struct {
	spec    wire.Spec
	changed chan struct{}
}

// New checks cfg and builds a Service. The streams of wire.CreateCore must
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
	leases, err := kv.NewLeases(kv.LeasesConfig{Bucket: kv.Open(js, wire.LeasesBucket), Holder: cfg.Name, TTL: cfg.LeaseTTL,
		Logger: cfg.Logger, Registerer: cfg.Registerer})
	if err != nil {
		return nil, fmt.Errorf("pricing: %w", err)
	}
	s := &Service{cfg: cfg, js: js, leases: leases, prices: kv.Open(js, wire.PricesBucket), events: map[string]*offer{},
		spoiled: records.NewSpoiled(cfg.Logger, cfg.Registerer),
		changes: prometheus.NewCounter(prometheus.CounterOpts{Name: "frontrow_pricing_changes_total", Help: "Prices written."})}
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(s.changes)
	}
	return s, nil
}

// Ready is nil once the service has read all events and answers operators.
func (s *Service) Ready() error {
	if !s.ready.Load() || !s.cfg.NATS.IsConnected() {
		return errors.New("pricing: not ready")
	}
	return nil
}

// Run serves until ctx ends, and then returns nil.
func (s *Service) Run(ctx context.Context) error {
	outer := ctx
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.leases.Run(ctx) })
	service, err := s.serveOperators(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = service.Stop() }()
	g.Go(func() error {
		return kv.Open(s.js, wire.EventsBucket).Watch(ctx, ">", kv.Watcher{
			Entry: func(e kv.Entry) {
				event, err := records.Read[wire.Event](s.spoiled, wire.EventsBucket, e)
				if err != nil {
					return // one that is known keeps its prices
				}
				if o := s.see(e.Key, event.Spec); o != nil {
					g.Go(func() error {
						return s.leases.Hold(ctx, wire.LeaseKey(wire.RolePricer, e.Key), func(ctx context.Context, _ uint64) error {
							return s.follow(ctx, e.Key, o)
						})
					})
				}
			},
			Current: func() { s.ready.Store(true) },
		})
	})
	err = g.Wait()
	s.ready.Store(false)
	if outer.Err() != nil {
		return nil
	}
	return err
}

// see notes an event's spec, and returns its offer if it is the first.
func (s *Service) see(event string, spec wire.Spec) *offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.events[event]; o != nil {
		o.spec = spec
		select {
		case o.changed <- struct{}{}:
		default:
		}
		return nil
	}
	o := &offer{spec: spec, changed: make(chan struct{}, 1)}
	s.events[event] = o
	return o
}

// follow keeps an event's prices as its spec says, while the lease is held.
func (s *Service) follow(ctx context.Context, event string, o *offer) error {
	again := time.NewTicker(recheck)
	defer again.Stop()
	for {
		s.mu.Lock()
		spec := o.spec
		s.mu.Unlock()
		for level, want := range FromSpec(spec) {
			if err := s.set(ctx, event, level, want); err != nil && ctx.Err() == nil {
				s.cfg.Logger.Warn("price not written yet", "event", event, "level", level, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-o.changed:
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

func (s *Service) serveOperators(ctx context.Context) (micro.Service, error) {
	service, err := micro.AddService(s.cfg.NATS, micro.Config{
		Name: wire.ServicePricing, Version: s.cfg.Version, Description: "Says what a place of each price level costs, and why.",
		Metadata: map[string]string{"instance": s.cfg.Name},
	})
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", wire.ServicePricing, err)
	}
	err = service.AddEndpoint("pricing-status", micro.HandlerFunc(func(r micro.Request) { s.answer(ctx, r) }),
		micro.WithEndpointSubject(wire.OperatorSubject("pricing", "status", "*")), micro.WithEndpointMetadata(map[string]string{
			"description": "The prices of an event's levels, with their history.", "request": "{}", "response": "Status",
		}))
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", wire.ServicePricing, err)
	}
	return service, nil
}

func (s *Service) answer(ctx context.Context, r micro.Request) {
	ctx, cancel := context.WithTimeout(ctx, operatorTimeout)
	defer cancel()
	subject := r.Subject()
	status, err := s.status(ctx, subject[strings.LastIndexByte(subject, '.')+1:])
	if err == nil {
		_ = r.RespondJSON(status) // fails only when the asker can't be reached
		return
	}
	var p *wire.Problem
	if !errors.As(err, &p) {
		p = wire.Busy(err.Error())
	}
	body, _ := json.Marshal(p) // strings and numbers: can't fail
	_ = r.Error(string(p.Code), p.Detail, body)
}

func (s *Service) status(ctx context.Context, event string) (Status, error) {
	s.mu.Lock()
	o := s.events[event]
	var spec wire.Spec
	if o != nil {
		spec = o.spec
	}
	s.mu.Unlock()
	if o == nil {
		return Status{}, wire.Refuse(wire.CodeNotFound, fmt.Sprintf("There is no event %q.", event))
	}
	bucket, err := s.js.KeyValue(ctx, wire.PricesBucket)
	if err != nil {
		return Status{}, fmt.Errorf("prices: %w", err)
	}
	status := Status{Event: event, Currency: spec.Currency, Levels: map[string]LevelState{}}
	for _, l := range spec.Levels {
		state := LevelState{Name: l.Name}
		entries, err := bucket.History(ctx, wire.PriceKey(event, l.ID))
		if err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
			return Status{}, fmt.Errorf("history of %s: %w", l.ID, err)
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
