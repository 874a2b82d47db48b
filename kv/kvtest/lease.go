package kvtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"frontrow/kv"
)

// Time to live of the leases: short where a test waits for their end, long where they must
// not end even on a busy machine.
const (
	shortTTL = 600 * time.Millisecond
	longTTL  = 6 * time.Second
)

// tenure is one call of a lease's function.
type tenure struct {
	holder string
	term   uint64
	end    func()        // lets the function return
	over   chan struct{} // closed when its context has ended
}

// theatre is where the leases of several processes meet: it knows which process trusts that
// it holds each key.
type theatre struct {
	t     *testing.T
	ttl   time.Duration
	begun chan tenure

	logger *slog.Logger                                                // may be nil
	act    func(ctx context.Context, holder string, term uint64) error // what a holder does first; may be nil

	mu    sync.Mutex
	holds map[string]string
	terms map[string]uint64
}

func newTheatre(t *testing.T, ttl time.Duration) *theatre {
	return &theatre{t: t, ttl: ttl, begun: make(chan tenure, 1000), holds: map[string]string{}, terms: map[string]uint64{}}
}

// process runs the Leases of one holder; stop ends them as a process does that shuts down
// cleanly.
func (th *theatre) process(b *kv.Bucket, holder string, keys ...string) (stop func()) {
	l, err := kv.NewLeases(kv.LeasesConfig{Bucket: b, Holder: holder, TTL: th.ttl, Logger: th.logger})
	if err != nil {
		th.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := l.Run(ctx); err != nil {
			th.t.Errorf("%s: %v", holder, err)
		}
	})
	for _, k := range keys {
		wg.Go(func() {
			err := l.Hold(ctx, k, func(ctx context.Context, term uint64) error { return th.hold(ctx, holder, k, term) })
			if !errors.Is(err, context.Canceled) {
				th.t.Errorf("%s: hold %s ended with %v", holder, k, err)
			}
		})
	}
	stop = func() { cancel(); wg.Wait() }
	th.t.Cleanup(stop)
	return stop
}

func (th *theatre) hold(ctx context.Context, holder, k string, term uint64) error {
	th.mu.Lock()
	if other, taken := th.holds[k]; taken {
		th.t.Errorf("%s holds %s while %s still trusts to", holder, k, other)
	}
	if term <= th.terms[k] {
		th.t.Errorf("%s: term %d of %s after term %d", k, term, holder, th.terms[k])
	}
	th.holds[k], th.terms[k] = holder, term
	th.mu.Unlock()
	if th.act != nil {
		if err := th.act(ctx, holder, term); err != nil {
			th.leave(k)
			return err
		}
	}
	enough := make(chan struct{})
	tn := tenure{holder, term, sync.OnceFunc(func() { close(enough) }), make(chan struct{})}
	th.begun <- tn
	select {
	case <-ctx.Done():
	case <-enough:
	}
	th.leave(k)
	close(tn.over)
	return nil
}

func (th *theatre) leave(k string) {
	th.mu.Lock()
	defer th.mu.Unlock()
	delete(th.holds, k)
}

func (th *theatre) next() tenure {
	th.t.Helper()
	return receive(th.t, "a holder", th.begun)
}

// renewed waits until each key has been renewed twice, and fails the test if one changes
// hands meanwhile.
func renewed(t *testing.T, b *kv.Bucket, keys ...string) {
	t.Helper()
	terms, writes := map[string]uint64{}, map[string]int{}
	left := len(keys)
	ctx, done := context.WithCancel(bounded(t))
	defer done()
	_ = b.Watch(ctx, ">", kv.Watcher{Entry: func(e kv.Entry) {
		var l kv.Lease
		if err := json.Unmarshal(e.Value, &l); err != nil {
			t.Errorf("record of %s: %v", e.Key, err)
		}
		if term, seen := terms[e.Key]; seen && term != l.Term {
			t.Errorf("%s: term %d follows %d, though its holder lives", e.Key, l.Term, term)
		}
		terms[e.Key] = l.Term
		if writes[e.Key]++; writes[e.Key] == 3 {
			if left--; left == 0 {
				done()
			}
		}
	}})
	if left > 0 {
		t.Errorf("%d of %d leases were not renewed twice within %s", left, len(keys), limit)
	}
}

// Many processes want a key: they get it one after another, each for as long as it likes.
func testLeaseExclusive(t *testing.T, s *suite) {
	b := s.bucket(t)
	th := newTheatre(t, longTTL/2)
	for i := range 5 {
		th.process(s.open(t), fmt.Sprint("p", i), "writer.e1")
	}
	holders := map[string]bool{}
	for range 12 {
		tn := th.next()
		holders[tn.holder] = true
		tn.end()
	}
	if len(holders) < 2 {
		t.Error("the lease never changed hands")
	}
	th.next()
	renewed(t, b, "writer.e1")
}

// A process that shuts down cleanly hands over at once, much sooner than a TTL.
func testLeaseRelease(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	th := newTheatre(t, limit)
	stop := th.process(s.open(t), "first", "writer.e1")
	first := th.next()
	th.process(s.open(t), "second", "writer.e1")
	stop()
	second := th.next()
	if second.holder != "second" || second.term <= first.term {
		t.Fatalf("after %+v came %+v", first, second)
	}
	e := must(b.Get(ctx, "writer.e1"))(t)
	t.Logf("record: %s", e.Value)
}

// A holder without a connection stops trusting before another takes over.
func testLeaseCrash(t *testing.T, s *suite) {
	b := s.bucket(t)
	th := newTheatre(t, shortTTL)
	p := newProxy(t, s.env.URL())
	th.process(s.open(t, p.through()...), "crashed", "writer.e1")
	th.next()
	th.process(b, "other", "writer.e1")
	gone := time.Now()
	p.close()
	if tn := th.next(); tn.holder != "other" {
		t.Fatalf("%s took over from a holder that is gone", tn.holder)
	}
	t.Logf("taken over %s after the crash, TTL %s", time.Since(gone).Round(time.Millisecond), shortTTL)
}

// Short breaks of the connection do not cost the lease, or cost it safely.
func testLeaseCut(t *testing.T, s *suite) {
	b := s.bucket(t)
	th := newTheatre(t, shortTTL)
	p := newProxy(t, s.env.URL())
	th.process(s.open(t, p.through()...), "cut", "writer.e1")
	th.next()
	th.process(b, "other", "writer.e1")
	ticker := time.NewTicker(shortTTL / 5)
	defer ticker.Stop()
	for i := range 20 {
		receive(t, "tick", ticker.C)
		if i%4 == 0 {
			p.deafen()
		} else {
			p.cut()
		}
		select {
		case tn := <-th.begun:
			tn.end() // it comes and goes
		default:
		}
	}
}

// Hundreds of leases of two processes share one watch and one committer each.
func testLeaseMany(t *testing.T, s *suite) {
	const leases = 300
	ctx, b := bounded(t), s.bucket(t)
	var keys []string
	for i := range leases {
		keys = append(keys, fmt.Sprint("role.", i))
	}
	th := newTheatre(t, longTTL)
	stop := th.process(s.open(t), "first", keys...)
	for range leases {
		th.next()
	}
	th.process(s.open(t), "second", keys...)
	info := must(must(s.connect(t).Stream(ctx, b.Name()))(t).Info(ctx))(t)
	if info.State.Consumers > 2 {
		t.Errorf("%d consumers for two processes", info.State.Consumers)
	}
	renewed(t, b, keys...)
	stop()
	for range leases {
		if tn := th.next(); tn.holder != "second" {
			t.Fatalf("%s has a lease after it has ended", tn.holder)
		}
	}
}
