// Package admission calls fans from the queue and gives out passes. Of all its
// instances one is the admitter of an event: the holder of the event's lease.
//
//	place ──call: the head passes it──► called ──redeem──► pass ──expiry, revocation──► over
//	  ▲                                   │ │                ▲
//	  └──sold out: called again, if ──────┘ └─window passes──┴── late: when there is room
//	     tickets come back                       another device: the same pass, another id
//
//	  EVENTS STOCK PRICES CHECKOUTS       QUEUE of each lane and region
//	                   │ watched                │ asked at each tick
//	                   ▼                        ▼
//	                 scene ──► meter ────────► queue ──► record "admitter" in PASSES ──► BOARD
//	                   ▲      how many       who is next   (durable before it shows)
//	                   │         ▲              ▲                    │
//	redeem ────────────┴───► roll: who was called, who has a pass ◄──┘
//	                           └─ room ─► PassRecord in PASSES, group commit ──► signed pass
//
// # The parts
//
// What is decided is in packages of its own, below this one, which stores it and
// speaks to others. Each states its invariants.
//
//	scene  what is seen of an event, and the state of its sale
//	meter  how many to call: pure
//	queue  who is next: lanes, the draw, the order of arrival across regions
//	roll   who was called and who has a pass, never beyond the ceiling: pure
//
// How many to call is decided once a tick, and let out by a slice a second until the
// next, so that fans don't come in bursts. A pause drops what is not let out yet; so does
// a crash, and the next admitter decides anew.
//
// When the last ticket is sold, the turn of all called fans who have not come
// ends; when tickets come back they are called again, in order, before anybody new.
//
// # Reading guide
//
//	admission.go  Config, New, Run
//	admitter.go   one term as admitter: taking over, the loop
//	tick.go       calling, publishing the board
//	lives.go      queues that were lost and made again
//	draw.go       the lottery: commitment, secret, when it is held
//	board.go      what the board shows
//	calllog.go    the calls in the sale log
//	redeem.go     a place becomes a pass
//	change.go     what becomes of a pass: moved to another device, revoked
//	operator.go   what the nats CLI asks of the meter
//	event.go      putting events up, opening and closing them
//	spoiled.go    records of PASSES that somebody has spoilt
//
// # Invariants
//
// Beside those of its parts:
//
//  1. A fan has one pass for an event, whoever asks, however often, at whatever
//     instance: a create-only record, from which the same token is signed again.
//     On another device he gets it under another id, and the one before is
//     revoked. An access code is good for one fan's pass.
//  2. The head never goes back but when everything is sold, whoever is admitter.
//  3. What a fan sees is stored: the head before the board, the pass before its signature.
//  4. Only the latest admitter's writes are stored: every batch to PASSES rewrites
//     the record "fence" that each admitter seizes with the term of its lease.
//  5. The sale log has each called place once, without gaps, and no operator's act is missing.
//  6. A pass that was revoked counts no more under the ceiling, once gateways can
//     know of it; it is never signed again. Its fan's holds can't be paid for:
//     they are given back, but for those he is paying for at that moment, whose
//     payment decides.
//  7. The draw's commitment is on the board before anybody can join, its secret
//     not before it is fixed, durably, who takes part.
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
//	pass stored, fan not answered     he redeems again and gets the same pass
//	pass not stored, fan not answered he redeems again and gets a pass
//	code claimed, pass not stored     he redeems again: the code is his
//	pass moved, REVOKED not told      told at take-over; he redeems again and gets it on the new device
//	pass revoked, REVOKED not told    told at take-over
//	revoked, holds not given back     the operator asks again; else their deadlines
//	operator's act logged, not done   he had no answer, and status shows the state
//	streams made, event not written   apply again; streams are made once
//	a queue lost and made again       its next look says so; recorded before the board shows it
//	LEASES lost                       the next term is above the fence's (package kv); who was admitter before stays fenced
//	junk stored over what it wrote    stored again as the bucket still has it; a pass of which it has nothing is nobody's
//
// Fans meanwhile keep their places and hear "try again"; the last board stands.
package admission
