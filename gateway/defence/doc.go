// Package defence looks at who asks. It wires parts that know nothing of each other
// into what a gateway needs to know: whether a request may be served, by which lane its
// fan comes in, and what they must prove first.
//
//	accept ──► Edge (listener): how many connections, how fast                                closed
//	request ─► client: which address? ─► Admit (limit): a budget left? ──────────no─────────► 429
//	             │
//	             └─ join ──────────► Screen ─┐                                 ┌─► a lane
//	                redeem, hold ──► Pays ───┴─ risk: score ─► challenge: ─────┼─► the slow lane, and WhySlow
//	                                                           proof enough?   └─► challenge-required: Issue has one
//	                                                             │
//	                                                             └─► evidence: why
//
// What happens later is a sign too: Named, Seen and Held note it, and Told notes what
// the writer says about holds that ended unbought, wherever they were granted.
//
// # Reading guide
//
//	config.go     what an operator sets; what they can switch off
//	defences.go   who asks; budgets, score, edge: limit, risk, client, listener wired in
//	prove.go      challenges: challenge, evidence wired in; who is asked, what for
//	metrics.go    what is counted
//
// # Invariants
//
//  1. Nobody is blocked in silence: a client refused for doing too much is told when it
//     may go on, a suspect where to get a task to prove, a fan in the slow lane why
//     they are there and how to leave it. (A connection beyond its bounds is closed without a word:
//     there is no request to answer.)
//  2. A place that a fan has stays theirs, whatever the score says.
//  3. A request that we could not serve costs nothing of a budget.
//  4. Exempt addresses are neither limited nor scored, and teach us nothing.
//  5. A part that is switched off refuses nobody.
//
// # What a crash leaves
//
// What was counted is forgotten here, and by the other gateways with its window.
//
//	after a proof was spent, before the act    the same act with the same proof is allowed
package defence
