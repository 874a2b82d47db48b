// Package pacing says how many fans to call. It is pure: no clock, no I/O. Its owner, the
// admitter of package admission, passes what is known, and the time.
//
//	how many come (package passes) ──────────────┐
//	passes, seats, fans with seats ─► Demand ──┤
//	checkouts, payments, operator ─────────────┼─► Input ─► Decide ─► Output: how many, and why not more
//	places that wait, room, rate ──────────────┘                        │
//	                                                                  Spread: let out by slices, over a tick
//	                                           Pace ◄─── were called ───┘  foretells the next minutes
//
// It calls as many fans as room and seats will probably suffice for: others replace those
// who are not expected to come, and those who come and buy nothing.
//
//	decide.go  Decide: the bounds of a call
//	demand.go  what fans take of the seats, learned from those before them
//	spread.go  how a call is let out over a tick
//	pace.go    how fast they are called, and will be
//
// # Invariants
//
//  1. Passes alive plus those expected of the called, this call included, never exceed the
//     ceiling; if they already did, nobody is called.
//  2. Nobody is called while no seat is free, while payments are down, while too
//     many checkouts are under way, or while an operator has paused or drained.
//     Fans called before may still redeem.
//  3. The seats suffice, as far as can be estimated, for every called fan who has none yet.
//  4. No more fans are called than are waiting, nor in any minute more than the rate.
package pacing
