package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"frontrow/internal/ops"
	"frontrow/inventory/payment/sandbox"
	"frontrow/keyring"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Bounds of a process.
const (
	opsStop = 5 * time.Second // how long the ops listener outlives the services
)

// homeRegion is where inventory, admission and orders live, and the first queues.
const homeRegion = "home"

// serviceFlags are those of every service.
type serviceFlags struct {
	natsFlags
	Ops      string     `default:"127.0.0.1:8081" placeholder:"ADDR" help:"Address for /livez, /readyz, /metrics, /version and /debug/pprof."`
	LogLevel slog.Level `default:"info" placeholder:"LEVEL" help:"Log level: debug, info, warn or error."`
}

// process is the services of a process, built by the same constructors wherever
// they run, and what they share.
type process struct {
	serviceFlags
	name     string // of this process
	logger   *slog.Logger
	registry *prometheus.Registry
	sandbox  *sandbox.Server // dev's payments
	runs     []named
	checks   []ops.Check
	closes   []func()
}

type named struct {
	name string
	run  func(context.Context) error
}

func (c terminal) newProcess(f serviceFlags) *process {
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	return &process{serviceFlags: f, name: fmt.Sprintf("%s-%d", strings.ReplaceAll(host, ".", "-"), os.Getpid()),
		logger:   slog.New(slog.NewJSONHandler(c.stderr, &slog.HandlerOptions{Level: f.LogLevel, ReplaceAttr: redactErrors})),
		registry: prometheus.NewRegistry()}
}

// serve runs one service, which add adds, until SIGTERM ends it gracefully.
func (c terminal) serve(ctx context.Context, f serviceFlags, add func(*process) error) error {
	p := c.newProcess(f)
	if err := add(p); err != nil {
		p.close()
		return err
	}
	return p.run(ctx, nil)
}

// keyring returns the service's part of the keyring's file, which it follows: in dev,
// too, a service holds no more than it needs. A service alone is not to be given
// more either, and says so.
func (p *process) keyring(service, file string) (*keyring.Keyring, error) {
	keys, _, err := keyring.ReadKeys(file)
	if err != nil {
		return nil, err
	}
	ring, err := keys.Keyring(service)
	if err != nil {
		return nil, fmt.Errorf("keyring %s: %w", file, err)
	}
	log := p.log(service)
	if more := keys.Surplus(service); more != "" && p.sandbox == nil {
		log.Warn("the keyring's file holds more than this service needs, for whoever breaks in: give it its part, made by frontrow keys split",
			"file", file, "surplus", more)
	}
	p.add(service+" keyring", func(ctx context.Context) error { return p.followKeys(ctx, ring, file, log) })
	return ring, nil
}

// followKeys puts the keyring's file in force whenever it changes. Services look
// at once when they get SIGHUP; dev, the one with a sandbox, may hang at a
// terminal and ends by it.
func (p *process) followKeys(ctx context.Context, ring *keyring.Keyring, file string, log *slog.Logger) error {
	nudge := make(chan os.Signal, 1)
	if p.sandbox == nil {
		signal.Notify(nudge, syscall.SIGHUP)
		defer signal.Stop(nudge)
	}
	return ring.Follow(ctx, file, nudge, func(err error) {
		if err != nil {
			log.Error("keys stay as they were", "err", err)
			return
		}
		var signs []string
		for _, s := range ring.Keys().States(time.Now()) {
			if s.State == "signs" {
				signs = append(signs, s.ID)
			}
		}
		log.Info("keys in force", "sign", signs)
	})
}

func (p *process) add(name string, run func(context.Context) error) {
	p.runs = append(p.runs, named{name, run})
}

// connect opens a service's own connection, as if it were alone. It gets its
// answers where no other role may listen; one that may not do what it asks for
// hears so, and the caller only that no answer came.
func (p *process) connect(service string) (*nats.Conn, error) {
	log := p.log(service)
	nc, err := p.natsFlags.connect("frontrow-"+service, nats.CustomInboxPrefix(wire.Inbox(service)),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Error("NATS", "err", err) }))
	if err != nil {
		return nil, err
	}
	p.closes = append(p.closes, nc.Close)
	p.checks = append(p.checks, ops.Check{Name: service + " nats", Probe: func(context.Context) error {
		if !nc.IsConnected() {
			return errors.New(nc.Status().String())
		}
		return nil
	}})
	return nc, nil
}

func (p *process) log(service string) *slog.Logger { return p.logger.With("service", service) }

// run serves until ctx ends or a service fails; ready, if any, is called once
// everything has been started, with the address of the ops listener.
func (p *process) run(ctx context.Context, ready func(ctx context.Context, ops string) error) error {
	defer p.close()
	if err := ops.GrowHeap(); err != nil {
		p.logger.Warn("memory has no bound: set GOMEMLIMIT", "err", err)
	}
	o, err := ops.New(ops.Config{Addr: p.Ops, Version: version(), Registry: p.registry, Checks: p.checks, Logger: p.log("ops")})
	if err != nil {
		return err
	}
	opsCtx, stopOps := context.WithCancel(context.WithoutCancel(ctx))
	opsDone := make(chan error, 1)
	go func() { opsDone <- o.Run(opsCtx) }()
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range p.runs {
		g.Go(func() error {
			if err := s.run(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			return nil
		})
	}
	g.Go(func() error {
		<-ctx.Done()
		o.Drain()
		return nil
	})
	if ready != nil {
		g.Go(func() error { return ready(ctx, o.Addr()) })
	}
	err = g.Wait()
	stopOps()
	select {
	case <-opsDone:
	case <-time.After(opsStop):
	}
	return err
}

func (p *process) close() {
	for i := len(p.closes) - 1; i >= 0; i-- {
		p.closes[i]()
	}
	p.closes = nil
}
