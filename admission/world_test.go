package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/internal/leader"
	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

const limit = 20 * time.Second

// world is one event's surroundings: everything that admission has to do with,
// played by the test.
type world struct {
	t        testing.TB
	env      *natstest.Env
	js       jetstream.JetStream
	nc       *nats.Conn
	keys     *keyring.Keyring
	clock    *clock
	replicas int
	fans     []wire.Place // by number - 1
}

type clock struct{ ns atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(0, c.ns.Load()) }
func (c *clock) pass(d time.Duration) { c.ns.Add(int64(d)) }
func ctxOf(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func newWorld(t testing.TB, env *natstest.Env) *world {
	w := &world{t: t, env: env, js: env.JetStream(t), keys: keyring.New(), clock: &clock{}, replicas: env.Replicas}
	w.nc = w.js.Conn()
	w.clock.ns.Store(time.Unix(1_900_000_000, 0).UnixNano())
	must(t, streams.CreateCore(ctxOf(t), w.js, w.replicas))
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// demo is an event that ticks faster than a spec may say.
func demo(change func(*wire.Event)) wire.Event {
	e := wire.Event{State: wire.EventOpen, Places: 1000, Spec: wire.Spec{
		ID: "demo", Name: "Demo", Currency: "EUR",
		Levels:    []wire.Level{{ID: "a", Name: "A", Categories: []string{"A"}, Base: 5000, ServiceFee: 500, FacilityFee: 100}},
		Admission: wire.AdmissionSpec{Tick: wire.Duration(50 * time.Millisecond)},
	}.WithDefaults()}
	if change != nil {
		change(&e)
	}
	return e
}

func (w *world) event(e wire.Event) {
	w.t.Helper()
	must(w.t, streams.CreateForEvent(ctxOf(w.t), w.js, e.Spec.ID, w.replicas))
	w.put(wire.EventsBucket, e.Spec.ID, e)
}

// put writes a record over whatever there is.
func (w *world) put(bucket, key string, v any) {
	w.t.Helper()
	raw, err := json.Marshal(v)
	must(w.t, err)
	_, err = kv.Publish(ctxOf(w.t), w.nc, []kv.Msg{{Subject: wire.KVSubject(bucket, key), Data: raw}})
	must(w.t, err)
}

func (w *world) stock(free, held, sold int) {
	w.t.Helper()
	c := wire.Count{Free: free, Held: held, Sold: sold}
	fans := (held + sold) / 2 // two each
	w.put(wire.StockBucket, "demo", wire.Stock{Event: "demo", All: c, Levels: map[string]wire.Count{"a": c}, Fans: fans, Squares: 4 * fans})
}

// join gives n more fans a place each.
func (w *world) join(n int) {
	w.t.Helper()
	for n > 0 {
		var msgs []kv.Msg
		var fans []string
		for range min(n, kv.MaxBatch) {
			fan := wire.NewFan()
			raw, _ := json.Marshal(wire.PlaceRecord{Fan: fan, At: w.clock.now()})
			fans = append(fans, fan)
			msgs = append(msgs, kv.Msg{Subject: wire.KVSubject(wire.QueueBucket("demo", wire.LaneGeneral), wire.PlaceKey(fan)), Data: raw, Expect: kv.Absent()})
		}
		ack, err := kv.Publish(ctxOf(w.t), w.nc, msgs)
		must(w.t, err)
		for i, fan := range fans {
			p := wire.Place{Event: "demo", Lane: wire.LaneGeneral, Region: "home", Number: uint64(ack.Revision(i)), Fan: fan}
			w.fans = append(w.fans, p)
			if int(p.Number) != len(w.fans) {
				w.t.Fatalf("fan %d got number %d", len(w.fans), p.Number)
			}
		}
		n -= len(msgs)
	}
}

// instance is a running Service.
type instance struct {
	*Service
	stop  func() // in good order
	crash func() // without another word to the servers
}

func (w *world) start(name string, change ...func(*Service)) *instance {
	w.t.Helper()
	nc := w.env.Connect(w.t, nats.ReconnectBufSize(-1))
	s, err := New(Config{NATS: nc, Keys: w.keys, Name: name, Replicas: w.replicas, Version: "1.2.3", LeaseTTL: 1200 * time.Millisecond, Now: w.clock.now})
	must(w.t, err)
	s.term.Beat, s.term.Slice = 50*time.Millisecond, 0 // a call is let out at once
	for _, f := range change {
		f(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var g errgroup.Group
	g.Go(func() error { return s.Run(ctx) })
	stop := sync.OnceFunc(func() {
		cancel()
		if err := g.Wait(); err != nil {
			w.t.Errorf("%s: %v", name, err)
		}
	})
	w.t.Cleanup(stop)
	return &instance{Service: s, stop: stop, crash: func() { nc.Close(); stop() }}
}

// watching is a Service that sees the world and contends for nothing.
func (w *world) watching(name string) *Service {
	w.t.Helper()
	ctx := ctxOf(w.t)
	s, err := New(Config{NATS: w.env.Connect(w.t), Keys: w.keys, Name: name, Now: w.clock.now})
	must(w.t, err)
	s.term.Slice = 0
	go func() { _ = s.view.Run(ctx, s.term.Store) }()
	go func() { _ = s.leader.Run(ctx, func(context.Context, *leader.Event) error { return nil }) }()
	must(w.t, s.view.Await(ctx))
	return s
}

// board waits for a board that is as wanted.
func (w *world) board(what string, ok func(wire.Board) bool) wire.Board {
	w.t.Helper()
	return awaitRecord(w.t, kv.Open(w.js, wire.BoardBucket), "demo", what, ok)
}

// awaitRecord waits until a record is as wanted, and returns it.
func awaitRecord[T any](t testing.TB, b *kv.Bucket, key, what string, ok func(T) bool) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var v, found T
	done := false
	err := b.Watch(ctx, key, kv.Watcher{Entry: func(e kv.Entry) {
		var fresh T
		if err := json.Unmarshal(e.Value, &fresh); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		v = fresh
		if !done && ok(v) {
			done, found = true, v
			cancel()
		}
	}})
	if !done {
		t.Fatalf("waiting for %s: %v; last seen: %+v", what, err, v)
	}
	return found
}

func head(n uint64) func(wire.Board) bool {
	return func(b wire.Board) bool { return headOf(b) >= n }
}
func headOf(b wire.Board) uint64           { return b.Lanes[wire.LaneGeneral].Regions["home"].Head }
func state(s string) func(wire.Board) bool { return func(b wire.Board) bool { return b.State == s } }

// redeem asks until there is somebody to answer who isn't busy.
func (w *world) redeem(p wire.Place) wire.RedeemReply {
	w.t.Helper()
	reply, err := w.tryRedeem(p)
	must(w.t, err)
	return reply
}

func (w *world) tryRedeem(p wire.Place) (wire.RedeemReply, error) { return w.tryRedeemOn(p, "") }

func (w *world) redeemOn(p wire.Place, device string) wire.RedeemReply {
	w.t.Helper()
	reply, err := w.tryRedeemOn(p, device)
	must(w.t, err)
	return reply
}

func (w *world) tryRedeemOn(p wire.Place, device string) (wire.RedeemReply, error) {
	return w.tryRedeemAs(wire.RedeemRequest{Place: p, Device: device})
}

func (w *world) tryRedeemAs(req wire.RedeemRequest) (wire.RedeemReply, error) {
	p := req.Place
	raw, _ := json.Marshal(req)
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for late := time.After(limit); ; {
		var reply wire.RedeemReply
		m, err := w.nc.Request(wire.PassesSubject(p.Event, wire.ActRedeem), raw, 5*time.Second)
		if err == nil {
			err = json.Unmarshal(m.Data, &reply)
			if err != nil || reply.Problem == nil || reply.Problem.Code != wire.CodeUnavailable {
				return reply, err
			}
		}
		select {
		case <-retry.C:
		case <-late:
			return reply, fmt.Errorf("no answer: %w", errors.Join(err, reply.Problem))
		}
	}
}

func (w *world) verify(r wire.RedeemReply, p wire.Place) *keyring.Pass {
	w.t.Helper()
	if r.Problem != nil {
		w.t.Fatalf("place %d: %v", p.Number, r.Problem)
	}
	pass, err := w.keys.Public().VerifyPass(r.Pass, p.Event, w.clock.now(), 0)
	must(w.t, err)
	if pass.Subject != p.Fan || !pass.ExpiresAt.Equal(r.Expires) {
		w.t.Fatalf("pass %+v for place %+v", pass, p)
	}
	return pass
}

func (w *world) refused(r wire.RedeemReply, code wire.Code) *wire.Problem {
	w.t.Helper()
	if r.Problem == nil || r.Problem.Code != code || r.Pass != "" || r.Problem.Detail == "" {
		w.t.Fatalf("got %+v (%v), want %s", r, r.Problem, code)
	}
	return r.Problem
}

// place gives a fan another place, of a turn.
func (w *world) place(turn int, fan string) wire.Place {
	w.t.Helper()
	at := w.clock.now()
	n, err := kv.Open(w.js, wire.QueueBucket("demo", wire.LaneGeneral)).Create(ctxOf(w.t), wire.TurnKey(fan, turn), mustRaw(wire.PlaceRecord{Fan: fan, Turn: turn, At: at}))
	must(w.t, err)
	return wire.Place{Event: "demo", Lane: wire.LaneGeneral, Region: "home", Number: uint64(n), Fan: fan, Turn: turn, At: at}
}

// passes are the latest records stored, by fan.
func (w *world) passes() map[string]wire.PassRecord {
	w.t.Helper()
	all := map[string]wire.PassRecord{}
	for _, p := range w.passRecords() {
		if had, ok := all[p.Fan]; !ok || p.Turn > had.Turn {
			all[p.Fan] = p
		}
	}
	return all
}

func (w *world) passRecords() (all []wire.PassRecord) {
	w.t.Helper()
	entries, err := kv.Open(w.js, wire.PassesBucket("demo")).All(ctxOf(w.t), wire.PassPrefix+">")
	must(w.t, err)
	for _, e := range entries {
		var p wire.PassRecord
		must(w.t, json.Unmarshal(e.Value, &p))
		all = append(all, p)
	}
	return all
}

// ask sends an operator's request; the code of a refusal, or "".
func (w *world) ask(subject, payload string, into any) (code string) {
	w.t.Helper()
	m, err := w.nc.Request(subject, []byte(payload), 15*time.Second)
	must(w.t, err)
	if code = m.Header.Get("Nats-Service-Error-Code"); code != "" {
		var p wire.Problem
		if err := json.Unmarshal(m.Data, &p); err != nil || string(p.Code) != code || p.Detail == "" {
			w.t.Fatalf("%s refused with %q, body %s", subject, code, m.Data)
		}
		return code
	}
	if into != nil {
		must(w.t, json.Unmarshal(m.Data, into))
	}
	return ""
}

func (w *world) meter(act, payload string) wire.MeterReply {
	w.t.Helper()
	var r wire.MeterReply
	if code := w.ask(wire.OperatorSubject("admission", act, "demo"), payload, &r); code != "" {
		w.t.Fatalf("%s: %s", act, code)
	}
	return r
}

// plan puts a small plan into PLANS.
func (w *world) plan() string {
	w.t.Helper()
	p := &plan.Plan{Name: "Hall", Width: 1000, Height: 1000, Focus: plan.Point{X: 500, Y: 0},
		Categories: []plan.Category{{Name: "A"}},
		Areas:      []plan.Area{{ID: "floor", Label: "Floor", Category: "A", Capacity: 300}}}
	raw, err := plan.Encode(p)
	must(w.t, err)
	store, err := w.js.ObjectStore(ctxOf(w.t), wire.PlansObjects)
	must(w.t, err)
	_, err = store.PutBytes(ctxOf(w.t), plan.Digest(p), raw)
	must(w.t, err)
	return plan.Digest(p)
}
