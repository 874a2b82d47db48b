package risk

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	chromeWin   = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
	edgeWin     = chromeWin + " Edg/141.0.0.0"
	chromePhone = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36"
	firefoxMac  = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:144.0) Gecko/20100101 Firefox/144.0"
	safariMac   = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15"
	iphone      = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"
	chromeIOS   = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/141.0.7390.41 Mobile/15E148 Safari/604.1"

	chromiumJA4 = "t13d1516h2_8daaf6152771_d8a2da3f94cd"
	firefoxJA4  = "t13d1715h2_5b57614c22b0_7121afd63204"
	safariJA4   = "t13d2014h2_a09f3c656075_7f0f34a4126d"
	goJA4       = "t13d190900_9dc949149365_97f8aa674fd9"
)

// browser is what a current browser sends with a fetch over HTTPS.
func browser(ua, ja4 string) Signals {
	s := Signals{Headers: Headers{UserAgent: ua, Accept: "*/*", AcceptLanguage: "en-GB,en;q=0.9", AcceptEncoding: "gzip, deflate, br, zstd", FetchSite: "same-origin"},
		JA4: ja4, Secure: true, FanKnown: true, FanAge: time.Minute}
	if strings.Contains(ua, "Chrome/") {
		s.Brands = `"Google Chrome";v="141", "Not?A_Brand";v="8", "Chromium";v="141"`
		s.Mobile, s.Platform = "?0", `"Windows"`
		if strings.Contains(ua, "Android") {
			s.Mobile, s.Platform = "?1", `"Android"`
		}
	}
	return s
}

func TestBrowsersScoreNothing(t *testing.T) {
	t.Parallel()
	for ua, ja4 := range map[string]string{chromeWin: chromiumJA4, edgeWin: chromiumJA4, chromePhone: chromiumJA4, firefoxMac: firefoxJA4,
		safariMac: safariJA4, iphone: safariJA4, chromeIOS: safariJA4} {
		if a := Weights().Score(browser(ua, ja4)); a.Score != 0 || a.Reasons != nil {
			t.Errorf("%s: %+v", ua, a)
		}
		unknown := browser(ua, "t13d9999h2_0123456789ab_0123456789ab") // the version of next year
		if a := Weights().Score(unknown); a.Score != 0 {
			t.Errorf("%s with a fingerprint that nobody knows: %+v", ua, a)
		}
		plain := browser(ua, "") // over HTTP browsers send neither hints nor Sec-Fetch
		plain.Secure, plain.Brands, plain.Mobile, plain.Platform, plain.FetchSite = false, "", "", "", ""
		if a := Weights().Score(plain); a.Score != 0 {
			t.Errorf("%s over HTTP: %+v", ua, a)
		}
	}
}

// TestScores has who is let in, who is asked for a proof (50) and for a strong one (75).
func TestScores(t *testing.T) {
	t.Parallel()
	with := func(s Signals, change func(*Signals)) Signals {
		change(&s)
		return s
	}
	tool := Signals{Headers: Headers{UserAgent: "Go-http-client/1.1", AcceptEncoding: "gzip"}}
	chrome := browser(chromeWin, chromiumJA4)
	for _, c := range []struct {
		name     string
		s        Signals
		from, to int
		reasons  []string
	}{
		{"an honest program", tool, 1, 49, []string{"agent-tool", "headers-missing", "fan-unknown"}},
		{"curl", Signals{Headers: Headers{UserAgent: "curl/8.14.1", Accept: "*/*"}}, 1, 49, nil},
		{"a program from a datacenter", with(tool, func(s *Signals) { s.Datacenter = true }), 50, 100, nil},
		{"many programs of one address", with(tool, func(s *Signals) { s.AddressJoins = 0.2 }), 50, 74, nil},
		{"no User-Agent", Signals{}, 50, 74, []string{"agent-missing", "headers-missing", "fan-unknown"}},
		{"three hundred programs of one address in a minute", with(tool, func(s *Signals) { s.AddressJoins = 0.1 }), 1, 49, nil},
		{"a program that says it is Chrome", with(tool, func(s *Signals) { s.UserAgent, s.Secure, s.JA4 = chromeWin, true, goJA4 }), 75, 100, nil},
		{"Go's TLS with all of Chrome's headers", with(chrome, func(s *Signals) { s.JA4 = goJA4 }), 40, 49, []string{"tls-mismatch"}},
		{"the same, and it threw its cookie away", with(chrome, func(s *Signals) { s.JA4, s.FanKnown = goJA4, false }), 50, 74, nil},
		{"hints of another version", with(chrome, func(s *Signals) { s.Brands = `"Chromium";v="99"` }), 40, 49, []string{"hints-mismatch"}},
		{"hints of another system", with(chrome, func(s *Signals) { s.Platform = `"macOS"` }), 40, 49, []string{"hints-mismatch"}},
		{"hints of a phone", with(chrome, func(s *Signals) { s.Mobile = "?1" }), 40, 49, []string{"hints-mismatch"}},
		{"Firefox with hints", with(browser(firefoxMac, firefoxJA4), func(s *Signals) { s.Brands = `"Chromium";v="141"` }), 40, 49, []string{"hints-mismatch"}},
		{"no hints at all", with(chrome, func(s *Signals) { s.Brands, s.Mobile, s.Platform = "", "", "" }), 25, 25, []string{"hints-missing"}},
		{"no language", with(chrome, func(s *Signals) { s.AcceptLanguage = "" }), 40, 49, []string{"headers-pretended", "headers-missing"}},
		{"a cookie of a second ago", with(chrome, func(s *Signals) { s.FanAge = time.Second }), 10, 10, []string{"fan-fresh"}},
		{"a cookie from before instants were kept", with(chrome, func(s *Signals) { s.FanAge = 0 }), 0, 0, nil},
		{"a VPN", with(chrome, func(s *Signals) { s.Datacenter = true }), 30, 30, []string{"datacenter"}},
		{"an office in the opening minute", with(chrome, func(s *Signals) { s.AddressJoins, s.NetworkJoins = 0.15, 0.04 }), 1, 40, nil},
		{"three tenths of an address's budget", with(chrome, func(s *Signals) { s.AddressJoins = 0.3 }), 50, 50, []string{"address-joins"}},
		{"a program under two names", with(tool, func(s *Signals) { s.NetworkStrangers = 2. / 60 }), 1, 49, nil},
		{"a program under ten names", with(tool, func(s *Signals) { s.NetworkStrangers = 10. / 60 }), 50, 74, []string{"network-strangers", "agent-tool", "headers-missing", "fan-unknown"}},
		{"one that never opened the page, with all of Chrome's headers, under ten names", with(chrome, func(s *Signals) { s.NetworkStrangers, s.FanKnown = 10./60, false }), 50, 74, nil},
		{"a fan in its network, who opened the page just now", with(chrome, func(s *Signals) { s.NetworkStrangers, s.FanAge = 1, 5*time.Second }), 40, 40, []string{"network-strangers"}},
		{"a fan in its network, who was there before", with(chrome, func(s *Signals) { s.NetworkStrangers, s.FanAge = 1, time.Minute }), 40, 40, nil},
		{"and used the page", with(chrome, func(s *Signals) { s.NetworkStrangers, s.FanAge, s.FanEarned = 1, time.Minute, true }), 0, 0, nil},
		{"one cookie of very many, a day old", with(chrome, func(s *Signals) { s.FanOwes, s.FanAge = true, 24*time.Hour }), 50, 50, []string{"fan-owes"}},
		{"fifty fans of an office with two seats each of a thousand", with(chrome, func(s *Signals) { s.AddressSeats, s.NetworkSeats = 0.11, 0.11 }), 0, 0, nil},
		{"a campus with a quarter of the house", with(chrome, func(s *Signals) { s.NetworkSeats = 0.25 }), 0, 0, nil},
		{"an address with a fifth of it", with(chrome, func(s *Signals) { s.AddressSeats = 0.2 }), 50, 74, []string{"address-seats"}},
		{"an address with a quarter of it", with(chrome, func(s *Signals) { s.AddressSeats = 0.25 }), 75, 100, []string{"address-seats"}},
		{"a network with half of it", with(chrome, func(s *Signals) { s.NetworkSeats = 0.5 }), 75, 100, []string{"network-seats"}},
		{"a network that gives back two hundred holds an hour", with(chrome, func(s *Signals) { s.NetworkSpins = 0.5 }), 40, 40, []string{"network-spins"}},
		{"a /48 that rotates", with(chrome, func(s *Signals) { s.Rotation, s.NetworkJoins, s.FanKnown = 0.3, 0.05, false }), 50, 74, nil},
		{"sixteen holds given back", with(chrome, func(s *Signals) { s.FanSpins = 16. / 20 }), 60, 60, []string{"fan-spins"}},
		{"six holds given back", with(chrome, func(s *Signals) { s.FanSpins = 6. / 20 }), 0, 0, nil},
		{"three holds a second", with(chrome, func(s *Signals) { s.FanHolds = 180. / 240 }), 60, 60, []string{"fan-holds"}},
		{"forty holds a minute", with(chrome, func(s *Signals) { s.FanHolds = 40. / 240 }), 0, 0, nil},
	} {
		a := Weights().Score(c.s)
		if a.Score < c.from || a.Score > c.to || c.reasons != nil && !slices.Equal(a.Reasons, c.reasons) {
			t.Errorf("%s: %+v, want %d to %d %v", c.name, a, c.from, c.to, c.reasons)
		}
	}
}

// More of a share never lowers the score, and no score leaves its bounds.
func TestMonotonic(t *testing.T) {
	t.Parallel()
	table := Weights()
	rapid.Check(t, func(t *rapid.T) {
		share := rapid.Float64Range(0, 1.5)
		var s Signals
		s.UserAgent = rapid.SampledFrom([]string{"", chromeWin, "curl/8", "Mozilla/5.0 (", strings.Repeat("Chrome/", 5000)}).Draw(t, "agent")
		s.JA4 = rapid.SampledFrom([]string{"", chromiumJA4, goJA4, "x"}).Draw(t, "ja4")
		s.Secure, s.FanKnown = rapid.Bool().Draw(t, "secure"), rapid.Bool().Draw(t, "known")
		shares := []*float64{&s.AddressJoins, &s.NetworkJoins, &s.NetworkStrangers, &s.Rotation, &s.FanHolds, &s.AddressHolds, &s.FanSpins, &s.NetworkSpins, &s.AddressSeats, &s.NetworkSeats}
		for _, p := range shares {
			*p = share.Draw(t, "share")
		}
		before := table.Score(s)
		p := rapid.SampledFrom(shares).Draw(t, "which")
		*p += rapid.Float64Range(0, 1).Draw(t, "more")
		after := table.Score(s)
		if after.Score < before.Score || before.Score < 0 || after.Score > 100 {
			t.Fatalf("%+v became %+v", before, after)
		}
		if !reflect.DeepEqual(after, table.Score(s)) {
			t.Fatal("the same signals, another score")
		}
	})
}

// Garbage in headers is only ever a score.
func FuzzScore(f *testing.F) {
	f.Add(chromeWin, `"Chromium";v="141"`, "?0", `"Windows"`, chromiumJA4)
	f.Add("Mozilla/5.0 (Chrome/99999999999999999999", `"Chromium";v="`, "\x00", "\"", strings.Repeat("_", 36))
	table := Weights()
	f.Fuzz(func(t *testing.T, ua, brands, mobile, platform, ja4 string) {
		s := Signals{Headers: Headers{UserAgent: ua, Brands: brands, Mobile: mobile, Platform: platform}, JA4: ja4, Secure: true}
		a := table.Score(s)
		for _, r := range a.Reasons {
			if !slices.ContainsFunc(table, func(rule Rule) bool { return rule.Reason == r }) {
				t.Fatalf("reason %q", r)
			}
		}
	})
}

func TestTableIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range Weights() {
		if seen[r.Reason] || r.Points < 1 || r.Points > 100 || r.Why == "" || !strings.HasSuffix(r.Words, ".") || r.of == nil {
			t.Errorf("%+v", r)
		}
		seen[r.Reason] = true
	}
	words := Weights().Words([]string{"address-joins", "network-joins", "fan-unknown", "agent-tool", "fan-spins", "nonsense"})
	if len(words) != 3 || words[0] != "Very many people are joining from your network right now." || words[1] != "The event's page was not opened first." {
		t.Errorf("%q", words)
	}
}

func TestHeadersOf(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	h.Set("User-Agent", "a")
	h.Set("Accept", "b")
	h.Set("Accept-Language", "c")
	h.Set("Accept-Encoding", "d")
	h.Set("Sec-CH-UA", "e")
	h.Set("Sec-CH-UA-Mobile", "f")
	h.Set("Sec-CH-UA-Platform", "g")
	h.Set("Sec-Fetch-Site", "h")
	if got := HeadersOf(h); got != (Headers{"a", "b", "c", "d", "e", "f", "g", "h"}) {
		t.Errorf("%+v", got)
	}
}

func BenchmarkScore(b *testing.B) {
	table, s := Weights(), browser(chromeWin, chromiumJA4)
	for b.Loop() {
		table.Score(s)
	}
}
