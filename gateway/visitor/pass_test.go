package visitor

import (
	"testing"
	"time"

	"frontrow/keyring"
	"frontrow/wire"
)

const show = "show"

// TestVerifiedPassesExpire: what is remembered of a pass must not outlive it.
func TestVerifiedPassesExpire(t *testing.T) {
	t.Parallel()
	now := time.Now()
	cfg := Config{Keys: keyring.New(), Now: func() time.Time { return now }}
	vs, err := New(cfg)
	must(t, err)
	token, err := cfg.Keys.SignPass(keyring.NewPass(show, wire.PassRecord{ID: "p", Fan: wire.NewFan(), Limit: 1, At: now, Expires: now.Add(time.Minute)}))
	must(t, err)
	for i, c := range []struct {
		event string
		after time.Duration
		grace time.Duration
		ok    bool
	}{
		{show, 0, 0, true}, {show, 0, 0, true}, {"other", 0, 0, false}, {show, 50 * time.Second, 0, true},
		{show, 2 * time.Minute, 0, false}, {show, 2 * time.Minute, 5 * time.Minute, true}, {show, 2 * time.Minute, 0, false},
		{show, 10 * time.Minute, 5 * time.Minute, false},
	} {
		now = time.Now().Add(c.after)
		if _, err := vs.verify(token, c.event, c.grace); (err == nil) != c.ok {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestVerifiedPassesFollowTheKeys: what is remembered of a pass doesn't outlive
// its key either, and survives a rotation.
func TestVerifiedPassesFollowTheKeys(t *testing.T) {
	t.Parallel()
	cfg := Config{Keys: keyring.New(), Now: time.Now}
	vs, err := New(cfg)
	must(t, err)
	now := time.Now()
	token, err := cfg.Keys.SignPass(keyring.NewPass(show, wire.PassRecord{ID: "p", Fan: wire.NewFan(), Limit: 1, At: now, Expires: now.Add(time.Minute)}))
	must(t, err)
	verify := func(when string, good bool) {
		t.Helper()
		for range 2 { // afresh, and remembered
			if _, err := vs.verify(token, show, 0); (err == nil) != good {
				t.Fatalf("%s: %v", when, err)
			}
		}
	}
	verify("at first", true)
	old := cfg.Keys.Keys()
	next, err := old.Next(now, keyring.PassKeys)
	must(t, err)
	must(t, cfg.Keys.Replace(next))
	verify("after the next key was put in", true)
	next.Pass = next.Pass[:1]
	must(t, cfg.Keys.Replace(next))
	verify("after its key was taken out", false)
	must(t, cfg.Keys.Replace(old))
	verify("after it was put back", true)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
