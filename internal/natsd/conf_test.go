package natsd

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"frontrow/internal/loopback"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const confDir = "../../deploy/nats"

// sameGuarantees compares what correctness depends on with the embedded server.
func sameGuarantees(t *testing.T, got *server.Options) {
	t.Helper()
	want, err := Config{Dir: t.TempDir()}.Options()
	if err != nil {
		t.Fatal(err)
	}
	if !got.JetStream || got.SyncAlways != want.SyncAlways || got.MaxPayload != want.MaxPayload {
		t.Errorf("JetStream %v, sync always %v, max payload %d; want true, %v, %d",
			got.JetStream, got.SyncAlways, got.MaxPayload, want.SyncAlways, want.MaxPayload)
	}
	if got.JetStreamLimits != want.JetStreamLimits {
		t.Errorf("limits are %+v, want %+v", got.JetStreamLimits, want.JetStreamLimits)
	}
}

func TestDevConfEqualsTheEmbeddedServer(t *testing.T) {
	got, err := server.ProcessConfigFile(filepath.Join(confDir, "dev.conf"))
	if err != nil {
		t.Fatal(err)
	}
	sameGuarantees(t, got)
	want, err := Config{Dir: t.TempDir(), Addr: "127.0.0.1:4222"}.Options()
	if err != nil {
		t.Fatal(err)
	}
	if got.Host != want.Host || got.Port != want.Port || got.ServerName != want.ServerName || got.JetStreamDomain != want.JetStreamDomain {
		t.Errorf("%s:%d %q %q, want %s:%d %q %q", got.Host, got.Port, got.ServerName, got.JetStreamDomain,
			want.Host, want.Port, want.ServerName, want.JetStreamDomain)
	}
}

var regionUsers = []string{"route", "leaf", "sys", "gateway", "admission", "inventory", "pricing", "operator"}

func secret(user string) string { return "secretof" + user }

// startRegion runs the three servers of region.conf on free ports.
func startRegion(t *testing.T) []*Server {
	t.Helper()
	t.Setenv("NATS_DOMAIN", "west")
	for _, user := range regionUsers {
		t.Setenv("NATS_PASSWORD_"+strings.ToUpper(user), secret(user))
	}
	reserved, err := loopback.Reserve(3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reserved.Close)
	var routes []string
	for _, port := range reserved.Ports() {
		routes = append(routes, strconv.Quote(fmt.Sprintf("nats://route:%s@127.0.0.1:%d", secret("route"), port)))
	}
	t.Setenv("NATS_ROUTES", "["+strings.Join(routes, ",")+"]")

	var servers []*Server
	for i, port := range reserved.Ports() {
		t.Setenv("NATS_NAME", fmt.Sprintf("nats-%d", i))
		t.Setenv("NATS_STORE_DIR", t.TempDir())
		opts, err := server.ProcessConfigFile(filepath.Join(confDir, "region.conf"))
		if err != nil {
			t.Fatal(err)
		}
		sameGuarantees(t, opts)
		if opts.HTTPHost != "127.0.0.1" {
			t.Errorf("monitoring listens on %q", opts.HTTPHost)
		}
		opts.Host, opts.Port = "127.0.0.1", server.RANDOM_PORT
		opts.HTTPPort = server.RANDOM_PORT
		opts.Cluster.Host, opts.Cluster.Port = "127.0.0.1", port
		opts.LeafNode.Host, opts.LeafNode.Port = "127.0.0.1", server.RANDOM_PORT
		s, err := Run(t.Context(), opts, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Shutdown)
		servers = append(servers, s)
	}
	return servers
}

func awaitCluster(t *testing.T, servers []*Server) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for _, s := range servers {
		for !s.Native().JetStreamIsCurrent() {
			select {
			case <-tick.C:
			case <-limit:
				t.Fatal("no meta leader")
			}
		}
	}
}

func TestRegionConf(t *testing.T) {
	servers := startRegion(t)
	awaitCluster(t, servers)

	admission := connect(t, servers[0], nats.UserInfo("admission", secret("admission")), nats.CustomInboxPrefix("_INBOX_admission"))
	for _, c := range []jetstream.StreamConfig{
		{Name: "KV_SEATS_e1", Subjects: []string{"$KV.SEATS_e1.>"}},
		{Name: "KV_PRICES", Subjects: []string{"$KV.PRICES.>"}},
		{Name: "KV_QUEUE_e1_general", Subjects: []string{"$KV.QUEUE_e1_general.>"}},
	} {
		c.Replicas = 3
		st, err := admission.CreateStream(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		info := st.CachedInfo()
		if info.Config.Replicas != 3 || info.Cluster.Name != "west" {
			t.Errorf("stream %s has %d replicas in %s", c.Name, info.Config.Replicas, info.Cluster.Name)
		}
	}
	operator := connect(t, servers[0], nats.UserInfo("operator", secret("operator")))
	if ai, err := operator.AccountInfo(t.Context()); err != nil || ai.Domain != "west" {
		t.Errorf("domain: %+v, %v", ai, err)
	}

	for _, want := range []struct {
		user, subject string
		may           bool
	}{
		{"inventory", "$KV.SEATS_e1.seat.a", true},
		{"inventory", "$KV.PRICES.e1.all", false},
		{"pricing", "$KV.PRICES.e1.all", true},
		{"pricing", "$KV.SEATS_e1.seat.a", false},
		{"gateway", "$KV.QUEUE_e1_general.fan.f", true},
		{"gateway", "$KV.PRICES.fan.all", false},
		{"gateway", "$JS.API.STREAM.DELETE.KV_SEATS_e1", false},
		{"admission", "$KV.PRICES.e1.all", false},
		{"admission", "passes.e1.meter", true}, // the acts of operators
		{"pricing", "passes.e1.meter", false},
		{"pricing", "$JS.API.STREAM.DELETE.KV_SEATS_e1", false}, {"pricing", "$JS.API.STREAM.PURGE.KV_SEATS_e1", false},
		{"gateway", "seats.e1.fans", true}, {"gateway", "seats.e1.orders", false}, {"inventory", "seats.e1.orders", true},
		{"admission", "seats.e1.fans", false}, {"pricing", "seats.e1.orders", false},
		{"gateway", "gateway.west.limits", true},
		{"admission", "gateway.west.limits", false}, {"inventory", "gateway.west.limits", false}, {"pricing", "gateway.west.limits", false},
	} {
		denied := refusal(t, servers[1], want.user, func(nc *nats.Conn) error { return nc.Publish(want.subject, nil) })
		if (denied == nil) != want.may {
			t.Errorf("%s publishes to %s: %v", want.user, want.subject, denied)
		}
	}
	for _, want := range []struct {
		user, subject string
		may           bool
	}{
		{"inventory", "seats.e1.*", true}, {"gateway", "seats.e1.*", false}, {"admission", "seats.e1.*", false}, {"pricing", "seats.e1.*", false},
		{"admission", "passes.e1.meter", true}, {"gateway", "passes.e1.meter", false}, {"inventory", "passes.e1.meter", false},
		{"gateway", "gateway.west.limits", true}, {"admission", "gateway.west.limits", false},
		{"gateway", "notify.e1.*", true}, {"gateway", ">", false}, {"operator", ">", true},
	} {
		denied := refusal(t, servers[2], want.user, func(nc *nats.Conn) error {
			_, err := nc.SubscribeSync(want.subject)
			return err
		})
		if (denied == nil) != want.may {
			t.Errorf("%s subscribes to %s: %v", want.user, want.subject, denied)
		}
	}

	sys, err := servers[0].Connect(nats.UserInfo("sys", secret("sys")))
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close()
	if _, err := sys.Request("$SYS.REQ.SERVER.PING", nil, 10*time.Second); err != nil {
		t.Errorf("system account: %v", err)
	}
	if nc, err := servers[0].Connect(); err == nil {
		nc.Close()
		t.Error("connected without a user")
	}
}

// refusal is the server's answer to what do asks for, nil if it is allowed.
func refusal(t *testing.T, s *Server, user string, do func(*nats.Conn) error) error {
	t.Helper()
	var mu sync.Mutex
	var denied error
	nc, err := s.Connect(nats.UserInfo(user, secret(user)),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			mu.Lock()
			defer mu.Unlock()
			denied = err
		}))
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	nc.SetClosedHandler(func(*nats.Conn) { close(closed) })
	if err := do(nc); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil { // the answer precedes the pong
		t.Fatal(err)
	}
	nc.Close()
	<-closed // handlers run in order, so the error's has run
	mu.Lock()
	defer mu.Unlock()
	return denied
}
