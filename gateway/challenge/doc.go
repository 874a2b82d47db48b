// Package challenge says what a suspect has to do, and checks that they have done it.
//
//	score ─► Thresholds.Needs ─► nothing │ a proof │ a strong proof
//	                                │
//	the answer that came along ─► Desk.Check ─► level, or why it proves nothing
//	                                │
//	                             Decide ─► Enter   the lane they came for
//	                                    ├► Ask     challenge-required: where to get one
//	                                    └► Slow    a place in the slow lane, with the way out
//
// A proof is a proof of work (package altcha), or the token of a widget that its
// provider found good (package siteverify), which counts as strong. A proof pays
// for one act of one fan at one event: one join, one redeeming, one hold.
//
// # Invariants
//
//  1. Nobody is blocked without being told what to do: every verdict is a place, or
//     an address where a challenge is had.
//  2. A proof opens one act, however often and at however many gateways it is shown;
//     repeating that act with it is allowed, so that a reply that got lost on the
//     way costs nothing. (hCaptcha's tokens can't be shown twice.)
//  3. Without a decision of the provider the fan is asked for a proof of work: a
//     provider that is away lets nobody in and keeps nobody out.
//  4. Making a challenge costs a fraction of a millisecond of at most half of the
//     processors; checking costs microseconds, and one record for each that was good.
//
// # What a crash leaves
//
//	after the proof was spent, before the act     the fan repeats it with the same answer
//	a gateway that ends                           nothing: challenges are signed, not stored
package challenge
