package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"frontrow/gateway/abuse"
	"frontrow/gateway/events"
	"frontrow/gateway/listener"
	"frontrow/gateway/live"
	"frontrow/gateway/pages"
	"frontrow/gateway/visitor"
	"frontrow/internal/asking"
	"frontrow/internal/bus"
	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Bounds of the HTTP server.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	answerTimeout     = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
	maxStreams        = 100 // of one HTTP/2 connection

	// DefaultMaxSockets bounds the live sockets of a process.
	DefaultMaxSockets = 150_000

	// stopTimeout bounds a graceful stop.
	stopTimeout = 20 * time.Second
)

// Names that only a gateway answers to.
const (
	statusSubject = "frontrow.gateway.status"
	seqHeader     = "Frontrow-Seq"
	defaultAddr   = ":8080"
	defaultRegion = "home"
)

// Config configures a Gateway. NATS and Keys are required.
type Config struct {
	// Addr to listen on; empty means ":8080", port 0 any free port.
	Addr string
	// Region whose queues this gateway fills; empty means "home".
	Region string
	// HomeDomain is the JetStream domain of the home region, where orders are;
	// empty in the home region itself.
	HomeDomain string
	// NATS connection to the region's servers.
	NATS *nats.Conn
	// Keys are the secrets and the pass keys, of which the public halves suffice. They may
	// be replaced while Run runs.
	Keys *keyring.Keyring
	// Pages holds templates/ and dist/, as pages.Page describes; nil: no pages, only the
	// API.
	Pages fs.FS
	// PublicURL is where fans reach the shop, like https://tickets.example.com. Links are
	// made from it, and requests for another host are refused. With https, cookies are for
	// HTTPS alone, and browsers never come back without it. Empty: what each request, or a
	// trusted proxy, says.
	PublicURL string
	// Certificate, if any, makes the gateway speak HTTPS.
	Certificate *listener.Certificate
	// CardKey is Stripe's publishable key, for the page on which fans pay by card; empty:
	// there is no such page.
	CardKey string
	// Defences against bots and resellers.
	Defences abuse.Config
	// AllowedOrigins may act for a fan, besides our own host: "https://shop.example".
	AllowedOrigins []string
	// MaxSockets bounds the live sockets; 0 means DefaultMaxSockets.
	MaxSockets int
	// Version of the build, as semantic versioning writes it; empty: "0.0.0".
	Version string

	Logger     *slog.Logger          // nil: no log
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time      // nil: time.Now
}

// Validate fills in defaults and reports what is invalid.
func (c *Config) Validate() error {
	if c.NATS == nil || c.Keys == nil {
		return errors.New("gateway: NATS and Keys are required")
	}
	if keys := c.Keys.Keys(); len(keys.Secret) == 0 || len(keys.Pass) == 0 {
		return errors.New("gateway: the keyring needs a secret and a pass key")
	}
	if c.Addr == "" {
		c.Addr = defaultAddr
	}
	if c.Region == "" {
		c.Region = defaultRegion
	}
	if !wire.IsName(c.Region) {
		return fmt.Errorf("gateway: region %q: use a-z, 0-9 and '-'", c.Region)
	}
	if scheme, _, ok := strings.Cut(c.PublicURL, "://"); c.PublicURL != "" && (!ok || scheme != "https" && scheme != "http" || strings.Count(c.PublicURL, "/") != 2) {
		return fmt.Errorf("gateway: public address %q: write it like https://tickets.example.com", c.PublicURL)
	}
	if c.MaxSockets == 0 {
		c.MaxSockets = DefaultMaxSockets
	}
	if err := c.Defences.Validate(); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Version = cmp.Or(c.Version, "0.0.0")
	return nil
}

// Gateway is one process of the regional edge.
type Gateway struct {
	cfg      Config
	visitors *visitor.Visitors
	events   *events.Catalogue
	asks     *asking.Joiner // of the other services
	orders   *kv.Committer  // of ORDERS
	waiting  *kv.Stream     // ORDERS, for reading
	pages    *pages.Pages   // nil: none
	keySet   atomic.Pointer[keySet]
	metrics  *metrics
	sockets  *live.Sockets
	defences *abuse.Defences

	listener *listener.Listener
	server   *http.Server
}

// New checks cfg and opens the listener, so that Addr is known and a port in use is an
// error at once. Requests are answered once Run is called.
func New(cfg Config) (*Gateway, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	js, err := jetstream.New(cfg.NATS)
	home := js
	if err == nil && cfg.HomeDomain != "" {
		home, err = jetstream.NewWithDomain(cfg.NATS, cfg.HomeDomain)
	}
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	g := &Gateway{cfg: cfg, metrics: newMetrics(cfg.Registerer), asks: asking.New(bus.New(cfg.NATS), wire.TogetherFans)}
	g.visitors, err = visitor.New(visitor.Config{Keys: cfg.Keys, PublicURL: cfg.PublicURL, AllowedOrigins: cfg.AllowedOrigins,
		Proxies: cfg.Defences.Proxies, JA4Header: cfg.Defences.JA4Header, Exempt: cfg.Defences.Exempt, Now: cfg.Now,
		SignedOut: func(fan string) { g.sockets.ComeBack(fan) }})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if cfg.Pages != nil {
		if g.pages, err = pages.New(cfg.Pages, cfg.Defences.WidgetOrigins()); err != nil {
			return nil, fmt.Errorf("gateway: %w", err)
		}
	}
	g.defences = abuse.New(cfg.Defences, abuse.Env{Region: cfg.Region, NATS: cfg.NATS, JetStream: js, Keys: cfg.Keys,
		Logger: cfg.Logger, Registerer: cfg.Registerer, Now: cfg.Now})
	g.sockets = live.NewSockets(live.Config{Max: cfg.MaxSockets, OfAddress: cfg.Defences.MaxSocketsOfAddress, OfFan: cfg.Defences.MaxSocketsOfFan,
		Code: closeCode, Registerer: cfg.Registerer})
	g.events = events.New(events.Config{NATS: cfg.NATS, JetStream: js, Region: cfg.Region, Revoked: g.visitors.Revoked, SignOuts: g.visitors.SignOuts, Sockets: g.sockets,
		Told: g.defences.Told, Logger: cfg.Logger, Registerer: cfg.Registerer})
	g.waiting = kv.OpenStream(home, wire.OrdersStream)
	g.orders = kv.NewCommitter(kv.CommitterConfig{Stream: g.waiting, Registerer: cfg.Registerer})
	inner, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	g.listener = listener.New(inner, g.defences.Edge())
	g.server = &http.Server{Handler: g.routes(), ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		WriteTimeout: answerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		HTTP2:     &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ConnState: g.listener.ConnState, ConnContext: visitor.WithConn,
		ErrorLog: log.New(serverLog{cfg.Logger}, "", 0)}
	if cfg.Certificate != nil {
		g.server.TLSConfig = cfg.Certificate.Config()
	}
	return g, nil
}

// serverLog takes the HTTP server's complaints. Handshakes that clients break off are not
// worth a line: anyone can cause as many as they like.
type serverLog struct{ *slog.Logger }

func (l serverLog) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	if bytes.HasPrefix(line, []byte("http: TLS handshake error")) {
		level = slog.LevelDebug
	}
	l.Log(context.Background(), level, strings.TrimSpace(string(line)))
	return len(line), nil
}

// serve answers requests until the server is shut down.
func (g *Gateway) serve() error {
	if g.server.TLSConfig != nil {
		return g.server.ServeTLS(g.listener, "", "") // the certificate is in TLSConfig
	}
	return g.server.Serve(g.listener)
}

// Addr returns the listener's address.
func (g *Gateway) Addr() string { return g.listener.Addr().String() }

// Ready returns nil once the events and boards that were stored when Run began have been
// read; it is a probe for /readyz.
func (g *Gateway) Ready(context.Context) error { return g.events.Ready() }

// Run serves until ctx ends, then stops gracefully: it accepts no connections, sends
// sockets away in waves, and answers the requests in flight. It is called once.
func (g *Gateway) Run(ctx context.Context) error {
	// What requests in flight need outlives ctx.
	back, stopBack := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBack()
	tasks, back := errgroup.WithContext(back)
	service, err := g.operators()
	if err != nil {
		_ = g.listener.Close()
		return err
	}
	tasks.Go(func() error { return g.events.Run(back) })
	tasks.Go(func() error { return g.defences.Run(back) })
	if g.cfg.Certificate != nil {
		tasks.Go(func() error { return g.cfg.Certificate.Run(back, g.cfg.Logger) })
	}
	tasks.Go(func() error { return g.orders.Run(back) })
	served := make(chan error, 1)
	go func() { served <- g.serve() }()
	select {
	case <-ctx.Done():
	case <-back.Done(): // a task failed; Wait says which
	case err = <-served:
		served <- http.ErrServerClosed
	}
	_ = service.Stop()
	g.stop()
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	stopBack()
	return errors.Join(err, tasks.Wait())
}

// stop ends connections. It cuts off what is not done within stopTimeout.
func (g *Gateway) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var leaving sync.WaitGroup
	leaving.Go(func() { g.sockets.Farewell(ctx) })
	if g.server.Shutdown(ctx) != nil {
		_ = g.server.Close()
	}
	leaving.Wait()
}

// status is the answer of frontrow.gateway.status.
type status struct {
	Region   string         `json:"region"`
	Version  string         `json:"version,omitempty"`
	Addr     string         `json:"addr"`
	Ready    bool           `json:"ready"`
	Sockets  int            `json:"sockets"`
	Events   map[string]int `json:"events"` // viewers by event
	Defences abuse.Status   `json:"defences"`
}

// operators adds the operators' endpoint. Every gateway answers for itself.
func (g *Gateway) operators() (micro.Service, error) {
	s, err := micro.AddService(g.cfg.NATS, micro.Config{Name: wire.ServiceGateway, Version: g.cfg.Version,
		Description: "the regional edge", Metadata: map[string]string{"region": g.cfg.Region}})
	if err != nil {
		return nil, fmt.Errorf("gateway: micro service: %w", err)
	}
	err = s.AddEndpoint("status", micro.HandlerFunc(func(r micro.Request) {
		st := status{Region: g.cfg.Region, Version: g.cfg.Version, Addr: g.Addr(), Ready: g.events.Ready() == nil,
			Sockets: g.sockets.Open(), Events: map[string]int{}, Defences: g.defences.Status(g.listener.Stats())}
		for _, ev := range g.events.List() {
			st.Events[ev.ID()] = ev.Hub.Viewers()
		}
		raw, _ := json.Marshal(st) // strings and numbers: can't fail
		_ = r.Respond(raw)
	}), micro.WithEndpointSubject(statusSubject), micro.WithEndpointQueueGroupDisabled())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("gateway: endpoint %s: %w", statusSubject, err), s.Stop())
	}
	return s, nil
}
