package rehearse

import (
	"net/http"
	"strings"
)

// cookies are what a server has given to a visitor's browser.
type cookies struct{ fan, device string }

const (
	fanCookie    = "fr_fan"
	deviceCookie = "fr_dev"
)

// with takes what an answer sets.
func (c cookies) with(h http.Header) cookies {
	for _, line := range h["Set-Cookie"] {
		cookie, _, _ := strings.Cut(line, ";")
		switch name, value, _ := strings.Cut(cookie, "="); name {
		case fanCookie:
			c.fan = value
		case deviceCookie:
			c.device = value
		}
	}
	return c
}

// String is the header Cookie.
func (c cookies) String() string {
	var parts []string
	if c.fan != "" {
		parts = append(parts, fanCookie+"="+c.fan)
	}
	if c.device != "" {
		parts = append(parts, deviceCookie+"="+c.device)
	}
	return strings.Join(parts, "; ")
}
