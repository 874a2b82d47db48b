package gateway

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"frontrow/keyring"
	"frontrow/plan"
	"frontrow/wire"
)

func TestReads(t *testing.T) {
	t.Parallel()
	s := open(t)
	digest := s.event(show).Record().Plan

	full := s.send("GET", "/v1/events/show/plan", "")
	p, err := plan.Decode(full.body)
	must(t, err)
	if plan.Digest(p) != digest || full.Header.Get("ETag") != `"`+digest+`"` || full.Header.Get("Cache-Control") != immutable {
		t.Errorf("plan: ETag %s, %s", full.Header.Get("ETag"), full.Header.Get("Cache-Control"))
	}
	for _, path := range []string{"/v1/events/show/plan", "/v1/events/show/plan/map", "/v1/events/show/availability?format=json"} {
		plain := s.send("GET", path, "")
		packed := s.send("GET", path, "", "Accept-Encoding", "gzip")
		if packed.Header.Get("Content-Encoding") != "gzip" || packed.Header.Get("ETag") == plain.Header.Get("ETag") || plain.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %v", path, packed.Header)
		}
		z, err := gzip.NewReader(strings.NewReader(string(packed.body)))
		must(t, err)
		if raw, err := io.ReadAll(z); err != nil || string(raw) != string(plain.body) {
			t.Errorf("%s: packed is something else: %v", path, err)
		}
		for _, tag := range []string{plain.Header.Get("ETag"), packed.Header.Get("ETag"), `"x", W/` + plain.Header.Get("ETag"), "*"} {
			if r := s.send("GET", path, "", "If-None-Match", tag); r.StatusCode != http.StatusNotModified || len(r.body) != 0 {
				t.Errorf("%s with If-None-Match %s: %d", path, tag, r.StatusCode)
			}
		}
		if r := s.send("GET", path, "", "If-None-Match", `""`); r.StatusCode != http.StatusOK {
			t.Errorf("%s with an empty tag: %d", path, r.StatusCode)
		}
		if r := s.send("HEAD", path, ""); r.StatusCode != http.StatusOK || r.Header.Get("Content-Length") != fmt.Sprint(len(plain.body)) {
			t.Errorf("HEAD %s: %d %v", path, r.StatusCode, r.Header)
		}
	}

	board := s.send("GET", "/v1/events/show/board", "")
	if b := into[wire.Board](t, board, http.StatusOK); b.Event != show || board.Header.Get("Cache-Control") != "public, max-age=1" || board.Header.Get("ETag") == "" {
		t.Errorf("board %+v %v", b, board.Header)
	}

	e := into[eventReply](t, s.send("GET", "/v1/events/show", ""), http.StatusOK)
	if e.Name != "The <Band>" || e.State != wire.SaleOpen || e.Levels[0].Price.Total != 5450 || e.Limits.PerFan != 4 || e.Places != s.index.Len() || e.Hold.Seconds != 480 {
		t.Errorf("event %+v", e)
	}
	s.put(wire.PricesBucket, wire.PriceKey(show, "standard"), wire.Price{Amounts: wire.NewAmounts(6000, 400, 50), Version: 2})
	s.until("the new price is shown", func() bool {
		list := into[struct{ Events []eventReply }](t, s.send("GET", "/v1/events", ""), http.StatusOK)
		return len(list.Events) == 1 && list.Events[0].Levels[0].Price.Total == 6450
	})

	if raw := string(s.send("GET", "/v1/events/show", "").body); strings.Contains(raw, `"sections"`) {
		t.Errorf("a level of all sections names some: %s", raw)
	}
	divided := s.event(show).Record()
	divided.Spec.Levels = append(slices.Clone(divided.Spec.Levels), wire.Level{ID: "front", Name: "Front", Categories: []string{"A"}, Sections: []string{"101", "102"}, Base: 9000})
	s.put(wire.EventsBucket, show, divided)
	s.until("the level's sections are shown", func() bool {
		e := into[eventReply](t, s.send("GET", "/v1/events/show", ""), http.StatusOK)
		return len(e.Levels) == 2 && e.Levels[0].Sections == nil && slices.Equal(e.Levels[1].Sections, []string{"101", "102"})
	})

	keys := into[struct{ Keys []map[string]string }](t, s.send("GET", "/.well-known/jwks.json", ""), http.StatusOK)
	if len(keys.Keys) != 2 || keys.Keys[0]["d"] != "" {
		t.Errorf("keys %v", keys)
	}
}

// The page that takes a card may load Stripe's script, and is the only one.
func TestPayPage(t *testing.T) {
	t.Parallel()
	order := wire.OrderOfHold(wire.NewHold())
	s := open(t, func(c *Config) { c.CardKey = "pk_test_1" })
	pay := s.send("GET", "/pay/"+order, "")
	policy := pay.Header.Get("Content-Security-Policy")
	if pay.StatusCode != http.StatusOK || !strings.Contains(string(pay.body), `data-order="`+order+`" data-key="pk_test_1"`) ||
		!strings.Contains(policy, "script-src 'self' https://js.stripe.com ") || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("%d %s %s", pay.StatusCode, policy, pay.body)
	}
	for _, path := range []string{"/", "/e/show", "/orders", "/pay/o_none"} {
		if r := s.send("GET", path, ""); strings.Contains(r.Header.Get("Content-Security-Policy"), "stripe") {
			t.Errorf("%s may load from Stripe", path)
		}
	}
	if r := s.send("GET", "/pay/o_none", ""); r.StatusCode != http.StatusNotFound {
		t.Errorf("no order: %d", r.StatusCode)
	}
	if r := open(t).send("GET", "/pay/"+order, ""); r.StatusCode != http.StatusNotFound {
		t.Errorf("without a key: %d", r.StatusCode)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := open(t)
	index := s.send("GET", "/", "")
	_, asset, _ := strings.Cut(string(index.body), `<script src="`)
	asset, _, _ = strings.Cut(asset, `"`)
	if index.StatusCode != http.StatusOK || !strings.Contains(string(index.body), "The &lt;Band&gt;") || !strings.HasPrefix(asset, "/assets/app.js?v=") {
		t.Fatalf("%d %s", index.StatusCode, index.body)
	}
	if len(index.Cookies()) != 1 || !strings.Contains(index.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
		index.Header.Get("X-Content-Type-Options") != "nosniff" || index.Header.Get("Referrer-Policy") == "" {
		t.Errorf("header %v", index.Header)
	}
	known := s.send("GET", "/", "", "Cookie", fanCookie+"="+index.Cookies()[0].Value)
	if len(known.Cookies()) != 0 {
		t.Error("a known fan was given another cookie")
	}
	event := s.send("GET", "/e/show", "")
	if body := string(event.body); !strings.Contains(body, "EUR 54.50") || !strings.Contains(body, "On sale now") {
		t.Errorf("%s", body)
	}
	none := s.send("GET", "/e/none", "")
	if none.StatusCode != http.StatusNotFound || !strings.HasPrefix(none.Header.Get("Content-Type"), "text/html") || !strings.Contains(string(none.body), "no such event") {
		t.Errorf("%d %v %s", none.StatusCode, none.Header, none.body)
	}
	if r := s.send("GET", "/t/"+wire.NewTicket(), ""); r.StatusCode != http.StatusOK {
		t.Errorf("ticket page: %d", r.StatusCode)
	}
	if r := s.send("GET", asset, ""); r.StatusCode != http.StatusOK || r.Header.Get("Cache-Control") != immutable || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/javascript") {
		t.Errorf("asset: %d %v", r.StatusCode, r.Header)
	}
	if r := s.send("GET", "/assets/app.js?v=old", ""); r.Header.Get("Cache-Control") == immutable {
		t.Error("an asset under another version's name may be kept for ever")
	}
	if r := s.send("GET", "/favicon.ico", ""); r.StatusCode != http.StatusNoContent {
		t.Errorf("favicon: %d", r.StatusCode)
	}
}

// TestEveryCodeHasAStatus keeps codes.go complete.
func TestEveryCodeHasAStatus(t *testing.T) {
	t.Parallel()
	want := map[wire.Code]int{wire.CodeBadRequest: 400, wire.CodeUnauthorized: 401, wire.CodeForbidden: 403, wire.CodeNotFound: 404,
		wire.CodeTooLarge: 413, wire.CodeTaken: 409, wire.CodeLimit: 409, wire.CodeUnknownSeat: 422, wire.CodeUnknownArea: 422,
		wire.CodeInvalid: 422, wire.CodeOrphan: 422, wire.CodeNoneLeft: 409, wire.CodeHoldOver: 410, wire.CodeCheckoutBusy: 409, wire.CodeKeyReused: 422,
		wire.CodeWait: 425, wire.CodeGone: 410, wire.CodeNotPaid: 409, wire.CodeNotOpen: 425, wire.CodeUnavailable: 503,
		wire.CodeRevoked: 403, wire.CodeOtherDevice: 403, wire.CodeCodeUnknown: 403, wire.CodeCodeEvent: 403, wire.CodeCodeExpired: 410,
		wire.CodeCodeEmail: 422, wire.CodeCodeOwner: 403, wire.CodeCodeUsed: 409, wire.CodeLink: 404, wire.CodeLinkExpired: 410, wire.CodeLinkDigits: 403, wire.CodeSignedOut: 401, wire.CodeProof: 401, wire.CodeOtherFan: 409,
		codeMethod: 405, codeMisdirected: 421, codeMedia: 415, codeInternal: 500, "of a later version": 500}
	for code, status := range want {
		if got := refusalOf(code); got.status != status || got.title == "" {
			t.Errorf("%s: %+v, want %d", code, got, status)
		}
	}
}

func TestOperatorsStatus(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *Config) { c.Version = "9.0.0" })
	s.view().next(wire.FrameBoard)
	m, err := s.nc.Request("frontrow.gateway.status", nil, waitLimit)
	must(t, err)
	var st status
	must(t, json.Unmarshal(m.Data, &st))
	if st.Version != "9.0.0" || st.Sockets != 1 || st.Events[show] != 1 || !st.Ready || st.Region != "home" {
		t.Errorf("%+v", st)
	}
}

// TestKeySetFollowsTheKeys: a key is shown before it signs.
func TestKeySetFollowsTheKeys(t *testing.T) {
	t.Parallel()
	s := open(t)
	before := s.send("GET", "/.well-known/jwks.json", "")
	next, err := s.cfg.Keys.Keys().Next(time.Now().Add(time.Hour), keyring.PassKeys)
	must(t, err)
	must(t, s.cfg.Keys.Replace(next))
	after := s.send("GET", "/.well-known/jwks.json", "")
	if strings.Contains(string(before.body), next.Pass[0].ID) || !strings.Contains(string(after.body), next.Pass[0].ID) ||
		before.Header.Get("ETag") == after.Header.Get("ETag") || after.Header.Get("Cache-Control") != keysCache {
		t.Errorf("%s, then %s %v", before.body, after.body, after.Header)
	}
	pass, err := s.cfg.Keys.SignPass(keyring.NewPass(show, wire.PassRecord{ID: "p", Fan: wire.NewFan()}))
	if must(t, err); strings.Contains(pass, next.Pass[0].ID) {
		t.Error("it signs")
	}
}
