// Package pricing says what a place of each price level costs now, and why.
//
//	EVENTS ──watched──────────────► rules ─┐
//	SEATS log, STOCK, BOARD ──► market ────┼─► rules.Apply ──► log.<event>.prices ──► PRICES <event>.<level>
//	operators ──► endpoints ──► act ───────┘       ▲   the truth: each act behind   what everybody watches
//	                                               └── the one before
//
// Package rules decides and package market weighs (both pure); book.go stores, watch.go
// follows the sale, pricing.go serves, operate.go answers operators, and replay.go computes
// every price of a log again. Of all instances one is the pricer of an event: the holder of
// its lease. Any of them carries out what operators ask for.
//
// # Invariants
//
//  1. An act is stored only behind the act that it was decided on: two pricers at once can
//     not both make version n of a price, and the log has no gaps. One that changes prices is
//     stored once those of the act before are published: what is seen of PRICES, level by
//     level, is of one act or of the next (wire.PriceState, by which fans are promised prices).
//  2. A price is published once the act that made it is stored, by compare-and-swap over
//     what was published before: PRICES never says what the log doesn't.
//  3. A price's version rises by one with each change. It is written again under the same
//     version only to say that it is frozen, or proposed to change, or no longer so.
//  4. Total is the sum of its parts; all amounts are minor units of the event's currency.
//  5. Every act has all that it was decided by, so that Replay finds the same prices.
//
// # Crashes
//
// A pricer that dies between the act and its prices, or between two of them, leaves PRICES
// behind the log. The next one, a lease TTL later, publishes what is missing before it
// decides anything. An act whose answer was lost is found by reading the log again.
package pricing
