package kvtest

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/kv"

	"github.com/nats-io/nats.go/jetstream"
)

func testRegister(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	if _, err := b.Get(ctx, "a"); !errors.Is(err, kv.ErrNotFound) {
		t.Fatalf("get of nothing: %v, want ErrNotFound", err)
	}
	r1 := must(b.Create(ctx, "a", []byte("one")))(t)
	r2 := must(b.Update(ctx, "a", []byte("two"), r1))(t)
	if r2 <= r1 {
		t.Fatalf("revision %d after %d", r2, r1)
	}
	if _, err := b.Update(ctx, "a", []byte("three"), r1); !errors.Is(err, kv.ErrConflict) || errors.Is(err, kv.ErrUnknown) {
		t.Fatalf("update of an old revision: %v, want ErrConflict", err)
	}
	if _, err := b.Create(ctx, "a", []byte("three")); !errors.Is(err, kv.ErrConflict) {
		t.Fatalf("create again: %v, want ErrConflict", err)
	}
	e := must(b.Get(ctx, "a"))(t)
	if e.Key != "a" || string(e.Value) != "two" || e.Revision != r2 || e.Created.IsZero() {
		t.Fatalf("got %+v", e)
	}
	if _, err := b.Create(ctx, "big", make([]byte, 2<<20)); err == nil || errors.Is(err, kv.ErrUnknown) {
		t.Fatalf("too large: %v, want a refusal that is not unknown", err)
	}
	// The standard KV client reads what is stored here.
	if s.env == nil {
		return
	}
	bucket := must(s.connect(t).KeyValue(ctx, bucketName(t)))(t)
	if got := must(bucket.Get(ctx, "a"))(t); string(got.Value()) != "two" || got.Revision() != uint64(r2) {
		t.Fatalf("through jetstream.KeyValue: %q at %d", got.Value(), got.Revision())
	}
}

// Revisions and the instants at which they were stored correspond.
func testInstants(t *testing.T, s *suite) {
	ctx, b := bounded(t), s.bucket(t)
	before := time.Now()
	if _, err := b.Since(ctx, before.Add(-time.Hour)); !errors.Is(err, kv.ErrNotFound) {
		t.Fatalf("since ever, of nothing: %v, want ErrNotFound", err)
	}
	var stored []kv.Entry
	for k := range 20 {
		r := must(b.Create(ctx, key(k), bytesOf(k)))(t)
		e := must(b.At(ctx, r))(t)
		if e.Key != key(k) || e.Revision != r || e.Created.IsZero() || !bytes.Equal(e.Value, bytesOf(k)) {
			t.Fatalf("at %d: %+v", r, e)
		}
		stored = append(stored, e)
	}
	for i, e := range stored {
		if i > 0 && !e.Created.After(stored[i-1].Created) {
			continue // two in the same instant: the first is found
		}
		if got := must(b.Since(ctx, e.Created))(t); got.Revision != e.Revision {
			t.Errorf("since the instant of %d: %d", e.Revision, got.Revision)
		}
	}
	last := stored[len(stored)-1]
	if _, err := b.Since(ctx, last.Created.Add(time.Nanosecond)); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("since after the last: %v, want ErrNotFound", err)
	}
	if _, err := b.At(ctx, last.Revision+1); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("a revision that isn't: %v, want ErrNotFound", err)
	}
}

func testCreateOnce(t *testing.T, s *suite) {
	const creators, keys = 64, 5
	ctx, b := bounded(t), s.bucket(t)
	others := []*kv.Bucket{b, s.open(t), s.open(t), s.open(t)}
	for k := range keys {
		var won atomic.Int32
		var wg sync.WaitGroup
		var winner atomic.Value
		for i := range creators {
			wg.Go(func() {
				value := bytesOf(i)
				_, err := others[i%len(others)].Create(ctx, key(k), value)
				switch {
				case err == nil:
					won.Add(1)
					winner.Store(value)
				case !errors.Is(err, kv.ErrConflict):
					t.Errorf("creator %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d creators of %s succeeded", won.Load(), key(k))
		}
		if e := must(b.Get(ctx, key(k)))(t); string(e.Value) != string(winner.Load().([]byte)) {
			t.Fatalf("%s holds %q, its creator wrote %q", key(k), e.Value, winner.Load())
		}
	}
}

// Racing updates of one revision: one wins; the losers are refused with 10071
// or, while the winner is in flight on replicas, 10164. Both are ErrConflict.
func testUpdateConflicts(t *testing.T, s *suite) {
	const rounds, writers = 20, 16
	ctx, b := bounded(t), s.bucket(t)
	r := must(b.Create(ctx, "a", nil))(t)
	var mu sync.Mutex
	codes := map[jetstream.ErrorCode]int{}
	for range rounds {
		var next []kv.Revision
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				got, err := b.Update(ctx, "a", bytesOf(i), r)
				mu.Lock()
				defer mu.Unlock()
				var api *jetstream.APIError
				switch {
				case err == nil:
					next = append(next, got)
				case errors.Is(err, kv.ErrConflict) && errors.As(err, &api):
					codes[api.ErrorCode]++
				default:
					t.Errorf("writer %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if len(next) != 1 {
			t.Fatalf("%d of %d racing updates succeeded", len(next), writers)
		}
		r = next[0]
	}
	t.Logf("refusals by code: %v", codes)
	if s.replicas() > 1 && codes[jetstream.JSErrCodeStreamWrongLastSequenceConstant] == 0 {
		t.Error("no refusal with 10164 on replicas: the test did not race")
	}
}

func testLatest(t *testing.T, s *suite) {
	const n = 2500 // more than one request takes
	ctx, b := bounded(t), s.bucket(t)
	var keys []string
	for i := range n {
		keys = append(keys, key(i))
	}
	for at := 0; at < n; at += 500 {
		var msgs []kv.Msg
		for _, k := range keys[at : at+500] {
			msgs = append(msgs, kv.Msg{Subject: b.Subject(k), Data: []byte(k), Expect: kv.Absent()})
		}
		must(b.Publish(ctx, msgs))(t)
	}
	g := must(kv.Seize(ctx, &b.Stream, "guard", "me", 1))(t)
	got := must(g.Resolve(ctx, append(keys, "missing")))(t)
	if len(got) != n+1 { // the guard's own too
		t.Fatalf("%d entries, want %d", len(got), n+1)
	}
	for i, k := range keys {
		if e := got[k]; string(e.Value) != k || e.Revision != kv.Revision(i+1) || e.Created.IsZero() {
			t.Fatalf("%s: %+v", k, e)
		}
	}
	if got := must(b.Latest(ctx, []string{"none", "nothing"}))(t); len(got) != 0 {
		t.Fatalf("entries of keys that do not exist: %v", got)
	}
	all := must(b.All(ctx, "k.>"))(t)
	if len(all) != n || all[n-1].Key != key(n-1) {
		t.Fatalf("All found %d of %d", len(all), n)
	}
	if none := must(b.All(ctx, "nothing.>"))(t); len(none) != 0 {
		t.Fatalf("All of nothing: %v", none)
	}
}

// Earlier values of a key can be read as far as the stream keeps them.
func testBefore(t *testing.T, s *suite) {
	ctx, cfg := bounded(t), s.config(bucketName(t))
	cfg.MaxMsgsPerSubject = 3
	s.create(t, cfg)
	b := s.open(t)
	var stored []kv.Revision
	for i := range 5 {
		last := kv.Revision(0)
		if i > 0 {
			last = stored[i-1]
		}
		stored = append(stored, must(b.Update(ctx, "a", bytesOf(i), last))(t))
		must(b.Create(ctx, key(i), []byte("other")))(t)
	}
	for i := 4; i > 2; i-- {
		if e := must(b.Before(ctx, "a", stored[i]))(t); e.Revision != stored[i-1] || !bytes.Equal(e.Value, bytesOf(i-1)) {
			t.Errorf("before %d: %+v", stored[i], e)
		}
	}
	kept := must(b.Kept(ctx, must(b.Get(ctx, "a"))(t)))(t)
	if len(kept) != 3 || kept[0].Revision != stored[4] || kept[1].Revision != stored[3] || kept[2].Revision != stored[2] {
		t.Errorf("kept, the latest first: %+v", kept)
	}
	if kept := must(b.Kept(ctx, kv.Entry{Key: "none"}))(t); len(kept) != 0 {
		t.Errorf("kept of no key: %+v", kept)
	}
	for _, r := range []kv.Revision{0, 1, stored[2]} {
		if e, err := b.Before(ctx, "a", r); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("before %d: %+v, %v, want ErrNotFound", r, e, err)
		}
	}
	if _, err := b.Before(ctx, "none", stored[4]); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("of no key: %v, want ErrNotFound", err)
	}
}
