package abuse

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"frontrow/gateway/abuse/limit"
	"frontrow/gateway/client"
	"frontrow/gateway/listener"
	"frontrow/gateway/visitor"
	"frontrow/internal/natstest"
	"frontrow/keyring"
	"frontrow/wire"
)

const waitLimit = 20 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until asks often: gossip has no signal of its arrival.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	limit := time.After(waitLimit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not within %v", what, waitLimit)
		}
	}
}

// at is a visitor with a browser, at an address.
func at(address string) *visitor.Visitor {
	c := client.Of(address, nil, nil)
	return &visitor.Visitor{Client: c, Address: c.Host().String(), Network: c.Network().String(), Header: http.Header{
		"Accept": {"*/*"}, "Accept-Language": {"en"}, "Accept-Encoding": {"gzip, br"},
		"User-Agent": {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"}}}
}

// house is an event with so many places.
type house int

func (house) ID() string        { return "show" }
func (h house) Places() int     { return int(h) }
func (house) HasSlowLane() bool { return false }

func (house) HasPlace(context.Context, string, string, int) (bool, error) { return false, nil }

// start runs the defences of one gateway.
func start(t *testing.T, env *natstest.Env, budgets string) *Defences {
	t.Helper()
	b, err := limit.ParseBudgets(budgets)
	must(t, err)
	cfg := Config{Proxies: client.Loopback(), Budgets: b}
	must(t, cfg.Validate())
	keys := keyring.New()
	d := New(cfg, Env{Region: "home", NATS: env.Connect(t), JetStream: env.JetStream(t), Keys: keys,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() { cancel(); must(t, <-ended) })
	return d
}

// TestGatewaysShareBudgets: what is spent at one gateway is spent at the other.
func TestGatewaysShareBudgets(t *testing.T) {
	t.Parallel()
	env := natstest.Run(t)
	here, there := start(t, env, "join.address=8-H"), start(t, env, "join.address=8-H")
	n := 0
	until(t, "the other gateway", func() bool { // hears of somebody else
		n++
		_, refused := here.Admit(limit.Join, at(fmt.Sprint("198.51.100.", n%250)))
		return refused == nil && there.Status(listener.Stats{}).Gateways == 1
	})
	for range 8 {
		if _, refused := here.Admit(limit.Join, at("192.0.2.1")); refused != nil {
			t.Fatal(refused)
		}
	}
	who := limit.Who{Address: "192.0.2.1/32"}
	until(t, "the other has heard", func() bool { n, _ := there.limits.Used(limit.Join, limit.Address, who); return n == 8 })
	if _, refused := there.Admit(limit.Join, at("192.0.2.1")); refused == nil || refused.Code != wire.CodeSlowDown {
		t.Errorf("at the other gateway: %v", refused)
	}
}

// with is a visitor who shows a face, at an address.
func with(d *Defences, address string, f keyring.Face) *visitor.Visitor {
	v := at(address)
	v.Face, v.NetTag = f, d.NetTag(v, "show")
	return v
}

// TestReturnsCountEverywhere: what the writer tells counts for the fan, and for all
// fans of the network that it names, whichever gateway granted the hold.
func TestReturnsCountEverywhere(t *testing.T) {
	t.Parallel()
	d := start(t, natstest.Run(t), "spin.fan=4-H spin.network=10-H")
	fan, face := wire.NewFan(), keyring.Face{Fan: wire.NewFan(), At: time.Now().Add(-time.Hour)}
	net := d.NetTag(at("192.0.2.1"), "show")
	if net == "" || net == d.NetTag(at("192.0.2.1"), "other") || net != d.NetTag(at("192.0.2.200"), "show") || net == d.NetTag(at("192.0.3.1"), "show") {
		t.Fatalf("the tag of a network: %q", net)
	}
	for range 5 {
		d.Told(fan, &wire.Notice{Kind: wire.NoticeReturn, Hold: wire.NewHold(), Net: net, Seats: 2})
	}
	if a := d.assess(with(d, "203.0.113.1", keyring.Face{Fan: fan}), house(0), ActJoin); !slices.Contains(a.Reasons, "fan-spins") || slices.Contains(a.Reasons, "network-spins") {
		t.Errorf("the fan elsewhere: %+v", a)
	}
	if a := d.assess(with(d, "192.0.2.7", face), house(0), ActJoin); !slices.Contains(a.Reasons, "network-spins") || slices.Contains(a.Reasons, "fan-spins") {
		t.Errorf("another fan of the network: %+v", a)
	}
	if a := d.assess(with(d, "192.0.3.7", face), house(0), ActJoin); slices.Contains(a.Reasons, "network-spins") {
		t.Errorf("another network: %+v", a)
	}
}

// TestShareOfAHouse: what an address was granted and has not bought counts by the
// size of the house, at all gateways of a region; a proof is asked for before it is
// much of it, a strong one when it is more.
func TestShareOfAHouse(t *testing.T) {
	t.Parallel()
	env := natstest.Run(t)
	here, there := start(t, env, "join.address=8-H"), start(t, env, "join.address=8-H")
	const large = house(1000)
	var holds []string
	grant := func(seats int) {
		for ; seats > 0; seats -= 4 {
			holds = append(holds, wire.NewHold())
			for range 2 { // asked for twice, granted once
				here.Held(with(here, "192.0.2.1", keyring.Face{Fan: wire.NewFan()}), large, holds[len(holds)-1], 4)
			}
		}
	}
	face := keyring.Face{Fan: wire.NewFan(), At: time.Now().Add(-time.Hour)}
	asked := func(d *Defences, address string) int {
		a := d.assess(with(d, address, face), large, ActJoin)
		if !slices.ContainsFunc(a.Reasons, func(r string) bool { return strings.HasSuffix(r, "-seats") }) {
			return 0
		}
		return a.Score
	}
	share := func(d *Defences) float64 {
		return d.seats.Share(limit.Event{ID: "show", Places: 1000}, limit.Address, limit.Who{Address: "192.0.2.1/32"})
	}
	grant(112) // an office of fifty
	if n := asked(here, "192.0.2.1"); n != 0 {
		t.Errorf("an office: %d", n)
	}
	grant(88)
	if n := asked(here, "192.0.2.1"); n < 50 || n >= 75 {
		t.Errorf("a fifth of the house: %d", n)
	}
	grant(60)
	if n := asked(here, "192.0.2.1"); n < 75 {
		t.Errorf("a quarter of the house: %d", n)
	}
	until(t, "the other gateway", func() bool { here.Held(at("192.0.2.1"), large, wire.NewHold(), 0); return share(there) > 0.2 })
	if n := asked(there, "192.0.2.1"); n < 50 {
		t.Errorf("at the other gateway: %d", n)
	}
	if n := asked(here, "203.0.113.1"); n != 0 {
		t.Errorf("another network: %d", n)
	}
	for range 2 { // told twice
		for _, h := range holds {
			here.Told("", &wire.Notice{Kind: "order", Hold: h, State: string(wire.OrderPaid)})
		}
	}
	if n, left := asked(here, "192.0.2.1"), share(here); n != 0 || left != 0 {
		t.Errorf("all of it bought: %d, %v left", n, left)
	}
}

// TestFacesArePriced: the first new fans of an address are free, each of the others
// owes a proof, however long its cookie is kept.
func TestFacesArePriced(t *testing.T) {
	t.Parallel()
	d := start(t, natstest.Run(t), "new-fan.address=3-H new-fan.network=5-H")
	owing := func(address string) int {
		net, owes := d.Enrolls(at(address))
		f := keyring.Face{Fan: wire.NewFan(), At: time.Now().Add(-24 * time.Hour), Net: net, Owes: owes, Used: true}
		return d.assess(with(d, address, f), house(0), ActJoin).Score
	}
	for i, want := range []int{0, 0, 0, 50, 50} {
		if got := owing("192.0.2.1"); got/50 != want/50 {
			t.Errorf("fan %d of the address: %d", i+1, got)
		}
	}
	for i, want := range []int{0, 50} { // the refused counted for the network, which had room
		if got := owing(fmt.Sprint("192.0.2.", 10+i)); i > 0 && got/50 != want/50 {
			t.Errorf("fan %d of the network: %d", i+1, got)
		}
	}
	if got := owing("203.0.113.1"); got >= 50 {
		t.Errorf("another network: %d", got)
	}
}

// TestAgeIsEarned: a cookie's age counts where it was had, once its page was seen in use.
func TestAgeIsEarned(t *testing.T) {
	t.Parallel()
	d := start(t, natstest.Run(t), "join.address=100-H")
	const home, away = "192.0.2.1", "203.0.113.1"
	net, _ := d.Enrolls(at(home))
	old := keyring.Face{Fan: wire.NewFan(), At: time.Now().Add(-time.Hour), Net: net}
	for _, address := range []string{home, away} {
		for range 20 {
			d.arrived(at(address))
		}
	}
	suspect := func(address string, f keyring.Face) bool {
		return slices.Contains(d.assess(with(d, address, f), house(0), ActJoin).Reasons, "network-strangers")
	}
	if !suspect(home, old) {
		t.Error("age alone is no evidence")
	}
	young := old
	young.At = time.Now()
	if _, fresh := d.Seen(with(d, home, young)); fresh {
		t.Error("a socket at once is none")
	}
	if _, fresh := d.Seen(with(d, away, old)); fresh {
		t.Error("nor is one elsewhere")
	}
	used, fresh := d.Seen(with(d, home, old))
	if !fresh || !used.Used || used.At != old.At {
		t.Fatalf("%+v %v", used, fresh)
	}
	if suspect(home, used) || !suspect(away, used) {
		t.Error("age counts where it was earned, and nowhere else")
	}
	if _, fresh := d.Seen(with(d, home, used)); fresh {
		t.Error("said twice")
	}
}
