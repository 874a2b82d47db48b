// Package listener bounds what connections cost apart from requests: how many there are,
// how many of them have made no request yet, how fast one address opens new ones, and how
// much a socket may send.
//
//	          refused: too fast, or nobody is idle            closed to make room,
//	          and too many in all, of this address            or by the server's timeouts
//	            ▲                                                ▲
//	accept ─────┴──► half-open ──first request's header read──► served ◄──► idle ──► closed
//	                 (TLS handshake,
//	                  slow headers)
//
// A connection is half-open until the header of its first request has been read. Then it is
// being served, or idle: kept open by the client for another request.
//
//   - At the limit of half-open connections, a new one closes the oldest: a client that is
//     slow on purpose makes room for one that isn't, and an honest client is half-open for
//     a round trip or two.
//   - At the limit of an address, its network (/24, /48) or the process, a new connection
//     closes the longest idle one: of the address, of the network's most crowded address,
//     or of the most crowded network. A browser whose idle connection was closed opens
//     another.
//   - Connections that are being served, live sockets among them, are never closed for
//     others. An address has at most a quarter of all connections, a network half.
//
// All bounds follow from the number of files the process may open, a part of which is
// reserved for its other needs.
//
// If TLS ends here, the certificate is read again when its files change, and the JA4
// fingerprint of each client is kept with its connection.
//
// # Invariants
//
//  1. Accept never waits for a client.
//  2. There are never more connections than MaxConns, more half-open ones than MaxHalfOpen,
//     or more of either from one address or network than its share. Proxies, whose address
//     stands for many clients, and exempt addresses have no share.
//  3. While any connection is idle, none is refused for lack of room.
//  4. If a certificate can't be read, the previous one stays in use.
package listener
