// Package sale is what a process sees of an event, and what that means for the
// sale: whether it is on, whether there is anything to sell, what its board says.
//
//	EVENTS ───────┐
//	STOCK ────────┤ watched          at one instant
//	PRICES ───────┼────────► View ───────────────► Snapshot ─► state, board
//	CHECKOUTS ────┘                                     ▲
//	(health of payments)          paused, draining ─────┘  from the admitter
//
//	scheduled ──opens_at──► open ◄──► paused, draining ──nothing free or held──► sold out
//	     └────────────────────┴───────── an operator closes ─► closed      tickets come back ─► open
//
//	view.go   the watches
//	sale.go   one moment of an event: pure
//
// # Invariants
//
//  1. Closed wins over every other state, then scheduled before the opening. An event is
//     sold out only if its stock was counted, and nothing is held that could come back.
//  2. Nobody is callable before the stock is known.
//  3. A record that can't be read is noted, and the previous one stays in force.
package sale
