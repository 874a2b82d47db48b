package natsd

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func start(t *testing.T, c Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	return s
}

func connect(t *testing.T, s *Server, opts ...nats.Option) jetstream.JetStream {
	t.Helper()
	nc, err := s.Connect(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestDataOutlivesAStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, Config{Dir: dir})
	js := connect(t, first)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "s", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	first.Shutdown()
	first.Shutdown() // harmless

	js = connect(t, start(t, Config{Dir: dir}))
	st, err := js.Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := st.GetMsg(t.Context(), 1); err != nil || string(m.Data) != "kept" {
		t.Fatalf("message after the restart: %v, %v", m, err)
	}
}

func TestSettingsReachTheServer(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Dir: t.TempDir(), Domain: "west"})
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if nc.MaxPayload() != MaxPayload {
		t.Errorf("max payload %d, want %d", nc.MaxPayload(), MaxPayload)
	}
	v, err := s.Native().Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	js := v.JetStream
	if !js.Config.SyncAlways || js.Config.Domain != "west" ||
		js.Limits.MaxBatchInflightPerStream != MaxBatchesInflight || js.Limits.MaxBatchTimeout != MaxBatchTimeout {
		t.Errorf("JetStream runs with %+v, limits %+v", js.Config, js.Limits)
	}
	if host, _, _ := net.SplitHostPort(s.Addr()); host != "127.0.0.1" {
		t.Errorf("listens on %s, want loopback", s.Addr())
	}
}

func TestClearErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	if _, err := Start(t.Context(), Config{Dir: dir}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second server on one directory: %v", err)
	}
	if _, err := Start(t.Context(), Config{Dir: t.TempDir(), Addr: s.Addr()}); !errors.Is(err, ErrPortTaken) ||
		!strings.Contains(err.Error(), s.Addr()) {
		t.Errorf("second server on one port: %v", err)
	}
	if _, err := Start(t.Context(), Config{}); err == nil {
		t.Error("no directory: want an error")
	}
	for _, addr := range []string{"localhost", "localhost:nats", "localhost:70000"} {
		if _, err := Start(t.Context(), Config{Dir: t.TempDir(), Addr: addr}); err == nil || !strings.Contains(err.Error(), addr) {
			t.Errorf("address %s: %v", addr, err)
		}
	}
}

func TestFailedStartFreesTheDirectory(t *testing.T) {
	t.Parallel()
	taken := start(t, Config{Dir: t.TempDir()})
	dir := t.TempDir()
	if _, err := Start(t.Context(), Config{Dir: dir, Addr: taken.Addr()}); err == nil {
		t.Fatal("started on a taken port")
	}
	start(t, Config{Dir: dir})
}

func TestServerLinesGoToTheLogger(t *testing.T) {
	t.Parallel()
	var out lockedBuffer
	s := start(t, Config{Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&out, nil))})
	s.Native().Noticef("chatter")
	s.Native().Warnf("attention %d", 7)
	if got := out.String(); strings.Contains(got, "chatter") || !strings.Contains(got, "attention 7") {
		t.Errorf("log holds %q", got)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestClusterNeedsAnAddress(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:x"} {
		if _, err := (Config{Dir: t.TempDir(), Cluster: Cluster{Name: "c", Addr: addr}}).Options(); err == nil {
			t.Errorf("%q was taken", addr)
		}
	}
	o, err := Config{Dir: t.TempDir(), Cluster: Cluster{Name: "c", Addr: "127.0.0.1:6222", Routes: []string{"127.0.0.1:6222", "127.0.0.1:6223"}}}.Options()
	if err != nil || o.Cluster.Name != "c" || o.Cluster.Port != 6222 || len(o.Routes) != 2 || o.Routes[1].Host != "127.0.0.1:6223" {
		t.Errorf("%+v, %v", o, err)
	}
}
