package gateway

import (
	"net/http/httptest"
	"testing"
	"time"

	"frontrow/gateway/challenge"
	"frontrow/gateway/client"
	"frontrow/gateway/limit"
	"frontrow/gateway/risk"
	"frontrow/wire"

	"github.com/prometheus/client_golang/prometheus"
)

// BenchmarkDefences is what a join costs besides the join.
func BenchmarkDefences(b *testing.B) {
	cfg := Config{Keys: wire.NewKeyring(), Now: time.Now, Defences: Defences{Proxies: client.Loopback(), Thresholds: challenge.DefaultThresholds()}}
	unspent, _ := limit.ParseBudgets("join.address=1000000000-M join.network=1000000000-M join.fan=1000000000-M")
	id, err := newIdentity(&cfg)
	must(b, err)
	store := limit.NewStore(0, time.Now)
	d := &defences{cfg: &cfg, identity: id, metrics: newMetrics(prometheus.NewRegistry()), store: store, table: risk.Weights(),
		limits: limit.New(limit.Defaults().With(unspent), store, time.Now)}
	r := httptest.NewRequest("POST", "/v1/events/show/places", nil)
	r.RemoteAddr = "127.0.0.1:9"
	for i, h := 0, human("198.51.100.7"); i < len(h); i += 2 {
		r.Header.Set(h[i], h[i+1])
	}
	fan := wire.NewFan()
	r.Header.Set("Cookie", fanCookie+"="+cfg.Keys.SignFan(fan, time.Now().Add(-time.Hour)))
	for b.Loop() {
		if _, p := d.admit(limit.Join, r); p != nil {
			b.Fatal(p)
		}
		c := d.caller(r)
		d.arrived(c, true)
		d.scored(r, c, fan)
	}
}
