package abuse

import (
	"net/http/httptest"
	"testing"
	"time"

	"frontrow/gateway/abuse/challenge"
	"frontrow/gateway/abuse/limit"
	"frontrow/gateway/abuse/risk"
	"frontrow/gateway/client"
	"frontrow/gateway/visitor"
	"frontrow/keyring"
	"frontrow/wire"

	"github.com/prometheus/client_golang/prometheus"
)

// BenchmarkDefences is what a join costs besides the join.
func BenchmarkDefences(b *testing.B) {
	keys := keyring.New()
	unspent, err := limit.ParseBudgets("join.address=30000000-M join.network=30000000-M join.fan=30000000-M")
	must(b, err)
	visitors, err := visitor.New(visitor.Config{Keys: keys, PublicURL: "http://shop", Proxies: client.Loopback(), Now: time.Now})
	must(b, err)
	visitors.SignOuts.Arrived()
	store := limit.NewStore(0, time.Now)
	d := &Defences{cfg: Config{Thresholds: challenge.DefaultThresholds()}, env: Env{Keys: keys, Now: time.Now},
		metrics: newMetrics(prometheus.NewRegistry(), risk.Weights()), store: store, table: risk.Weights(), limits: limit.New(limit.Defaults().With(unspent), store, time.Now),
		seats: limit.NewSeats(store), returns: limit.New(limit.Defaults(), limit.NewStore(0, time.Now), time.Now)}
	r := httptest.NewRequest("POST", "/v1/events/show/places", nil)
	r.RemoteAddr, r.Header = "127.0.0.1:9", at("198.51.100.7").Header
	r.Header.Set("X-Forwarded-For", "198.51.100.7")
	r.Header.Set("Cookie", wire.FanCookie+"="+keys.SignFan(wire.NewFan(), time.Now().Add(-time.Hour)))
	for b.Loop() {
		v := visitors.Of(r)
		visitors.Recognize(v, r)
		if _, p := d.Admit(limit.Join, v); p != nil {
			b.Fatal(p)
		}
		v.NetTag = d.NetTag(v, "show")
		d.arrived(v)
		d.scored(v, house(0), ActJoin)
	}
}
