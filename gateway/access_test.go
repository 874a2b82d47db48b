package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"frontrow/internal/streams"
	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/wire"
)

// issue is a code of the show, changed.
func (s *shop) issue(change func(*wire.AccessCode)) string {
	c := wire.AccessCode{Event: show, Email: "ann@example.org", Lane: wire.LanePriority, Channel: "presale", Limit: 2, Expires: time.Now().Add(time.Hour)}
	if change != nil {
		change(&c)
	}
	c.ID = keyring.CodeID("seed", c.Event, c.Email+c.Fan, c.Lane, c.Channel)
	return s.cfg.Keys.SignCode(c)
}

func joinWith(code, email string) string {
	raw, _ := json.Marshal(joinRequest{Code: code, Email: email})
	return strings.Replace(string(raw), `,"challenge":""`, "", 1)
}

// cookieOf is a cookie that an answer sets; nil if it sets none of the name.
func cookieOf(a answered, name string) *http.Cookie {
	for _, c := range a.Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

const places = "/v1/events/show/places"

func TestJoinWithACode(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	f.pass = ""
	code := s.issue(nil)
	first := f.send("POST", places, joinWith(" "+code+"\n", " Ann@Example.org"))
	place := into[joinReply](t, first, http.StatusCreated)
	receipt, err := s.cfg.Keys.VerifyReceipt(place.Place)
	must(t, err)
	grant := wire.Grant{Code: keyring.CodeID("seed", show, "ann@example.org", wire.LanePriority, "presale"), Channel: "presale", Limit: 2}
	if place.Lane != wire.LanePriority || place.Number != 1 || receipt.Grant != grant {
		t.Fatalf("%+v, receipt %+v", place, receipt)
	}
	e, err := kv.Open(s.js, wire.QueueBucket(show, wire.LanePriority)).Get(t.Context(), wire.PlaceKey(f.id))
	must(t, err)
	var rec wire.PlaceRecord
	must(t, json.Unmarshal(e.Value, &rec))
	if rec.Grant != grant || rec.Fan != f.id {
		t.Errorf("%+v", rec)
	}
	claim, err := kv.Open(s.js, wire.CodesBucket(show)).Get(t.Context(), wire.CodeKey(grant.Code))
	if err != nil || !strings.Contains(string(claim.Value), f.id) {
		t.Errorf("claim %s, %v", claim.Value, err)
	}

	// The link again, with or without the address: the same place.
	if p := into[joinReply](t, f.send("POST", places, joinWith(code, "ann@example.org")), http.StatusOK); p.Place != place.Place {
		t.Errorf("%+v", p)
	}
	kept := cookieOf(first, placeCookie)
	if kept == nil || !kept.HttpOnly || kept.Path != "/" || kept.SameSite != http.SameSiteLaxMode {
		t.Fatalf("%v", first.Cookies())
	}
	with := []string{"Cookie", fanCookie + "=" + f.cookie + "; " + placeCookie + "=" + kept.Value}
	before := s.written()
	expired := s.issue(func(c *wire.AccessCode) { c.Expires = time.Now().Add(-time.Second) })
	for name, body := range map[string]string{"no code": "{}", "the code without the address": joinWith(code, ""), "the code, expired": joinWith(expired, "")} {
		if p := into[joinReply](t, s.send("POST", places, body, with...), http.StatusOK); p.Place != place.Place {
			t.Errorf("%s, on the same device: %+v", name, p)
		}
	}
	if s.written() != before {
		t.Error("coming back wrote something")
	}
	// The cookie is good for its fan and event alone, and unspoiled.
	elsewhere := s.cfg.Keys.SignReceipt(wire.Place{Event: "other", Lane: wire.LanePriority, Region: "home", Number: 1, Fan: f.id})
	for name, cookie := range map[string]string{
		"another fan's":   fanCookie + "=" + s.fan().cookie + "; " + placeCookie + "=" + kept.Value,
		"tampered":        fanCookie + "=" + f.cookie + "; " + placeCookie + "=x" + kept.Value,
		"another event's": fanCookie + "=" + f.cookie + "; " + placeCookie + "=" + elsewhere,
		"a stranger's":    placeCookie + "=" + kept.Value,
	} {
		r := s.send("POST", places, "{}", "Cookie", cookie)
		if p := into[joinReply](t, r, r.StatusCode); p.Lane != wire.LaneGeneral {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestCodesAreRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	f, ann := s.fan(), "ann@example.org"
	used := s.issue(func(c *wire.AccessCode) { c.Email = "bob@example.org" })
	if r := s.fan().send("POST", places, joinWith(used, "bob@example.org")); r.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	good := s.issue(nil)
	before := s.written()
	for name, c := range map[string]struct {
		code, email string
		status      int
		want        wire.Code
	}{
		"made up":            {"AAAA-BBBB-CCCC", ann, 403, wire.CodeCodeUnknown},
		"cut":                {good[:len(good)-3], ann, 403, wire.CodeCodeUnknown},
		"another shop's":     {keyring.New().SignCode(wire.AccessCode{ID: "x", Event: show, Fan: f.id, Lane: wire.LanePriority, Expires: time.Now().Add(time.Hour)}), "", 403, wire.CodeCodeUnknown},
		"a receipt":          {s.cfg.Keys.SignReceipt(wire.Place{Event: show, Fan: f.id}), "", 403, wire.CodeCodeUnknown},
		"of no lane":         {s.issue(func(c *wire.AccessCode) { c.Lane = "vip" }), ann, 403, wire.CodeCodeUnknown},
		"of another event":   {s.issue(func(c *wire.AccessCode) { c.Event = "other" }), ann, 403, wire.CodeCodeEvent},
		"expired":            {s.issue(func(c *wire.AccessCode) { c.Expires = time.Now() }), ann, 410, wire.CodeCodeExpired},
		"no address":         {good, "", 422, wire.CodeCodeEmail},
		"another address":    {good, "bob@example.org", 403, wire.CodeCodeOwner},
		"of another fan":     {s.issue(func(c *wire.AccessCode) { c.Email, c.Fan = "", wire.NewFan() }), "", 403, wire.CodeCodeOwner},
		"used":               {used, "bob@example.org", 409, wire.CodeCodeUsed},
		"an endless address": {good, strings.Repeat("a", 300), 422, wire.CodeInvalid},
	} {
		if p := f.send("POST", places, joinWith(c.code, c.email)).problem(t); p.Status != c.status || p.Type != "/problems/"+string(c.want) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if s.written() != before {
		t.Error("a refused code wrote something")
	}
	if r := f.send("POST", places, joinWith(good, ann)); r.StatusCode != http.StatusCreated {
		t.Errorf("and then the right one: %d %s", r.StatusCode, r.body)
	}
}

// TestOneCodeManyTabs: a fan's tabs are one fan, whatever they do at once; of
// many fans who have one code, one may use it.
func TestOneCodeManyTabs(t *testing.T) {
	t.Parallel()
	s := open(t)
	f, code := s.fan(), s.issue(nil)
	const tabs = 100
	storm := func(of func(int) *fan, email string, code string) (created, again int, got map[string]bool, refused map[string]int) {
		got, refused = map[string]bool{}, map[string]int{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range tabs {
			all.Go(func() {
				r := of(i).send("POST", places, joinWith(code, email))
				mu.Lock()
				defer mu.Unlock()
				switch r.StatusCode {
				case http.StatusCreated:
					created++
				case http.StatusOK:
					again++
				default:
					refused[r.problem(t).Type]++
					return
				}
				got[into[joinReply](t, r, r.StatusCode).Place] = true
			})
		}
		all.Wait()
		return created, again, got, refused
	}
	created, again, got, refused := storm(func(int) *fan { return f }, "ann@example.org", code)
	if created != 1 || again != tabs-1 || len(got) != 1 || len(refused) != 0 {
		t.Errorf("one fan: %d created, %d again, %d places, %v", created, again, len(got), refused)
	}
	other := s.issue(func(c *wire.AccessCode) { c.Email = "bob@example.org" })
	created, again, got, refused = storm(func(int) *fan { return s.fan() }, "bob@example.org", other)
	if created != 1 || again != 0 || len(got) != 1 || refused["/problems/code-used"] != tabs-1 {
		t.Errorf("many fans: %d created, %d again, %d places, %v", created, again, len(got), refused)
	}
	// What this process remembers is not what decides.
	if p := s.fan().at(s.another()).send("POST", places, joinWith(other, "bob@example.org")).problem(t); p.Type != "/problems/code-used" {
		t.Errorf("%+v", p)
	}
	for _, bucket := range []string{wire.CodesBucket(show), wire.QueueBucket(show, wire.LanePriority)} {
		st, err := s.js.Stream(t.Context(), wire.KVStream(bucket))
		must(t, err)
		if n := st.CachedInfo().State.Msgs; n != 2 {
			t.Errorf("%s has %d records", bucket, n)
		}
	}
}

// TestCodeOutlivesACrash: between the claim and the place a gateway may die; the
// fan comes back and gets in.
func TestCodeOutlivesACrash(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	id := keyring.CodeID("seed", show, "ann@example.org", wire.LanePriority, "presale")
	s.put(wire.CodesBucket(show), wire.CodeKey(id), wire.CodeClaim{Fan: f.id, At: time.Now()})
	if p := into[joinReply](t, f.send("POST", places, joinWith(s.issue(nil), "ann@example.org")), http.StatusCreated); p.Lane != wire.LanePriority {
		t.Errorf("%+v", p)
	}
	if p := s.fan().send("POST", places, joinWith(s.issue(nil), "ann@example.org")).problem(t); p.Type != "/problems/code-used" {
		t.Errorf("%+v", p)
	}
}

// TestCodeForAFanWhoStandsThere: the number stays, the receipt says what was granted.
func TestCodeForAFanWhoStandsThere(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	before := into[joinReply](t, f.send("POST", places, "{}"), http.StatusCreated)
	code := s.issue(func(c *wire.AccessCode) { c.Lane = wire.LaneGeneral })
	r := f.send("POST", places, joinWith(code, "ann@example.org"))
	after := into[joinReply](t, r, http.StatusOK)
	receipt, err := s.cfg.Keys.VerifyReceipt(after.Place)
	if err != nil || after.Number != before.Number || after.Lane != before.Lane || receipt.Channel != "presale" || receipt.Limit != 2 || cookieOf(r, placeCookie) == nil {
		t.Errorf("%+v, receipt %+v, %v", after, receipt, err)
	}
}

// TestStrangerKeepsHisCode: a code that was taken for a fan who then could not
// join stays theirs, because they are told who they are.
func TestStrangerKeepsHisCode(t *testing.T) {
	t.Parallel()
	s := open(t)
	must(t, s.js.DeleteStream(t.Context(), wire.KVStream(wire.QueueBucket(show, wire.LanePriority))))
	code := s.issue(nil)
	r := s.send("POST", places, joinWith(code, "ann@example.org"))
	if p := r.problem(t); p.Status != http.StatusServiceUnavailable || cookieOf(r, fanCookie) == nil {
		t.Fatalf("%+v, cookies %v", p, r.Cookies())
	}
	must(t, streams.Create(t.Context(), s.js, streams.ForQueue(show, 1)...))
	again := s.send("POST", places, joinWith(code, "ann@example.org"), "Cookie", fmt.Sprint(fanCookie, "=", cookieOf(r, fanCookie).Value))
	if p := into[joinReply](t, again, again.StatusCode); p.Lane != wire.LanePriority { // the first attempt may have been stored late
		t.Errorf("%+v", p)
	}
}
