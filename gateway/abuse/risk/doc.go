// Package risk turns the signals of a request into a score from 0 to 100 with named
// reasons. It is pure: the same signals give the same score. The table of weights says what
// each signal is worth and why.
//
//	request ─► Signals ─► Table.Score ─► Assessment{Score, Reasons}
//	                                        │
//	             place record, sale log ◄───┴───► package challenge: what follows from it
//
// # What a score is for
//
// It sets a price, never a verdict. Anyone who takes the trouble can imitate everything
// here, and all of it can be true of an honest fan: on a company network that intercepts
// TLS, with an odd browser, in an office of thousands. So a high score asks for a proof of
// work, and a fan who gives it is let in.
//
//   - A client that openly identifies itself as a program stays below the threshold as long
//     as it behaves: the API is public. One that falsely claims to be a browser scores
//     higher. Joining under many names without ever opening the page is misbehaviour even
//     in small numbers: no honest crowd does that.
//   - No single weak sign reaches the threshold. Only behaviour reaches it alone: joining
//     or holding as no person does.
//
// # Invariants
//
//  1. A current browser alone on its connection scores 0.
//  2. More of a signal never lowers the score.
//  3. Reasons come from a fixed list, so they may be metric labels.
package risk
