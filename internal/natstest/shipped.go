package natstest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"frontrow/internal/natsd"

	"github.com/nats-io/nats-server/v2/server"
)

// users are those of deploy/nats/region.conf.
var users = []string{"route", "leaf", "sys", "gateway", "admission", "inventory", "pricing", "operator"}

// Shipped is a set of regions that run the configuration we ship, a server each, with its
// users and their permissions: what is forbidden in production is refused here.
type Shipped struct {
	t       testing.TB
	servers map[string]*natsd.Server
	told    *refusals
}

// RunShipped starts home from the file conf and joins the other regions to it, each as a
// leaf, as the file says.
func RunShipped(t testing.TB, conf string, others ...string) *Shipped {
	t.Helper()
	s := &Shipped{t: t, servers: map[string]*natsd.Server{}, told: &refusals{}}
	t.Cleanup(func() {
		if lines := s.Refused(); t.Failed() && len(lines) > 0 {
			t.Logf("NATS refused:\n%s", strings.Join(lines, "\n"))
		}
	})
	for _, user := range users {
		t.Setenv("NATS_PASSWORD_"+strings.ToUpper(user), password(user))
	}
	home := s.options(conf, Home)
	home.LeafNode.Host, home.LeafNode.Port = "127.0.0.1", server.RANDOM_PORT
	s.run(Home, home) // the server puts its port into home
	for _, name := range others {
		o := s.options(conf, name)
		o.LeafNode.Host, o.LeafNode.Port = "127.0.0.1", server.RANDOM_PORT
		o.LeafNode.ReconnectInterval = 50 * time.Millisecond
		o.LeafNode.Remotes = []*server.RemoteLeafOpts{{LocalAccount: "FRONTROW", URLs: []*url.URL{{
			Scheme: "nats-leaf", User: url.UserPassword("leaf", password("leaf")),
			Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(home.LeafNode.Port)),
		}}}}
		s.run(name, o)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(waitLimit); s.servers[Home].Native().NumLeafNodes() < len(others); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("natstest: the regions do not join")
		}
	}
	return s
}

// options returns the file's options, for a region of one server on free ports. Three
// servers would differ in what they replicate, not in what they permit.
func (s *Shipped) options(conf, region string) *server.Options {
	s.t.Helper()
	for name, value := range map[string]string{"NAME": "nats-" + region, "DOMAIN": region, "STORE_DIR": dataDir(s.t), "ROUTES": "[]"} {
		s.t.Setenv("NATS_"+name, value)
	}
	o, err := server.ProcessConfigFile(conf)
	if err != nil {
		s.t.Fatal(err)
	}
	o.Host, o.Port, o.HTTPPort = "127.0.0.1", server.RANDOM_PORT, 0
	o.Cluster, o.Routes = server.ClusterOpts{}, nil
	return o
}

func (s *Shipped) run(region string, o *server.Options) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	n, err := natsd.Run(ctx, o, slog.New(s.told))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(n.Shutdown)
	s.servers[region] = n
}

func password(user string) string { return "secretof" + user }

// URL returns the URL by which a user connects to a region's server, with the password.
func (s *Shipped) URL(region, user string) string {
	return fmt.Sprintf("nats://%s:%s@%s", user, password(user), s.servers[region].Addr())
}

// Refused returns the lines in which the servers have said since the last call what they
// refused.
func (s *Shipped) Refused() []string { return s.told.take() }

// refusals keeps the servers' log lines about refused permissions.
type refusals struct {
	mu    sync.Mutex
	lines []string
}

func (r *refusals) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	return lines
}

func (r *refusals) Enabled(context.Context, slog.Level) bool { return true }
func (r *refusals) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *refusals) WithGroup(string) slog.Handler            { return r }

func (r *refusals) Handle(_ context.Context, l slog.Record) error {
	if strings.Contains(l.Message, "Violation") {
		r.mu.Lock()
		r.lines = append(r.lines, l.Message)
		r.mu.Unlock()
	}
	return nil
}
