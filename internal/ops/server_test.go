package ops

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func serve(t *testing.T, c Config) *Server {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func get(t *testing.T, s *Server, path string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + s.Addr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func ready(t *testing.T, s *Server) (status int, failing []failure) {
	t.Helper()
	status, body := get(t, s, "/readyz")
	var state struct {
		Ready   bool
		Failing []failure
	}
	if err := json.Unmarshal([]byte(body), &state); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if state.Ready != (status == http.StatusOK) {
		t.Errorf("status %d with %s", status, body)
	}
	return status, state.Failing
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	var natsAway atomic.Bool
	s := serve(t, Config{Checks: []Check{
		{"nats", func(context.Context) error {
			if natsAway.Load() {
				return errors.New("no servers")
			}
			return nil
		}},
		{"postgres", func(context.Context) error { return nil }},
	}})
	if status, failing := ready(t, s); status != 200 || len(failing) != 0 {
		t.Errorf("all well: %d %v", status, failing)
	}
	natsAway.Store(true)
	if status, failing := ready(t, s); status != 503 || len(failing) != 1 || failing[0] != (failure{"nats", "no servers"}) {
		t.Errorf("nats away: %d %v", status, failing)
	}
	if status, _ := get(t, s, "/livez"); status != 200 {
		t.Errorf("nats away: livez %d", status)
	}
	natsAway.Store(false)
	s.Drain()
	if status, failing := ready(t, s); status != 503 || len(failing) != 1 || failing[0].Check != "drain" {
		t.Errorf("draining: %d %v", status, failing)
	}
	if status, _ := get(t, s, "/livez"); status != 200 {
		t.Errorf("draining: livez %d", status)
	}
}

func TestHangingCheckFails(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	defer close(never)
	s := serve(t, Config{Checks: []Check{{"stuck", func(context.Context) error { <-never; return nil }}}})
	if status, failing := ready(t, s); status != 503 || len(failing) != 1 || failing[0].Check != "stuck" {
		t.Errorf("%d %v", status, failing)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "frontrow_test_things_total"}))
	s := serve(t, Config{Version: "v1.2.3", Registry: registry})
	for path, want := range map[string]string{
		"/livez":                         `"live":true`,
		"/version":                       `"version":"v1.2.3"`,
		"/metrics":                       "frontrow_test_things_total 0",
		"/debug/pprof/":                  "goroutine",
		"/debug/pprof/goroutine?debug=1": "goroutine profile",
	} {
		if status, body := get(t, s, path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d, lacks %q", path, status, want)
		}
	}
	for _, want := range []string{`frontrow_ops_build_info{version="v1.2.3"} 1`, "go_goroutines", "process_open_fds"} {
		if _, body := get(t, s, "/metrics"); !strings.Contains(body, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if status, _ := get(t, s, "/debug/pprof/cmdline"); status != 404 {
		t.Errorf("the command line, which may hold secrets: %d", status)
	}
	if status, _ := get(t, s, "/"); status != 404 {
		t.Errorf("/: %d", status)
	}
	resp, err := http.Post("http://"+s.Addr()+"/livez", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /livez: %d", resp.StatusCode)
	}
}

func TestTooLargeHeaderIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, Config{})
	req, err := http.NewRequest("GET", "http://"+s.Addr()+"/livez", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Large", strings.Repeat("x", 2*headerBytes))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Run does not return")
	}
	if conn, err := net.Dial("tcp", s.Addr()); err == nil {
		conn.Close()
		t.Error("still listens")
	}
}

func TestRefusedConfig(t *testing.T) {
	t.Parallel()
	s := serve(t, Config{})
	if host, _, _ := net.SplitHostPort(s.Addr()); host != "127.0.0.1" {
		t.Errorf("listens on %s, want loopback", s.Addr())
	}
	for name, c := range map[string]Config{
		"taken port":    {Addr: s.Addr()},
		"bad address":   {Addr: "nowhere"},
		"unnamed check": {Checks: []Check{{Probe: func(context.Context) error { return nil }}}},
		"empty check":   {Checks: []Check{{Name: "nats"}}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}
