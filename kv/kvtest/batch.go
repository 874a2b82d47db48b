package kvtest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"frontrow/kv"
)

func creates(b *kv.Bucket, keys ...string) (msgs []kv.Msg) {
	for _, k := range keys {
		msgs = append(msgs, kv.Msg{Subject: b.Subject(k), Data: []byte(k), Expect: kv.Absent()})
	}
	return msgs
}

func testBatchAllOrNothing(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	r := must(b.Create(ctx, "there", nil))(t)
	for name, msgs := range map[string][]kv.Msg{
		"first":  creates(b, "there", "a", "b"),
		"middle": creates(b, "a", "there", "b"),
		"last":   creates(b, "a", "b", "there"),
		"update": append(creates(b, "a", "b"), kv.Msg{Subject: b.Subject("there"), Expect: kv.At(r + 7)}),
		"twice":  creates(b, "a", "b", "a"),
	} {
		if _, err := b.Publish(ctx, msgs); !errors.Is(err, kv.ErrConflict) || errors.Is(err, kv.ErrUnknown) {
			t.Errorf("%s: %v, want ErrConflict", name, err)
		}
	}
	if all := must(b.All(ctx, ">"))(t); len(all) != 1 {
		t.Fatalf("refused batches left %d keys, want 1", len(all))
	}
	ack := must(b.Publish(ctx, append(creates(b, "a", "b"), kv.Msg{Subject: b.Subject("there"), Expect: kv.At(r)})))(t)
	if ack.Count != 3 || ack.Stream != b.Name() || ack.Revision(0) != r+1 || ack.Last != r+3 {
		t.Fatalf("acknowledgement %+v after revision %d", ack, r)
	}
	if _, err := b.Publish(ctx, nil); err == nil {
		t.Error("an empty batch was accepted")
	}
	if _, err := b.Publish(ctx, make([]kv.Msg, kv.MaxBatch+1)); err == nil {
		t.Error("too large a batch was accepted")
	}
}

// Several processes publish batches and single messages to the same stream: the revisions
// in an Ack are those of the records.
func testBatchContiguous(t *testing.T, s *suite) {
	const writers, rounds, size = 4, 10, 25
	ctx, b := bounded(t), s.bucket(t)
	noise, stop := context.WithCancel(ctx)
	defer stop()
	var wg, single sync.WaitGroup
	for range 2 {
		other := s.open(t)
		single.Go(func() {
			for noise.Err() == nil {
				_, _ = other.Publish(ctx, []kv.Msg{{Subject: b.Subject("noise")}})
			}
		})
	}
	var mu sync.Mutex
	want := map[string]kv.Revision{}
	for w := range writers {
		other := s.open(t)
		wg.Go(func() {
			for r := range rounds {
				var keys []string
				for i := range size {
					keys = append(keys, key(w)+"."+key(r)+"."+key(i))
				}
				ack, err := other.Publish(ctx, creates(b, keys...))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for i, k := range keys {
					want[k] = ack.Revision(i)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	stop()
	single.Wait()
	all := must(b.All(ctx, "k.>"))(t)
	if len(all) != writers*rounds*size {
		t.Fatalf("%d keys, want %d", len(all), writers*rounds*size)
	}
	for _, e := range all {
		if want[e.Key] != e.Revision {
			t.Fatalf("%s is at %d, its acknowledgement said %d", e.Key, e.Revision, want[e.Key])
		}
	}
}

// fenced returns a batch of a seat-like update and a log record that carries the fence.
func fenced(b *kv.Bucket, g *kv.Guard, n int) []kv.Msg {
	return append(creates(b, key(n)), kv.Msg{Subject: b.Subject("log." + key(n)), Expect: kv.While(g.Fence())})
}

func testFenceBefore(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	old := must(kv.Seize(ctx, &b.Stream, "writer", "old", 1))(t)
	must(b.Publish(ctx, fenced(b, old, 1)))(t)
	must(b.Publish(ctx, fenced(b, old, 2)))(t)

	other := s.open(t)
	now := must(kv.Seize(ctx, &other.Stream, "writer", "new", 2))(t)
	if _, err := b.Publish(ctx, fenced(b, old, 3)); !errors.Is(err, kv.ErrConflict) {
		t.Fatalf("batch of a fenced writer: %v, want ErrConflict", err)
	}
	if err := old.Check(ctx); !errors.Is(err, kv.ErrFenced) {
		t.Fatalf("check: %v, want ErrFenced", err)
	}
	if err := old.Reassert(ctx); !errors.Is(err, kv.ErrFenced) {
		t.Fatalf("reassert: %v, want ErrFenced", err)
	}
	if _, err := old.Resolve(ctx, nil); !errors.Is(err, kv.ErrFenced) {
		t.Fatalf("resolve: %v, want ErrFenced", err)
	}
	// A refusal for another reason leaves the guard its right.
	must(other.Publish(ctx, fenced(other, now, 3)))(t)
	if _, err := other.Publish(ctx, fenced(other, now, 3)); !errors.Is(err, kv.ErrConflict) {
		t.Fatalf("batch that conflicts: %v, want ErrConflict", err)
	}
	if err := now.Check(ctx); err != nil {
		t.Fatalf("check of the new writer: %v", err)
	}
}

// The guard is seized while the old writer's batches stream in: once Seize has returned, no
// more of them are stored.
func testFenceInFlight(t *testing.T, s *suite) {
	const rounds = 15
	ctx, b := bounded(t), s.bucket(t)
	other := s.open(t)
	term, n := uint64(0), 0
	for range rounds {
		term += 2
		old := must(kv.Seize(ctx, &b.Stream, "writer", "old", term))(t)
		flowing, ended := make(chan struct{}), make(chan error, 1)
		var acked []string
		go func() {
			for {
				n++
				_, err := b.Publish(ctx, fenced(b, old, n))
				switch {
				case err == nil:
					if acked = append(acked, key(n)); len(acked) == 3 {
						close(flowing)
					}
				case errors.Is(err, kv.ErrConflict) || ctx.Err() != nil:
					ended <- err
					return
				} // otherwise it is busy or unknown, since a server was slow: the next one shows
			}
		}()
		receive(t, "three batches", flowing)
		next := must(kv.Seize(ctx, &other.Stream, "writer", "new", term+1))(t)
		at := next.Fence().Revision
		if err := receive(t, "refusal", ended); !errors.Is(err, kv.ErrConflict) {
			t.Fatalf("old writer ended with %v, want ErrConflict", err)
		}
		for k, e := range must(next.Resolve(ctx, acked))(t) {
			if k != "writer" && e.Revision > at {
				t.Fatalf("%s was stored at %d, after the guard was seized at %d", k, e.Revision, at)
			}
		}
	}
}

func testGuardTerms(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	must(kv.Seize(ctx, &b.Stream, "writer", "a", 5))(t)
	for _, late := range []struct {
		holder string
		term   uint64
	}{{"a", 4}, {"b", 4}, {"b", 5}} {
		if _, err := kv.Seize(ctx, &b.Stream, "writer", late.holder, late.term); !errors.Is(err, kv.ErrFenced) {
			t.Errorf("%s with term %d after a with term 5: %v, want ErrFenced", late.holder, late.term, err)
		}
	}
	// If many seize it at once, only the highest term has it in the end.
	var wg sync.WaitGroup
	guards := make([]*kv.Guard, 16)
	for i := range guards {
		wg.Go(func() {
			g, err := kv.Seize(ctx, &b.Stream, "writer", "many", uint64(10+i))
			if err != nil && !errors.Is(err, kv.ErrFenced) {
				t.Error(err)
			}
			guards[i] = g
		})
	}
	wg.Wait()
	for i, g := range guards {
		if g == nil {
			continue
		}
		_, err := b.Publish(ctx, fenced(b, g, i))
		if last := i == len(guards)-1; (err == nil) != last {
			t.Errorf("batch with term %d of %d: %v", i, len(guards)-1, err)
		}
	}
	if guards[len(guards)-1] == nil {
		t.Error("the highest term was refused")
	}
}

// A spoiled guard record fences nobody out for ever: the one process that rewrites it has
// the right.
func testGuardSpoilt(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	for i, junk := range []string{"", "x", `{"term":"`, "[]", `{"term":18446744073709551615}`} {
		old := must(kv.Seize(ctx, &b.Stream, "writer", "a", uint64(10*i+1)))(t)
		must(b.Publish(bounded(t), []kv.Msg{{Subject: b.Subject("writer"), Data: []byte(junk)}}))(t)
		if _, err := b.Publish(ctx, fenced(b, old, 100*i)); !errors.Is(err, kv.ErrConflict) {
			t.Fatalf("%q: the fence of before it: %v, want ErrConflict", junk, err)
		}
		next := must(kv.Seize(ctx, &b.Stream, "writer", "b", uint64(10*i+2)))(t)
		must(b.Publish(ctx, fenced(b, next, 100*i+1)))(t)
		if err := old.Check(ctx); !errors.Is(err, kv.ErrFenced) {
			t.Errorf("%q: who was before: %v, want ErrFenced", junk, err)
		}
	}
}
