package visitor

import (
	"encoding/json"
	"testing"
	"time"

	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/wire"
)

func revokedPass(id string) *keyring.Pass {
	now := time.Now()
	return keyring.NewPass(show, wire.PassRecord{ID: id, At: now, Expires: now.Add(time.Hour)})
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

// TestNoCookieBeforeSignOutsAreKnown: nor is a cookie.
func TestNoCookieBeforeSignOutsAreKnown(t *testing.T) {
	t.Parallel()
	s := newSignOuts(time.Now, nil)
	f := keyring.Face{Fan: wire.NewFan(), At: time.Now(), Session: wire.NewSession()}
	if p := s.of(f); p == nil || p.Code != wire.CodeUnavailable {
		t.Fatalf("%+v", p)
	}
	s.Arrived()
	if p := s.of(f); p != nil {
		t.Fatalf("%+v", p)
	}
}

// TestSpoiledSignOuts: what can't be read, or is of a later version, is said to be spoiled;
// a session ends all the same, and of all sessions what was known stands.
func TestSpoiledSignOuts(t *testing.T) {
	t.Parallel()
	at := time.Unix(2e9, 0)
	for kind, raw := range map[string]string{wire.SpoiledEmpty: "", wire.SpoiledJSON: `{"at":`, wire.SpoiledOther: "null", wire.SpoiledNewer: `{"v":9,"at":"2033-05-18T03:33:20Z"}`} {
		s := newSignOuts(time.Now, nil)
		s.Arrived()
		one, other := keyring.Face{Fan: wire.NewFan(), At: at, Session: wire.NewSession()}, keyring.Face{Fan: wire.NewFan(), At: at, Session: wire.NewSession()}
		must(t, s.Note(entryOf(t, wire.SignOutKey(other.Fan, wire.SignOutAll), wire.SignOut{At: at, Keep: other.Session}, at)))
		for _, key := range []string{wire.SignOutKey(one.Fan, one.Session), wire.SignOutKey(other.Fan, wire.SignOutAll)} {
			if err := s.Note(kv.Entry{Key: key, Value: []byte(raw), Revision: 2, Created: at}); wire.SpoiledKind(err) != kind {
				t.Errorf("%s: %v", kind, err)
			}
		}
		if s.of(one) == nil || s.of(other) != nil {
			t.Errorf("%s: the session is %v, that which was kept is %v", kind, s.of(one), s.of(other))
		}
		other.Session = wire.NewSession()
		if s.of(other) == nil {
			t.Errorf("%s: what was known of all sessions is forgotten", kind)
		}
	}
}

// TestSignOutsAreForgotten: once no cookie can be so old, and not before.
func TestSignOutsAreForgotten(t *testing.T) {
	t.Parallel()
	now := time.Unix(2e9, 0)
	s := newSignOuts(func() time.Time { return now }, nil)
	s.Arrived()
	fill := func(n int) {
		for range n {
			must(t, s.Note(entryOf(t, wire.SignOutKey(wire.NewFan(), wire.NewSession()), wire.SignOut{At: now}, now)))
			must(t, s.Note(entryOf(t, wire.SignOutKey(wire.NewFan(), wire.SignOutAll), wire.SignOut{At: now}, now)))
		}
	}
	fill(4 * minSignOuts)
	now = now.Add(wire.SessionLife + time.Second)
	if fill(4 * minSignOuts); len(s.all)+len(s.ones) != 8*minSignOuts {
		t.Errorf("%d are kept", len(s.all)+len(s.ones))
	}
	one, all := keyring.Face{Fan: wire.NewFan(), At: now, Session: wire.NewSession()}, keyring.Face{Fan: wire.NewFan(), At: now, Session: wire.NewSession()}
	must(t, s.Note(entryOf(t, wire.SignOutKey(one.Fan, one.Session), wire.SignOut{At: now}, now)))
	must(t, s.Note(entryOf(t, wire.SignOutKey(all.Fan, wire.SignOutAll), wire.SignOut{At: now}, now)))
	fill(10 * minSignOuts)
	if s.of(one) == nil || s.of(all) == nil {
		t.Error("a session that could be alive is forgotten")
	}
	if all.At = now.Add(time.Second); s.of(all) != nil {
		t.Error("a session that began since is over")
	}
	for _, key := range []string{"", "show", ".", "x.y", wire.NewFan() + "."} {
		if s.Note(entryOf(t, key, wire.SignOut{}, now)) == nil {
			t.Errorf("key %q is taken", key)
		}
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
