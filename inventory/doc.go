// Package inventory decides who gets which seat. It assembles the parts: who writes
// which event, and what operators may ask for.
//
//	seating    the seats in memory: pure rules
//	writer     the one process that decides an event's seats, for a term
//	refund     operators' refunds
//	checkout   from an order to its tickets
//	ledger     PostgreSQL; payment the providers; audit what can be checked at rest
//
//	lease ──► writer.Run, one term ──► lease lost, fenced ──► lease …
//
// One process at a time is the writer of an event: whoever has its lease. Ownership
// is for speed; what keeps seats safe is in package writer.
//
// Workers share the events: one that gets a lease beyond its share gives it
// back once, for another with fewer to take.
//
// Operators ask any worker, which asks the event's writer, so that they needn't know
// who that is. What a crash leaves is in the packages whose steps it comes between.
package inventory
