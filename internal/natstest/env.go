package natstest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natsd"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Every wait here ends the test when it has lasted this long.
const waitLimit = 30 * time.Second

// Env is one running server or cluster. Its methods fail the test instead of
// returning errors; they are for the test's goroutine.
type Env struct {
	// Replicas is what streams of this environment ask for: 1 or 3.
	Replicas int

	t     testing.TB
	nodes []*node
}

// node is one server's place: the directory and the ports outlive its restarts.
type node struct {
	config natsd.Config
	server *natsd.Server // nil while stopped
}

// Run starts a single server which ends, and whose data goes, with the test.
func Run(t testing.TB) *Env {
	t.Helper()
	env := &Env{Replicas: 1, t: t, nodes: []*node{{config: natsd.Config{Dir: dataDir(t), Addr: FreeAddrs(t, 1)[0]}}}}
	t.Cleanup(env.stopAll)
	env.StartServer(0)
	return env
}

// Cluster starts three servers in one cluster and returns when all of them
// follow its meta leader.
func Cluster(t testing.TB) *Env {
	t.Helper()
	// The route ports must be known before the first server starts, and between
	// choosing and using them another process may take one.
	const attempts = 5
	for attempt := 1; ; attempt++ {
		env, err := newCluster(t, dataDir(t))
		if err == nil {
			t.Cleanup(env.stopAll)
			env.waitCluster()
			return env
		}
		if !errors.Is(err, natsd.ErrPortTaken) || attempt == attempts {
			t.Fatal(err)
		}
	}
}

// Each runs test on a single server and on a cluster.
func Each(t *testing.T, test func(t *testing.T, env *Env)) {
	t.Helper()
	t.Run("R1", func(t *testing.T) { test(t, Run(t)) })
	t.Run("R3", func(t *testing.T) { test(t, Cluster(t)) })
}

// dataDir is not t.TempDir, which fails the test when a file appears while it
// is being removed.
func dataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "natstest-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Logf("natstest: %v", err)
		}
	})
	return filepath.Join(dir, "nats")
}

// URL lists every server, so that a client finds another when one stops.
func (e *Env) URL() string {
	var urls []string
	for _, n := range e.nodes {
		if n.config.Addr != "" {
			urls = append(urls, "nats://"+n.config.Addr)
		}
	}
	return strings.Join(urls, ",")
}

// Server is server i, nil while it is stopped.
func (e *Env) Server(i int) *natsd.Server { return e.nodes[i].server }

// Connect opens a connection which closes with t and comes back after a
// restart of the servers. opts come after, and override, the defaults.
func (e *Env) Connect(t testing.TB, opts ...nats.Option) *nats.Conn {
	t.Helper()
	all := append([]nats.Option{
		nats.Name(t.Name()),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(20 * time.Millisecond),
		nats.ReconnectJitter(0, 0),
	}, opts...)
	nc, err := nats.Connect(e.URL(), all...)
	if err != nil {
		t.Fatalf("natstest: connect to %s: %v", e.URL(), err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// JetStream is Connect and a JetStream context on it.
func (e *Env) JetStream(t testing.TB, opts ...nats.Option) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(e.Connect(t, opts...))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// StopServer stops server i and returns when its port and files are free.
func (e *Env) StopServer(i int) {
	if n := e.nodes[i]; n.server != nil {
		n.server.Shutdown()
		n.server = nil
	}
}

// StartServer starts server i again, on its old port and directory, and
// returns when its streams are healthy and, if no other is stopped, when new ones
// can be made.
func (e *Env) StartServer(i int) {
	e.t.Helper()
	n := e.nodes[i]
	if n.server != nil {
		return
	}
	if err := n.start(); err != nil {
		e.t.Fatal(err)
	}
	if e.Replicas > 1 && !slices.ContainsFunc(e.nodes, func(n *node) bool { return n.server == nil }) {
		e.waitPlaceable()
	}
	e.wait(fmt.Sprintf("server %d healthy", i), func() bool {
		return n.server.Native().Healthz(nil).Status == "ok"
	})
}

// Restart stops every server, then starts them all on their old directories.
func (e *Env) Restart() {
	e.t.Helper()
	e.stopAll()
	for _, n := range e.nodes {
		if err := n.start(); err != nil {
			e.t.Fatal(err)
		}
	}
	e.waitCluster()
}

func (e *Env) stopAll() {
	for i := range e.nodes {
		e.StopServer(i)
	}
}

func (n *node) start() error {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	s, err := natsd.Start(ctx, n.config)
	if err != nil {
		return err
	}
	n.server = s
	n.config.Addr = s.Addr()
	return nil
}

// wait asks often, since the server has no signal for these states.
func (e *Env) wait(what string, done func() bool) {
	e.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(waitLimit)
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			e.t.Fatalf("natstest: %s: not within %s", what, waitLimit)
		}
	}
}
