package rehearse

import (
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestArrival(t *testing.T) {
	const ramp = time.Hour
	last := time.Duration(-1)
	for i := range 10_000 {
		at := arrival(float64(i)/10_000, ramp)
		if at < last || at < 0 || at > ramp {
			t.Fatalf("share %d/10000 arrives at %v, after %v", i, at, last)
		}
		last = at
	}
	if at := arrival(0.4999, ramp); at > ramp/20 {
		t.Errorf("half of all are there only at %v", at)
	}
	if last < ramp*9/10 {
		t.Errorf("the last one comes at %v", last)
	}
	// The tail thins out: each tenth of the crowd takes longer than the one before.
	span := time.Duration(0)
	for u := 0.5; u < 0.99; u += 0.1 {
		s := arrival(u+0.0999, ramp) - arrival(u, ramp)
		if s <= span {
			t.Errorf("from %.1f on: %v, before %v", u, s, span)
		}
		span = s
	}
}

func crowdConfig() *Config {
	c := &Config{URL: "http://x", Event: "e", Fans: 20_000, Seed: 7, Shares: DefaultShares()}
	if err := c.Validate(); err != nil {
		panic(err)
	}
	return c
}

func TestHabitsFollowFromSeedAndShares(t *testing.T) {
	c := crowdConfig()
	n := map[string]int{}
	count := func(what string, is bool) {
		if is {
			n[what]++
		}
	}
	for i := range c.Fans {
		h := fanHabits(c, i)
		if again := fanHabits(c, i); !reflect.DeepEqual(h, again) {
			t.Fatalf("fan %d: %+v, then %+v", i, h, again)
		}
		if h.tickets < 1 || h.tickets > 4 || h.fake || h.tries < fewestTries || h.tries > mostTries {
			t.Fatalf("%+v", h)
		}
		for what, is := range map[string]bool{"sockets": h.socket, "second-tab": h.secondTab, "reload": h.reload > 0, "absent": h.absent,
			"late": h.late > 0, "double-click": h.doubleClick, "abandon": h.abandons, "leave": h.leaves, "decline": h.declined,
			"accessible": h.wish == wishAccessible, "nat": h.group == "office", "campus": h.group == "campus"} {
			count(what, is)
		}
	}
	for _, sh := range c.Shares.table() {
		if sh.name == "choose" || sh.name == "area" { // other wishes take precedence
			continue
		}
		if got := float64(n[sh.name]) / float64(c.Fans); math.Abs(got-*sh.value) > 0.02 {
			t.Errorf("%s: %.3f of the fans, want %.3f", sh.name, got, *sh.value)
		}
	}
	other := *c
	other.Seed = 8
	if reflect.DeepEqual(fanHabits(c, 1), fanHabits(&other, 1)) {
		t.Error("another seed, the same habits")
	}
}

func TestAddressesAreTheirOwn(t *testing.T) {
	seen, networks := map[netip.Addr]bool{}, map[netip.Prefix]int{}
	v6 := 0
	const fans = 200_000
	for i := range fans {
		a := fanAddress(1, i)
		if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || seen[a] {
			t.Fatalf("fan %d has %v", i, a)
		}
		seen[a] = true
		bits := 24
		if a.Is6() {
			v6, bits = v6+1, 48
		}
		p, _ := a.Prefix(bits)
		if networks[p]++; networks[p] > 3 {
			t.Errorf("%d fans in %v", networks[p], p)
		}
	}
	if v6 < fans/3 || v6 > fans/2 {
		t.Errorf("%d of %d have IPv6", v6, fans)
	}
}

func TestBots(t *testing.T) {
	c := crowdConfig()
	persons := map[string]int{}
	for _, b := range newBots(c.Seed, 120) {
		persons[b.name]++
		from := map[netip.Addr]bool{}
		for k := range b.places {
			h := b.habits(c, randomOf(c.Seed, k), k)
			if c.wardrobe[h.looks].guise != b.guise || !h.fake || h.socket || h.thinks != 0 || h.arrives > time.Duration(spikeWidth*float64(c.Ramp)) {
				t.Errorf("%s: %+v", b.name, h)
			}
			from[h.address] = true
		}
		if len(from) > fewOrigins {
			t.Errorf("%s comes from %d addresses", b.name, len(from))
		}
	}
	for _, b := range behaviours() {
		if persons[b.name] != 10*b.weight {
			t.Errorf("%d of 120 are of the kind %s, which weighs %d", persons[b.name], b.name, b.weight)
		}
	}
	for _, want := range []int{1, 20, 21, 900} {
		places := 0
		for _, b := range newBotsOf(c.Seed, want) {
			places += b.places
		}
		if places != want {
			t.Errorf("bots want %d places, not %d", places, want)
		}
	}
	b := newBot(behaviour{origin: rotating, places: 1}, c.Seed, 3)
	v := visitor{r: &rehearsal{cfg: *c}, habits: b.habits(c, randomOf(c.Seed, 1), 0)}
	network := netip.PrefixFrom(b.addresses[0], 48).Masked()
	from := map[string]bool{}
	for range 1000 {
		a := v.from()
		if !network.Contains(netip.MustParseAddr(a)) || from[a] {
			t.Fatalf("%s, in %v", a, network)
		}
		from[a] = true
	}
}

// TestOffices checks that about officeSize fans share an address, and no bot does.
func TestOffices(t *testing.T) {
	c := crowdConfig()
	c.Shares.NAT = 0.5
	behind := map[netip.Addr]int{}
	for i := range c.Fans {
		if h := fanHabits(c, i); h.group == "office" {
			behind[h.address]++
		}
	}
	for a, n := range behind {
		if n < officeSize/3 || n > officeSize*2 || a.IsPrivate() || !a.IsGlobalUnicast() {
			t.Errorf("%d fans at %v", n, a)
		}
	}
	if n := c.Fans / 2 / officeSize; len(behind) < n-1 || len(behind) > n+1 {
		t.Errorf("%d offices, want %d", len(behind), n)
	}
}

func TestShares(t *testing.T) {
	s := DefaultShares()
	if err := s.Set("absent=0.5"); err != nil || s.Absent != 0.5 {
		t.Errorf("%v, %v", s.Absent, err)
	}
	for _, bad := range []string{"absent", "absent=x", "presence=0.5", ""} {
		if s.Set(bad) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if text := s.String(); strings.Count(text, "\n") != len(s.table()) || !strings.Contains(text, "absent       0.5") {
		t.Errorf("%s", text)
	}
	c := crowdConfig()
	c.Shares.Late = 1.1
	if c.Validate() == nil {
		t.Error("a share above 1 was taken")
	}
	c = crowdConfig()
	if c.BotPlaces, c.Bots = 0.3, 0.1; c.Validate() == nil {
		t.Error("bots by number and by share were taken")
	}
	if c.BotPlaces, c.Bots = 1, 0; c.Validate() == nil {
		t.Error("bots alone were taken")
	}
	c = crowdConfig()
	c.Fans, c.Shares.Sockets = 1_000_000, 0.1
	if c.Validate() == nil {
		t.Error("100,000 sockets were taken")
	}
}
