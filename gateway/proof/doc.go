// Package proof checks that a request was made by the browser that a pass was given
// to: with a key that never leaves it. A pass and the cookies beside it can be copied,
// from a disk, a log of a proxy or by an extension; such a key can only be used.
//
//	browser   makes a key of P-256 that can't be exported, sends the public half when it redeems
//	pass      cnf.jkt = the key's thumbprint (RFC 7638)
//	each use  DPoP: a JWT by that key (RFC 9449): this method, this address, this pass, now, once
//
// # Invariants
//
//  1. A proof is good for one request: for its method and address, with its pass, within
//     MaxAge of now, and not for a second one at this gateway.
//  2. What was seen is remembered for longer than it could be shown again. When there is
//     no room to remember, nothing is taken: Replays refuses rather than forgets.
//  3. Nothing of a proof is believed before its signature is, by the key that the pass names.
//
// What a crash leaves: nothing is stored. A gateway that starts anew, or another one,
// could be shown once more what this one has seen, within MaxAge.
package proof
