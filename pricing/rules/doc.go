// Package rules decides what an event's prices become: a pure function of what they are, of
// what is known of the sale, of the event's rules and of the time. It is what replay runs
// again, so it uses integers alone, and nothing that isn't in the log.
//
//	state ─┐            ┌─ tiers:  the last that was reached ──────────────────────┐
//	rules ─┼─► mode ────┼─ demand: seven factors ─► sum ─► wanted ─► reach ─► order ├─► prices with reasons
//	signals┤            └─ fixed:  the opening's ──────────────────────────────────┘
//	now ───┘
//
// Demand wants a price that is a function of the signals: the price at the opening, raised
// or lowered by the sum of the factors' parts, in basis points (factors.go). It is not a
// change of the price of now, so it can't wind up: when a signal is over, so is its effect.
// The rails (rails.go) say how far the price may go towards it.
//
// # Factors
//
//	sales       the share of the level that is sold, ahead of the planned curve or behind it
//	pace        what was bought in the last window, beside what the curve has for it
//	comparable  the share of the house that is sold, ahead of past sales of such events or behind them
//	queue       what those who wait will buy, going by those who were called, beside what is unsold
//	lapsed      what fans who buy held, and didn't buy
//	supply      that little is unsold
//	time        near the end: what is left then becomes dearer if it is little, cheaper if it is much
//
// Only what costs money moves a price freely. Joining costs nothing, so the queue's part
// changes by at most one step an hour, whatever is seen of the queue; holds count as unsold,
// and holds that end count only if their fan has bought.
//
// # Invariants
//
//  1. Each price lies inside of its rails: the rounding and the order of levels too. A price
//     that finds itself outside, because the rails were narrowed, goes to the nearest rail.
//  2. It changes by at most its step, not before its cool-down nor twice within the event's
//     interval, not in the quiet times around the opening nor after the sale; nor when the
//     clock goes back.
//  3. A signal that raises a factor lowers no price.
//  4. A factor whose signal is missing keeps the part that it had when the price last changed;
//     if all that can be missing are, no price moves.
//  5. With spread, no level costs more than one before it; and they are as far apart as the
//     event says, at least and at most.
package rules
