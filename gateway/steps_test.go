package gateway

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"frontrow/keyring"
	"frontrow/wire"
)

// step is what a route asks of its fan.
type step int

const (
	openToAll     step = iota // nothing
	ofAFan                    // their cookie
	afterTheQueue             // their pass, on their device
)

// steps says it of every route. One that is not here is a step that nobody has
// thought about, and fails the test.
func steps() map[string]step {
	all := map[string]step{}
	for asks, patterns := range map[step]string{
		openToAll: `GET /v1/events, GET /v1/events/{event}, GET /v1/events/{event}/plan, GET /v1/events/{event}/plan/map,
			GET /v1/events/{event}/board, GET /v1/events/{event}/prices, GET /v1/events/{event}/prices/{priced}, GET /v1/events/{event}/availability, GET /v1/events/{event}/live, GET /v1/events/{event}/challenge, POST /v1/events/{event}/places,
			GET /.well-known/jwks.json, GET /{$}, GET /e/{event}, GET /orders, GET /e/{event}/draw, GET /e/{event}/prices, GET /t/{ticket}, GET /pay/{order}, GET /c/{token}, POST /c/{token},
			GET /assets/{name...}, GET /favicon.ico, GET /favicon.svg`,
		ofAFan:        `POST /sign-out, POST /v1/events/{event}/passes, POST /v1/carry, GET /v1/orders, GET /v1/orders/{order}, GET /v1/tickets/{ticket}, GET /v1/tickets/{ticket}/qr.svg`,
		afterTheQueue: `POST /v1/events/{event}/holds, DELETE /v1/holds/{hold}, POST /v1/holds/{hold}/more-time, PUT /v1/holds/{hold}/reductions, POST /v1/holds/{hold}/checkout`,
	} {
		for pattern := range strings.SplitSeq(patterns, ",") {
			all[strings.TrimSpace(pattern)] = asks
		}
	}
	return all
}

// TestEveryStepAsks runs over the route table: every step after the queue
// refuses every pass that is not a live one of this fan, for this event, on this
// device; and what is a fan's own is shown to nobody without their cookie.
func TestEveryStepAsks(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.writer()
	f, other := s.fan(), s.fan()
	now, hour := time.Now(), time.Now().Add(time.Hour)
	record := func(id, device string) wire.PassRecord {
		return wire.PassRecord{ID: id, Fan: f.id, Limit: 4, Device: device, At: now.Add(-time.Minute), Expires: hour}
	}
	sign := func(keys *keyring.Keyring, r wire.PassRecord) string {
		token, err := keys.SignPass(keyring.NewPass(show, r))
		must(t, err)
		return token
	}
	s.put(wire.RevokedBucket, wire.RevokedKey(show, "revoked"), wire.Revocation{At: now})
	s.put(wire.RevokedBucket, wire.RevokedKey(show, "moved"), wire.Revocation{At: now, Moved: true})
	s.put(wire.RevokedBucket, wire.RevokedKey(show, "last"), wire.Revocation{At: now})
	s.until("the revocations are known", func() bool { return s.visitors.Revoked.Of(show, keyring.NewPass(show, record("last", ""))) != nil })
	passes := map[string]struct {
		pass, device string
		want         int
		code         wire.Code
	}{
		"none":             {"", "", 401, wire.CodeUnauthorized},
		"garbage":          {"a.b.c", "", 401, wire.CodeUnauthorized},
		"long":             {strings.Repeat("x", 4000), "", 401, wire.CodeUnauthorized},
		"forged":           {sign(keyring.New(), record("p", "")), "", 401, wire.CodeUnauthorized},
		"tampered":         {f.pass[:len(f.pass)-6] + "AAAAAA", "", 401, wire.CodeUnauthorized},
		"expired":          {s.passFor(show, f.id, now.Add(-24*time.Hour)), "", 401, wire.CodeUnauthorized},
		"for elsewhere":    {s.passFor("elsewhere", f.id, hour), "", 0, ""},
		"another fan's":    {other.pass, "", 403, wire.CodeForbidden},
		"the cookie":       {f.cookie, "", 401, wire.CodeUnauthorized},
		"a receipt":        {s.cfg.Keys.SignReceipt(wire.Place{Event: show, Fan: f.id, Number: 1}), "", 401, wire.CodeUnauthorized},
		"another device's": {sign(s.cfg.Keys, record("p", wire.Hash([]byte("mine")))), s.device("theirs"), 403, wire.CodeOtherDevice},
		"a made-up one":    {sign(s.cfg.Keys, record("p", wire.Hash([]byte("mine")))), "mine", 403, wire.CodeOtherDevice},
		"a foreign one":    {sign(s.cfg.Keys, record("p", wire.Hash([]byte("mine")))), keyring.New().SignDevice("mine"), 403, wire.CodeOtherDevice},
		"a fan for device": {sign(s.cfg.Keys, record("p", wire.Hash([]byte(f.id)))), f.cookie, 403, wire.CodeOtherDevice},
		"no device":        {sign(s.cfg.Keys, record("p", wire.Hash([]byte("mine")))), "", 403, wire.CodeOtherDevice},
		"revoked":          {sign(s.cfg.Keys, record("revoked", wire.Hash([]byte("mine")))), s.device("mine"), 403, wire.CodeRevoked},
		"moved away":       {sign(s.cfg.Keys, record("moved", wire.Hash([]byte("mine")))), s.device("mine"), 403, wire.CodeOtherDevice},
	}
	path := strings.NewReplacer("{event}", show, "{hold}", wire.NewHold(), "{order}", wire.OrderOfHold(wire.NewHold()), "{ticket}", wire.NewTicket())
	known, seen := steps(), map[step]int{}
	for _, r := range s.table() {
		method, pattern, _ := strings.Cut(r.pattern, " ")
		asks, ok := known[r.pattern]
		if !ok {
			t.Errorf("%s: say in steps what it asks of a fan", r.pattern)
			continue
		}
		seen[asks]++
		if asks == openToAll {
			continue
		}
		for name, cookie := range map[string]string{"no": "", "a forged": f.cookie + "x"} {
			f := &fan{shop: s, cookie: cookie, pass: f.pass}
			if a := f.send(method, path.Replace(pattern), goodCheckout, "Idempotency-Key", "k"); a.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s with %s cookie: %d %s", r.pattern, name, a.StatusCode, a.body)
			}
		}
		if asks != afterTheQueue {
			continue
		}
		for name, c := range passes {
			f := &fan{shop: s, cookie: f.cookie, pass: c.pass, device: c.device}
			p := f.send(method, path.Replace(pattern), goodCheckout, "Idempotency-Key", "k").problem(t)
			wanted := p.Status == c.want && p.Type == "/problems/"+string(c.code)
			if !wanted && !(c.want == 0 && (p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden)) {
				t.Errorf("%s with pass %s: %+v", r.pattern, name, p)
			}
		}
	}
	if seen[afterTheQueue] < 4 || len(known) != len(s.table()) {
		t.Errorf("%v routes seen, %d of %d known", seen, len(known), len(s.table()))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) != 0 {
		t.Errorf("other services were asked: %v", s.asked)
	}
}

// TestRevocationIsSeenAtOnce: a pass that was verified and remembered is refused
// as soon as its revocation arrives, and so are all of an event's, but for those
// given out since.
func TestRevocationIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.writer()
	now := time.Now().Truncate(time.Second)
	pass := func(event, fan, id string, at time.Time) string {
		token, err := s.cfg.Keys.SignPass(keyring.NewPass(event, wire.PassRecord{ID: id, Fan: fan, Limit: 4, At: at, Expires: at.Add(time.Hour)}))
		must(t, err)
		return token
	}
	hold := func(f *fan) int {
		return f.send("POST", "/v1/events/show/holds", `{"best":{"count":1}}`).StatusCode
	}
	one, two := s.fan(), s.fan()
	one.pass, two.pass = pass(show, one.id, "one", now), pass(show, two.id, "two", now)
	if hold(one) != 201 || hold(two) != 201 {
		t.Fatal("a good pass is refused")
	}
	s.put(wire.RevokedBucket, wire.RevokedKey(show, "one"), wire.Revocation{At: now, Why: "bot"})
	s.until("the pass is refused", func() bool { return hold(one) == 403 })
	if hold(two) != 201 {
		t.Error("somebody else's pass is refused too")
	}
	s.put(wire.RevokedBucket, wire.RevokedKey("other", wire.RevokedAll), wire.Revocation{At: now.Add(time.Hour)})
	s.put(wire.RevokedBucket, wire.RevokedKey(show, wire.RevokedAll), wire.Revocation{At: now.Add(time.Second)})
	s.until("all passes are refused", func() bool { return hold(two) == 403 })
	two.pass = pass(show, two.id, "three", now.Add(time.Second))
	if hold(two) != 201 {
		t.Error("a pass given out since is refused")
	}
}
