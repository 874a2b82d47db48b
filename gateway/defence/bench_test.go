package defence

import (
	"net/http"
	"testing"
	"time"

	"frontrow/gateway/challenge"
	"frontrow/gateway/client"
	"frontrow/gateway/identity"
	"frontrow/gateway/limit"
	"frontrow/gateway/risk"
	"frontrow/wire"

	"github.com/prometheus/client_golang/prometheus"
)

// BenchmarkDefences is what a join costs besides the join.
func BenchmarkDefences(b *testing.B) {
	keys := wire.NewKeyring()
	unspent, err := limit.ParseBudgets("join.address=30000000-M join.network=30000000-M join.fan=30000000-M")
	must(b, err)
	id, err := identity.New(identity.Config{Keys: keys, Origin: func(*http.Request) string { return "http://shop" }, Now: time.Now})
	must(b, err)
	id.SignOuts.Arrived()
	store := limit.NewStore(0, time.Now)
	d := &Defences{cfg: Config{Proxies: client.Loopback(), Thresholds: challenge.DefaultThresholds()}, env: Env{Keys: keys, Fans: id, Now: time.Now},
		metrics: newMetrics(prometheus.NewRegistry()), store: store, table: risk.Weights(), limits: limit.New(limit.Defaults().With(unspent), store, time.Now),
		seats: limit.NewSeats(store), returns: limit.New(limit.Defaults(), limit.NewStore(0, time.Now), time.Now)}
	fan := wire.NewFan()
	r := join("198.51.100.7")
	r.Header.Set("Cookie", wire.FanCookie+"="+keys.SignFan(fan, time.Now().Add(-time.Hour)))
	for b.Loop() {
		if _, p := d.Admit(limit.Join, r); p != nil {
			b.Fatal(p)
		}
		c := d.caller(r)
		d.arrived(c, true)
		d.scored(r, c, challenge.Purpose{Event: "show", Fan: fan, Act: ActJoin})
	}
}
