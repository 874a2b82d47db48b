package keyring

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/wire"

	"pgregory.net/rapid"
)

// TestWhichKeySigns compares Signer with the rule in other words: of the keys
// that have begun, the last to begin, and the first of these in the list.
func TestWhichKeySigns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		epoch := time.Unix(2e9, 0)
		var keys []SecretKey
		for i := range rapid.IntRange(1, 6).Draw(t, "keys") {
			k := SecretKey{ID: fmt.Sprint(i)}
			if at := rapid.IntRange(-1, 5).Draw(t, "from"); at >= 0 {
				k.From = epoch.Add(time.Duration(at) * time.Second)
			}
			keys = append(keys, k)
		}
		now := epoch.Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "now")) * time.Second)
		begun := slices.DeleteFunc(slices.Clone(keys), func(k SecretKey) bool { return k.From.After(now) })
		latest := func(a, b SecretKey) int { return b.From.Compare(a.From) }
		want := ""
		if slices.SortStableFunc(begun, latest); len(begun) > 0 {
			want = begun[0].ID
		} else {
			first := slices.Clone(keys)
			slices.SortStableFunc(first, func(a, b SecretKey) int { return a.From.Compare(b.From) })
			want = first[0].ID
		}
		if got := Signer(keys, now).ID; got != want {
			t.Fatalf("%s signs at %v, want %s of %+v", got, now, want, keys)
		}
	})
}

// TestRotations: through any history of rotations and prunings, at every
// instant one key signs; it was added at least a lead before, unless it is the
// first; and a token is verified for as long as it may live.
func TestRotations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(2e9, 0)
		const older = 100 * time.Second
		keys := NewKeys()
		added := map[string]time.Time{} // when, of those that came later
		signed := map[string]time.Time{keys.Secret[0].ID: now}
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "s")) * time.Second) },
			"rotate": func(t *rapid.T) {
				lead := time.Duration(rapid.IntRange(1, 30).Draw(t, "lead")) * time.Second
				next, err := keys.Next(now.Add(lead), SecretKeys)
				if err != nil {
					t.Fatal(err)
				}
				keys = next
				added[keys.Secret[0].ID] = now
			},
			"prune": func(t *rapid.T) { keys.Prune(SecretKeys, now, older) },
			"": func(t *rapid.T) {
				if err := keys.check(); err != nil {
					t.Fatal(err)
				}
				id := Signer(keys.Secret, now).ID
				if at, later := added[id]; id == "" || later && !at.Before(now) {
					t.Fatalf("%q signs as soon as it was added", id)
				}
				signed[id] = now
				for id, at := range signed {
					if now.Sub(at) <= older && !slices.ContainsFunc(keys.Secret, func(k SecretKey) bool { return k.ID == id }) {
						t.Fatalf("%s signed %v ago and is gone", id, now.Sub(at))
					}
				}
				for _, s := range keys.States(now) {
					if (s.State == "signs") != (s.List == SecretKeys && s.ID == id || s.List != SecretKeys) {
						t.Fatalf("%+v, but %s signs", s, id)
					}
				}
			},
		})
	})
}

func TestPruneKeepsWhatItDoesNotKnow(t *testing.T) {
	now := time.Unix(2e9, 0)
	keys := NewKeys()
	keys.Secret = append(NewKeys().Secret, keys.Secret...) // put in front by hand: nobody noted when
	if gone := keys.Prune(SecretKeys, now, 0); gone != nil || len(keys.Secret) != 2 {
		t.Errorf("removed %v", gone)
	}
	old := keys.Pass[0].ID
	keys, err := keys.Next(now, PassKeys)
	if err != nil {
		t.Fatal(err)
	}
	if gone := keys.Prune(PassKeys, now.Add(time.Hour), time.Hour); gone != nil {
		t.Errorf("removed %v too early", gone)
	}
	if gone := keys.Prune(PassKeys, now.Add(time.Hour+1), time.Hour); len(gone) != 1 || gone[0] != old || len(keys.Pass) != 1 {
		t.Errorf("removed %v, not %s", gone, old)
	}
	if gone := keys.Prune(PassKeys, now.Add(1e6*time.Hour), 0); gone != nil {
		t.Errorf("removed %v, which signs", gone)
	}
	if _, err := keys.Next(now, "passes"); err == nil {
		t.Error("a list that there isn't")
	}
}

// TestTokensOutliveRotation: every kind of token is good before, during and
// after its key stops signing, and no other key is needed for the next.
func TestTokensOutliveRotation(t *testing.T) {
	now := time.Unix(2e9, 0)
	k := New()
	k.now = func() time.Time { return now }
	place := wire.Place{Event: "demo", Lane: wire.LaneGeneral, Region: "home", Number: 1, Fan: wire.NewFan()}
	rec := wire.PassRecord{ID: "x", Fan: place.Fan, Limit: 1, At: now, Expires: now.Add(time.Hour)}
	code := wire.AccessCode{ID: "c", Event: "demo", Email: "ann@example.org", Lane: wire.LanePriority, Expires: now.Add(time.Hour)}
	barcode := Barcode{Event: "demo", Ticket: wire.NewTicket(), Seat: "A-1", Generation: 1}
	type tokens struct{ receipt, cookie, code, carry, pass, barcode string }
	issue := func() tokens {
		return tokens{k.SignReceipt(place), k.SignFan(place.Fan, now), k.SignCode(code), k.SignCarry(place, now.Add(time.Hour)), mustSign(t, k, rec), k.SignBarcode(barcode)}
	}
	check := func(when string, x tokens) {
		t.Helper()
		_, err1 := k.VerifyReceipt(x.receipt)
		_, _, err2 := k.VerifyFan(x.cookie)
		_, err3 := k.CheckCode(x.code, "demo", wire.NewFan(), "ann@example.org", now)
		_, _, err4 := k.OpenCarry(x.carry, now)
		_, err5 := k.Public().VerifyPass(x.pass, "demo", now, 0)
		_, err6 := k.Public().VerifyBarcode(x.barcode)
		for i, err := range []error{err1, err2, err3, err4, err5, err6} {
			if err != nil {
				t.Errorf("%s: token %d: %v", when, i, err)
			}
		}
	}
	first := issue()
	next, err := k.Keys().Next(now.Add(time.Minute), PassKeys, BarcodeKeys, SecretKeys)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Replace(next); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(k.Keys().JWKS()), `"kid"`); n != 4 {
		t.Errorf("%d keys in JWKS before the next ones sign", n)
	}
	if issue() != first {
		t.Error("the next keys sign before their time")
	}
	check("before", first)
	now = now.Add(time.Minute)
	second := issue()
	for i, kid := range []string{second.receipt, second.cookie, second.code, second.carry} {
		if !strings.HasPrefix(kid, next.Secret[0].ID+".") {
			t.Errorf("token %d is not sealed with the next key", i)
		}
	}
	if second.pass == first.pass || !strings.HasPrefix(second.barcode, "FR1:"+next.Barcode[0].ID+":") {
		t.Error("the next keys don't sign at their time")
	}
	check("after, the old", first)
	check("after, the new", second)
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	keys := NewKeys()
	if err := keys.Save(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	k, err := Load(path, "")
	if err != nil || !k.Keys().equal(keys) {
		t.Fatal(err)
	}
	secret := keys.Pass[0].Seed
	for want, content := range map[string]string{
		"not JSON":           `{"pass":`,
		"not the JSON":       `{"pass":[{"kid":"a","seed":7}]}`,
		"no keys":            `{}`,
		"too large":          strings.Repeat(" ", maxKeyFile+1),
		"32 bytes":           `{"pass":[{"kid":"a","seed":"AAAA"}]}`,
		"not both":           `{"pass":[{"kid":"a","seed":"AAAA","public":"AAAA"}]}`,
		"so has a public":    `{"pass":[{"kid":"a","public":"AAAA"}]}`,
		"at least 32":        `{"secret":[{"kid":"a","key":"AAAA"}]}`,
		"used twice":         marshal(Keys{Pass: []SigningKey{{ID: "a", Seed: secret}}, Barcode: []SigningKey{{ID: "a", Seed: secret}}}),
		`without ':' or '.'`: marshal(Keys{Pass: []SigningKey{{ID: "a.b", Seed: secret}}}),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
	if err := k.Replace(Keys{Pass: keys.Pass, Secret: keys.Secret}); err == nil || !k.Keys().equal(keys) {
		t.Errorf("a list was emptied: %v", err)
	}
}

func marshal(k Keys) string {
	raw, _ := json.Marshal(k)
	return string(raw)
}

// TestFollow: a file that changes is in force at once when nudged, a bad one
// changes nothing, and nobody who signs or verifies meanwhile notices.
func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	keys := NewKeys()
	save := func(k Keys) {
		t.Helper()
		if err := k.Save(path); err != nil {
			t.Fatal(err)
		}
	}
	save(keys)
	k := keyring(t, keys)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	told, nudge := make(chan error, 16), make(chan os.Signal)
	var tasks sync.WaitGroup
	tasks.Go(func() { _ = k.Follow(ctx, path, nudge, func(err error) { told <- err }) })
	next := func(want string) {
		t.Helper()
		nudge <- os.Interrupt
		err := <-told
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Fatalf("told %v, want %q", err, want)
		}
	}
	var refused, verified atomic.Int64
	place := wire.Place{Event: "demo", Fan: wire.NewFan(), Number: 1}
	for range 4 {
		tasks.Go(func() {
			for ctx.Err() == nil {
				now := time.Now()
				pass, err1 := k.SignPass(NewPass("demo", wire.PassRecord{ID: "x", Fan: place.Fan, Limit: 1, At: now, Expires: now.Add(time.Minute)}))
				_, err2 := k.Public().VerifyPass(pass, "demo", now, 0)
				_, err3 := k.VerifyReceipt(k.SignReceipt(place))
				if err1 != nil || err2 != nil || err3 != nil {
					refused.Add(1)
				}
				verified.Add(1)
			}
		})
	}
	for range 5 {
		rotated, err := k.Keys().Next(time.Now(), PassKeys, SecretKeys)
		if err != nil {
			t.Fatal(err)
		}
		save(rotated)
		next("")
		if !k.Keys().equal(rotated) {
			t.Fatal("the file is not in force")
		}
	}
	good := k.Keys()
	for want, content := range map[string]string{"not JSON": "{", "no keys": "{}", "no keys left": marshal(Keys{Pass: good.Pass})} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		next(want)
		if !k.Keys().equal(good) {
			t.Fatalf("a file with %q is in force", want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	next("no such file")
	save(good)
	nudge <- os.Interrupt // the old keys again: nothing to tell
	nudge <- os.Interrupt
	stop()
	tasks.Wait()
	if refused.Load() != 0 || verified.Load() == 0 || len(told) != 0 {
		t.Errorf("%d of %d refused; told %d times more", refused.Load(), verified.Load(), len(told))
	}
}
