package inventorytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/internal/streams"
	"frontrow/inventory/ledger"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Patience is how long a test waits for what must happen.
const Patience = 30 * time.Second

// Fixture is one event on real servers.
type Fixture struct {
	T      testing.TB
	Env    *natstest.Env
	NC     *nats.Conn
	JS     jetstream.JetStream
	Index  *plan.Index
	Event  wire.Event
	Ledger *Ledger
}

// New puts the event "demo" on sale, changed as given.
func New(t testing.TB, env *natstest.Env, index *plan.Index, change func(*wire.Spec)) *Fixture {
	t.Helper()
	f := &Fixture{T: t, Env: env, JS: env.JetStream(t), Index: index, Ledger: NewLedger()}
	f.NC = f.JS.Conn()
	ctx := f.Context()
	Must(t, streams.CreateCore(ctx, f.JS, env.Replicas))
	Must(t, streams.CreateForEvent(ctx, f.JS, "demo", env.Replicas))
	raw, err := plan.Encode(index.Plan())
	Must(t, err)
	store, err := f.JS.ObjectStore(ctx, wire.PlansObjects)
	Must(t, err)
	digest := plan.Digest(index.Plan())
	_, err = store.PutBytes(ctx, digest, raw)
	Must(t, err)
	event := seatingtest.Concert()
	event.Plan, event.Places = digest, index.Len()
	if change != nil {
		change(&event.Spec)
	}
	f.Event = event
	f.Put(wire.EventsBucket, "demo", event)
	for _, l := range event.Spec.Levels {
		f.Put(wire.PricesBucket, wire.PriceKey("demo", l.ID), Price())
	}
	return f
}

// Context ends when patience does.
func (f *Fixture) Context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	f.T.Cleanup(cancel)
	return ctx
}

// Put stores v under a bucket's key.
func (f *Fixture) Put(bucket, key string, v any) {
	f.T.Helper()
	raw, err := json.Marshal(v)
	Must(f.T, err)
	_, err = f.JS.Publish(f.Context(), wire.KVSubject(bucket, key), raw)
	Must(f.T, err)
}

// askAttempt is how long a command waits for its answer before it is sent again: a writer that
// crashes takes commands with it.
const askAttempt = 5 * time.Second

// Ask sends a command until a writer answers it.
func Ask[R any](f *Fixture, act string, request any) R {
	f.T.Helper()
	return AskOf[R](f, "demo", act, request)
}

// AskOf is Ask for another event.
func AskOf[R any](f *Fixture, event, act string, request any) (reply R) {
	f.T.Helper()
	raw, err := json.Marshal(request)
	Must(f.T, err)
	ctx := f.Context()
	for ctx.Err() == nil {
		attempt, cancel := context.WithTimeout(ctx, askAttempt)
		m, err := f.NC.RequestWithContext(attempt, wire.SeatsSubject(event, act), raw)
		cancel()
		if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, context.DeadlineExceeded) {
			Pause(ctx)
			continue
		}
		Must(f.T, err)
		var busy wire.Reply
		Must(f.T, json.Unmarshal(m.Data, &busy))
		if busy.Problem != nil && busy.Problem.Code == wire.CodeUnavailable {
			Pause(ctx)
			continue
		}
		Must(f.T, json.Unmarshal(m.Data, &reply))
		return reply
	}
	f.T.Fatal("no writer answered")
	return reply
}

// Pause spaces the tries of a poll whose end is a condition, not a time.
func Pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}

// Record is what the log says of a seat last.
func (f *Fixture) Record(seat string) wire.Seat {
	f.T.Helper()
	return f.Records()[seat]
}

// Records are what the log says of all seats last.
func (f *Fixture) Records() map[string]wire.Seat {
	f.T.Helper()
	log, err := kv.Open(f.JS, wire.SeatsBucket("demo")).All(f.Context(), wire.LogPrefix+"*")
	Must(f.T, err)
	records := map[string]wire.Seat{}
	for _, e := range log {
		flush, err := wire.Read[wire.Flush](e.Key, e.Value)
		if err != nil {
			continue // junk of a test's own
		}
		for _, c := range flush.Seats {
			for k, id := range c.IDs {
				if records[id].Flush <= flush.N { // else it was put back, and is not the last
					records[id] = c.Record(k, flush.N, uint64(e.Revision))
				}
			}
		}
	}
	return records
}

// Written waits until a seat's record has followed the log.
func (f *Fixture) Written(seat string, is func(raw []byte) bool) {
	f.T.Helper()
	ctx := f.Context()
	for {
		e, err := kv.Open(f.JS, wire.SeatsBucket("demo")).Get(ctx, wire.SeatKey(seat))
		if err == nil && is(e.Value) {
			return
		}
		if ctx.Err() != nil {
			f.T.Fatalf("the record of seat %s stays %s, %v", seat, e.Value, err)
		}
		Pause(ctx)
	}
}

// Must ends the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Claims are those of a pass of fan.
func Claims(fan string) wire.Claims {
	return wire.Claims{Pass: "p", Fan: fan, Limit: 6, Expires: time.Now().Add(time.Hour)}
}

// CheckLog compares the sale log with the seats' own log records.
func (f *Fixture) CheckLog() {
	f.T.Helper()
	ctx := f.Context()
	s, err := f.JS.Stream(ctx, wire.SaleLogStream)
	Must(f.T, err)
	var own []kv.Entry
	for {
		info, err := s.Info(ctx) // before the flushes: it never has more
		Must(f.T, err)
		own, err = kv.Open(f.JS, wire.SeatsBucket("demo")).All(ctx, wire.LogPrefix+"*")
		Must(f.T, err)
		if info.State.Msgs == uint64(len(own)) {
			break
		}
		if info.State.Msgs > uint64(len(own)) {
			f.T.Fatalf("the sale log has %d records of %d flushes", info.State.Msgs, len(own))
		}
		Pause(ctx)
	}
	for i, e := range own {
		if e.Key != fmt.Sprint(wire.LogPrefix, i+1) {
			f.T.Fatalf("log record %d is %s: a gap", i+1, e.Key)
		}
	}
	m, err := s.GetMsg(ctx, uint64(len(own)))
	Must(f.T, err)
	if m.Subject != wire.LogSubject("demo", wire.LogSeats) || string(m.Data) != string(own[len(own)-1].Value) {
		f.T.Errorf("sale log ends with %s %s", m.Subject, m.Data)
	}
}

// Clock is the machine's, shifted.
type Clock struct {
	mu sync.Mutex
	by time.Duration
}

func (s *Clock) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.by)
}

// Shift lets time pass at once.
func (s *Clock) Shift(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by += by
}

// Held is a hold and whose it is.
type Held struct {
	wire.HoldReply
	Fan string
}

// Hold takes seats for a fan of their own.
func (f *Fixture) Hold(seats ...string) Held {
	f.T.Helper()
	return f.HoldOf("demo", seats...)
}

// HoldOf is Hold of another event.
func (f *Fixture) HoldOf(event string, seats ...string) Held {
	f.T.Helper()
	fan := wire.NewFan()
	return Held{AskOf[wire.HoldReply](f, event, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: Claims(fan), Seats: seats}), fan}
}

// Code is "" for no problem.
func Code(p *wire.Problem) wire.Code {
	if p == nil {
		return ""
	}
	return p.Code
}

// Becomes waits until a seat's record is as told.
func (f *Fixture) Becomes(seat string, is func(wire.Seat) bool) {
	f.T.Helper()
	for ctx := f.Context(); !is(f.Record(seat)); Pause(ctx) {
		if ctx.Err() != nil {
			f.T.Fatalf("seat %s stays %+v", seat, f.Record(seat))
		}
	}
}

// Lease is the one to write an event.
func (f *Fixture) Lease(event string) (l kv.Lease) {
	f.T.Helper()
	e, err := kv.Open(f.JS, wire.LeasesBucket).Get(f.Context(), wire.LeaseKey(wire.RoleWriter, event))
	Must(f.T, err)
	Must(f.T, json.Unmarshal(e.Value, &l))
	return l
}

// OpenLedger is a real one, on a PostgreSQL of its own.
func (f *Fixture) OpenLedger() *ledger.Ledger {
	f.T.Helper()
	l, err := ledger.Open(f.Context(), ledger.Config{DSN: pgtest.Start(f.T).DSN()})
	Must(f.T, err)
	Must(f.T, l.Migrate(f.Context()))
	f.T.Cleanup(l.Close)
	f.Run(l.Run)
	return l
}

// Run runs a service until the test ends.
func (f *Fixture) Run(service func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service(ctx) }()
	f.T.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			f.T.Error(err)
		}
	})
}

// Worker is one at work. Stop hands over cleanly, Crash goes silent.
type Worker struct{ Stop, Crash func() }

// Start lets a worker run on a connection of its own, until it is stopped or
// the test ends.
func (f *Fixture) Start(nc *nats.Conn, run func(context.Context) error) Worker {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	wait := sync.OnceFunc(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(Patience):
			f.T.Error("the worker does not stop")
		}
	})
	f.T.Cleanup(wait)
	return Worker{Stop: wait, Crash: func() { nc.Close(); wait() }}
}

// Price is what every level costs: 5000, with fees 5600.
func Price() wire.Price { return wire.Price{Amounts: wire.NewAmounts(5000, 500, 100), Version: 1} }
