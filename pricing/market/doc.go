// Package market folds what an event's other services publish into the signals that its
// prices are decided on. It is pure, and suspicious: what costs nothing counts little.
//
//	SALELOG log.<event>.seats ──► Flush ─┐
//	STOCK                     ──► Stock ─┼─► Market ──► Signals(now)
//	BOARD                     ──► Board ─┘
//
// # Against manipulation
//
//   - Places that are held count as unsold. Seats that were held and given back count only
//     if their fan has bought something.
//   - Of what one fan buys in a part of the window no more than perFan tickets count, of what
//     a network buys no more than perNet, and so no address does.
//   - How often pages and seats are looked at doesn't count: looking costs nothing.
//   - The window has an odd number of parts, and their median counts: who makes a noise in
//     fewer than half of them is not heard. Of the queue's length, too, the median counts.
//   - Those who wait count for what those who were called have bought: places of people who
//     never buy lower what each place counts, in the measure in which they raise the number
//     of places. Before the sale is as old as the window those who were called can't have
//     bought yet, so nothing is made of the queue: it would speak against its own sale.
//
// # Invariants
//
//  1. A signal that can't be vouched for is left out, and Missing says why: what was never
//     read, what is older than it may be, what is behind or ahead of the rest.
//  2. What fans did is folded from the log alone, each record once: a new pricer, which reads
//     it from its start, knows what the last one knew. Only of the queue's length it has to
//     gather readings of its own.
package market
