// Package listener bounds what connections cost before and beside requests: how
// many there are, how many of them have not asked for anything yet, how fast one
// address opens new ones, and how much a socket may say.
//
//	          refused: too many in all, of this address,      closed to make room,
//	          or too fast                                     or by the server's timeouts
//	            ▲                                                ▲
//	accept ─────┴──► half-open ──first request's header read──► open ──► closed
//	                 (TLS handshake,
//	                  slow headers)
//
// When the half-open ones are as many as may be, a new one closes the oldest: who
// is slow on purpose makes room for who is not, and an honest client is half-open
// for a round trip or two.
//
// TLS, if it ends here, is served with a certificate that is read again when its
// files change, and the JA4 fingerprint of each client is kept with his connection.
//
// # Invariants
//
//  1. Accept never waits for a client.
//  2. At no time are there more connections than MaxConns, more half-open ones than
//     MaxHalfOpen, or more of either from one address than its share. Proxies, whose
//     address stands for many, have no share.
//  3. A certificate that can't be read leaves the one before in use.
package listener
