// Package listener bounds what connections cost before and beside requests: how
// many there are, how many of them have not asked for anything yet, how fast one
// address opens new ones, and how much a socket may say.
//
//	          refused: too fast, or nobody is idle            closed to make room,
//	          and too many in all, of this address            or by the server's timeouts
//	            ▲                                                ▲
//	accept ─────┴──► half-open ──first request's header read──► served ◄──► idle ──► closed
//	                 (TLS handshake,
//	                  slow headers)
//
// A connection is half-open until the header of its first request was read, then it
// is being served or idle: kept open by the client in case there is another request.
//
//   - When the half-open ones are as many as may be, a new one closes the oldest: who
//     is slow on purpose makes room for one who is not, and an honest client is half-open
//     for a round trip or two.
//   - When an address, its network (/24, /48) or the process has as many connections as
//     may be, a new one closes the one that has been idle longest: of the address, of
//     the network's most crowded address, of the most crowded network. A browser whose
//     idle connection was closed opens another.
//   - Connections that are being served, live sockets among them, are never closed for
//     others. An address has a quarter of all at most, a network a half.
//
// All bounds follow from how many files the process may open, a part of which is kept
// for the rest of it.
//
// TLS, if it ends here, is served with a certificate that is read again when its
// files change, and the JA4 fingerprint of each client is kept with its connection.
//
// # Invariants
//
//  1. Accept never waits for a client.
//  2. At no time are there more connections than MaxConns, more half-open ones than
//     MaxHalfOpen, or more of either from one address or network than its share.
//     Proxies, whose address stands for many, and exempt addresses have no share.
//  3. While anybody is idle, nobody is refused for want of room.
//  4. A certificate that can't be read leaves the one before in use.
package listener
