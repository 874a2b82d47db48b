// Package simulate plays a sale against an event's rules before anybody has to: it invents
// the fans, and runs the engine that production runs. The same crowd can be played against
// several rules. It is pure, and deterministic: the same crowd, rules and seed give the same
// sale to the minor unit, on any machine, since it uses integers alone.
//
//	Synthetic ─┐           ┌─────────── a step ────────────────────────────────────┐
//	           ├─► Crowd ──► queue ─► called ─► chooses ─► hold ─► pays, or doesn't │
//	Recorded ──┘           │   │                   ▲        └────────┴─► Flush ──┐  │
//	                       │   └─► Board ─┐      price                          │  │
//	                       │              ▼        │                            │  │
//	                       │     package market ─► package rules ─► act         │  │
//	                       │              ▲─────────────────────────────────────┘  │
//	                       └──────────────────────── package curve ─► Result ──────┘
//
// Every act is computed again behind the sale, as frontrow pricing replay does it, and what is
// wrong stands in the Result.
//
// # What fans want
//
// A fan wants 1 to 4 tickets of one level, chosen with the odds of its places, and knows the
// most that a ticket is worth to them: some percents of what it costs at the opening. If it
// costs more, or too few places are free, they look at the cheaper levels, one after the other,
// and leave if none will do. Nobody comes back. A called fan takes between 20 s and 200 s to
// choose, and pays 30 s to 90 s later what was quoted; 6 in 100 never pay, and the hold ends.
//
// A synthetic crowd is one of Kinds: how many tickets are wanted in all, how early fans come,
// and what tickets are worth to them, as deciles. A Recorded crowd comes from a past sale:
// whoever bought then comes at the same time. By what one price more or fewer would have
// bought a curve can't say: that is the elasticity, which is chosen and stands in the report.
//
// # What is left out
//
// Refunds, resale, bots, lotteries, lanes other than one, and fans who would have come had
// the price been another. A simulation compares rules; it does not foretell a revenue.
package simulate
