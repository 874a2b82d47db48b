package natstest

import (
	"context"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"frontrow/internal/natsd"

	"github.com/nats-io/nats-server/v2/server"
)

// Home is the region that the others join.
const Home = "home"

// World is a set of regions as in production: each has a server with its own JetStream
// domain, named after the region, joined to home's by a leaf connection.
type World struct {
	Home    *Env
	Regions map[string]*Env // besides home

	t     testing.TB
	links map[string]*link
}

// Regions starts home and the named regions, and joins them.
func Regions(t testing.TB, names ...string) *World {
	t.Helper()
	var leaves *server.Options
	w := &World{t: t, Regions: map[string]*Env{}, links: map[string]*link{}}
	w.Home = region(t, Home, func(o *server.Options) {
		o.LeafNode.Host, o.LeafNode.Port = "127.0.0.1", server.RANDOM_PORT
		o.LeafNode.NoAdvertise = true // otherwise regions would reconnect around their link
		leaves = o                    // the server puts the port here
	})
	for _, name := range names {
		l := newLink(t, net.JoinHostPort(leaves.LeafNode.Host, strconv.Itoa(leaves.LeafNode.Port)))
		w.links[name] = l
		w.Regions[name] = region(t, name, func(o *server.Options) {
			o.LeafNode.ReconnectInterval = 50 * time.Millisecond
			o.LeafNode.Remotes = []*server.RemoteLeafOpts{{URLs: []*url.URL{{Scheme: "nats-leaf", Host: l.listener.Addr().String()}}}}
		})
	}
	w.Home.wait("regions joined", func() bool { return w.joined() == len(names) })
	return w
}

func (w *World) joined() int { return w.Home.Server(0).Native().NumLeafNodes() }

// Cut breaks the connection between a region and home until Heal.
func (w *World) Cut(name string) {
	w.t.Helper()
	before := w.joined()
	w.links[name].set(false)
	w.Home.wait(name+" cut off", func() bool { return w.joined() < before })
}

// Heal joins a region again and returns when it is joined.
func (w *World) Heal(name string) {
	w.t.Helper()
	before := w.joined()
	w.links[name].set(true)
	w.Home.wait(name+" joined", func() bool { return w.joined() > before })
}

// region returns an Env of a single server with its own options.
func region(t testing.TB, name string, change func(*server.Options)) *Env {
	t.Helper()
	c := natsd.Config{Dir: dataDir(t), Name: name, Domain: name}
	opts, err := c.Options()
	if err != nil {
		t.Fatal(err)
	}
	change(opts)
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	s, err := natsd.Run(ctx, opts, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Addr = s.Addr()
	env := &Env{Replicas: 1, t: t, nodes: []*node{{config: c, server: s}}}
	t.Cleanup(env.stopAll)
	return env
}

// link carries a region's connection to home while it is up.
type link struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	up    bool
	conns []net.Conn
}

func newLink(t testing.TB, target string) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &link{listener: l, up: true, target: target}
	t.Cleanup(func() { l.Close(); k.set(false) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			k.join(c)
		}
	}()
	return k
}

func (k *link) join(region net.Conn) {
	home, err := net.Dial("tcp", k.target)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil || !k.up {
		region.Close()
		if err == nil {
			home.Close()
		}
		return
	}
	k.conns = append(k.conns, region, home)
	for _, way := range [][2]net.Conn{{region, home}, {home, region}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			way[0].Close()
		}()
	}
}

func (k *link) set(up bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.up = up; up {
		return
	}
	for _, c := range k.conns {
		c.Close()
	}
	k.conns = nil
}
