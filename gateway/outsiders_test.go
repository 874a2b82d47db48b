package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/wire"
)

// An access code's e-mail address can't be guessed: a handful of tries of a code and
// the right one is no news any more, whoever asks.
func TestEmailOfACodeIsNotGuessed(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *Config) { c.Defences.Exempt = nil })
	code := s.issue(nil)
	tried, refused := 0, 0
	for i := range 40 {
		f := s.fan()
		f.pass = ""
		p := f.send("POST", places, joinWith(code, fmt.Sprintf("guess%d@example.org", i))).problem(t)
		switch p.Status {
		case http.StatusForbidden:
			tried++
		case http.StatusTooManyRequests:
			refused++
			if p.RetryAfterMS == 0 {
				t.Error("nobody says when to come back")
			}
		default:
			t.Fatalf("%+v", p)
		}
	}
	if tried > 10 || refused < 30 {
		t.Errorf("%d addresses were tried, %d refused", tried, refused)
	}
	f := s.fan()
	f.pass = ""
	if p := f.send("POST", places, joinWith(code, "ann@example.org")).problem(t); p.Status != http.StatusTooManyRequests {
		t.Errorf("the right one is told after all: %+v", p)
	}
	if r := f.send("POST", places, "{}"); r.StatusCode != http.StatusCreated {
		t.Errorf("joining without the code: %d", r.StatusCode)
	}
}

// A device whose pass was revoked does not come back under another name.
func TestRevokedDeviceStaysOut(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	f.pass = ""
	r := f.send("POST", places, "{}")
	device := cookieOf(r, deviceCookie)
	if r.StatusCode != http.StatusCreated || device == nil {
		t.Fatalf("%d %v", r.StatusCode, r.Header)
	}
	hash := s.hashOf(device.Value)
	s.put(wire.RevokedBucket, wire.RevokedKey(show, "p9"), wire.Revocation{At: time.Now(), Device: hash})
	s.until("the revocation is known", func() bool { return s.visitors.Revoked.Device(show, hash) != nil })
	if p := s.send("POST", places, "{}", "Content-Type", "application/json", "Cookie", deviceCookie+"="+device.Value).problem(t); p.Status != http.StatusForbidden || p.Type != "/problems/"+string(wire.CodeRevoked) {
		t.Errorf("%+v", p)
	}
	if r := s.send("POST", places, "{}", "Content-Type", "application/json", "Cookie", deviceCookie+"="+s.device("another")); r.StatusCode != http.StatusCreated {
		t.Errorf("another device: %d %s", r.StatusCode, r.body)
	}
}

// A link opens once: on the device that opened it, and on no other.
func TestLinkOpensOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan()
	f.pass = ""
	path, _ := f.carry("{}")
	phone := deviceCookie + "=" + s.device("phone")
	first := s.opens(path, "", phone)
	if first.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", first.StatusCode, first.body)
	}
	if again := s.opens(path, "", phone); again.StatusCode != http.StatusSeeOther {
		t.Errorf("the same device again, its answer lost: %d", again.StatusCode)
	}
	for _, other := range []string{deviceCookie + "=" + s.device("thief"), ""} {
		if r := s.opens(path, "", other); r.StatusCode != http.StatusGone || cookieOf(r, fanCookie) != nil {
			t.Errorf("another device: %d, %v", r.StatusCode, r.Cookies())
		}
	}
}

// Links are made of the public address, and no other host is served.
func TestPublicAddress(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *Config) { c.PublicURL = "https://tickets.example.com" })
	f := s.fan()
	f.pass = ""
	for host, want := range map[string]int{"tickets.example.com": 200, "TICKETS.example.com:443": 200, "evil.example": 421, "tickets.example.com.evil.example": 421, "tickets.example.com:8443": 200, "127.0.0.1": 200, "[::1]:8080": 200} {
		r := s.send("GET", "/v1/events", "", "Host", host)
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d", host, r.StatusCode, want)
		}
		if !strings.HasPrefix(r.Header.Get("Strict-Transport-Security"), "max-age=") {
			t.Errorf("%s: no HSTS", host)
		}
	}
	r := f.send("POST", places, "{}", "Host", "tickets.example.com")
	place := into[joinReply](t, r, http.StatusCreated)
	link := into[carryReply](t, f.send("POST", "/v1/carry", fmt.Sprintf(`{"place":%q}`, place.Place), "Host", "tickets.example.com"), http.StatusOK)
	if !strings.HasPrefix(link.Link, "https://tickets.example.com/c/") {
		t.Error(link.Link)
	}
	for _, path := range []string{"/v1/orders", "/v1/tickets/t_x", "/v1/events/show/challenge", "/orders", "/c/x"} {
		if cc := f.send("GET", path, "", "Host", "tickets.example.com").Header.Get("Cache-Control"); !strings.Contains(cc, "no-store") {
			t.Errorf("%s may be kept: %q", path, cc)
		}
	}
}

// TestPlacesWithoutProof counts the places that one address gets by fresh cookies, as fast
// as it can, without proving anything: as many as it may name new fans for nothing, within
// the hour. docs/capacity.md has the figures.
func TestPlacesWithoutProof(t *testing.T) {
	t.Parallel()
	const tries, workers, free = 2000, 4, 96 // the last is new-fan.address of limit.Defaults
	page := func(s *shop, header []string) string {
		return cookieOf(s.send("GET", "/e/show", "", header...), fanCookie).Value
	}
	for name, cookie := range map[string]func(*shop, []string) string{
		"the cookie that joining gives": nil,
		"a cookie of the page":          page,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := guarded(t)
			var places, asked, limited, began = atomic.Int64{}, atomic.Int64{}, atomic.Int64{}, time.Now()
			var all sync.WaitGroup
			for range workers {
				all.Go(func() {
					for range tries / workers {
						header := human("192.0.2.1")
						if cookie != nil {
							header = append(header, "Cookie", fanCookie+"="+cookie(s, header))
						}
						switch r := s.send("POST", "/v1/events/show/places", "{}", header...); r.StatusCode {
						case http.StatusCreated:
							places.Add(1)
						case http.StatusForbidden:
							asked.Add(1)
						case http.StatusTooManyRequests:
							limited.Add(1)
						default:
							t.Errorf("%d %s", r.StatusCode, r.body)
						}
					}
				})
			}
			all.Wait()
			t.Logf("%d places of %d tries in %v; %d asked for a proof, %d limited", places.Load(), tries, time.Since(began).Round(100*time.Millisecond), asked.Load(), limited.Load())
			if places.Load() > free || places.Load() == 0 {
				t.Errorf("%d places without a proof, want 1 to %d", places.Load(), free)
			}
		})
	}
}
