package rehearse

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
)

// Where the requests of a bot come from.
type origin int

const (
	oneAddress   origin = iota // all of them
	fewAddresses               // each of its visitors from one of fewOrigins
	rotating                   // each request from another address of one /48
)

const fewOrigins = 3

// behaviour is one way not to play fair. One bot of it is one person, who joins
// as many times as it has places.
type behaviour struct {
	name    string
	weight  int // of all bots, so many parts behave like this
	places  int
	origin  origin
	hammers bool // asks for the pass without being called, and for seats again and again
	forges  bool // tries tampered, foreign and replayed receipts and passes
	spins   int  // so often it holds seats and gives them back before the deadline
	what    string
}

// behaviours is the table of bots. All of them come with the first fans, load
// no page, keep no socket, think of nothing, take the best seats and as many as
// they may, and ask again at once whatever they are told.
func behaviours() []behaviour {
	return []behaviour{
		{name: "scalper", weight: 4, places: 20, origin: fewAddresses, what: "many places by new cookies, from three addresses"},
		{name: "rotator", weight: 3, places: 20, origin: rotating, what: "the same, each request from another address of one /48"},
		{name: "hammer", weight: 1, places: 1, hammers: true, what: "asks for pass and seats again and again, called or not"},
		{name: "spinner", weight: 1, places: 5, origin: fewAddresses, spins: 20, what: "holds and releases, to keep seats off sale"},
		{name: "forger", weight: 1, places: 2, forges: true, what: "tampered, foreign and replayed receipts and passes"},
	}
}

// bot is one person who does not play fair.
type bot struct {
	behaviour
	number    int
	addresses []netip.Addr // an address of a rotating bot stands for its /48
}

// newBots makes n bots, of all behaviours by their weights.
func newBots(seed uint64, n int) []bot {
	table, parts := behaviours(), 0
	for _, b := range table {
		parts += b.weight
	}
	bots := make([]bot, n)
	for i := range bots {
		at := i % parts
		for _, b := range table {
			if at -= b.weight; at < 0 {
				bots[i] = newBot(b, seed, i)
				break
			}
		}
	}
	return bots
}

func newBot(b behaviour, seed uint64, number int) bot {
	made := bot{behaviour: b, number: number}
	addresses := 1
	if b.origin == fewAddresses {
		addresses = fewOrigins
	}
	for k := range addresses {
		// One hosting provider's network each: 5.n.n.k, or 2a00:…::/48.
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

// habits of the bot's k-th visitor.
func (b *bot) habits(c *Config, r *rand.Rand, k int) habits {
	return habits{arrives: arrival(spikeShare*r.Float64(), c.Ramp), address: b.addresses[k%len(b.addresses)], rotates: b.origin == rotating,
		tries: mostTries + b.spins, fake: true, hammers: b.hammers, forges: b.forges, spins: b.spins}
}

// within is another address of the /48 of a.
func within(a netip.Addr, n uint64) netip.Addr {
	b := a.As16()
	at := spread(n)
	binary.BigEndian.PutUint16(b[6:], uint16(at))
	binary.BigEndian.PutUint64(b[8:], at)
	return netip.AddrFrom16(b)
}
