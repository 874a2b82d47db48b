package siteverify

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const secret = "0x-the-secret"

// provider implements what both document: a form in, JSON out, a token good once.
type provider struct {
	*httptest.Server
	requests atomic.Int32

	mu      sync.Mutex
	seen    map[string]string                             // token → idempotency key that it was verified under
	form    map[string]string                             // of the last request
	trouble func(http.ResponseWriter, *http.Request) bool // true: it has answered
}

func newProvider(t *testing.T) *provider {
	p := &provider{seen: map[string]string{}, form: map[string]string{}}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) serve(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	if p.trouble != nil && p.trouble(w, r) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range []string{"secret", "response", "remoteip", "idempotency_key", "sitekey"} {
		p.form[name] = r.PostFormValue(name)
	}
	token, key := r.PostFormValue("response"), r.PostFormValue("idempotency_key")
	say := func(codes ...string) {
		_ = json.NewEncoder(w).Encode(map[string]any{"success": len(codes) == 0, "error-codes": codes, "challenge_ts": "2026-11-25T12:00:00Z",
			"hostname": "shop.example", "action": "", "cdata": strings.TrimPrefix(token, "good-for-")})
	}
	code, isCode := strings.CutPrefix(token, "code-")
	switch before, used := p.seen[token]; {
	case r.Method != http.MethodPost:
		say("bad-request")
	case r.PostFormValue("secret") != secret:
		say("invalid-input-secret")
	case isCode:
		say(code)
	case !strings.HasPrefix(token, "good-for-"):
		say("invalid-input-response")
	case used && (key == "" || key != before):
		if key == "" {
			say("already-seen-response")
		} else {
			say("timeout-or-duplicate")
		}
	default:
		p.seen[token] = key
		say()
	}
}

func (p *provider) client(t *testing.T, of Provider, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{Provider: of, SiteKey: "0x-site", Secret: secret, URL: p.URL, Timeout: 5 * time.Second}
	for _, c := range change {
		c(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestVerify(t *testing.T) {
	t.Parallel()
	for _, of := range []Provider{Turnstile(), HCaptcha()} {
		t.Run(of.Name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			c := p.client(t, of)
			if err := c.Verify(t.Context(), "good-for-ann", "ann", "192.0.2.7"); err != nil {
				t.Fatal(err)
			}
			if p.form["remoteip"] != "192.0.2.7" || p.form["response"] != "good-for-ann" {
				t.Errorf("sent %v", p.form)
			}
			uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
			if of.repeat != uuid.MatchString(p.form["idempotency_key"]) || of.repeat == (p.form["sitekey"] == "0x-site") {
				t.Errorf("sent %v", p.form)
			}
			again := c.Verify(t.Context(), "good-for-ann", "ann", "")
			if of.repeat && again != nil || !of.repeat && !errors.Is(again, ErrRefused) {
				t.Errorf("the same token again: %v", again)
			}
			p.mu.Lock()
			p.seen["good-for-ann"] = "another shop's key"
			p.mu.Unlock()
			if err := c.Verify(t.Context(), "good-for-ann", "ann", ""); !errors.Is(err, ErrRefused) {
				t.Errorf("a token that was used elsewhere: %v", err)
			}
			err := c.Verify(t.Context(), "good-for-bob", "ann", "")
			if of.bound != errors.Is(err, ErrRefused) {
				t.Errorf("a token of another fan: %v", err)
			}
		})
	}
}

// TestEveryDocumentedCode: what is the token's fault is refused, what is not
// means that nobody knows.
func TestEveryDocumentedCode(t *testing.T) {
	t.Parallel()
	for name, codes := range map[string]map[string]error{
		"turnstile": {"missing-input-secret": ErrUnavailable, "invalid-input-secret": ErrUnavailable, "missing-input-response": ErrRefused,
			"invalid-input-response": ErrRefused, "bad-request": ErrUnavailable, "timeout-or-duplicate": ErrRefused, "internal-error": ErrUnavailable},
		"hcaptcha": {"missing-input-secret": ErrUnavailable, "invalid-input-secret": ErrUnavailable, "missing-input-response": ErrRefused,
			"invalid-input-response": ErrRefused, "expired-input-response": ErrRefused, "already-seen-response": ErrRefused,
			"invalid-or-already-seen-response": ErrRefused, "bad-request": ErrUnavailable, "missing-remoteip": ErrUnavailable,
			"invalid-remoteip": ErrUnavailable, "not-using-dummy-passcode": ErrUnavailable, "sitekey-secret-mismatch": ErrUnavailable},
	} {
		for code, want := range codes {
			t.Run(name+"/"+code, func(t *testing.T) {
				t.Parallel()
				p := newProvider(t)
				of := Turnstile()
				if name == "hcaptcha" {
					of = HCaptcha()
				}
				err := p.client(t, of).Verify(t.Context(), "code-"+code, "ann", "")
				if !errors.Is(err, want) || strings.Contains(err.Error(), secret) {
					t.Errorf("%v, want %v", err, want)
				}
			})
		}
	}
	p := newProvider(t)
	if err := p.client(t, Turnstile(), func(c *Config) { c.Secret = "wrong" }).Verify(t.Context(), "good-for-ann", "ann", ""); !errors.Is(err, ErrUnavailable) {
		t.Errorf("our own wrong secret: %v", err)
	}
}

func TestBadTokensAreNotSent(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	c := p.client(t, Turnstile())
	for _, token := range []string{"", strings.Repeat("x", 2049)} {
		if err := c.Verify(t.Context(), token, "ann", ""); !errors.Is(err, ErrRefused) {
			t.Errorf("%.10q: %v", token, err)
		}
	}
	if p.requests.Load() != 0 {
		t.Error("the provider was asked")
	}
	if err := c.Verify(t.Context(), "good-for-"+strings.Repeat("x", 2039), strings.Repeat("x", 2039), ""); err != nil {
		t.Errorf("2048 characters: %v", err)
	}
}

// TestProviderInTrouble: whatever goes wrong, nobody is let in, and nobody waits
// for longer than was agreed.
func TestProviderInTrouble(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	for name, broken := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"500": func(w http.ResponseWriter, _ *http.Request) bool { http.Error(w, "oops", 500); return true },
		"success with 503": func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(503)
			_, _ = w.Write([]byte(`{"success":true,"cdata":"ann"}`))
			return true
		},
		"HTML":  func(w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write([]byte("<html>")); return true },
		"empty": func(w http.ResponseWriter, _ *http.Request) bool { return true },
		"redirect": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return true
		},
		"endless": func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = w.Write([]byte(`{"success":true,"cdata":"` + strings.Repeat("a", 1<<20)))
			return true
		},
		"no words": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(`{"success":false}`))
			return true
		},
		"hang up": func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
		"silence": func(http.ResponseWriter, *http.Request) bool { <-over; return true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			p.trouble = broken
			if name == "silence" {
				t.Cleanup(func() { close(over) }) // before the server waits for its handlers
			}
			c := p.client(t, Turnstile(), func(c *Config) {
				if name == "silence" {
					c.Timeout = 50 * time.Millisecond
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := c.Verify(ctx, "good-for-ann", "ann", ""); !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

// A call that was lost on the way is made again under the same key, once.
func TestRepeatedUnderItsKey(t *testing.T) {
	t.Parallel()
	for _, of := range []Provider{Turnstile(), HCaptcha()} {
		p := newProvider(t)
		p.trouble = func(w http.ResponseWriter, r *http.Request) bool {
			if p.requests.Load() > 1 {
				return false
			}
			p.mu.Lock()
			p.seen[r.PostFormValue("response")] = r.PostFormValue("idempotency_key") // done, but the answer is lost
			p.mu.Unlock()
			panic(http.ErrAbortHandler)
		}
		err := p.client(t, of).Verify(t.Context(), "good-for-ann", "ann", "")
		if of.repeat && (err != nil || p.requests.Load() != 2) || !of.repeat && (!errors.Is(err, ErrUnavailable) || p.requests.Load() != 1) {
			t.Errorf("%s: %v after %d requests", of.Name, err, p.requests.Load())
		}
	}
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.trouble = func(w http.ResponseWriter, _ *http.Request) bool { http.Error(w, "", 500); return true }
	c := p.client(t, HCaptcha())
	for range breakerTrips {
		if !c.Available() {
			t.Fatal("not available too early")
		}
		_ = c.Verify(t.Context(), "good-for-ann", "ann", "")
	}
	if c.Available() {
		t.Error("still available")
	}
	before := p.requests.Load()
	if err := c.Verify(t.Context(), "good-for-ann", "ann", ""); !errors.Is(err, ErrUnavailable) || p.requests.Load() != before {
		t.Errorf("asked while it rests: %v", err)
	}
	// Bad tokens, however many, are the fans' fault and not the provider's.
	p = newProvider(t)
	c = p.client(t, HCaptcha())
	for range 10 * breakerTrips {
		_ = c.Verify(t.Context(), "forged", "ann", "")
	}
	if !c.Available() {
		t.Error("forged tokens switched the provider off")
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{{}, {Provider: Turnstile(), SiteKey: "k"}, {Provider: HCaptcha(), Secret: "s"}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
	c, err := New(Config{Provider: Turnstile(), SiteKey: "k", Secret: "s"})
	if err != nil || c.Name() != "turnstile" || c.SiteKey() != "k" || !strings.HasPrefix(c.Script(), "https://") || c.cfg.Timeout != DefaultTimeout || c.cfg.URL != Turnstile().URL {
		t.Errorf("%+v %v", c, err)
	}
}
