// Package pricing says what a place of each price level costs now.
//
//	EVENTS ──watched──► engine: FromSpec, Reprice ──only what changed──► PRICES <event>.<level>
//
// engine.go decides (pure), pricing.go serves. Of all instances one is the
// pricer of an event: the holder of its lease.
//
// # Invariants
//
//  1. A price's version rises by one with each change, and a price that is
//     equal is never written again: the history in PRICES is the history of changes.
//  2. Every write expects the revision it was decided on, so two pricers at once
//     can not both make version n.
//  3. Total is the sum of its parts; all amounts are minor units of the event's currency.
//
// # Crashes
//
// A pricer that dies between two levels of a change leaves the first changed
// and the second not. The next one, a lease TTL later, compares all levels with
// the spec and writes what differs.
package pricing
