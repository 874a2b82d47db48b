package identity

import (
	"encoding/json"
	"testing"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

func revokedPass(id string) *wire.Pass {
	now := time.Now()
	return wire.NewPass(show, wire.PassRecord{ID: id, At: now, Expires: now.Add(time.Hour)})
}

// entryOf is a record as a watch tells it.
func entryOf(t testing.TB, key string, v any, at time.Time) kv.Entry {
	t.Helper()
	raw, err := json.Marshal(v)
	must(t, err)
	return kv.Entry{Key: key, Value: raw, Revision: 1, Created: at}
}

// TestNoPassBeforeRevocationsAreKnown: what is not known yet is not taken for
// good.
func TestNoPassBeforeRevocationsAreKnown(t *testing.T) {
	t.Parallel()
	r := newRevocations(time.Now)
	if p := r.Of(show, revokedPass("p")); p == nil || p.Code != wire.CodeUnavailable {
		t.Fatalf("%+v", p)
	}
	r.Arrived()
	if p := r.Of(show, revokedPass("p")); p != nil {
		t.Fatalf("%+v", p)
	}
}

func TestRevocationsAreForgotten(t *testing.T) {
	t.Parallel()
	now := time.Unix(2e9, 0)
	r := newRevocations(func() time.Time { return now })
	r.Arrived()
	fill := func(n int) {
		for range n {
			must(t, r.Note(entryOf(t, wire.RevokedKey(show, wire.NewHold()), wire.Revocation{At: now}, now)))
		}
	}
	fill(8 * minSweep)
	now = now.Add(wire.MaxPassLife + time.Second)
	if fill(8 * minSweep); len(r.passes) != 8*minSweep {
		t.Errorf("%d are kept", len(r.passes))
	}
	must(t, r.Note(entryOf(t, wire.RevokedKey(show, "p"), wire.Revocation{At: now}, now)))
	fill(10 * minSweep)
	if r.Of(show, revokedPass("p")) == nil {
		t.Error("a pass that could be alive is forgotten")
	}
	for _, key := range []string{"", "show", "."} {
		if err := r.Note(entryOf(t, key, wire.Revocation{}, now)); err == nil && key != "." {
			t.Errorf("key %q is taken", key)
		}
	}
}
