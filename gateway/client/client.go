package client

import (
	"net/netip"
	"strings"
)

// maxHops bounds the hops read of a forwarding header.
const maxHops = 16

// Prefixes that limits and risk count by. An IPv6 customer has at least a /64 and often a
// /48, an IPv4 customer a single address.
const (
	host4, host6       = 32, 64
	network4, network6 = 24, 48
)

// Client is the sender of a request, as far as that can be known.
type Client struct {
	Addr    netip.Addr // invalid if unknown even from the connection
	Trusted bool       // the connection's peer is a trusted proxy: its headers count
	Garbled bool       // a trusted proxy sent a hop that is not an address
}

// Host returns what one client has to itself: its IPv4 address, or its IPv6 /64.
func (c Client) Host() netip.Prefix { return prefix(c.Addr, host4, host6) }

// Network returns what one client can easily move within: IPv4 /24, IPv6 /48.
func (c Client) Network() netip.Prefix { return prefix(c.Addr, network4, network6) }

func prefix(a netip.Addr, bits4, bits6 int) netip.Prefix {
	bits := bits6
	if a.Is4() {
		bits = bits4
	}
	p, _ := a.Prefix(bits) // invalid of an invalid address
	return p
}

// Of returns the client of a connection from remote ("host:port") whose request had the
// X-Forwarded-For headers forwarded, which are believed as far as trusted proxies wrote
// them.
func Of(remote string, forwarded []string, trusted *Networks) Client {
	peer, ok := peerOf(remote)
	if !ok || !trusted.Contain(peer) {
		return Client{Addr: peer}
	}
	c := Client{Addr: peer, Trusted: true}
	if len(forwarded) == 0 {
		return c
	}
	rest, last := strings.Join(forwarded, ","), ""
	for n, more := 0, true; more && n < maxHops; n++ { // from the nearest
		if i := strings.LastIndexByte(rest, ','); i >= 0 {
			rest, last = rest[:i], rest[i+1:]
		} else {
			last, more = rest, false
		}
		hop, ok := parse(strings.TrimSpace(last))
		if !ok {
			c.Garbled = true
			return c
		}
		if c.Addr = hop; !trusted.Contain(hop) {
			return c
		}
	}
	return c // only our proxies: one of them is the client
}

// peerOf is parse for the end of a connection, which has a port.
func peerOf(remote string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		return plain(ap.Addr()), true
	}
	return parse(remote)
}

// parse reads an address with or without a port. Zones are dropped and IPv4-mapped IPv6
// becomes IPv4, so each client has one form.
func parse(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		a = ap.Addr()
	}
	return plain(a), true
}

func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
