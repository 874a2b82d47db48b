package gateway

import (
	"net/http"
	"strings"
	"testing"

	"frontrow/gateway/client"
	"frontrow/wire"
)

// TestCookiesFollowTheScheme: where fans come over HTTPS, however we know, their
// cookies are for HTTPS and this host alone, and no others are believed.
func TestCookiesFollowTheScheme(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		public  string
		trusted *client.Networks
		header  []string
		secure  bool
	}{
		"plain HTTP":             {"", nil, nil, false},
		"public over HTTPS":      {"https://tickets.example.com", nil, []string{"Host", "tickets.example.com"}, true},
		"public over plain HTTP": {"http://tickets.example.com", client.Loopback(), []string{"Host", "tickets.example.com", "X-Forwarded-Proto", "https"}, false},
		"a trusted proxy's word": {"", client.Loopback(), []string{"X-Forwarded-Proto", "https"}, true},
		"the nearest one's":      {"", client.Loopback(), []string{"X-Forwarded-Proto", "http, https"}, true},
		"a stranger's word":      {"", nil, []string{"X-Forwarded-Proto", "https"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, func(g *Config) { g.PublicURL, g.Defences.Proxies = c.public, c.trusted })
			r := s.send("POST", places, joinWith(s.issue(nil), "ann@example.org"), c.header...)
			mine := into[joinReply](t, r, http.StatusCreated)
			cookies := map[string]string{}
			for _, k := range r.Cookies() {
				if cookies[k.Name] = k.Value; k.Secure != c.secure || k.Path != "/" || k.Domain != "" || !k.HttpOnly {
					t.Errorf("%s", k)
				}
			}
			if (r.Header.Get("Strict-Transport-Security") != "") != c.secure {
				t.Errorf("%v", r.Header)
			}
			back := func(secure bool) joinReply {
				var all []string
				for _, k := range []string{fanCookie, deviceCookie, placeCookie} {
					all = append(all, wire.CookieName(k, secure)+"="+cookies[wire.CookieName(k, c.secure)])
				}
				r := s.send("POST", places, "{}", append([]string{"Cookie", strings.Join(all, "; ")}, c.header...)...)
				return into[joinReply](t, r, r.StatusCode)
			}
			if again := back(c.secure); again.Place != mine.Place {
				t.Errorf("%+v, again %+v", mine, again)
			}
			if planted := back(!c.secure); planted.Place == mine.Place {
				t.Error("cookies under the other names are believed")
			}
		})
	}
}

// TestForwardedHost: links and origins follow the host that a trusted proxy names.
func TestForwardedHost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		public  string
		trusted *client.Networks
		host    string
		want    string // origin; empty: refused
	}{
		"trusted":                     {"", client.Loopback(), "tickets.example.com", "http://tickets.example.com"},
		"the nearest":                 {"", client.Loopback(), "evil.example, tickets.example.com:8080", "http://tickets.example.com:8080"},
		"no host":                     {"", client.Loopback(), `"><script>`, "http://inside"},
		"a stranger's":                {"", nil, "tickets.example.com", "http://inside"},
		"of the public address":       {"https://tickets.example.com", client.Loopback(), "tickets.example.com", "https://tickets.example.com"},
		"not the public address":      {"https://tickets.example.com", client.Loopback(), "evil.example", ""},
		"a stranger's, of the public": {"https://tickets.example.com", nil, "tickets.example.com", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, func(g *Config) { g.PublicURL, g.Defences.Proxies = c.public, c.trusted })
			header := []string{"Host", "inside", "X-Forwarded-Host", c.host}
			r := s.send("POST", places, "{}", append(header, "Origin", c.want)...)
			if c.want == "" {
				if r.StatusCode != http.StatusMisdirectedRequest {
					t.Errorf("%d %s", r.StatusCode, r.body)
				}
				return
			}
			if r.StatusCode != http.StatusCreated {
				t.Errorf("its own page may not join: %d %s", r.StatusCode, r.body)
			}
			if r := s.send("POST", places, "{}", append(header, "Origin", "http://elsewhere")...); r.StatusCode != http.StatusForbidden {
				t.Errorf("another's page may: %d", r.StatusCode)
			}
		})
	}
}

// shared are the answers that are for everybody, and how long they may be kept.
func shared() map[string]string {
	return map[string]string{
		"GET /v1/events":                      boardCache,
		"GET /v1/events/{event}":              boardCache,
		"GET /v1/events/{event}/plan":         immutable,
		"GET /v1/events/{event}/plan/map":     immutable,
		"GET /v1/events/{event}/board":        boardCache,
		"GET /v1/events/{event}/availability": "no-cache",
		"GET /.well-known/jwks.json":          keysCache,
		"GET /e/{event}/draw":                 boardCache,
		"GET /e/{event}/prices":               boardCache,
		"GET /v1/events/{event}/prices":       boardCache,
		"GET /assets/{name...}":               "public, no-cache",
		"GET /favicon.svg":                    "public, no-cache",
		"GET /favicon.ico":                    "public, no-cache",
	}
}

// TestNobodyKeepsAPrivateAnswer runs over the route table: what is not for everybody
// may not be kept, and what is gives nobody a cookie. A refusal is never for everybody.
func TestNobodyKeepsAPrivateAnswer(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *Config) {
		files := testPages()
		files["dist/favicon.svg"] = files["dist/app.js"]
		c.Pages = files
	})
	s.writer()
	rec := *s.event(show).Record()
	rec.Spec.Admission.Lottery = true
	s.put(wire.EventsBucket, show, rec)
	s.until("the draw", func() bool { return s.event(show).Record().Spec.Admission.Lottery })
	f := s.fan()
	good := strings.NewReplacer("{event}", show, "{hold}", wire.NewHold(), "{order}", wire.OrderOfHold(wire.NewHold()), "{ticket}", wire.NewTicket(),
		"{name...}", "app.js", "{token}", "x", "{$}", "")
	bad := strings.NewReplacer("{event}", "none", "{hold}", "none", "{order}", "none", "{ticket}", "none", "{name...}", "none", "{token}", "none", "{$}", "none")
	open, kept := shared(), 0
	for _, rt := range s.table() {
		method, pattern, _ := strings.Cut(rt.pattern, " ")
		for _, as := range []*fan{f, {shop: s}} {
			r := as.send(method, good.Replace(pattern), "{}")
			want, public := open[rt.pattern]
			if !public {
				want = "no-store"
			} else if r.StatusCode == http.StatusOK {
				kept++
			}
			if got := r.Header.Get("Cache-Control"); got != want || public && (r.StatusCode != http.StatusOK || len(r.Cookies()) != 0) {
				t.Errorf("%s: %d, Cache-Control %q, want %q; cookies %v", rt.pattern, r.StatusCode, got, want, r.Cookies())
			}
			if path := bad.Replace(pattern); path != pattern {
				if r := as.send(method, path, "{}"); r.StatusCode < 400 || r.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: %d, Cache-Control %q", path, r.StatusCode, r.Header.Get("Cache-Control"))
				}
			}
		}
	}
	if kept != 2*len(open) {
		t.Errorf("%d answers for everybody, %d are known", kept, len(open))
	}
	for _, path := range []string{"/none", "/v1/orders/x/y"} {
		if r := f.send("PUT", path, ""); r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, r.Header)
		}
	}
}
