package rehearse

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"frontrow/wire"
)

// guise is what a visitor's program appears to be.
type guise int

const (
	genuine   guise = iota // a browser, or a program indistinguishable from one
	program                // a program that says it is one
	disguised              // a program with a browser's User-Agent and nothing else of a browser
	copied                 // a program with all of a browser's headers, copied from two of them
)

// looks is how a visitor's program presents itself, and how fast it computes.
type looks struct {
	name   string
	guise  guise
	weight int           // relative share within its guise
	try    time.Duration // duration of one try of a proof of work
	page   http.Header   // of a navigation
	call   http.Header   // of a script's request
}

// Durations of one try of a proof of work, measured (docs/capacity.md) in Chromium,
// in Chromium slowed down four times, and in Go on one processor.
const (
	tryOnDesk  = 1600 * time.Microsecond
	tryOnPhone = 4900 * time.Microsecond
	tryOfBot   = 410 * time.Microsecond
)

// wardrobe is the table of looks. The browsers are the most common ones, with the
// headers they send over HTTPS: all send Fetch Metadata (Sec-Fetch-*), and those
// based on Chromium also send client hints (Sec-CH-UA-*).
func wardrobe() []looks {
	const (
		edge    = `"Microsoft Edge";v="156", `
		chrome  = `"Google Chrome";v="156", `
		brands  = `"Chromium";v="156", "Not?A_Brand";v="24"`
		webkit  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
		android = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36"
		iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1"
		mac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15"
		firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:157.0) Gecko/20100101 Firefox/157.0"
	)
	phone := browser(android, "en-GB,en;q=0.9", chrome+brands, "?1", `"Android"`).as("Chrome on Android", 40, tryOnPhone)
	windows := browser(webkit, "en-US,en;q=0.9", chrome+brands, "?0", `"Windows"`)
	all := []looks{
		phone,
		browser(iphone, "en-GB,en;q=0.9", "", "", "").as("Safari on an iPhone", 25, tryOnPhone),
		windows.as("Chrome on Windows", 20, tryOnDesk),
		browser(webkit+" Edg/156.0.0.0", "de,en;q=0.9,en-US;q=0.8", edge+brands, "?0", `"Windows"`).as("Edge", 5, tryOnDesk),
		browser(mac, "en-GB,en;q=0.9", "", "", "").as("Safari on a Mac", 6, tryOnDesk),
		browser(firefox, "de,en-US;q=0.7,en;q=0.3", "", "", "").as("Firefox", 4, tryOnDesk),
	}
	python := http.Header{"User-Agent": {"python-requests/2.32.5"}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip, deflate"}}
	golang := http.Header{"User-Agent": {"Go-http-client/2.0"}, "Accept-Encoding": {"gzip"}}
	posing := http.Header{"User-Agent": {webkit}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip, deflate"}}
	older := strings.ReplaceAll(chrome+brands, "156", "148")
	return append(all,
		looks{name: "Python", guise: program, weight: 2, try: tryOfBot, page: python, call: python},
		looks{name: "Go", guise: program, weight: 1, try: tryOfBot, page: golang, call: golang},
		looks{name: "Python with a browser's name", guise: disguised, weight: 1, try: tryOfBot, page: posing, call: posing},
		browser(webkit, "en-US,en;q=0.9", older, "?0", `"Windows"`).in(copied, "Chrome with the hints of an older one", 1),
	)
}

// browser returns the headers of a browser. Accept and Sec-Fetch-* depend on whether
// the address bar or a script makes the request; only Chromium sends hints.
func browser(agent, language, brands, mobile, platform string) looks {
	sends := func(accept, site, mode, dest string) http.Header {
		h := http.Header{}
		for name, value := range map[string]string{"User-Agent": agent, "Accept": accept, "Accept-Language": language,
			"Accept-Encoding": "gzip, deflate, br, zstd", "Sec-CH-UA": brands, "Sec-CH-UA-Mobile": mobile, "Sec-CH-UA-Platform": platform,
			"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest} {
			if value != "" {
				h.Set(name, value)
			}
		}
		return h
	}
	return looks{page: sends("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "none", "navigate", "document"),
		call: sends("*/*", "same-origin", "cors", "empty")}
}

func (l looks) as(name string, weight int, try time.Duration) looks {
	l.name, l.weight, l.try = name, weight, try
	return l
}

func (l looks) in(g guise, name string, weight int) looks {
	l.guise = g
	return l.as(name, weight, tryOfBot)
}

// pick returns the index of looks in a guise, chosen by u between 0 and 1.
func pick(all []looks, g guise, u float64) (at int) {
	parts := 0
	for _, l := range all {
		if l.guise == g {
			parts += l.weight
		}
	}
	left := u * float64(parts)
	for i, l := range all {
		if l.guise != g {
			continue
		}
		at = i
		if left -= float64(l.weight); left < 0 {
			break
		}
	}
	return at
}

// dress adds the headers of a request for a route. Their values are shared and must
// not be modified.
func (l *looks) dress(h http.Header, of route) {
	from := l.call
	if of == routePage {
		from = l.page
	}
	for name, values := range from {
		h[name] = values
	}
}

// cookies are the cookies of a visitor's browser, each as name=value.
type cookies struct{ fan, device string }

// with returns the cookies with those that an answer sets.
func (c cookies) with(h http.Header) cookies {
	set := wire.SetCookies(h)
	return cookies{cmp.Or(set[wire.FanCookie], c.fan), cmp.Or(set[wire.DeviceCookie], c.device)}
}

// String returns the value of the Cookie header.
func (c cookies) String() string {
	return strings.Trim(c.fan+"; "+c.device, "; ")
}
