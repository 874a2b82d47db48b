package rehearse

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"
)

// origin is where the requests of a bot come from.
type origin int

const (
	oneAddress   origin = iota // all of them
	fewAddresses               // each of its visitors from one of fewOrigins
	rotating                   // each request from another address of one /48
)

const fewOrigins = 3

// proving is what a visitor does when asked for a proof.
type proving int

const (
	solves proving = iota
	skips          // takes the slow lane where there is one; gives proofs only once it has a place
	never          // tries again without a proof, at most triesUnproven times
)

// behaviour is one way of not playing fair. A bot is one person with one computer
// who joins as often as it has places.
type behaviour struct {
	name    string
	weight  int // relative share of all bots
	places  int
	origin  origin
	guise   guise
	proving proving
	opens   bool    // opens the event's page first, as an automated browser does
	hammers bool    // asks for the pass before being called, and for seats again and again
	forges  bool    // tries tampered, foreign and replayed receipts and passes
	keeps   string  // the card, which never pays, that it checks out with to keep seats off sale
	ages    float64 // how old its cookies are when it joins, in units of Config.Think
	spins   int     // how often it holds seats and gives them back before the deadline
	what    string
}

// behaviours is the table of bots. All of them come with the first fans, keep no
// socket, don't pause to think, take the best seats and as many as they may, and
// repeat requests at once whatever they are told.
func behaviours() []behaviour {
	return []behaviour{
		{name: "scalper", weight: 2, places: 20, origin: fewAddresses, guise: copied, proving: skips, what: "many places by new cookies, from three addresses, with headers copied from browsers; takes the slow lane, or stays away; solves when it is called"},
		{name: "mimic", weight: 2, places: 20, origin: fewAddresses, opens: true, what: "the same in driven browsers, which open the page; solves"},
		{name: "solver", weight: 1, places: 5, origin: fewAddresses, guise: copied, what: "a smaller scalper that solves"},
		{name: "script", weight: 1, places: 20, guise: program, proving: never, what: "many places from one address, by a program that says so; never proves anything"},
		{name: "rotator", weight: 1, places: 20, origin: rotating, guise: disguised, proving: never, what: "the same under a browser's name, each request from another address of one /48"},
		{name: "hammer", weight: 1, places: 1, guise: program, hammers: true, proving: never, what: "asks for pass and seats again and again, called or not; never proves"},
		{name: "forger", weight: 1, places: 2, guise: program, forges: true, proving: never, what: "tampered, foreign and replayed receipts and passes; never proves"},
		{name: "spinner", weight: 1, places: 5, origin: fewAddresses, opens: true, spins: 20, proving: never, what: "holds and releases in driven browsers, to keep seats off sale; never proves"},
		{name: "keeper", weight: 1, places: 250, opens: true, ages: 12, keeps: badCard, what: "many faces of one address, aged before they join; a declining card, and the same seats again"},
		{name: "dreamer", weight: 1, places: 10, opens: true, ages: 12, keeps: openCard, what: "the same with payments that are never confirmed (3-D Secure)"},
	}
}

// bot is one person who does not play fair.
type bot struct {
	behaviour
	number    int
	addresses []netip.Addr // an address of a rotating bot stands for its /48
	machine   *machine
}

// newBots makes n bots of all behaviours, by weight.
func newBots(seed uint64, n int) []bot {
	bots := make([]bot, n)
	for i := range bots {
		bots[i] = newBot(kindOf(i), seed, i)
	}
	return bots
}

// newBotsOf makes as many bots as have this many places in all. The last one may
// have fewer than its behaviour says.
func newBotsOf(seed uint64, places int) (bots []bot) {
	for places > 0 {
		b := newBot(kindOf(len(bots)), seed, len(bots))
		b.places = min(b.places, places)
		places -= b.places
		bots = append(bots, b)
	}
	return bots
}

// kindOf returns the behaviour of bot i: it cycles through the table, with each row
// repeated by its weight.
func kindOf(i int) behaviour {
	table, parts := behaviours(), 0
	for _, b := range table {
		parts += b.weight
	}
	at := i % parts
	for _, b := range table {
		if at -= b.weight; at < 0 {
			return b
		}
	}
	return table[0]
}

func newBot(b behaviour, seed uint64, number int) bot {
	made := bot{behaviour: b, number: number, machine: &machine{}}
	addresses := 1
	if b.origin == fewAddresses {
		addresses = fewOrigins
	}
	for k := range addresses {
		// Each bot has one hosting provider's network: 5.n.n.k, or 2a00:…::/48.
		a := netip.AddrFrom4([4]byte{5, byte(number >> 8), byte(number), byte(k + 1)})
		if b.origin == rotating {
			var v6 [16]byte
			binary.BigEndian.PutUint64(v6[:], 0x2a00<<48|spread(seed+uint64(number))>>32<<16)
			a = netip.AddrFrom16(v6)
		}
		made.addresses = append(made.addresses, a)
	}
	return made
}

// habits returns the habits of the bot's k-th visitor.
func (b *bot) habits(c *Config, r *rand.Rand, k int) habits {
	return habits{arrives: arrival(spikeShare*r.Float64(), c.Ramp), address: b.addresses[k%len(b.addresses)], rotates: b.origin == rotating,
		looks: pick(c.wardrobe, b.guise, r.Float64()), proving: b.proving, opens: b.opens,
		tries: mostTries + b.spins + keptTries(b.keeps), finds: time.Duration(b.ages * float64(c.Think)), keeps: b.keeps, fake: true, hammers: b.hammers, forges: b.forges, spins: b.spins}
}

// keptTries returns enough tries for a whole sale if there is a card, else 0.
func keptTries(card string) int {
	if card == "" {
		return 0
	}
	return 1000
}

// within returns another address in the /48 of a.
func within(a netip.Addr, n uint64) netip.Addr {
	b := a.As16()
	at := spread(n)
	binary.BigEndian.PutUint16(b[6:], uint16(at))
	binary.BigEndian.PutUint64(b[8:], at)
	return netip.AddrFrom16(b)
}
