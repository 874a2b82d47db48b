package identity

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// origins are who may act for a fan: our own, where the request has us, and those that the
// operator trusts. They are compared as RFC 6454 does, by scheme, host and port,
// not as text: proxies write hosts in capitals, and with the port that is usual.
type origins struct {
	own     func(*http.Request) string
	trusted map[string]bool
}

// trust adds an origin.
func (o origins) trust(origin string) error {
	scheme, host, ok := originOf(origin)
	if !ok {
		return fmt.Errorf("origin %q: write it like https://tickets.example.com", origin)
	}
	o.trusted[scheme+"://"+host] = true
	return nil
}

// allow reports whether a request that changes something comes from a page that
// may ask for it: by Sec-Fetch-Site, which no page can forge, else by Origin. A
// request without both is no browser's.
func (o origins) allow(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	scheme, host, ok := originOf(origin)
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
		if origin == "" {
			return true
		}
		if ok && o.ours(r, scheme, host) {
			return true
		}
	}
	return ok && o.trusted[scheme+"://"+host]
}

// ours reports whether an origin is where the request has us. What came over HTTPS may do
// what came over plain HTTP may: there may be TLS in front of us that nobody told us of.
func (o origins) ours(r *http.Request, scheme, host string) bool {
	own, err := url.Parse(o.own(r))
	return err == nil && host == usualPort(scheme, own.Host) && (scheme == "https" || own.Scheme == "http")
}

// target reports whether an address is that of the request, whatever its query is: at
// our origin or, as a proxy may hide from us where the fan has us, at that of the page
// that made the request and was allowed to.
func (o origins) target(r *http.Request, target string) bool {
	u, err := url.Parse(target)
	if err != nil || u.EscapedPath() != r.URL.EscapedPath() {
		return false
	}
	scheme, host, ok := originOf(u.Scheme + "://" + u.Host)
	pageScheme, pageHost, isPage := originOf(r.Header.Get("Origin"))
	return ok && u.User == nil && (o.ours(r, scheme, host) || isPage && pageScheme == scheme && pageHost == host)
}

// originOf splits an origin into its scheme and its host, without the port that is
// usual for it.
func originOf(origin string) (scheme, host string, ok bool) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", "", false
	}
	if scheme = strings.ToLower(u.Scheme); scheme != "http" && scheme != "https" {
		return "", "", false
	}
	return scheme, usualPort(scheme, u.Host), true
}

// usualPort is a host in lower case, without the port that its scheme implies.
func usualPort(scheme, host string) string {
	return strings.TrimSuffix(strings.ToLower(host), map[string]string{"http": ":80", "https": ":443"}[scheme])
}
