package leader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/records"
	"frontrow/internal/streams"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

func newLeader(t *testing.T, js jetstream.JetStream, holder string) *Leader {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	l, err := New(Config{Store: kv.JetStream(js), Role: wire.RolePricer, Holder: holder, TTL: time.Second, Prices: true,
		Spoiled: records.NewSpoiled(log, nil), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func put(t *testing.T, js jetstream.JetStream, bucket, key string, v any) {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Open(js, bucket).Update(t.Context(), key, raw, last(t, js, bucket, key)); err != nil {
		t.Fatal(err)
	}
}

func last(t *testing.T, js jetstream.JetStream, bucket, key string) kv.Revision {
	t.Helper()
	e, err := kv.Open(js, bucket).Get(t.Context(), key)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		t.Fatal(err)
	}
	return e.Revision
}

func show(id, name string) wire.Event {
	return wire.Event{Spec: wire.Spec{ID: id, Name: name, Levels: []wire.Level{{ID: "a"}}}}
}

// One of two processes leads an event, with what is stored known to it; when it ends the
// other does, in a later term.
func TestOneLeads(t *testing.T) {
	t.Parallel()
	js := natstest.Run(t).JetStream(t)
	if err := streams.CreateCore(t.Context(), js, 1); err != nil {
		t.Fatal(err)
	}
	put(t, js, wire.PricesBucket, wire.PriceKey("demo", "a"), wire.Price{Version: 3}) // before the event
	put(t, js, wire.EventsBucket, "demo", show("demo", "first"))
	put(t, js, wire.EventsBucket, "junk", "no event")

	type lead struct {
		holder string
		term   uint64
	}
	leads := make(chan lead, 9)
	run := func(holder string) (l *Leader, end func() error) {
		l = newLeader(t, js, holder)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- l.Run(ctx, func(ctx context.Context, e *Event) error {
				return l.Lead(ctx, e.ID, func(ctx context.Context, term uint64) error {
					if err := l.Await(ctx); err != nil {
						return err
					}
					if e.ID != "demo" || e.Record().Spec.Name != "first" || e.Prices()["a"].Version != 3 {
						t.Errorf("%s leads %s: %+v, %+v", holder, e.ID, e.Record(), e.Prices())
					}
					leads <- lead{holder, term}
					<-ctx.Done()
					return nil
				})
			})
		}()
		return l, func() error { cancel(); return <-ended }
	}
	ends := map[string]func() error{}
	one, end := run("one")
	ends["one"] = end
	_, ends["two"] = run("two")
	first := <-leads
	if err := one.Await(t.Context()); err != nil || one.Ready() != nil {
		t.Errorf("%v, %v", err, one.Ready())
	}
	if one.Event("junk") != nil || one.Event("none") != nil || one.Events() != 1 {
		t.Errorf("%d events", one.Events())
	}
	if err := ends[first.holder](); err != nil {
		t.Errorf("ended: %v", err)
	}
	delete(ends, first.holder)
	if second := <-leads; second.holder == first.holder || second.term <= first.term {
		t.Errorf("%+v after %+v", second, first)
	}
	for _, end := range ends {
		if err := end(); err != nil {
			t.Errorf("ended: %v", err)
		}
	}
}

// Whoever works on an event is told that its record is new.
func TestChanged(t *testing.T) {
	t.Parallel()
	js := natstest.Run(t).JetStream(t)
	if err := streams.CreateCore(t.Context(), js, 1); err != nil {
		t.Fatal(err)
	}
	put(t, js, wire.EventsBucket, "demo", show("demo", "first"))
	l, seen := newLeader(t, js, "one"), make(chan string)
	go func() {
		_ = l.Run(t.Context(), func(ctx context.Context, e *Event) error {
			for {
				select {
				case <-e.Changed():
					seen <- e.Record().Spec.Name
				case <-ctx.Done():
					return nil
				}
			}
		})
	}()
	for _, name := range []string{"first", "second"} {
		put(t, js, wire.EventsBucket, "demo", show("demo", name))
		for name != <-seen {
		}
	}
}

func TestRestarting(t *testing.T) {
	t.Parallel()
	tries, over := 0, errors.New("over")
	err := Restarting(t.Context(), slog.New(slog.DiscardHandler), func(context.Context) error {
		if tries++; tries < 3 {
			return fmt.Errorf("try %d: %w", tries, ErrRestart)
		}
		return over
	})
	if tries != 3 || !errors.Is(err, over) {
		t.Errorf("%d tries, %v", tries, err)
	}
}

// What must be alone is, and says what came of it.
func TestAlone(t *testing.T) {
	t.Parallel()
	js := natstest.Run(t).JetStream(t)
	if err := streams.CreateCore(t.Context(), js, 1); err != nil {
		t.Fatal(err)
	}
	at, failed := make(chan struct{}, 1), errors.New("failed")
	done := make(chan error)
	for _, holder := range []string{"one", "two", "three"} {
		l := newLeader(t, js, holder)
		go func() { _ = l.Run(t.Context(), func(context.Context, *Event) error { return nil }) }()
		go func() {
			done <- l.Alone(t.Context(), "streams", func(context.Context) error {
				select {
				case at <- struct{}{}:
				default:
					t.Error("two at once")
				}
				<-at
				return failed
			})
		}()
	}
	for range 3 {
		if err := <-done; !errors.Is(err, failed) {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newLeader(t, js, "four").Alone(ctx, "streams", nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
