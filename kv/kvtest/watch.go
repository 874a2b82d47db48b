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

// mirror is what a watch has delivered.
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

// All also reads keys that are being written meanwhile, each at least as it was before.
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
	err := kv.NewBucket(s.store(t), "no_such_bucket").Watch(ctx, ">", kv.Watcher{Entry: func(kv.Entry) {}})
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("watch of no stream: %v, want ErrStreamNotFound", err)
	}
	// A recreated stream begins with a new snapshot.
	s.lose(t)
	s.bucket(t)
	must(b.Create(ctx, "seat.c", nil))(t)
	receive(t, "snapshot of the new stream", late.current)
	late.shows(t, must(b.All(ctx, "seat.>"))(t))
}

// Behind a position comes what was stored since, and nothing of another stream.
func testWatchBehind(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	must(b.Create(ctx, "log.1", nil))(t)
	must(b.Create(ctx, "other", nil))(t)
	must(b.Create(ctx, "log.2", nil))(t)
	var keys []string
	note := func(e kv.Entry) { keys = append(keys, e.Key) }
	at := must(b.ReadBehind(ctx, "log.*", kv.Position{}, note))(t)
	third := must(b.Create(ctx, "log.3", nil))(t)
	next := must(b.ReadBehind(ctx, "log.*", at, note))(t)
	if want := []string{"log.1", "log.2", "log.3"}; !slices.Equal(keys, want) || next != (kv.Position{Made: at.Made, Revision: third}) {
		t.Errorf("%v, and then behind %+v", keys, next)
	}
	if none := must(b.ReadBehind(ctx, "none.*", kv.Position{}, note))(t); none != (kv.Position{Made: at.Made}) {
		t.Errorf("behind nothing: %+v", none)
	}
	seen, current := make(chan string, 10), make(chan struct{}, 10)
	ended := make(chan error, 1)
	background(t, func(ctx context.Context) error {
		err := b.WatchBehind(ctx, "log.*", at, kv.Watcher{Entry: func(e kv.Entry) { seen <- e.Key }, Current: func() { current <- struct{}{} }})
		ended <- err
		return err
	})
	receive(t, "what is behind the position", current)
	must(b.Create(ctx, "log.4", nil))(t)
	for _, want := range []string{"log.3", "log.4"} {
		if got := receive(t, want, seen); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
	s.lose(t)
	s.bucket(t)
	for i := range 10 {
		must(b.Create(ctx, "log."+key(i), nil))(t)
	}
	if err := receive(t, "the end of the watch", ended); !errors.Is(err, kv.ErrAnew) || len(seen) > 0 {
		t.Errorf("of another stream: %v, %d entries", err, len(seen))
	}
	if _, err := b.ReadBehind(ctx, "log.*", at, note); !errors.Is(err, kv.ErrAnew) {
		t.Errorf("behind a position in another stream: %v", err)
	}
}

// Everything stored before a record just written is read up to it: each key's last value,
// in the order of revisions.
func testReadTo(t *testing.T, s *suite) {
	const keys = 3000
	ctx, b := bounded(t), s.bucket(t)
	want := map[string]kv.Revision{}
	for range 2 {
		for from := 0; from < keys; from += 500 {
			var msgs []kv.Msg
			for i := range 500 {
				msgs = append(msgs, kv.Msg{Subject: b.Subject("seat." + key(from+i)), Data: bytesOf(i)})
			}
			ack := must(b.Publish(ctx, msgs))(t)
			for i := range msgs {
				want["seat."+key(from+i)] = ack.Revision(i)
			}
		}
		must(b.Publish(ctx, []kv.Msg{{Subject: b.Subject("other")}}))(t)
	}
	g := must(kv.Seize(ctx, &b.Stream, "guard", "me", 1))(t)
	must(b.Publish(ctx, []kv.Msg{{Subject: b.Subject("seat.late")}}))(t)
	last := kv.Revision(0)
	err := s.open(t).ReadTo(ctx, []string{"seat.>"}, "guard", g.Fence().Revision, func(e kv.Entry) {
		if e.Revision <= last || want[e.Key] != e.Revision {
			t.Errorf("%s at %d after %d, want %d", e.Key, e.Revision, last, want[e.Key])
		}
		delete(want, e.Key)
		last = e.Revision
	})
	if err != nil || len(want) > 0 {
		t.Errorf("%v; %d keys are missing", err, len(want))
	}
	soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if err := b.ReadTo(soon, []string{"seat.>"}, "guard", last+1000, func(kv.Entry) {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a record that does not come: %v", err)
	}
}

// Through step-downs, restarts and cut connections, with writes going on, every watch ends
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
