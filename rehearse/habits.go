package rehearse

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// The tempo of people, in units of Config.Think, the mean time to think.
const (
	longestThought = 4.0  // thoughts are exponential, cut off here
	latest         = 10.0 // the most that latecomers are late
	reloadWithin   = 5.0  // those who reload do so within this of joining
	hurries        = 0.1  // between two tries at seats
	hopes          = 0.6  // before looking again at a map that shows nothing
	looksFor       = 0.5  // the button to join, at least; at most three times that
	hammering      = 0.05 // between two requests of a bot, whatever it is advised
)

// How often people try for seats when others were quicker.
const fewestTries, mostTries = 3, 8

// wish is how a visitor chooses their seats.
type wish int

const (
	wishBest wish = iota
	wishChoose
	wishArea
	wishAccessible
)

// habits is what one visitor will do; the outcome is up to the sale.
type habits struct {
	arrives time.Duration
	address netip.Addr
	rotates bool   // another address of the same /48 with each request
	looks   int    // of Config.wardrobe
	group   string // of fans who share a network: office, campus
	proving proving
	finds   time.Duration // the button, after the page has loaded

	tickets int // wanted; 0: as many as one may have
	wish    wish
	eager   float64 // where on the map they look first: 0 in front, 1 at the back
	tries   int     // left, to get seats
	thinks  time.Duration

	socket, secondTab, absent, doubleClick bool

	late   time.Duration // after being called
	reload time.Duration // after joining; 0: never

	abandons, leaves bool
	declined         bool // the first card

	// For bots only.
	fake    bool // no map, no thinking; ignores advice to wait
	opens   bool // the event's page
	hammers bool
	forges  bool
	spins   int
	keeps   string
}

// randomOf returns the random source of visitor n's decisions.
func randomOf(seed uint64, n int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(n))) }

// fanHabits returns the habits of fan n, the same for the same seed.
func fanHabits(c *Config, n int) habits {
	r := randomOf(c.Seed, n)
	is := func(share float64) bool { return r.Float64() < share }
	within := func(thinks float64) time.Duration {
		return time.Duration(r.Float64() * thinks * float64(c.Think))
	}
	h := habits{arrives: arrival(r.Float64(), c.Ramp), address: fanAddress(c.Seed, n), tickets: partySize(r.Float64()),
		eager: math.Pow(r.Float64(), 3), tries: fewestTries + r.IntN(mostTries-fewestTries+1),
		thinks: time.Duration(min(r.ExpFloat64(), longestThought) * float64(c.Think))}
	s := &c.Shares
	h.socket, h.secondTab, h.absent, h.doubleClick = is(s.Sockets), is(s.SecondTab), is(s.Absent), is(s.DoubleClick)
	if late, by := is(s.Late), within(latest); late {
		h.late = by
	}
	if reload, by := is(s.Reload), within(reloadWithin); reload {
		h.reload = by
	}
	h.abandons, h.leaves, h.declined = is(s.Abandon), is(s.Leave), is(s.Decline)
	if is(s.Choose) {
		h.wish = wishChoose
	}
	if is(s.Area) {
		h.wish = wishArea
	}
	if is(s.Accessible) {
		h.wish = wishAccessible
	}
	h.looks, h.opens = pick(c.wardrobe, genuine, r.Float64()), true
	h.finds = time.Duration(looksFor*float64(c.Think)) + within(2*looksFor)
	switch u, office := r.Float64(), r.IntN(offices(c)); {
	case u < s.NAT:
		h.address, h.group = officeAddress(office), "office"
	case u < s.NAT+s.Campus:
		h.address, h.group = campusAddress(n), "campus"
	}
	return h
}

// partySize returns how many tickets a fan wants, chosen by u between 0 and 1.
func partySize(u float64) int {
	switch {
	case u < 0.20:
		return 1
	case u < 0.70:
		return 2
	case u < 0.82:
		return 3
	}
	return 4
}

// fanAddress returns the address of fan n, which no other fan has and which is not
// in the /24 or /48 of their neighbours. Two fans in five have IPv6.
func fanAddress(seed uint64, n int) netip.Addr {
	if n%5 < 2 {
		var a [16]byte
		binary.BigEndian.PutUint64(a[:], 0x2<<60|spread(uint64(n)+seed<<32)>>4) // 2000::/3 is the range in use
		a[15] = 1
		return netip.AddrFrom16(a)
	}
	// An odd multiplier permutes the 2^24 networks. Numbers that don't fit between
	// 11.0.0.0 and 126.255.255.0, where nothing is private, choose the host.
	const first, networks = 11, 116
	net := uint32(n) * 0x9e3779b1 & 0xffffff
	top := byte(net >> 16)
	host := 1 + byte(n>>24)&0x3f + top/networks*0x40
	return netip.AddrFrom4([4]byte{first + top%networks, byte(net >> 8), byte(net), host})
}

// officeSize is how many fans share an address on average: that of a company, a
// school, or a carrier with fewer addresses than customers (RFC 6888).
const officeSize = 50

func offices(c *Config) int { return 1 + int(c.Shares.NAT*float64(c.Fans))/officeSize }

// officeAddress returns the shared address of an office, alone in its /24.
func officeAddress(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{1 + byte(n>>16), byte(n >> 8), byte(n), 1})
}

// buildings is how many IPv6 networks a campus has, each a /64.
const buildings = 20

// campusAddress returns an address in the campus's /24 or, for two fans in five, in
// its /48.
func campusAddress(n int) netip.Addr {
	if n%5 < 2 {
		return netip.AddrFrom16([16]byte{0x2a, 0x01, 9, 9, 9, 9, 0, byte(n / 5 % buildings), 12: byte(n >> 24), 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)})
	}
	return netip.AddrFrom4([4]byte{9, 9, 9, byte(1 + n%250)})
}

// spread permutes 64-bit numbers: it is the finalizer of splitmix64.
func spread(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// The arrival curve of an on-sale: half of the crowd comes at the beginning, the rest
// in an ever thinner tail.
const (
	spikeShare = 0.5  // of the crowd
	spikeWidth = 0.05 // of the ramp
	tailDecay  = 3.0  // the tail ends at e^-3 of its first rate
)

// arrival returns when the share u of the crowd, 0 ≤ u < 1, has come: it grows from 0
// at u = 0 to ramp at the end.
func arrival(u float64, ramp time.Duration) time.Duration {
	if u < spikeShare {
		return time.Duration(u / spikeShare * spikeWidth * float64(ramp))
	}
	rest := (u - spikeShare) / (1 - spikeShare)
	tail := -math.Log(1-rest*(1-math.Exp(-tailDecay))) / tailDecay
	return time.Duration((spikeWidth + tail*(1-spikeWidth)) * float64(ramp))
}

// Shares are the shares of fans who do certain things, each between 0 and 1. Each fan
// decides on each separately.
type Shares struct {
	Sockets     float64 // keep a live socket while they wait and choose
	SecondTab   float64 // join from a second tab
	Reload      float64 // reload the page while they wait, and after they were called
	Absent      float64 // never come when called
	Late        float64 // come late when called
	Choose      float64 // choose seats on the map; the others take the best available
	Area        float64 // want to stand, where the plan has an area
	Accessible  float64 // need an accessible seat
	DoubleClick float64 // send a hold and a checkout twice
	Abandon     float64 // have seats and do not buy them
	Leave       float64 // of those who abandon: just leave, and the deadline frees the seats
	Decline     float64 // pay with a card that is declined, then with a good one
	NAT         float64 // share an address with about officeSize fans
	Campus      float64 // have addresses in one /24 or one /48, some of them the same
}

// DefaultShares returns what on-sales commonly see, as far as that has been published.
func DefaultShares() Shares {
	var s Shares
	for _, sh := range s.table() {
		*sh.value = sh.usual
	}
	return s
}

type share struct {
	name  string
	value *float64
	usual float64
	what  string
}

func (s *Shares) table() []share {
	return []share{
		{"sockets", &s.Sockets, 0.02, "keep a live socket while they wait and choose"},
		{"second-tab", &s.SecondTab, 0.05, "join from a second tab"},
		{"reload", &s.Reload, 0.10, "reload while they wait, and after they were called"},
		{"absent", &s.Absent, 0.08, "never come when called"},
		{"late", &s.Late, 0.05, "come late when called"},
		{"choose", &s.Choose, 0.40, "choose seats on the map; the others take the best available"},
		{"area", &s.Area, 0.15, "want to stand, where there is an area"},
		{"accessible", &s.Accessible, 0.01, "need an accessible seat"},
		{"double-click", &s.DoubleClick, 0.05, "send a hold and a checkout twice"},
		{"abandon", &s.Abandon, 0.10, "have seats and do not buy them"},
		{"leave", &s.Leave, 0.50, "of those who abandon: just leave; the deadline frees their seats"},
		{"decline", &s.Decline, 0.05, "pay with a card that is declined, then with a good one"},
		{"nat", &s.NAT, 0.10, "are behind an address that fifty fans share: an office, a carrier's NAT"},
		{"campus", &s.Campus, 0.10, "have addresses of one /24 or of one /48, some of them the same: a campus"},
	}
}

// Set reads "name=share".
func (s *Shares) Set(text string) error {
	name, number, ok := strings.Cut(text, "=")
	for _, sh := range s.table() {
		if ok && sh.name == name {
			v, err := strconv.ParseFloat(number, 64)
			if err != nil {
				return fmt.Errorf("share %q: %w", text, err)
			}
			*sh.value = v
			return nil
		}
	}
	return fmt.Errorf("share %q: write NAME=SHARE, with one of these names:\n%s", text, s)
}

// String lists the shares, one per line.
func (s *Shares) String() string {
	var b strings.Builder
	for _, sh := range s.table() {
		fmt.Fprintf(&b, "  %-12s %-5v %s\n", sh.name, *sh.value, sh.what)
	}
	return b.String()
}

func (s *Shares) validate() error {
	for _, sh := range s.table() {
		if !(*sh.value >= 0 && *sh.value <= 1) {
			return fmt.Errorf("rehearse: the share %s is between 0 and 1", sh.name)
		}
	}
	return nil
}
