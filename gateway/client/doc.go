// Package client identifies the other end of a request: its address, the networks around
// it, and which headers about it to believe; also the host under which it reached us, and
// whether over HTTPS. It is pure.
//
//	             X-Forwarded-For: a, b, c        the peer of the connection
//	fan ──► proxy ──► proxy ──► proxy ──────────► us
//	 a        b         c       peer
//
// Anyone who connects to us can write what they like in a header. So the header is read
// from the right, and only as far as trusted proxies wrote it: the client is the rightmost
// hop that is not one of them (RFC 7239, 7.4 describes the attack).
//
// # Invariants
//
//  1. A header from a peer that is not a trusted proxy changes nothing.
//  2. What is to the left of the client's own hop changes nothing.
//  3. A hop that is not an address ends the walk: the client is then the proxy that wrote
//     it, and Client.Garbled is set.
package client
