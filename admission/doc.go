// Package admission calls fans from the queue and gives out passes. Of all its
// instances one is the admitter of an event: the holder of the event's lease.
//
//	place ──call: the head passes it──► called ──redeem──► pass ──expiry, revocation──► over
//	  ▲                                   │ │                ▲
//	  └──sold out: called again, if ──────┘ └─window passes──┴── late: when there is room
//	     tickets come back                       another device: the same pass, another id
//
//	  EVENTS STOCK PRICES CHECKOUTS       QUEUE of each lane and region
//	                   │ watched             │ asked at each tick: how many joined, and when
//	                   ▼                     ▼
//	tick ──► Meter: how many ──► plan: who ──► record "admitter" in PASSES ──► BOARD
//	                   ▲                        (durable before it shows)
//	redeem ──► roll: room? ──► PassRecord in PASSES, group commit ──► signed pass
//
// # Order
//
// Lanes are served one after the other: priority, general, slow. In a lane
// those of the draw come first, by rank, if the event has a lottery; then the
// others by the instant at which their region's queue stored their place, exactly
// and whatever the region. While a region doesn't answer, nobody is called who
// came after it was last heard, for as long as the spec says; then it is gone on
// without, and when it is back its fans, who came earlier, are called first.
//
// # How many
//
// The meter is a pure function of what is known: passes alive, seats free,
// checkouts under way, payments, what an operator wants. It learns from the sale
// how many of those called come, how many seats a pass takes and how that
// differs, and calls as many as room and seats will probably be enough for.
// When the last ticket is sold, the turn of all called fans who have not come
// ends; when tickets come back they are called again, in order, before anybody new.
//
// # Reading guide
//
//	draw.go       the lottery: commitment, who takes part, secret
//	board.go      what the board shows
//	calllog.go    the calls in the sale log
//	admitter.go   one term as admitter: taking over, the loop
//	tick.go       calling, publishing the board, logging calls
//	redeem.go     a place becomes a pass
//	change.go     what becomes of a pass: moved to another device, revoked
//	operator.go   what the nats CLI asks of the meter
//	event.go      putting events up, opening and closing them
//	view.go       what the process has seen of EVENTS, STOCK, PRICES and payments' health
//	admission.go  Config, New, Run
//
// # Invariants
//
//  1. Passes alive never exceed the ceiling, at any instant, whoever comes. A
//     called fan who comes in time and finds no room is not late however long
//     it takes. (Lowering the ceiling stops new passes; it takes none away.)
//  2. A fan has one pass for an event, whoever asks, however often, at whatever
//     instance: a create-only record, from which the same token is signed again.
//     On another device he gets it under another id, and the one before is
//     revoked. An access code is good for one fan's pass.
//  3. Nobody is called before an earlier place of his lane; the head never goes
//     back but when everything is sold.
//  4. Nobody is called while no seat is free, nor while the payment provider is
//     known to be down; who was called before may still redeem.
//  5. What a fan sees is stored: the head before the board, the pass before its signature.
//  6. Only the latest admitter's writes are stored: every batch to PASSES rewrites
//     the record "fence" that each admitter seizes with the term of its lease.
//  7. The sale log has each called place once, without gaps, and no operator's act is missing.
//  8. A pass that was revoked counts no more under the ceiling, once gateways can
//     know of it; it is never signed again. Its fan's holds can't be paid for:
//     they are given back, but for those he is paying for at that moment, whose
//     payment decides.
//  9. The draw's commitment is on the board before anybody can join, its secret
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
//
// Fans meanwhile keep their places and hear "try again"; the last board stands.
package admission
