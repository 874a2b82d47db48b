package ops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	checkLimit    = 2 * time.Second
	scrapeLimit   = 10 * time.Second
	maxScrapes    = 4 // at a time; more get 503
	headerLimit   = 5 * time.Second
	readLimit     = 10 * time.Second
	writeLimit    = 2 * time.Minute // a CPU profile is sent after it was taken
	idleLimit     = time.Minute
	headerBytes   = 16 << 10
	shutdownLimit = 5 * time.Second
)

// Check is one thing that the process needs to do its work.
type Check struct {
	// Name as shown by /readyz, "nats" for instance.
	Name string
	// Probe returns nil if the thing is available. It is called concurrently, and counts as
	// failing if it does not return within two seconds.
	Probe func(context.Context) error
}

// Config of the listener. Its zero value serves on a free loopback port.
type Config struct {
	// Addr is host:port; a missing host means 127.0.0.1.
	Addr string
	// Version of the program.
	Version string
	// Registry is what /metrics shows; nil for a new one. New adds the metrics
	// of the Go runtime, of the process and of the build to it.
	Registry *prometheus.Registry
	// Checks decide /readyz; it lists failing ones in this order.
	Checks []Check
	// Logger gets the HTTP server's own errors; nil discards them.
	Logger *slog.Logger
}

// Validate reports what New would refuse before it listens.
func (c Config) Validate() error {
	for i, check := range c.Checks {
		if check.Name == "" || check.Probe == nil {
			return fmt.Errorf("ops: check %d needs a name and a probe", i)
		}
	}
	return nil
}

// Server is the listener; it holds its address from New on.
type Server struct {
	config   Config
	listener net.Listener
	http     *http.Server
	draining atomic.Bool
}

// New listens, so that Addr is known and a taken port is an error here. Run must follow; it
// also closes the listener.
func New(c Config) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := registerProcess(c.Registry, c.Version); err != nil {
		return nil, fmt.Errorf("ops: %w", err)
	}
	listener, err := listen(c.Addr)
	if err != nil {
		return nil, fmt.Errorf("ops: %w", err)
	}
	s := &Server{config: c, listener: listener}
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerLimit,
		ReadTimeout:       readLimit,
		WriteTimeout:      writeLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(c.Logger.Handler(), slog.LevelWarn),
	}
	return s, nil
}

func listen(addr string) (net.Listener, error) {
	if addr == "" {
		addr = ":0"
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.Listen("tcp", net.JoinHostPort(host, port))
}

func registerProcess(registry *prometheus.Registry, version string) error {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "frontrow_ops_build_info",
		Help:        "Always 1; the label tells the version.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	for _, c := range []prometheus.Collector{
		build,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// Addr returns the listener's host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Drain makes /readyz fail from now on.
func (s *Server) Drain() { s.draining.Store(true) }

// Run serves until ctx ends and then drains and closes. It returns nil unless
// serving failed.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("ops: %w", err)
	case <-ctx.Done():
	}
	s.Drain()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	if err := s.http.Shutdown(limit); err != nil {
		s.http.Close() // somebody may be taking a long profile
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("ops: %w", err)
	}
	return nil
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, struct {
			Live bool `json:"live"`
		}{true})
	})
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /version", s.version)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.config.Registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelWarn),
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeLimit,
	}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.Handle("GET /debug/pprof/cmdline", http.NotFoundHandler()) // arguments may hold secrets
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

func (s *Server) version(w http.ResponseWriter, _ *http.Request) {
	v := struct {
		Version  string `json:"version"`
		Revision string `json:"revision,omitempty"`
		Go       string `json:"go"`
	}{Version: s.config.Version, Go: runtime.Version()}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, set := range build.Settings {
			if set.Key == "vcs.revision" {
				v.Revision = set.Value
			}
		}
	}
	reply(w, http.StatusOK, v)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // an error here means that the client has gone
}
