package client

import (
	"net/netip"
	"strings"
)

// maxHops bounds how much of a forwarding header is read.
const maxHops = 16

// Prefixes that limits and risk are counted by. An IPv6 customer has a /64 at
// least and often a /48, an IPv4 one a single address.
const (
	host4, host6       = 32, 64
	network4, network6 = 24, 48
)

// Client is who sent a request, as far as that can be known.
type Client struct {
	Addr    netip.Addr // invalid when even the connection doesn't tell
	Trusted bool       // the peer of the connection is a trusted proxy: its headers count
	Garbled bool       // a trusted proxy sent a hop that is no address
}

// Host is what one client has to itself: its IPv4 address, or its IPv6 /64.
func (c Client) Host() netip.Prefix { return prefix(c.Addr, host4, host6) }

// Network is what one client can easily move within: IPv4 /24, IPv6 /48.
func (c Client) Network() netip.Prefix { return prefix(c.Addr, network4, network6) }

func prefix(a netip.Addr, bits4, bits6 int) netip.Prefix {
	bits := bits6
	if a.Is4() {
		bits = bits4
	}
	p, _ := a.Prefix(bits) // invalid of an invalid address
	return p
}

// Of is the client of a connection from remote ("host:port") whose request had
// the X-Forwarded-For headers forwarded, believed as far as trusted goes.
func Of(remote string, forwarded []string, trusted *Networks) Client {
	peer, ok := parse(remote)
	if !ok || !trusted.Contain(peer) {
		return Client{Addr: peer}
	}
	c := Client{Addr: peer, Trusted: true}
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	if len(forwarded) == 0 {
		return c
	}
	for i := len(hops) - 1; i >= 0 && i >= len(hops)-maxHops; i-- {
		hop, ok := parse(strings.TrimSpace(hops[i]))
		if !ok {
			c.Garbled = true
			return c
		}
		if c.Addr = hop; !trusted.Contain(hop) {
			return c
		}
	}
	return c // only proxies of ours: one of them is the client
}

// parse reads an address with or without a port. Zones are dropped and IPv4 in
// IPv6 is IPv4: one client has one form.
func parse(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		a = ap.Addr()
	}
	return a.Unmap().WithZone(""), true
}
