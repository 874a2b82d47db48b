package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"frontrow/admission"
	"frontrow/gateway"
	"frontrow/internal/ops"
	"frontrow/inventory"
	"frontrow/inventory/checkout"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment/sandbox"
	"frontrow/pricing"
	"frontrow/web"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Bounds of a process.
const (
	opsStop = 5 * time.Second // how long the ops listener outlives the services
)

// homeRegion is where inventory, admission and orders live, and the first queues.
const homeRegion = "home"

// options is all that services are started from: each uses its part.
type options struct {
	http, ops     string
	nats, creds   string
	postgres      string
	payments      string // URL of the payment provider
	webhooks      string // address where its webhooks are taken
	webhookSecret string // file
	replica       string // DSN of a read replica
	keys          string // file
	region        string
	regions       list   // region=domain
	domain        string // of NATS
	replicas      int
	public        string
	defences      defences
	origins       list
	logLevel      slog.Level
}

// house is the process's services, built by the same constructors wherever
// they run, and what they share.
type house struct {
	options
	logger   *slog.Logger
	registry *prometheus.Registry
	name     string // of this process
	secret   []byte // that the provider's webhooks are signed with
	sandbox  *sandbox.Server
	runs     []named
	checks   []ops.Check
	closes   []func()
}

type named struct {
	name string
	run  func(context.Context) error
}

func (c command) service(ctx context.Context, name string, args []string) error {
	f := c.flags(name, "", "Runs one service. SIGTERM ends it gracefully.")
	o := options{}
	f.secret(&o.nats, "nats", "nats://127.0.0.1:4222", "`URL`s of NATS, separated by commas")
	f.StringVar(&o.creds, "creds", "", "NATS credentials `file`")
	f.StringVar(&o.ops, "ops", "127.0.0.1:8081", "`address` of /livez /readyz /metrics /version /debug/pprof")
	f.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "debug, info, warn or error")
	switch name {
	case "gateway":
		f.StringVar(&o.http, "http", ":8080", "`address` for fans")
		f.StringVar(&o.keys, "keys", "keys.json", "keyring `file`: secrets, and public halves of pass and barcode keys (frontrow keys split)")
		f.StringVar(&o.region, "region", "home", "region whose queues this gateway fills")
		f.StringVar(&o.domain, "domain", "", "JetStream `domain` of the home region's servers, needed in another region")
		f.StringVar(&o.public, "public-url", "", "where fans reach the shop, like `https://tickets.example.com`: used in links, and requests to other hosts are refused; with https, cookies are sent over HTTPS only. Without it, each request or a trusted proxy says where the shop is")
		o.defences.flags(f)
		o.defences.edgeFlags(f)
		f.Var(&o.origins, "origin", "another `origin` that may act for a fan (may be repeated)")
	case "admission":
		f.StringVar(&o.keys, "keys", "keys.json", "keyring `file`: pass keys (frontrow keys split)")
		f.Var(&o.regions, "region", "another `region=domain` of NATS whose places are called too (may be repeated)")
		f.StringVar(&o.domain, "domain", "", "JetStream `domain` of the home region's servers, needed with --region")
		f.IntVar(&o.replicas, "replicas", 3, "replicas of the streams of new events")
	case "inventory":
		f.StringVar(&o.keys, "keys", "keys.json", "keyring `file`: barcode keys (frontrow keys split)")
		f.secret(&o.postgres, "postgres", "", "PostgreSQL `DSN`")
		f.StringVar(&o.payments, "payments", "", "`URL` of the payment provider")
		f.StringVar(&o.webhooks, "webhooks", "", "`address` to take its webhooks at; empty: the provider is polled instead")
		f.StringVar(&o.webhookSecret, "webhook-secret", "", "`file` with the secret its webhooks are signed with")
		f.secret(&o.replica, "replica", "", "`DSN` of a read replica, for order history")
	}
	if err := f.parse(args); err != nil {
		return err
	}
	if name == "inventory" && (o.postgres == "" || o.payments == "") {
		return errors.New("inventory needs --postgres and --payments")
	}
	if name == "inventory" {
		if u, err := url.Parse(o.payments); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return errors.New("--payments takes the provider's URL, as in https://payments.example.org")
		}
	}
	h := newHouse(o, c.stderr)
	if o.webhookSecret != "" {
		secret, err := secretFile(o.webhookSecret)
		if err != nil {
			return fmt.Errorf("--webhook-secret: %w", err)
		}
		h.secret = secret
	}
	var err error
	switch name {
	case "gateway":
		if o.public == "" {
			h.log("gateway").Warn("no --public-url: cookies and links are of the address that each request says")
		}
		_, err = h.gateway()
	case "admission":
		err = h.admission()
	case "inventory":
		err = h.inventory(ctx)
	case "pricing":
		err = h.pricing()
	}
	if err != nil {
		h.close()
		return err
	}
	return h.run(ctx, nil)
}

func newHouse(o options, stderr io.Writer) *house {
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	if o.keys == "" {
		signal.Ignore(syscall.SIGHUP) // it is sent to all services alike
	}
	return &house{options: o, name: fmt.Sprintf("%s-%d", strings.ReplaceAll(host, ".", "-"), os.Getpid()),
		logger:   slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: o.logLevel, ReplaceAttr: redactErrors})),
		registry: prometheus.NewRegistry()}
}

// keyring is the service's part of the keyring's file, which it follows: in dev,
// too, a service holds no more than it needs. A service alone is not to be given
// more either, and says so.
func (h *house) keyring(service string) (*wire.Keyring, error) {
	keys, _, err := wire.ReadKeys(h.keys)
	if err != nil {
		return nil, err
	}
	ring, err := keys.Keyring(service)
	if err != nil {
		return nil, fmt.Errorf("keyring %s: %w", h.keys, err)
	}
	log := h.log(service)
	if more := keys.Surplus(service); more != "" && h.sandbox == nil {
		log.Warn("the keyring's file holds more than this service needs, for whoever breaks in: give it its part, made by frontrow keys split",
			"file", h.keys, "more", more)
	}
	h.add(service+" keyring", func(ctx context.Context) error { return h.followKeys(ctx, ring, log) })
	return ring, nil
}

// followKeys puts the keyring's file in force whenever it changes. Services look
// at once when they get SIGHUP; dev, the one with a sandbox, may hang at a
// terminal and ends by it.
func (h *house) followKeys(ctx context.Context, ring *wire.Keyring, log *slog.Logger) error {
	nudge := make(chan os.Signal, 1)
	if h.sandbox == nil {
		signal.Notify(nudge, syscall.SIGHUP)
		defer signal.Stop(nudge)
	}
	return ring.Follow(ctx, h.keys, nudge, func(err error) {
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

func (h *house) add(name string, run func(context.Context) error) {
	h.runs = append(h.runs, named{name, run})
}

// connect opens a service's own connection, as if it were alone. It gets its
// answers where no other role may listen; one that may not do what it asks for
// hears so, and the caller only that no answer came.
func (h *house) connect(service string) (*nats.Conn, error) {
	log := h.log(service)
	nc, err := connect(h.nats, h.creds, "frontrow-"+service, nats.CustomInboxPrefix(wire.Inbox(service)),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Error("NATS", "err", err) }))
	if err != nil {
		return nil, err
	}
	h.closes = append(h.closes, nc.Close)
	h.checks = append(h.checks, ops.Check{Name: service + " nats", Probe: func(context.Context) error {
		if !nc.IsConnected() {
			return errors.New(nc.Status().String())
		}
		return nil
	}})
	return nc, nil
}

func (h *house) gateway() (*gateway.Gateway, error) {
	keys, err := h.keyring(wire.Gateway)
	if err != nil {
		return nil, err
	}
	nc, err := h.connect(wire.Gateway)
	if err != nil {
		return nil, err
	}
	cert, err := h.defences.load()
	if err != nil {
		return nil, err
	}
	g, err := gateway.New(gateway.Config{Addr: h.http, Region: h.region, HomeDomain: h.domain, NATS: nc, Keys: keys, Pages: web.FS, PublicURL: strings.TrimSuffix(h.public, "/"),
		Certificate: cert, Defences: h.defences.Config, AllowedOrigins: h.origins, Version: version(), Logger: h.log("gateway"), Registerer: h.registry})
	if err != nil {
		return nil, err
	}
	h.add("gateway", g.Run)
	h.checks = append(h.checks, ops.Check{Name: "gateway", Probe: g.Ready})
	return g, nil
}

func (h *house) admission() error {
	keys, err := h.keyring(wire.Admission)
	if err != nil {
		return err
	}
	nc, err := h.connect(wire.Admission)
	if err != nil {
		return err
	}
	regions := []admission.Region{{Name: homeRegion}}
	for _, r := range h.regions {
		name, domain, _ := strings.Cut(r, "=")
		regions = append(regions, admission.Region{Name: name, Domain: domain})
	}
	a, err := admission.New(admission.Config{NATS: nc, Keys: keys, Name: h.name, Regions: regions, Domain: h.domain, Replicas: h.replicas, Version: version(),
		Logger: h.log("admission"), Registerer: h.registry})
	if err != nil {
		return err
	}
	h.add("admission", a.Run)
	h.checks = append(h.checks, ops.Check{Name: "admission", Probe: func(context.Context) error { return a.Ready() }})
	return nil
}

func (h *house) pricing() error {
	nc, err := h.connect(wire.Pricing)
	if err != nil {
		return err
	}
	p, err := pricing.New(pricing.Config{NATS: nc, Name: h.name, Version: version(), Logger: h.log("pricing"), Registerer: h.registry})
	if err != nil {
		return err
	}
	h.add("pricing", p.Run)
	return nil
}

// inventory is the writer, the checkout and the ledger: they share PostgreSQL.
func (h *house) inventory(ctx context.Context) error {
	keys, err := h.keyring(wire.Inventory)
	if err != nil {
		return err
	}
	nc, err := h.connect(wire.Inventory)
	if err != nil {
		return err
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: h.postgres, ReplicaDSN: h.replica, Logger: h.log("ledger"), Registerer: h.registry})
	if err != nil {
		return err
	}
	h.closes = append(h.closes, l.Close)
	s, err := inventory.New(inventory.Config{NATS: nc, Ledger: l, Refunds: l, Name: h.name, Version: version(), Logger: h.log("inventory"), Registerer: h.registry})
	if err != nil {
		return err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	c, err := checkout.New(checkout.Config{NATS: nc, JetStream: js, Ledger: l, Outbox: l, Provider: sandbox.NewClient(h.payments, 0),
		WebhookAddr: h.webhooks, WebhookSecret: h.secret, Logger: h.log("checkout"), Registerer: h.registry})
	if err != nil {
		return err
	}
	if h.sandbox != nil {
		h.sandbox.SendTo(c.WebhookURL())
	}
	reads := checkout.Reads{NATS: nc, JetStream: js, Records: l, Signer: keys, Logger: h.log("checkout")}
	h.add("reads", reads.Run)
	h.add("ledger", l.Run)
	h.add("inventory", s.Run)
	h.add("checkout", c.Run)
	h.checks = append(h.checks, ops.Check{Name: "inventory", Probe: s.Ready}, ops.Check{Name: "postgres", Probe: l.Ping})
	return nil
}

func (h *house) log(service string) *slog.Logger { return h.logger.With("svc", service) }

// run serves until ctx ends or a service fails; ready, if any, is called once
// everything has been started, with the address of the ops listener.
func (h *house) run(ctx context.Context, ready func(ctx context.Context, ops string) error) error {
	defer h.close()
	o, err := ops.New(ops.Config{Addr: h.ops, Version: version(), Registry: h.registry, Checks: h.checks, Logger: h.log("ops")})
	if err != nil {
		return err
	}
	opsCtx, stopOps := context.WithCancel(context.WithoutCancel(ctx))
	opsDone := make(chan error, 1)
	go func() { opsDone <- o.Run(opsCtx) }()
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range h.runs {
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

func (h *house) close() {
	for i := len(h.closes) - 1; i >= 0; i-- {
		h.closes[i]()
	}
	h.closes = nil
}
