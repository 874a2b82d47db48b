// Package seating decides who gets which seat. It is pure: no goroutines, no
// clock, no I/O. Its owner (the writer of package inventory, or a simulation) calls one
// method at a time and passes the time.
//
//	            ┌──────── block ───────┐
//	            ▼                      │
//	blocked ─unblock─► available ─Hold─► held ─Confirm─► sold
//	   ▲                   ▲             │ ▲ └Extend,      │
//	   │                   ├──Release────┤ │  MoreTime,    │
//	   │                   ├──Expire─────┘ └──Checkout     │
//	   │                   └────────────Refund─────────────┤
//	   └── of a channel: back to it ───────────────────────┘
//
// Each method changes the state at once. Take then says which records and
// which acts of the log must be stored as one batch, and Stored notes their
// revisions. There is no way back: an owner whose batch is not stored throws the
// engine away and makes another from the records (Restore).
//
//	engine.go      the state, the records, counters      decide.go    hold, release, checkout, confirm, refund
//	choose.go      which seats a request means           deadline.go  extend, expire, more time
//	channel.go     blocks, and channels that open them   ended.go     holds that are over
//	orphan.go      the rule about single seats           layer.go     free seats as bits of words
//	best.go        best available                        split.go     in groups; accessible seats
//	keep.go        how long seats are kept without buying
//	reductions.go  concessions and promotions, and how often they may be used
//
// # Invariants
//
//  1. A seat has one state and at most one owner. All seats of a request are
//     held, or none; a loser is told which ones went.
//  2. A fan's tickets, held and bought, never exceed their limit.
//  3. A plain hold ends by its deadline. One in checkout never does: Expire
//     returns it, for the ledger to be asked.
//  4. A quote never changes once a hold has it, but at its fan's own wish before the checkout
//     (Reduce), and then from the list prices that the hold was granted with. Those are what
//     the level costs or, if that is less, what the fan was promised on joining.
//  5. A request sent again is answered as before, even after the hold has ended.
//  6. A companion seat goes only together with its accessible seat; once that is
//     sold without it, it is a seat like any other. So what counts as free can
//     be had, unless the accessible seat is held or blocked alone.
//  7. The acts, folded in order, give the states; the records, restored, give
//     the same engine.
//  8. A fan who doesn't buy keeps seats for at most Spec.Hold.Keep and must then rest as
//     long. A hold stands for at most its Life. No fan, and no network that buys less than
//     it gives back, has a seat for longer than that before others could have it (keep.go).
//     A payment that begins before the deadline has all of its time.
//  9. Confirm wins over any hold: the ledger is authoritative for sold. It does
//     not win over a Refund of the same order.
//  10. No promotion has more holds and orders than its limits allow, of all fans and of one;
//     no fan and no order more seats of a concession. A hold that ends gives its uses back.
package seating
