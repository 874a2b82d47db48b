package identity

import (
	"crypto/tls"
	"net/http/httptest"
	"testing"
)

func TestOriginsAreNotComparedAsText(t *testing.T) {
	for name, c := range map[string]struct {
		host, origin, site string
		secure, tls, want  bool
	}{
		"the same":                  {"tickets.example.com", "https://tickets.example.com", "", false, false, true},
		"usual port of https":       {"tickets.example.com:443", "https://tickets.example.com", "", false, false, true},
		"usual port of http":        {"tickets.example.com:80", "http://tickets.example.com", "", false, false, true},
		"capitals":                  {"Tickets.Example.COM", "https://tickets.example.com", "", true, false, true},
		"usual port in the origin":  {"tickets.example.com", "https://tickets.example.com:443", "", true, false, true},
		"another port":              {"tickets.example.com:8443", "https://tickets.example.com", "", false, false, false},
		"the other's usual port":    {"tickets.example.com:80", "https://tickets.example.com", "", false, false, false},
		"another host":              {"tickets.example.com", "https://evil.example", "", false, false, false},
		"a longer host":             {"tickets.example.com", "https://tickets.example.com.evil.example", "", false, false, false},
		"a user in it":              {"tickets.example.com", "https://tickets.example.com@evil.example", "", false, false, false},
		"null":                      {"tickets.example.com", "null", "", false, false, false},
		"http where TLS is":         {"tickets.example.com", "http://tickets.example.com", "", false, true, false},
		"http where fans use https": {"tickets.example.com", "http://tickets.example.com", "", true, false, false},
		"no browser":                {"tickets.example.com", "", "", true, true, true},
		"fetched from another":      {"tickets.example.com", "https://tickets.example.com", "cross-site", false, false, false},
		"fetched by a sibling":      {"tickets.example.com", "https://www.example.com", "same-site", false, false, false},
		"fetched by itself":         {"tickets.example.com", "https://tickets.example.com", "same-origin", true, true, true},
		"trusted":                   {"tickets.example.com", "https://SHOP.example.com:443", "same-site", true, true, true},
	} {
		o := origins{secure: c.secure, trusted: map[string]bool{}}
		if err := o.trust("https://shop.example.com/"); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "/v1/events/x/places", nil)
		r.Host, r.TLS = c.host, nil
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if got := o.allow(r); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	for _, bad := range []string{"", "tickets.example.com", "ftp://x", "https://", "https://x/path", "https://u@x"} {
		if (origins{trusted: map[string]bool{}}).trust(bad) == nil {
			t.Errorf("%q is trusted", bad)
		}
	}
}
