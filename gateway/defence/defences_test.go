package defence

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"frontrow/gateway/client"
	"frontrow/gateway/identity"
	"frontrow/gateway/limit"
	"frontrow/gateway/listener"
	"frontrow/internal/natstest"
	"frontrow/wire"
)

const waitLimit = 20 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until asks often: gossip has no signal of its arrival.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	limit := time.After(waitLimit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not within %v", what, waitLimit)
		}
	}
}

// join is what a browser behind the proxy of this machine sends.
func join(address string) *http.Request {
	r := httptest.NewRequest("POST", "/v1/events/show/places", nil)
	r.RemoteAddr = "127.0.0.1:9"
	for name, value := range map[string]string{"X-Forwarded-For": address, "Accept": "*/*", "Accept-Language": "en", "Accept-Encoding": "gzip, br",
		"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"} {
		r.Header.Set(name, value)
	}
	return r
}

// start runs the defences of one gateway.
func start(t *testing.T, env *natstest.Env, budgets string) *Defences {
	t.Helper()
	b, err := limit.ParseBudgets(budgets)
	must(t, err)
	cfg := Config{Proxies: client.Loopback(), Budgets: b}
	must(t, cfg.Validate())
	keys := wire.NewKeyring()
	id, err := identity.New(identity.Config{Keys: keys, Now: time.Now})
	must(t, err)
	d := New(cfg, Env{Region: "home", NATS: env.Connect(t), JetStream: env.JetStream(t), Keys: keys, Fans: id,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() { cancel(); must(t, <-ended) })
	return d
}

// TestGatewaysShareBudgets: what is spent at one gateway is spent at the other.
func TestGatewaysShareBudgets(t *testing.T) {
	t.Parallel()
	env := natstest.Run(t)
	here, there := start(t, env, "join.address=8-H"), start(t, env, "join.address=8-H")
	n := 0
	until(t, "the other gateway", func() bool { // hears of somebody else
		n++
		_, refused := here.Admit(limit.Join, join(fmt.Sprint("198.51.100.", n%250)))
		return refused == nil && there.Status(listener.Stats{}).Gateways == 1
	})
	for range 8 {
		if _, refused := here.Admit(limit.Join, join("192.0.2.1")); refused != nil {
			t.Fatal(refused)
		}
	}
	who := limit.Who{Address: client.Of("192.0.2.1", nil, nil).Host()}
	until(t, "the other has heard", func() bool { n, _ := there.limits.Used(limit.Join, limit.Address, who); return n == 8 })
	if _, refused := there.Admit(limit.Join, join("192.0.2.1")); refused == nil || refused.Code != wire.CodeSlowDown {
		t.Errorf("at the other gateway: %v", refused)
	}
}

// TestSpinsAreCountedOnce: a hold that ends without a sale counts once for whom it was
// granted to, however often and by whomever its end is told.
func TestSpinsAreCountedOnce(t *testing.T) {
	t.Parallel()
	d := start(t, natstest.Run(t), "join.address=8-H")
	fan, r := wire.NewFan(), join("192.0.2.1")
	spins := func() int64 { n, _ := d.limits.Used(limit.Spin, limit.Fan, limit.Who{Fan: fan}); return int64(n) }
	for i, end := range []func(hold string){
		d.Lapsed,
		func(hold string) { d.GaveBack(r, fan, hold) },
		func(hold string) { d.GaveBack(r, fan, hold); d.Lapsed(hold) },
	} {
		hold := wire.NewHold()
		d.Held(r, fan, hold)
		end(hold)
		end(hold)
		if n := spins(); n != int64(i+1) {
			t.Errorf("%d spins after %d holds", n, i+1)
		}
	}
	d.Lapsed(wire.NewHold()) // granted by another gateway, which counts it
	if n := spins(); n != 3 {
		t.Errorf("%d spins", n)
	}
}
