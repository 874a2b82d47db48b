// Package challenge decides what a suspect must do, and checks that they have done it.
//
//	score ─► Thresholds.Needs ─► nothing │ a proof │ a strong proof
//	                                │
//	the answer that came along ─► Challenger.Check ─► level, or why it proves nothing
//	                                │
//	                             Decide ─► Enter   the lane they came for
//	                                    ├► Ask     challenge-required: where to get one
//	                                    └► Slow    a place in the slow lane, with the way out
//
// A proof is a proof of work (package altcha) or a widget's token that its provider has
// accepted (package siteverify), which counts as strong. A proof pays for one act of one
// fan at one event: one join, one redeeming, one hold.
//
// # Invariants
//
//  1. Nobody is blocked without being told what to do: every verdict is a place, or the
//     address of a challenge.
//  2. A proof pays for one act, however often and at however many gateways it is shown.
//     That act may be repeated with it, so a lost reply costs nothing. (hCaptcha's tokens
//     can't be shown twice.)
//  3. If the provider gives no decision, the fan is asked for a proof of work: a provider
//     that is down lets nobody in and keeps nobody out.
//  4. Making a challenge takes a fraction of a millisecond, on at most half of the
//     processors; checking takes microseconds, and one record for each good answer.
//
// # What a crash leaves
//
//	after the proof was spent, before the act     the fan repeats it with the same answer
//	a gateway that ends                           nothing: challenges are signed, not stored
package challenge
