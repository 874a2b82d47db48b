// Package risk turns what can be seen of a request into a score from 0 to 100
// with named reasons. It is pure: the same signals give the same score, and the
// table of weights says what each is worth and why.
//
//	request ─► Signals ─► Table.Score ─► Assessment{Score, Reasons}
//	                                        │
//	             place record, sale log ◄───┴───► package challenge: what follows from it
//
// # What a score is for
//
// It sets a price, never a verdict. Everything here can be imitated by somebody
// who takes the trouble, and all of it can be true of an honest fan: on a company
// network that opens TLS, with an odd browser, in an office of thousands. So a
// high score asks for a proof of work, and whoever gives it is let in.
//
//   - A client that says plainly that it is a program stays below the threshold
//     as long as it behaves: the API is public. One that claims to be a browser and
//     isn't is dearer. To join under many names without ever opening the page is not
//     to behave, and is counted in small numbers: no honest crowd does that.
//   - No single weak sign reaches the threshold, and what reaches it alone is
//     behaviour: joining or holding as no person does.
//
// # Invariants
//
//  1. A current browser alone on its connection scores 0.
//  2. More of a signal never lowers the score.
//  3. Reasons are of a fixed list, so that they may be metric labels.
package risk
