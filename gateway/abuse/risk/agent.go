package risk

import (
	"strconv"
	"strings"

	"frontrow/gateway/client/ja4"
)

// maxAgent bounds how much of a User-Agent is read.
const maxAgent = 512

// First versions that send more headers on HTTPS: client hints (Chromium 89) and
// Sec-Fetch-* (Chromium 80, Firefox 90).
const (
	hintsSince         = 89
	fetchSinceChromium = 80
	fetchSinceFirefox  = 90
)

// agent is what a User-Agent claims.
type agent struct {
	family ja4.Family // Unknown: none of those that are known
	major  int        // version, of Chromium and Firefox
	phone  bool       // "Mobile"
	system string     // as Sec-CH-UA-Platform names it; empty: not told
}

// parseAgent reads a User-Agent. On iOS every browser is Safari underneath, whatever its
// name.
func parseAgent(ua string) agent {
	ua = ua[:min(len(ua), maxAgent)]
	a := agent{phone: strings.Contains(ua, "Mobile"), system: system(ua)}
	switch {
	case !strings.HasPrefix(ua, "Mozilla/5.0 ("), strings.Contains(ua, "HeadlessChrome/"), strings.Contains(ua, "PhantomJS"):
		a.family = ja4.Tool
	case a.system == "iOS":
		a.family = ja4.Safari
	case strings.Contains(ua, "Chrome/"):
		a.family, a.major = ja4.Chromium, major(ua, "Chrome/")
	case strings.Contains(ua, "Firefox/"):
		a.family, a.major = ja4.Firefox, major(ua, "Firefox/")
	case strings.Contains(ua, "Version/") && strings.Contains(ua, "Safari/"):
		a.family = ja4.Safari
	}
	return a
}

func system(ua string) string {
	for _, s := range [...][2]string{{"iPhone", "iOS"}, {"iPad", "iOS"}, {"Android", "Android"}, {"Windows NT", "Windows"},
		{"Macintosh", "macOS"}, {"CrOS", "Chrome OS"}, {"Linux", "Linux"}} {
		if strings.Contains(ua, s[0]) {
			return s[1]
		}
	}
	return ""
}

// major returns the number after name: 124 of "Chrome/124.0.6367.60".
func major(s, name string) int {
	_, rest, _ := strings.Cut(s, name)
	end := 0
	for end < len(rest) && '0' <= rest[end] && rest[end] <= '9' {
		end++
	}
	n, _ := strconv.Atoi(rest[:end])
	return n
}

// hintsDiffer reports whether the client hints and the User-Agent name different browsers.
// Only Chromium sends hints.
func hintsDiffer(a agent, h Headers) bool {
	if h.Brands == "" && h.Mobile == "" && h.Platform == "" {
		return false
	}
	if a.family != ja4.Chromium {
		return a.family != ja4.Unknown
	}
	brands := h.Brands[:min(len(h.Brands), maxAgent)]
	if n := major(brands, `"Chromium";v="`); brands != "" && n != a.major {
		return true
	}
	if platform := strings.Trim(h.Platform, `"`); platform != "" && a.system != "" && platform != a.system && !(platform == "Chromium OS" && a.system == "Chrome OS") {
		return true
	}
	return h.Mobile == "?1" && !a.phone || h.Mobile == "?0" && a.phone
}

// hintsMissing reports whether headers are missing that the claimed browser would have
// sent.
func hintsMissing(a agent, s *Signals) bool {
	if !s.Secure {
		return false
	}
	switch a.family {
	case ja4.Chromium:
		return a.major >= hintsSince && s.Brands == "" || a.major >= fetchSinceChromium && s.FetchSite == ""
	case ja4.Firefox:
		return a.major >= fetchSinceFirefox && s.FetchSite == ""
	}
	return false
}

// bare reports whether a header is missing that every browser always sends.
func bare(h Headers) bool {
	return h.Accept == "" || h.AcceptLanguage == "" || !strings.Contains(h.AcceptEncoding, "gzip")
}
