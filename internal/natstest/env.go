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

// waitLimit is how long a wait may last before the test fails.
const waitLimit = 30 * time.Second

// Env is one running server or cluster. Its methods fail the test instead of returning
// errors; only the test's goroutine may call them.
type Env struct {
	// Replicas is the number of replicas for streams of this environment: 1 or 3.
	Replicas int

	t     testing.TB
	nodes []*node
}

// node is one server's place: the directory and the ports outlive its restarts.
type node struct {
	config natsd.Config
	server *natsd.Server // nil while stopped
}

// Run starts a single server that ends, and whose data is removed, with the test.
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
	// The route ports must be known before the first server starts, and another process may
	// take one between choice and use.
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

// Each runs test on a single server, then on a cluster.
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

// Server returns server i, nil while it is stopped.
func (e *Env) Server(i int) *natsd.Server { return e.nodes[i].server }

// Connect opens a connection that closes with t and reconnects after a restart of the
// servers. opts override the defaults.
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

// JetStream is Connect with a JetStream context on the connection.
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

// StartServer starts server i again, on its old port and directory. It returns when its
// streams are healthy and, if no other server is stopped, new ones can be made.
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

// wait polls, since the server has no signal for these states.
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
