// Package client tells who is at the other end of a request: one address, the
// networks it lies in, and who may be believed about it; and where it has us: at
// which host, over HTTPS or not. It is pure.
//
//	             X-Forwarded-For: a, b, c        the peer of the connection
//	fan ──► proxy ──► proxy ──► proxy ──────────► us
//	 a        b         c       peer
//
// Whoever connects to us can write what they like in a header. So the header is read
// from the right, and only as far as trusted proxies wrote it: the client is the
// rightmost hop that is not one of them (RFC 7239, 7.4 describes the attack).
//
// # Invariants
//
//  1. A header of a peer that is not a trusted proxy changes nothing.
//  2. What stands left of the client's own hop changes nothing.
//  3. A hop that is no address ends the walk: the client is then the proxy that
//     wrote it, and Client.Garbled says so.
package client
