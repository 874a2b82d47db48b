package kvtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"frontrow/kv"

	"github.com/nats-io/nats.go/jetstream"
)

// mirror is what a watch has told.
type mirror struct {
	mu      sync.Mutex
	entries map[string]kv.Entry
	current chan struct{} // one token per snapshot
	changed chan struct{}
}

func watch(t *testing.T, b *kv.Bucket, filter string) *mirror {
	m := &mirror{entries: map[string]kv.Entry{}, current: make(chan struct{}, 100), changed: make(chan struct{}, 1)}
	background(t, func(ctx context.Context) error {
		err := b.Watch(ctx, filter, kv.Watcher{Entry: m.put, Current: func() { m.current <- struct{}{} }})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("watch ended with %v", err)
		}
		return err
	})
	return m
}

func (m *mirror) put(e kv.Entry) {
	m.mu.Lock()
	m.entries[e.Key] = e
	m.mu.Unlock()
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// shows waits until m has what is stored.
func (m *mirror) shows(t *testing.T, want []kv.Entry) {
	t.Helper()
	late := time.After(limit)
	for {
		missing := 0
		m.mu.Lock()
		for _, e := range want {
			if got := m.entries[e.Key]; got.Revision != e.Revision || string(got.Value) != string(e.Value) {
				missing++
			}
		}
		m.mu.Unlock()
		if missing == 0 {
			return
		}
		select {
		case <-m.changed:
		case <-late:
			t.Fatalf("watch does not show %d of %d last values within %s", missing, len(want), limit)
		}
	}
}

// Keys that are written while all are read are read all the same, each at least
// as it was before.
func testAllWhileWritten(t *testing.T, s *suite) {
	const keys, reads = 200, 20
	ctx, b := bounded(t), s.bucket(t)
	floor := make([]kv.Revision, keys)
	for i := range keys {
		floor[i] = must(b.Create(ctx, key(i), nil))(t)
	}
	var mu sync.Mutex
	background(t, func(ctx context.Context) error {
		other := s.open(t)
		for i := 0; ctx.Err() == nil; i = (i + 1) % keys {
			r, err := other.Update(ctx, key(i), bytesOf(i), floor[i])
			if err != nil {
				continue // on three servers, or at the end
			}
			mu.Lock()
			floor[i] = r
			mu.Unlock()
		}
		return nil
	})
	for range reads {
		mu.Lock()
		want := slices.Clone(floor)
		mu.Unlock()
		last := map[string]kv.Revision{}
		for _, e := range must(b.All(ctx, "k.*"))(t) {
			last[e.Key] = e.Revision
		}
		for i, r := range want {
			if last[key(i)] < r {
				t.Fatalf("key %d was at %d before, read at %d", i, r, last[key(i)])
			}
		}
	}
}

func testWatchSnapshotAndTail(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	nothing := watch(t, b, "seat.>")
	receive(t, "snapshot of nothing", nothing.current)
	must(b.Create(ctx, "other", nil))(t)
	r := must(b.Create(ctx, "seat.a", []byte("1")))(t)
	r = must(b.Update(ctx, "seat.a", []byte("2"), r))(t)
	must(b.Create(ctx, "seat.b", nil))(t)
	late := watch(t, b, "seat.>")
	receive(t, "snapshot", late.current)
	late.mu.Lock()
	if n := len(late.entries); n != 2 || string(late.entries["seat.a"].Value) != "2" {
		t.Errorf("snapshot has %d entries: %v", n, late.entries)
	}
	late.mu.Unlock()
	must(b.Update(ctx, "seat.a", []byte("3"), r))(t)
	for _, m := range []*mirror{nothing, late} {
		m.shows(t, must(b.All(ctx, "seat.>"))(t))
	}
	err := kv.Open(s.connect(t), "no_such_bucket").Watch(ctx, ">", kv.Watcher{Entry: func(kv.Entry) {}})
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("watch of no stream: %v, want ErrStreamNotFound", err)
	}
	// A stream that is made anew begins with a new snapshot.
	js := s.connect(t)
	if err := js.DeleteStream(ctx, b.Name()); err != nil {
		t.Fatal(err)
	}
	must(kv.Create(ctx, js, s.config(bucketName(t))))(t)
	must(b.Create(ctx, "seat.c", nil))(t)
	receive(t, "snapshot of the new stream", late.current)
	late.shows(t, must(b.All(ctx, "seat.>"))(t))
}

// Through step-downs, restarts and cut connections, under writes, every watch ends
// up with every key's last value.
func testWatchFaults(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	c := commit(t, kv.CommitterConfig{Stream: &b.Stream, Patience: 20 * time.Second})
	p := newProxy(t, s.env.URL())
	mirrors := []*mirror{watch(t, s.open(t), ">"), watch(t, s.open(t, p.through()...), ">")}
	for _, m := range mirrors {
		receive(t, "snapshot", m.current)
	}
	writing, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			var at kv.Revision
			for n := 0; writing.Err() == nil; n++ {
				if r, err := c.Do(ctx, kv.Write{Key: key(i), Value: bytesOf(n), Expect: kv.At(at)}); err == nil {
					at = r
				} else if e, err := b.Get(ctx, key(i)); err == nil {
					at = e.Revision
				}
			}
		})
	}
	for range 3 {
		s.env.StepDown(b.Name())
		p.cut()
	}
	if s.env.Replicas > 1 {
		i := max(0, s.env.Leader(b.Name()))
		s.env.StopServer(i)
		s.env.StartServer(i)
	} else {
		s.env.Restart()
	}
	p.cut()
	stop()
	wg.Wait()
	all := must(b.All(ctx, ">"))(t)
	for _, m := range mirrors {
		m.shows(t, all)
	}
}
