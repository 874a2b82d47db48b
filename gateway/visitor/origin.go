package visitor

import (
	"net/http"
	"net/url"
	"strings"

	"frontrow/wire"
)

// Origins that may act for a fan are our own, as the visitor reaches us, and those that the
// operator trusts. They are compared by scheme, host and port, as in RFC 6454, not as text:
// some proxies write hosts in capitals, or with the default port.

// SameOrigin refuses a request that another site made a browser send: by
// Sec-Fetch-Site, which no page can forge, else by Origin, which must be ours or one of
// the allowed origins. Without either header it is no browser's request, and is let
// through: an attacker who can forge headers has no use for somebody else's browser.
func (vs *Visitors) SameOrigin(v *Visitor, r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions || vs.allow(v, r) {
		return nil
	}
	return crossSite()
}

// SameOriginSocket is SameOrigin for a live socket, which is opened with GET although the
// page that opens it can read its frames. So the rule applies to it too, and a cookie
// without an Origin, which no browser sends, is refused.
func (vs *Visitors) SameOriginSocket(v *Visitor, r *http.Request) error {
	if v.cookie(wire.FanCookie) != "" && r.Header.Get("Origin") == "" {
		return wire.Refuse(wire.CodeForbidden, "Send an Origin header with the cookie.")
	}
	if !vs.allow(v, r) {
		return crossSite()
	}
	return nil
}

func crossSite() *wire.Problem {
	return wire.Refuse(wire.CodeForbidden, "Another site may not act for you. Open the shop's own page.")
}

// allow reports whether a request that changes something comes from a page that may make
// it.
func (vs *Visitors) allow(v *Visitor, r *http.Request) bool {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	if site == "same-origin" || site == "none" || site == "" && origin == "" {
		return true
	}
	scheme, host, ok := originOf(origin)
	return ok && (site == "" && v.at(scheme, host) || vs.trusted[scheme+"://"+host])
}

// at reports whether an origin is where the visitor reaches us. A page on HTTPS may do what
// one on plain HTTP may: there may be TLS in front of us that we don't know of.
func (v *Visitor) at(scheme, host string) bool {
	own, err := url.Parse(v.Origin)
	return err == nil && host == usualPort(scheme, own.Host) && (scheme == "https" || own.Scheme == "http")
}

// target reports whether an address, ignoring its query, is that of the request: at our
// origin or, since a proxy may hide where the fan reaches us, at the origin of the page
// that made the request and was allowed to.
func (v *Visitor) target(r *http.Request, target string) bool {
	u, err := url.Parse(target)
	if err != nil || u.EscapedPath() != r.URL.EscapedPath() {
		return false
	}
	scheme, host, ok := originOf(u.Scheme + "://" + u.Host)
	pageScheme, pageHost, isPage := originOf(r.Header.Get("Origin"))
	return ok && u.User == nil && (v.at(scheme, host) || isPage && pageScheme == scheme && pageHost == host)
}

// originOf splits an origin into its scheme and its host, without a default port.
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

// usualPort returns a host in lower case, without the default port of its scheme.
func usualPort(scheme, host string) string {
	return strings.TrimSuffix(strings.ToLower(host), map[string]string{"http": ":80", "https": ":443"}[scheme])
}
