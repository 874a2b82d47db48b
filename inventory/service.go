package inventory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"frontrow/internal/asking"
	"frontrow/internal/bus"
	"frontrow/internal/leader"
	"frontrow/internal/operator"
	"frontrow/internal/records"
	"frontrow/inventory/refund"
	"frontrow/inventory/writer"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/cenkalti/backoff/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// Ledger is PostgreSQL.
type Ledger interface {
	writer.Ledger
	refund.Ledger
	refund.Captures
}

// Config of an inventory worker. NATS, Ledger and Name are needed.
type Config struct {
	NATS       *nats.Conn
	Ledger     Ledger
	Name       string // of this process, unlike any other
	Version    string // of the build, as semantic versioning writes it; empty: "0.0.0"
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
	LeaseTTL   time.Duration // how long a crashed writer's lease outlives it; 0 means kv.DefaultTTL
}

// Validate says what is missing.
func (c Config) Validate() error {
	if c.NATS == nil || c.Ledger == nil || c.Name == "" {
		return errors.New("inventory: NATS, Ledger and Name are needed")
	}
	return nil
}

// planAgain is the time before an event's plan is asked for again.
const planAgain = time.Second

// Service is an inventory worker: it contends for every event and is the
// writer of those it gets.
type Service struct {
	cfg     Config
	js      jetstream.JetStream
	store   kv.Store
	bus     bus.Bus
	leader  *leader.Leader
	writer  *writer.Writer
	refunds *refund.Refunds

	mu      sync.Mutex
	writing int // events whose lease this process has
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
	store := kv.JetStream(js)
	s := &Service{cfg: cfg, js: js, store: store, bus: bus.New(cfg.NATS)}
	s.leader, err = leader.New(leader.Config{Store: store, Role: wire.RoleWriter, Holder: cfg.Name, TTL: cfg.LeaseTTL, Prices: true,
		Spoiled: records.NewSpoiled(cfg.Logger, cfg.Registerer), Logger: cfg.Logger, Registerer: cfg.Registerer})
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	s.writer, err = writer.New(writer.Config{Store: store, Bus: s.bus, Ledger: cfg.Ledger, Name: cfg.Name, Logger: cfg.Logger, Registerer: cfg.Registerer, Now: cfg.Now})
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	s.refunds, err = refund.New(refund.Config{Store: store, Bus: s.bus, Writer: writer.Client{Bus: asking.New(s.bus, wire.TogetherOrders)}, Ledger: cfg.Ledger, Captures: cfg.Ledger, Now: cfg.Now})
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	return s, nil
}

// Run works until ctx ends and then hands over what it is writer of.
func (s *Service) Run(ctx context.Context) error {
	stop, err := operator.Serve(ctx, operator.Config{NATS: s.cfg.NATS, Name: wire.ServiceInventory, Version: s.cfg.Version, Logger: s.cfg.Logger,
		Description: "Who holds which seat. Payloads are JSON; the last token of the subject names the event."}, s.endpoints()...)
	if err != nil {
		return fmt.Errorf("inventory: %w", err)
	}
	defer stop()
	return s.leader.Run(ctx, s.contend)
}

// Ready is nil once the worker knows all events, for the readiness probe.
func (s *Service) Ready(context.Context) error { return s.leader.Ready() }

// contend is the writer of an event whenever the lease allows.
func (s *Service) contend(ctx context.Context, e *leader.Event) error {
	index, err := s.plan(ctx, e)
	if err != nil {
		return err
	}
	seats, stoodBack := writer.NewEvent(e.ID, index, e), false
	return s.leader.Lead(ctx, e.ID, func(ctx context.Context, term uint64) error {
		mine, done := s.begin(ctx, &stoodBack)
		defer done()
		if !mine {
			return nil
		}
		return s.writer.Run(ctx, seats, term)
	})
}

// plan reads an event's plan, however long it takes to come: a server that
// answers may not have it yet.
func (s *Service) plan(ctx context.Context, e *leader.Event) (*plan.Index, error) {
	return backoff.Retry(ctx, func() (*plan.Index, error) {
		p, _, err := records.Plan(ctx, s.js, e.Record().Plan)
		if err != nil {
			return nil, err
		}
		return plan.NewIndex(p), nil
	}, backoff.WithBackOff(backoff.NewConstantBackOff(planAgain)), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, _ time.Duration) {
		s.cfg.Logger.Warn("event without a plan: it is asked for again", "event", e.ID, "err", err)
	}))
}
