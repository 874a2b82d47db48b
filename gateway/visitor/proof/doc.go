// Package proof checks that a request was made by the browser that got the pass, which has
// a key that never leaves it. A pass and its cookies can be copied, from a disk, from a
// proxy's log or by an extension; such a key can only be used.
//
//	browser   makes a key of P-256 that can't be exported, sends the public half when it redeems
//	pass      cnf.jkt = the key's thumbprint (RFC 7638)
//	each use  DPoP: a JWT by that key (RFC 9449): this method, this address, this pass, now, once
//
// # Invariants
//
//  1. A proof is good for one request: for its method and address, with its pass, within
//     MaxAge of now, and not twice at this gateway.
//  2. Proofs are remembered for longer than they could be shown again. If there is no room
//     to remember one, it is refused: nothing is forgotten early.
//  3. Nothing in a proof is believed before its signature is verified by the key that the
//     pass names.
//
// What a crash leaves: nothing is stored. A proof that this gateway has seen could be shown
// once more, within MaxAge, to a restarted or another gateway.
package proof
