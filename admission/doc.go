// Package admission calls fans from the queue and gives out passes. One of its instances is
// the admitter of an event: the holder of the event's lease.
//
//	place ──call: the head passes it──► called ──redeem──► pass ──expiry, revocation──► over
//	  ▲                                   │ │                ▲
//	  └──sold out: called again, if ──────┘ └─window passes──┴── late: when there is room
//	     tickets come back                       another device: the same pass, another id
//
//	EVENTS PRICES ──► leader: lease, term ──► admitter: calls, redeems ──► PASSES, BOARD
//	STOCK CHECKOUTS ──► sale ────────────────────┘
//
// This package assembles: it has the connections, contends for events, puts them up, opens
// and closes them, and answers operators, whose acts it passes on to the process that is
// the admitter. The decisions are made in subpackages. Each states its invariants.
//
//	admitter  one term: takes over, calls, gives out passes, and stores that
//	sale      what is seen of an event, and the state of its sale
//	pacing    how many to call: pure
//	queue     who is next: lanes, the draw, the order of arrival across regions
//	passes    who was called and who has a pass, never beyond the ceiling: pure
//
// # Reading guide
//
//	admission.go  Config, New, Run
//	operator.go   what the nats CLI asks of admission
//	events.go     putting events up, opening and closing them, in all regions
//
// # Invariants
//
// Besides those of its parts:
//
//  1. An event's plan, currency and levels never change once it is up; nor does what fans
//     were told about when and how they are called, once they have come for it.
//  2. The streams of an event are made by one process at a time, and before its record.
//  3. No operator's act is missing from the sale log.
//
// # Crashes
//
//	operator's act logged, not done   they had no answer, and status shows the state
//	streams made, event not written   apply again; streams are made once
//	LEASES lost                       the next term is above the fence's (package kv); who was admitter before stays fenced
//
// What a crashed admitter leaves is described in package admitter.
package admission
