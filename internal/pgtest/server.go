package pgtest

import (
	"os"
	"syscall"
	"testing"
	"time"

	"frontrow/internal/pgd"
)

// Server is a PostgreSQL of a single test. Its methods fail the test instead of returning
// errors; only the test's goroutine may call them.
type Server struct {
	t       testing.TB
	dir     string
	port    int
	primary string // DSN, if this is a replica
	dsn     string
	live    *pgd.Server // nil while stopped
}

// Start runs a server that ends, and whose data is removed, with the test.
func Start(t testing.TB) *Server { return run(t, "") }

// Replica runs a streaming replica of the server. It accepts only reads and may lag: wait
// for what it must show.
func (s *Server) Replica() *Server { return run(s.t, s.dsn) }

func run(t testing.TB, primary string) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", tempPattern)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, dir: dir, primary: primary}
	t.Cleanup(func() {
		s.Stop()
		remove(dir)
	})
	s.Start()
	return s
}

// DSN returns the DSN of an empty database. It stays the same across restarts.
func (s *Server) DSN() string { return s.dsn }

// Start runs the stopped or killed server again and returns when it has
// recovered and accepts connections.
func (s *Server) Start() {
	s.t.Helper()
	if s.live != nil {
		return
	}
	live, err := start(s.dir, s.port, s.primary)
	if err != nil {
		s.t.Fatal(err)
	}
	s.live, s.port, s.dsn = live, live.Port(), live.DSN()
}

// Revive starts the server again if it has ended by itself.
func (s *Server) Revive() {
	s.t.Helper()
	select {
	case <-s.live.Done():
		s.live = nil
		s.Start()
	default:
	}
}

// Stop shuts the server down cleanly; open transactions are rolled back.
func (s *Server) Stop() {
	s.t.Helper()
	if s.live == nil {
		return
	}
	if err := s.live.Stop(); err != nil {
		s.t.Error(err)
	}
	s.live = nil
}

// Kill ends the server as kill -9 does and returns when it is gone.
func (s *Server) Kill() {
	s.t.Helper()
	if s.live == nil {
		return
	}
	if err := syscall.Kill(s.live.Pid(), syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.live.Done():
	case <-time.After(stepLimit):
		s.t.Fatal("pgtest: PostgreSQL outlives kill -9")
	}
	s.live = nil
}
