package client

import (
	"net/http"
	"strings"
)

const (
	forwardedFor   = "X-Forwarded-For"
	forwardedHost  = "X-Forwarded-Host"
	forwardedProto = "X-Forwarded-Proto"
)

// OfRequest returns the client of a request, as Of does.
func OfRequest(r *http.Request, trusted *Networks) Client {
	return Of(r.RemoteAddr, r.Header[forwardedFor], trusted)
}

// Secure reports whether a request of c came over HTTPS, to us or to a trusted proxy.
func (c Client) Secure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(c.forwarded(r, forwardedProto), "https")
}

// Asked returns the host that c requested, with its port if it gave one.
func (c Client) Asked(r *http.Request) string {
	if host := c.forwarded(r, forwardedHost); host != "" && plausible(host) {
		return host
	}
	return r.Host
}

// forwarded returns the last value of a header that the peer wrote, if it is a trusted proxy.
func (c Client) forwarded(r *http.Request, header string) string {
	values := r.Header[header]
	if len(values) == 0 || !c.Trusted {
		return ""
	}
	last := values[len(values)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

// plausible reports whether host can be a host name, since it becomes part of links.
func plausible(host string) bool {
	return !strings.ContainsFunc(host, func(r rune) bool {
		return r > '~' || !strings.ContainsRune(".:-_[]", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}
