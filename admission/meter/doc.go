// Package meter says how many fans to call. It is pure: no clock, no I/O; its
// owner, the admitter of package admission, says what is known, and when.
//
//	how many come (package roll) ──────────────┐
//	passes, seats, fans with seats ─► Demand ──┤
//	checkouts, payments, operator ─────────────┼─► Input ─► Decide ─► Output: how many, and why not more
//	places that wait, room, rate ──────────────┘                        │
//	                                                                  Spread: let out by slices, over a tick
//	                                           Pace ◄─── were called ───┘  foretells the next minutes
//
// It calls as many fans as room and seats will probably be enough for: those
// who are not expected to come, and those who come and buy nothing, are made up
// for by others.
//
//	meter.go   Decide: the bounds of a call
//	demand.go  what fans take of the seats, learned from those before them
//	spread.go  how a call is let out over a tick
//	pace.go    how fast they are called, and will be
//
// # Invariants
//
//  1. Passes alive and those to be expected of the called, with this call, never
//     exceed the ceiling; if they did before, nobody is called.
//  2. Nobody is called while no seat is free, while payments are down, while too
//     many checkouts are under way, or while an operator has paused or drained.
//     Who was called before may still redeem.
//  3. The seats are enough for every fan called who has none yet, as far as can be
//     estimated.
//  4. No more are called than wait, nor in any minute more than the rate.
package meter
