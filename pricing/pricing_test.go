package pricing

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/kv"
	"frontrow/pricing/rules"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const limit = 20 * time.Second

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type world struct {
	t   *testing.T
	env *natstest.Env
	js  jetstream.JetStream

	clock clock
}

func newWorld(t *testing.T, env *natstest.Env) *world {
	w := &world{t: t, env: env, js: env.JetStream(t)}
	w.clock.set(time.Now())
	must(t, streams.CreateCore(w.ctx(), w.js, env.Replicas))
	return w
}

func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	w.t.Cleanup(cancel)
	return ctx
}

// apply puts the event with one level up, or changes its price.
func (w *world) apply(base int64) {
	w.t.Helper()
	raw, _ := json.Marshal(wire.Event{State: wire.EventOpen, Spec: wire.Spec{ID: "demo", Name: "Demo", Currency: "EUR",
		Levels: []wire.Level{{ID: "a", Name: "Stalls", Base: base, ServiceFee: 50, FacilityFee: 7}}}})
	_, err := kv.Publish(w.ctx(), w.js.Conn(), []kv.Msg{{Subject: wire.KVSubject(wire.EventsBucket, "demo"), Data: raw}})
	must(w.t, err)
}

func (w *world) start(name string) (crash func()) {
	w.t.Helper()
	nc := w.env.Connect(w.t, nats.ReconnectBufSize(-1))
	s, err := New(Config{NATS: nc, Name: name, LeaseTTL: 1200 * time.Millisecond, Now: w.clock.now})
	must(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("%s: %v", name, err)
		}
	})
	w.t.Cleanup(stop)
	return func() { nc.Close(); stop() }
}

// price waits until level a has version v.
func (w *world) price(v int64) wire.Price {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.ctx())
	defer cancel()
	var p wire.Price
	err := kv.Open(w.js, wire.PricesBucket).Watch(ctx, "demo.a", kv.Watcher{Entry: func(e kv.Entry) {
		if err := json.Unmarshal(e.Value, &p); err != nil {
			w.t.Error(err)
		}
		if p.Version >= v {
			cancel()
		}
	}})
	if p.Version != v {
		w.t.Fatalf("waiting for version %d: %v, last %+v", v, err, p)
	}
	return p
}

func TestPricesFollowTheSpec(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		w.apply(1000)
		crash := w.start("one")
		if p := w.price(1); p.Amounts != wire.NewAmounts(1000, 50, 7) || p.Total != 1057 || p.Why != rules.WhySpec {
			t.Errorf("%+v", p)
		}
		w.apply(1000) // the same again: no new version
		w.apply(1200)
		w.price(2)
		w.start("two")
		crash()
		w.apply(1300) // priced by whoever takes over
		w.price(3)

		var s Status
		m, err := w.js.Conn().Request(wire.OperatorSubject("pricing", "status", "demo"), nil, limit)
		must(t, err)
		must(t, json.Unmarshal(m.Data, &s))
		a := s.Levels["a"]
		if s.Currency != "EUR" || a.Name != "Stalls" || a.Now == nil || a.Now.Base != 1300 || len(a.History) != 3 || a.History[2].Base != 1000 {
			t.Errorf("%s", m.Data)
		}
		m, err = w.js.Conn().Request(wire.OperatorSubject("pricing", "status", "nosuch"), nil, limit)
		must(t, err)
		if code := m.Header.Get("Nats-Service-Error-Code"); code != string(wire.CodeNotFound) {
			t.Errorf("code %q", code)
		}
	})
}
