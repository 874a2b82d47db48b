package wire

import (
	"net/http"
	"strings"
)

// Cookies that a browser is given. Over HTTPS their names begin with hostPrefix:
// see CookieName.
const (
	FanCookie    = "fr_fan"    // who: sealed
	DeviceCookie = "fr_dev"    // with which device: sealed
	PlaceCookie  = "fr_place-" // and the event: a receipt of a place that was not had by just joining
)

// hostPrefix makes a browser take a cookie only over HTTPS, from the host itself and
// for all of it (RFC 6265bis, 4.1.3.2): no other host of the domain can plant one.
const hostPrefix = "__Host-"

// CookieName is what a cookie is called where fans come over HTTPS, or over plain
// HTTP, as on a developer's machine.
func CookieName(name string, secure bool) string {
	if secure {
		return hostPrefix + name
	}
	return name
}

// SetCookies are the cookies that an answer sets, name=value each, under the names
// they have over plain HTTP; an empty value clears one.
func SetCookies(h http.Header) map[string]string {
	all := map[string]string{}
	for _, line := range h["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		name, _, _ := strings.Cut(pair, "=")
		all[strings.TrimPrefix(name, hostPrefix)] = pair
	}
	return all
}
