package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/inventory/payment"
)

// receiver accepts correctly signed webhooks.
type receiver struct {
	events chan payment.Event
	refuse atomic.Int32 // how many more to refuse
}

// receive starts a sandbox and a receiver of its webhooks.
func receive(t *testing.T) (*Client, *receiver) {
	t.Helper()
	r := &receiver{events: make(chan payment.Event, 100)}
	secret := []byte("secret")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err == nil {
			err = payment.Verify(secret, q.Header.Get(payment.SignatureHeader), body, time.Now())
		}
		var e payment.Event
		if err == nil {
			err = json.Unmarshal(body, &e)
		}
		if err != nil {
			t.Error(err)
		}
		if r.refuse.Add(-1) >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		r.events <- e
	}))
	t.Cleanup(server.Close)
	c, _ := startWith(t, Config{Dir: t.TempDir(), Late: 200 * time.Millisecond, Webhook: server.URL, Secret: secret}, time.Minute)
	return c, r
}

func (r *receiver) next(t *testing.T) payment.Event {
	t.Helper()
	select {
	case e := <-r.events:
		return e
	case <-time.After(time.Minute):
		t.Fatal("no webhook")
	}
	return payment.Event{}
}

func TestWebhookScripts(t *testing.T) {
	t.Parallel()
	for method, want := range map[string][]payment.State{
		"tok_visa":           {payment.Authorized, payment.Captured},
		"tok_visa_duplicate": {payment.Authorized, payment.Authorized, payment.Authorized, payment.Captured, payment.Captured, payment.Captured},
		"tok_visa_late":      {payment.Authorized, payment.Captured},
		"tok_visa_reordered": {payment.Captured, payment.Authorized},
		"tok_visa_silent":    nil,
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			c, r := receive(t)
			r.refuse.Store(1) // it is sent again
			a, err := c.Authorize(t.Context(), request("o", method))
			if err != nil || a.State != payment.Authorized {
				t.Fatalf("%+v, %v", a, err)
			}
			if script(method) != scriptReordered && want != nil {
				for range len(want) / 2 {
					if e := r.next(t); e.State != payment.Authorized || e.Order != "o" || e.ID == "" {
						t.Errorf("%+v", e)
					}
				}
				want = want[len(want)/2:]
			}
			if _, err := c.Capture(t.Context(), payment.Terms{Order: "o", Reference: a.Reference}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Capture(t.Context(), payment.Terms{Order: "o", Reference: a.Reference}); err != nil { // no news
				t.Fatal(err)
			}
			ids := map[string]bool{}
			for _, state := range want {
				e := r.next(t)
				ids[e.ID] = true
				if e.State != state {
					t.Errorf("%+v, want %s", e, state)
				}
			}
			if script(method) == scriptDuplicate && len(ids) != 1 {
				t.Errorf("one event under %d ids", len(ids))
			}
			// The next webhook is about the next thing that happens.
			if b, err := c.Authorize(t.Context(), request("p", "ok")); err != nil {
				t.Fatal(err)
			} else if e := r.next(t); e.Order != b.Order {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	c, r := receive(t)
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for decision, want := range map[string]payment.State{"approve": payment.Authorized, "decline": payment.Declined} {
		a, err := c.Authorize(t.Context(), request("o_"+decision, "tok_3ds"))
		if err != nil || a.State != payment.RequiresAction || a.Action == "" {
			t.Fatalf("%+v, %v", a, err)
		}
		if e := r.next(t); e.State != payment.RequiresAction {
			t.Errorf("%+v", e)
		}
		if _, err := c.Capture(t.Context(), payment.Terms{Order: a.Order, Reference: a.Reference}); !errors.Is(err, payment.ErrPermanent) {
			t.Errorf("captured unconfirmed: %v", err)
		}
		page, err := browser.Get(a.Action + "?return=" + url.QueryEscape("https://tickets.example/e/demo"))
		if err != nil {
			t.Fatal(err)
		}
		html, err := io.ReadAll(page.Body)
		page.Body.Close()
		if err != nil || !strings.Contains(string(html), "54.00 EUR") || !strings.Contains(string(html), `value="`+decision+`"`) {
			t.Errorf("%s, %v", html, err)
		}
		for range 2 { // the button is pressed twice
			done, err := browser.PostForm(a.Action, url.Values{"decision": {decision}, "return": {"https://tickets.example/e/demo"}})
			if err != nil || done.StatusCode != http.StatusSeeOther || done.Header.Get("Location") != "https://tickets.example/e/demo" {
				t.Fatalf("%+v, %v", done, err)
			}
			done.Body.Close()
		}
		if e := r.next(t); e.State != want {
			t.Errorf("%+v", e)
		}
		again, err := c.Authorize(t.Context(), request("o_"+decision, "tok_3ds"))
		if err != nil || again.State != want || again.Action != "" || again.Reference != a.Reference || (again.Reason != "") != (want == payment.Declined) {
			t.Errorf("%+v, %v", again, err)
		}
	}
	// Given up meanwhile: too late to confirm, and no page to return to.
	a, err := c.Authorize(t.Context(), request("v", "tok_3ds"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Void(t.Context(), payment.Terms{Order: "v", Reference: a.Reference}); err != nil {
		t.Fatal(err)
	}
	late, err := browser.PostForm(a.Action, url.Values{"decision": {"approve"}, "return": {"javascript:alert(1)"}})
	if err != nil {
		t.Fatal(err)
	}
	defer late.Body.Close()
	if html, _ := io.ReadAll(late.Body); late.StatusCode != http.StatusOK || !strings.Contains(string(html), "voided") || strings.Contains(string(html), "javascript") {
		t.Errorf("%d %s", late.StatusCode, html)
	}
	if v, err := c.Get(t.Context(), "v"); err != nil || v.State != payment.Voided {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestDelayed(t *testing.T) {
	t.Parallel()
	c, _ := startWith(t, Config{Dir: t.TempDir(), Late: 500 * time.Millisecond}, 100*time.Millisecond)
	if _, err := c.Authorize(t.Context(), request("o", "tok_delayed")); err == nil {
		t.Fatal("answered")
	}
	if _, err := c.Get(t.Context(), "o"); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("there already: %v", err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		a, err := c.Get(t.Context(), "o")
		if err == nil && a.State == payment.Authorized {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v, %v", a, err)
		}
	}
}

func TestRefundInParts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, stop := startWith(t, Config{Dir: dir}, time.Minute)
	a, err := c.Authorize(t.Context(), request("o", "ok"))
	if err != nil {
		t.Fatal(err)
	}
	part := func(key string, amount int64) payment.RefundRequest {
		return payment.RefundRequest{Order: "o", Reference: a.Reference, Key: key, Amount: amount}
	}
	if _, err := c.Refund(t.Context(), part("o.1", 1)); !errors.Is(err, payment.ErrPermanent) {
		t.Errorf("refunded what was not captured: %v", err)
	}
	if _, err := c.Capture(t.Context(), payment.Terms{Order: "o", Reference: a.Reference}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		r    payment.RefundRequest
		want error
		left payment.State
		sum  int64
	}{
		{part("o.1", 1400), nil, payment.Captured, 1400},
		{part("o.1", 1400), nil, payment.Captured, 1400},
		{part("o.1", 1401), payment.ErrPermanent, payment.Captured, 1400},
		{part("o.2", 4001), payment.ErrPermanent, payment.Captured, 1400},
		{part("o.2", 4000), nil, payment.Refunded, 5400},
		{part("o.2", 4000), nil, payment.Refunded, 5400},
		{part("o.3", 1), payment.ErrPermanent, payment.Refunded, 5400},
	} {
		if _, err := c.Refund(t.Context(), step.r); !errors.Is(err, step.want) {
			t.Errorf("%+v: %v", step.r, err)
		}
		if now, err := c.Get(t.Context(), "o"); err != nil || now.State != step.left || now.Refunded != step.sum {
			t.Errorf("after %+v: %+v, %v", step.r, now, err)
		}
	}
	stop()
	c, _ = startWith(t, Config{Dir: dir}, time.Minute)
	if now, err := c.Get(t.Context(), "o"); err != nil || now.State != payment.Refunded || now.Refunded != 5400 {
		t.Errorf("after a restart: %+v, %v", now, err)
	}
}

func TestOutage(t *testing.T) {
	t.Parallel()
	c, _ := startWith(t, Config{Dir: t.TempDir()}, time.Minute)
	if err := c.Outage(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Authorize(t.Context(), request("o", "ok")); err == nil || errors.Is(err, payment.ErrPermanent) {
		t.Errorf("%v, want a passing error", err)
	}
	if err := c.Outage(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Authorize(t.Context(), request("o", "ok")); err != nil {
		t.Error(err)
	}
}
