// Package admitter implements one term as admitter of an event, which calls fans from the
// queue and gives out passes.
//
//	  events, STOCK, payments' health           QUEUE of each lane and region
//	                   │ watched                │ asked at each tick
//	                   ▼                        ▼
//	                 sale ───► pacing ───────► queue ──► record "admitter" in PASSES ──► BOARD
//	                   ▲      how many       who is next   (durable before it shows)
//	                   │         ▲              ▲                    │
//	redeem ────────────┴───► passes: who was called, who has a pass ◄┘
//	                           └─ room ─► PassRecord in PASSES, group commit ──► signed pass
//
//	seize the fence ──► read PASSES ──► catch up ──► tick, answer ──► over: fenced, in doubt,
//	   TakeOver                          Run                            or the lease is lost
//
// How many to call is decided once per tick, and let out in slices, one a second, until the
// next tick, so that fans don't come in bursts. A pause drops what is not let out yet; so
// does a crash, after which the next admitter decides anew.
//
// When the last ticket is sold, the turn of all called fans who have not come ends. If
// tickets come back, these fans are called again, in order, before anybody new.
//
// From outside it needs only a kv.Store, a Bus and package sale's view, so it also runs in
// a simulation.
//
// # Reading guide
//
//	admitter.go  Config, Admitter and who owns its fields, Run: the loop
//	takeover.go  taking over, and what the term before may have left undone
//	tick.go      calling
//	board.go     what the board shows; publishing it
//	calllog.go   the calls in the sale log
//	lives.go     queues that were lost and made again
//	draw.go      the lottery: commitment, secret, when it is held
//	redeem.go    a place becomes a pass
//	change.go    what becomes of a pass: moved to another device, revoked
//	operate.go   what operators ask of the admitter
//
// # Invariants
//
//  1. A fan has one pass for an event, however often and at whatever instance it is
//     requested: a create-only record, from which the same token is signed again. On
//     another device they get it under another id, and the previous one is revoked. An
//     access code is good for one fan's pass.
//  2. The head never goes back except when everything is sold, across admitters.
//  3. What a fan sees is stored: the head before the board, the pass before its signature.
//  4. Only the latest admitter's writes are stored: every batch to PASSES rewrites
//     the record "fence" that each admitter seizes with the term of its lease. No board
//     of an earlier admitter follows one of a later.
//  5. The sale log has each called place once, without gaps, and no operator's act is missing.
//  6. A revoked pass no longer counts under the ceiling once gateways can know of it, and
//     is never signed again. Its fan's holds can't be paid for: they are given back, except
//     those being paid for at that moment, whose payment decides.
//  7. The draw's commitment is on the board before anybody can join; its secret is not
//     until the participants are durably fixed.
//
// # Crashes
//
// An admitter that dies, or doubts whether a write was stored, ends its term.
// The next one seizes the fence, so that nothing of the old term is stored any
// more, and rebuilds head, calls, windows and passes from PASSES; after a crash
// that takes one lease TTL. Then:
//
//	head stored, board not            the next board shows it
//	head stored, call not logged      logged from where the log ends
//	pass stored, fan not answered     they redeem again and get the same pass
//	pass not stored, fan not answered they redeem again and get a pass
//	code claimed, pass not stored     they redeem again: the code is theirs
//	pass moved, REVOKED not told      told at take-over; the fan redeems again and gets it on the new device
//	pass revoked, REVOKED not told    told at take-over
//	revoked, holds not given back     the operator asks again; else their deadlines
//	operator's act logged, not done   they had no answer, and status shows the state
//	a queue lost and made again       its next look says so; recorded before the board shows it
//	junk stored over what it wrote    stored again as the bucket still has it; a pass of which it has nothing is nobody's
//
// Fans meanwhile keep their places and hear "try again"; the last board stands.
package admitter
