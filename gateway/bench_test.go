package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"frontrow/gateway/abuse"
	"frontrow/gateway/abuse/challenge"
	"frontrow/gateway/abuse/limit"
	"frontrow/gateway/client"
	"frontrow/keyring"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// served measures what a request of a fan with a browser, who has cookies and a pass,
// costs from the handler's first line to its last.
func served(b *testing.B, path, body string, want int) {
	budgets, err := limit.ParseBudgets(`join.address=30000000-M join.network=30000000-M join.fan=30000000-M
		hold.address=30000000-M hold.network=30000000-M hold.fan=30000000-M`)
	must(b, err)
	s := open(b, func(c *Config) {
		c.Defences = abuse.Config{Proxies: client.Loopback(), Budgets: budgets, Thresholds: challenge.Thresholds{Standard: 101, Strong: 101}}
	})
	s.answer(wire.SeatsSubject(show, wire.ActHold), func(*nats.Msg) any { return wire.HoldReply{Hold: wire.NewHold(), Expires: time.Now().Add(time.Hour)} })
	now, fan, device := time.Now(), wire.NewFan(), keyring.NewDevice()
	pass, err := s.cfg.Keys.SignPass(keyring.NewPass(show, wire.PassRecord{ID: "p1", Fan: fan, Lane: wire.LaneGeneral, Limit: 4,
		Device: wire.Hash([]byte(device)), At: now.Add(-time.Minute), Expires: now.Add(time.Hour)}))
	must(b, err)
	header := http.Header{"X-Forwarded-For": {"198.51.100.7"}, "Content-Type": {"application/json"}, "Authorization": {"Bearer " + pass},
		"Cookie": {fanCookie + "=" + s.cfg.Keys.SignFace(keyring.Face{Fan: fan, At: now.Add(-time.Hour), Session: wire.NewSession()}) + "; " +
			deviceCookie + "=" + s.cfg.Keys.SignDevice(device)},
		"Accept": {"*/*"}, "Accept-Language": {"en"}, "Accept-Encoding": {"gzip, br"}, "Origin": {"http://example.com"}, "Sec-Fetch-Site": {"same-origin"},
		"User-Agent": {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"}}
	ask := func() int {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.RemoteAddr, r.Header = "127.0.0.1:9", header
		w := httptest.NewRecorder()
		s.server.Handler.ServeHTTP(w, r)
		return w.Code
	}
	ask() // the pass is verified, the place given
	b.ReportAllocs()
	for b.Loop() {
		if got := ask(); got != want {
			b.Fatal(got)
		}
	}
}

// BenchmarkHold is a hold, with the writer's answer over NATS and without its work.
func BenchmarkHold(b *testing.B) {
	served(b, "/v1/events/show/holds", `{"best":{"count":1}}`, http.StatusCreated)
}

// BenchmarkJoin is a join of a fan who has a place, which asks nobody.
func BenchmarkJoin(b *testing.B) { served(b, "/v1/events/show/places", "{}", http.StatusOK) }

// BenchmarkArrive is a join of a new fan: their cookies, their place over NATS, its receipt.
func BenchmarkArrive(b *testing.B) {
	budgets, err := limit.ParseBudgets(`join.address=30000000-M join.network=30000000-M new-fan.address=30000000-M`)
	must(b, err)
	s := open(b, func(c *Config) {
		c.Defences = abuse.Config{Proxies: client.Loopback(), Budgets: budgets, Thresholds: challenge.Thresholds{Standard: 101, Strong: 101}}
	})
	header := http.Header{"X-Forwarded-For": {"198.51.100.7"}, "Content-Type": {"application/json"}}
	b.ReportAllocs()
	b.SetParallelism(256)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequest("POST", "/v1/events/show/places", strings.NewReader("{}"))
			r.RemoteAddr, r.Header = "127.0.0.1:9", header
			w := httptest.NewRecorder()
			s.server.Handler.ServeHTTP(w, r)
			if w.Code != http.StatusCreated {
				b.Error(w.Code, w.Body)
			}
		}
	})
}
