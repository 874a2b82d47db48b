package kvtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/kv"
)

// claims is a storm of creates by several processes on the same keys, with the outcomes
// that each got.
type claims struct {
	mu    sync.Mutex
	told  map[string][]outcome
	acked atomic.Int32
}

// storm has every committer create keys 0, 1, 2, … in groups until ctx ends.
func storm(ctx context.Context, wg *sync.WaitGroup, committers []*kv.Committer) *claims {
	cl := &claims{told: map[string][]outcome{}}
	for p, c := range committers {
		for lane := range 8 {
			wg.Go(func() {
				for i := lane; ctx.Err() == nil; i += 8 {
					w := kv.Write{Key: key(i), Value: bytesOf("p", p, ".", i), Expect: kv.Absent()}
					one, cancel := context.WithTimeout(context.Background(), limit)
					r, err := c.Do(one, w)
					cancel()
					cl.mu.Lock()
					cl.told[w.Key] = append(cl.told[w.Key], outcome{w, r, err})
					cl.mu.Unlock()
					if err == nil {
						cl.acked.Add(1)
					}
				}
			})
		}
	}
	return cl
}

// more waits until n further creates have been acknowledged.
func (cl *claims) more(t *testing.T, n int32) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(limit)
	for start := cl.acked.Load(); cl.acked.Load() < start+n; {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%d of %d creates acknowledged within %s", cl.acked.Load()-start, n, limit)
		}
	}
}

// check checks that no key was acknowledged to two owners, and that what was acknowledged
// is stored.
func (cl *claims) check(t *testing.T, b *kv.Bucket) {
	t.Helper()
	stored := map[string]kv.Entry{}
	for _, e := range must(b.All(bounded(t), "k.>"))(t) {
		stored[e.Key] = e
	}
	kinds := map[string]int{}
	for k, outs := range cl.told {
		for _, o := range outs {
			e, mine := stored[k], string(stored[k].Value) == string(o.Value)
			switch {
			case o.err == nil:
				kinds["stored"]++
				if !mine || e.Revision != o.revision {
					t.Errorf("%s: %q was acknowledged at %d, %q is stored at %d", k, o.Value, o.revision, e.Value, e.Revision)
				}
			case errors.Is(o.err, kv.ErrUnknown):
				kinds["unknown"]++
			case errors.Is(o.err, kv.ErrConflict), errors.Is(o.err, kv.ErrBusy):
				kinds["refused"]++
				if mine {
					t.Errorf("%s: %q was refused (%v) but is stored", k, o.Value, o.err)
				}
			default:
				t.Errorf("%s: %v", k, o.err)
			}
		}
	}
	t.Logf("outcomes: %v, keys stored: %d", kinds, len(stored))
}

func (s *suite) committers(t *testing.T, n int) (cs []*kv.Committer) {
	for range n {
		cs = append(cs, commit(t, kv.CommitterConfig{Stream: &s.open(t).Stream, MaxBatch: 128, Patience: 20 * time.Second}))
	}
	return cs
}

// Answers get lost and connections break in mid-batch, repeatedly.
func testConnectionCut(t *testing.T, s *suite) {
	b := s.bucket(t)
	p := newProxy(t, s.env.URL())
	cut := commit(t, kv.CommitterConfig{Stream: &s.open(t, p.through()...).Stream, Patience: 20 * time.Second})
	cs := append(s.committers(t, 1), cut)
	ctx, stop := context.WithCancel(bounded(t))
	defer stop()
	var wg sync.WaitGroup
	cl := storm(ctx, &wg, cs)
	for range 8 {
		cl.more(t, 100)
		p.deafen()
		cl.more(t, 50)
		p.cut()
	}
	stop()
	wg.Wait()
	cl.check(t, b)
}

// A guarded committer, and a guard's owner that publishes itself, learn the outcome of
// writes whose answer was lost, even of those without a condition.
func testGuardedUnknown(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	p := newProxy(t, s.env.URL())
	far := s.open(t, p.through()...)
	g := must(kv.Seize(ctx, &far.Stream, "guard", "me", 1))(t)
	for round := range 5 {
		p.deafen()
		lost, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		_, err := far.Publish(lost, fenced(far, g, round))
		cancel()
		if !errors.Is(err, kv.ErrUnknown) {
			t.Fatalf("answer lost: %v, want ErrUnknown", err)
		}
		p.cut()
		late := fenced(far, g, 1000+round) // the same revision of the fence, sent after Resolve
		got := must(g.Resolve(ctx, []string{key(round), "log." + key(round)}))(t)
		_, first := got[key(round)]
		_, second := got["log."+key(round)]
		if first != second {
			t.Fatalf("half a batch: %v", got)
		}
		if _, err := far.Publish(ctx, late); !errors.Is(err, kv.ErrConflict) {
			t.Fatalf("batch with the fence of before Resolve: %v, want ErrConflict", err)
		}
	}
	c := commit(t, kv.CommitterConfig{Stream: &far.Stream, Guard: g, Patience: 20 * time.Second})
	for round := range 5 {
		var writes []kv.Write
		for i := range 50 {
			writes = append(writes, kv.Write{Key: fmt.Sprint("plain.", i), Value: bytesOf(round, ".", i)})
		}
		p.deafen()
		time.AfterFunc(50*time.Millisecond, p.cut)
		outs := do(ctx, c, writes)
		for _, o := range outs {
			must(o.revision, o.err)(t)
		}
		agree(t, b, outs)
	}
}

// Leaders step down and servers stop, one or all, in the middle of a storm.
func testFaults(t *testing.T, s *suite) {
	b := s.bucket(t)
	cs := s.committers(t, 3)
	ctx, stop := context.WithCancel(bounded(t))
	defer stop()
	var wg sync.WaitGroup
	cl := storm(ctx, &wg, cs)
	cl.more(t, 200)
	for range 3 {
		s.env.StepDown(b.Name())
		cl.more(t, 100)
	}
	if i := s.env.Leader(b.Name()); s.env.Replicas > 1 && i >= 0 {
		s.env.StopServer(i)
		cl.more(t, 100)
		s.env.StartServer(i)
		cl.more(t, 100)
	}
	s.env.Restart()
	cl.more(t, 100)
	stop()
	wg.Wait()
	cl.check(t, b)
}
