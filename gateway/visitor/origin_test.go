package visitor

import (
	"net/http/httptest"
	"testing"
	"time"
)

func TestOriginsAreNotComparedAsText(t *testing.T) {
	for name, c := range map[string]struct {
		own, origin, site string
		want              bool
	}{
		"the same":                  {"http://tickets.example.com", "https://tickets.example.com", "", true},
		"usual port of https":       {"http://tickets.example.com:443", "https://tickets.example.com", "", true},
		"usual port of http":        {"http://tickets.example.com:80", "http://tickets.example.com", "", true},
		"capitals":                  {"https://Tickets.Example.COM", "https://tickets.example.com", "", true},
		"usual port in the origin":  {"https://tickets.example.com", "https://tickets.example.com:443", "", true},
		"another port":              {"http://tickets.example.com:8443", "https://tickets.example.com", "", false},
		"the other's usual port":    {"http://tickets.example.com:80", "https://tickets.example.com", "", false},
		"another host":              {"http://tickets.example.com", "https://evil.example", "", false},
		"a longer host":             {"http://tickets.example.com", "https://tickets.example.com.evil.example", "", false},
		"a user in it":              {"http://tickets.example.com", "https://tickets.example.com@evil.example", "", false},
		"null":                      {"http://tickets.example.com", "null", "", false},
		"http where TLS is":         {"https://tickets.example.com", "http://tickets.example.com", "", false},
		"http where fans use https": {"https://tickets.example.com", "http://tickets.example.com", "", false},
		"no browser":                {"https://tickets.example.com", "", "", true},
		"fetched from another":      {"http://tickets.example.com", "https://tickets.example.com", "cross-site", false},
		"fetched by a sibling":      {"http://tickets.example.com", "https://www.example.com", "same-site", false},
		"fetched by itself":         {"https://tickets.example.com", "https://tickets.example.com", "same-origin", true},
		"trusted":                   {"https://tickets.example.com", "https://SHOP.example.com:443", "same-site", true},
	} {
		vs, err := New(Config{PublicURL: c.own, AllowedOrigins: []string{"https://shop.example.com/"}, Now: time.Now})
		must(t, err)
		r := httptest.NewRequest("POST", "/v1/events/x/places", nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if got := vs.allow(vs.Of(r), r); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	for _, bad := range []string{"", "tickets.example.com", "ftp://x", "https://", "https://x/path", "https://u@x"} {
		if _, err := New(Config{AllowedOrigins: []string{bad}, Now: time.Now}); err == nil {
			t.Errorf("%q is trusted", bad)
		}
	}
}
