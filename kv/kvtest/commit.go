package kvtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"frontrow/kv"

	"github.com/nats-io/nats.go/jetstream"
)

// outcome of one Do.
type outcome struct {
	kv.Write
	revision kv.Revision
	err      error
}

// do gives all writes to c at once, so that they share few batches.
func do(ctx context.Context, c *kv.Committer, writes []kv.Write) []outcome {
	out := make([]outcome, len(writes))
	var wg sync.WaitGroup
	for i, w := range writes {
		wg.Go(func() {
			r, err := c.Do(ctx, w)
			out[i] = outcome{w, r, err}
		})
	}
	wg.Wait()
	return out
}

// agree fails the test unless every acknowledged write is stored as it says.
func agree(t *testing.T, b *kv.Bucket, outs []outcome) {
	t.Helper()
	stored := map[string]kv.Entry{}
	for _, e := range must(b.All(bounded(t), ">"))(t) {
		stored[e.Key] = e
	}
	for _, o := range outs {
		if e := stored[o.Key]; o.err == nil && (e.Revision != o.revision || string(e.Value) != string(o.Value)) {
			t.Errorf("%s: acknowledged %q at %d, stored %q at %d", o.Key, o.Value, o.revision, e.Value, e.Revision)
		}
	}
}

func absent(n int) (writes []kv.Write) {
	for i := range n {
		writes = append(writes, kv.Write{Key: key(i), Value: bytesOf("w", i), Expect: kv.Absent()})
	}
	return writes
}

// Of 900 creates some keys exist already: only those are refused.
func testCommitEach(t *testing.T, s *suite) {
	for _, present := range []int{0, 1, 10, 450, 900} {
		t.Run(fmt.Sprint(present), func(t *testing.T) {
			ctx, b := bounded(t), s.bucket(t)
			c := commit(t, kv.CommitterConfig{Stream: &b.Stream})
			writes := absent(900)
			for _, o := range do(ctx, c, writes[:present]) {
				must(o.revision, o.err)(t)
			}
			outs := do(ctx, c, writes)
			for i, o := range outs {
				if i < present && (!errors.Is(o.err, kv.ErrConflict) || errors.Is(o.err, kv.ErrUnknown)) {
					t.Fatalf("%s exists: %v, want ErrConflict", o.Key, o.err)
				} else if i >= present && o.err != nil {
					t.Fatalf("%s: %v", o.Key, o.err)
				}
			}
			agree(t, b, outs)
		})
	}
}

func testCommitSameKey(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	c := commit(t, kv.CommitterConfig{Stream: &b.Stream})
	for round := range 5 {
		k := fmt.Sprint("same.", round)
		var writes []kv.Write
		for i := range 300 {
			writes = append(writes, kv.Write{Key: k, Value: bytesOf(i), Expect: kv.Absent()})
		}
		won := 0
		outs := do(ctx, c, writes)
		for _, o := range outs {
			if o.err == nil {
				won++
			} else if !errors.Is(o.err, kv.ErrConflict) {
				t.Fatal(o.err)
			}
		}
		if won != 1 {
			t.Fatalf("%d of %d creates of one key succeeded", won, len(writes))
		}
		agree(t, b, outs)
	}
	// Writes without a condition all succeed, one after another.
	seen := map[kv.Revision]bool{}
	var plain []kv.Write
	for i := range 20 {
		plain = append(plain, kv.Write{Key: "plain", Value: bytesOf(i)})
	}
	for _, o := range do(ctx, c, plain) {
		if o.err != nil || seen[o.revision] {
			t.Fatalf("unconditional write: revision %d, %v", o.revision, o.err)
		}
		seen[o.revision] = true
	}
	if _, err := c.Do(ctx, kv.Write{Key: "f", Expect: kv.While(kv.Fence{Subject: "x"})}); err == nil {
		t.Fatal("a fence in a shared batch was accepted")
	}
}

// On a work queue with plain subjects and no direct get, halving finds the write at fault.
func testCommitSubjects(t *testing.T, s *suite) {
	ctx, name := bounded(t), bucketName(t)
	s.create(t, jetstream.StreamConfig{
		Name: name, Subjects: []string{"order." + name + ".>"}, Retention: jetstream.WorkQueuePolicy,
		AllowAtomicPublish: true, AllowDirect: true, Storage: jetstream.FileStorage, Replicas: s.replicas(),
	})
	orders := kv.NewStream(s.store(t), name)
	c := commit(t, kv.CommitterConfig{Stream: orders})
	var writes []kv.Write
	for i := range 100 {
		writes = append(writes, kv.Write{Key: "order." + name + "." + key(i), Value: bytesOf(i), Expect: kv.Absent()})
	}
	must(c.Do(ctx, writes[42]))(t)
	for i, o := range do(ctx, c, writes) {
		if i == 42 && !errors.Is(o.err, kv.ErrConflict) {
			t.Fatalf("order that exists: %v, want ErrConflict", o.err)
		} else if i != 42 && o.err != nil {
			t.Fatal(o.err)
		}
	}
	must(orders.At(ctx, 100))(t)
	if e, err := orders.At(ctx, 101); !errors.Is(err, kv.ErrNotFound) {
		t.Fatalf("more than 100 messages: %v, %v", e, err)
	}
}

func testCommitGuarded(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	g := must(kv.Seize(ctx, &b.Stream, "guard", "old", 1))(t)
	c := commit(t, kv.CommitterConfig{Stream: &b.Stream, Guard: g})
	outs := do(ctx, c, absent(1000))
	for _, o := range outs {
		must(o.revision, o.err)(t)
	}
	agree(t, b, outs)
	for _, o := range do(ctx, c, absent(3)) {
		if !errors.Is(o.err, kv.ErrConflict) {
			t.Fatalf("create again: %v, want ErrConflict", o.err)
		}
	}
	must(c.Do(ctx, kv.Write{Key: "plain"}))(t)
	other := s.open(t)
	must(kv.Seize(ctx, &other.Stream, "guard", "new", 2))(t)
	for _, o := range do(ctx, c, []kv.Write{{Key: "x"}, {Key: "y", Expect: kv.Absent()}, {Key: key(1), Expect: kv.Absent()}}) {
		if !errors.Is(o.err, kv.ErrFenced) || errors.Is(o.err, kv.ErrUnknown) {
			t.Fatalf("%s after the guard was lost: %v, want ErrFenced", o.Key, o.err)
		}
	}
}

// Several committers create the same keys: each key has one owner.
func testCommitRace(t *testing.T, s *suite) {
	const processes, keys = 4, 300
	ctx, b := bounded(t), s.bucket(t)
	outs := make([][]outcome, processes)
	var wg sync.WaitGroup
	for p := range processes {
		other := s.open(t)
		c := commit(t, kv.CommitterConfig{Stream: &other.Stream, MaxBatch: 64})
		wg.Go(func() {
			writes := absent(keys)
			for i := range writes {
				writes[i].Value = bytesOf(p, ".", i)
			}
			outs[p] = do(ctx, c, writes)
		})
	}
	wg.Wait()
	owners := map[string]int{}
	for _, out := range outs {
		agree(t, b, out)
		for _, o := range out {
			if o.err == nil {
				owners[o.Key]++
			} else if !errors.Is(o.err, kv.ErrConflict) {
				t.Errorf("%s: %v", o.Key, o.err)
			}
		}
	}
	for i := range keys {
		if owners[key(i)] != 1 {
			t.Errorf("%s has %d owners", key(i), owners[key(i)])
		}
	}
}

// A write the server will never take fails alone.
func testCommitPoison(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	c := commit(t, kv.CommitterConfig{Stream: &b.Stream})
	writes := absent(100)
	writes[13].Value = make([]byte, 2<<20)
	for i, k := range []string{"", "a..b", "a.", ".a", "a.*", ">", "a b"} {
		writes[20+i].Key = k
	}
	for i, o := range do(ctx, c, writes) {
		bad := i == 13 || i >= 20 && i < 27
		if (o.err != nil) != bad || errors.Is(o.err, kv.ErrUnknown) || errors.Is(o.err, kv.ErrConflict) {
			t.Errorf("%q: %v", o.Key, o.err)
		}
	}
}
