package client

import (
	"net/http"
	"strings"
)

const (
	forwardedHost  = "X-Forwarded-Host"
	forwardedProto = "X-Forwarded-Proto"
)

// Secure reports whether a request came over HTTPS, to us or to a trusted proxy.
func Secure(r *http.Request, trusted *Networks) bool {
	return r.TLS != nil || strings.EqualFold(forwarded(r, forwardedProto, trusted), "https")
}

// Host is the host that a client asked for, with its port if it gave one.
func Host(r *http.Request, trusted *Networks) string {
	if host := forwarded(r, forwardedHost, trusted); host != "" && plausible(host) {
		return host
	}
	return r.Host
}

// Origin is where the client of a request has us, as it says itself:
// "https://tickets.example.com".
func Origin(r *http.Request, trusted *Networks) string {
	if Secure(r, trusted) {
		return "https://" + Host(r, trusted)
	}
	return "http://" + Host(r, trusted)
}

// forwarded is the last value of a header that the peer wrote, if it is a trusted proxy.
func forwarded(r *http.Request, header string, trusted *Networks) string {
	values := r.Header.Values(header)
	if len(values) == 0 || !Of(r.RemoteAddr, nil, trusted).Trusted {
		return ""
	}
	last := values[len(values)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

// plausible reports whether text can be a host: it becomes part of links.
func plausible(host string) bool {
	return !strings.ContainsFunc(host, func(r rune) bool {
		return r > '~' || !strings.ContainsRune(".:-_[]", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}
