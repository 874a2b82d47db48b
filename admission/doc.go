// Package admission calls fans from the queue and gives out passes. Of all its
// instances one is the admitter of an event: the holder of the event's lease.
//
//	place ──call: the head passes it──► called ──redeem──► pass ──expiry──► over
//	                                      │                 ▲
//	                                      └──window passes──┴── late: when there is room
//
//	  EVENTS STOCK PRICES CHECKOUTS     QUEUE (how many joined)
//	                   │ watched             │ asked at each tick
//	                   ▼                     ▼
//	tick ──► Meter: how many to call ──► record "admitter" in PASSES ──► BOARD
//	                   ▲                  (durable before it shows)
//	redeem ──► roll: room? ──► PassRecord in PASSES, group commit ──► signed pass
//
// # Reading guide
//
//	meter.go      how many to call: a pure function
//	roll.go       who was called and who has a pass: a pure state machine
//	board.go      what the board shows: pure
//	admitter.go   one term as admitter: taking over, the loop
//	tick.go       calling, publishing the board, logging calls
//	redeem.go     a place becomes a pass
//	operator.go   what the nats CLI asks of the meter
//	event.go      putting events up, opening and closing them
//	view.go       what the process has seen of EVENTS, STOCK, PRICES and payments' health
//	admission.go  Config, New, Run
//
// # Invariants
//
//  1. Passes alive never exceed the ceiling, at any instant; nor do they
//     together with the called fans who may still come in time. So a called fan
//     finds room within his window. (Lowering the ceiling stops new passes; it
//     takes none away.)
//  2. A fan has one pass for an event, whoever asks, however often, at whatever
//     instance: a create-only record, from which the same token is signed again.
//  3. Nobody is called before an earlier place of his lane; the head never goes back.
//  4. Nobody is called while no seat is free, nor while the payment provider is
//     known to be down; who was called before may still redeem.
//  5. What a fan sees is stored: the head before the board, the pass before its signature.
//  6. Only the latest admitter's writes are stored: every batch to PASSES rewrites
//     the record "fence" that each admitter seizes with the term of its lease.
//  7. The sale log has each called place once, without gaps, and no operator's act is missing.
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
//	operator's act logged, not done   he had no answer, and status shows the state
//	streams made, event not written   apply again; streams are made once
//
// Fans meanwhile keep their places and hear "try again"; the last board stands.
package admission
