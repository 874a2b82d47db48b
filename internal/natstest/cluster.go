package natstest

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natsd"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const clusterSize = 3

// account is the account of connections without a user.
const account = server.DEFAULT_GLOBAL_ACCOUNT

func newCluster(t testing.TB, dir string) (*Env, error) {
	addrs := FreeAddrs(t, 2*clusterSize)
	clients, routes := addrs[:clusterSize], addrs[clusterSize:]
	env := &Env{Replicas: clusterSize, t: t}
	for i := range clusterSize {
		name := fmt.Sprintf("n%d", i)
		env.nodes = append(env.nodes, &node{
			config: natsd.Config{Dir: filepath.Join(dir, name), Name: name, Addr: clients[i],
				Cluster: natsd.Cluster{Name: "natstest", Addr: routes[i], Routes: routes}},
		})
	}
	for _, n := range env.nodes {
		if err := n.start(); err != nil {
			env.stopAll()
			return nil, err
		}
	}
	return env, nil
}

// waitCluster returns when one server leads the meta group, every server
// follows it and all their streams are healthy.
func (e *Env) waitCluster() {
	e.t.Helper()
	e.wait("every server healthy", func() bool {
		for _, n := range e.nodes {
			if n.server.Native().Healthz(nil).Status != "ok" {
				return false
			}
		}
		return true
	})
	if e.Replicas == 1 {
		return
	}
	e.wait("meta leader", func() bool {
		leaders := 0
		for _, n := range e.nodes {
			s := n.server.Native()
			if !s.JetStreamIsCurrent() {
				return false
			}
			if s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == len(e.nodes) {
				leaders++
			}
		}
		return leaders == 1
	})
	e.waitPlaceable()
}

// waitPlaceable returns when the meta leader can place a stream on all servers. It
// considers a server that has come back offline, and refuses, until it hears from it.
func (e *Env) waitPlaceable() {
	e.t.Helper()
	nc, err := nats.Connect(e.URL())
	if err != nil {
		e.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		e.t.Fatal(err)
	}
	e.wait("a stream on every server", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		probe := jetstream.StreamConfig{Name: "natstest", Replicas: e.Replicas, Storage: jetstream.MemoryStorage}
		_, err := js.CreateStream(ctx, probe)
		return err == nil && js.DeleteStream(ctx, probe.Name) == nil
	})
}

// Leader returns the index of the server that leads stream, -1 if none does now. With a
// single server it is 0.
func (e *Env) Leader(stream string) int {
	if e.Replicas == 1 {
		return 0
	}
	for i, n := range e.nodes {
		if n.server != nil && n.server.Native().JetStreamIsStreamLeader(account, stream) {
			return i
		}
	}
	return -1
}

// StepDown makes the leader of stream step down and returns when another server leads it.
// With a single server it does nothing.
func (e *Env) StepDown(stream string) {
	e.t.Helper()
	if e.Replicas == 1 {
		return
	}
	var old int
	e.wait("leader of "+stream, func() bool { old = e.Leader(stream); return old >= 0 })
	if err := e.nodes[old].server.Native().JetStreamStepdownStream(account, stream); err != nil {
		e.t.Fatalf("natstest: step down from %s: %v", stream, err)
	}
	e.wait("new leader of "+stream, func() bool { now := e.Leader(stream); return now >= 0 && now != old })
}

// WaitRouted returns when every running server knows who takes each subject. That spreads
// from server to server: until then a request through a server other than the leader's
// finds no responders, after which clients retry.
func (e *Env) WaitRouted(subjects ...string) {
	e.t.Helper()
	e.wait("every server knows who takes "+strings.Join(subjects, ", "), func() bool {
		for _, n := range e.nodes {
			if n.server == nil {
				continue
			}
			a, err := n.server.Native().LookupAccount(account)
			if err != nil || slices.ContainsFunc(subjects, func(s string) bool { return !a.SubscriptionInterest(s) }) {
				return false
			}
		}
		return true
	})
}
