// Package abuse looks at who is asking. It combines parts that know nothing of each other
// to answer what a gateway needs to know: whether to serve a request, by which lane its fan
// comes in, and what they must prove first.
//
//	accept ──► Edge (listener): how many connections, how fast                                closed
//	request ─► visitor: who? ─► Admit (limit): a budget left? ───────────────────no─────────► 429
//	             │
//	             └─ join ──────────► Screen ─┐                                 ┌─► a lane
//	                redeem, hold ──► Pays ───┴─ risk: score ─► challenge: ─────┼─► the slow lane, and WhySlow
//	                                                           proof enough?   └─► challenge-required: Issue has one
//	                                                             │
//	                                                             └─► evidence: why
//
// What happens later is a sign too: Enrolls, Seen and Held note it, and Told notes holds
// that ended unbought, wherever they were granted.
//
// # Reading guide
//
//	config.go     what an operator sets; what they can switch off
//	defences.go   budgets, score, edge: limit, risk, listener wired in
//	prove.go      challenges: challenge wired in; who is asked, what for
//	evidence.go   the log of who was challenged and why
//	metrics.go    what is counted
//
// # Invariants
//
//  1. Nobody is blocked silently: a client refused for doing too much is told when it may
//     go on, a suspect where to get a challenge, a fan in the slow lane why they are there
//     and how to leave. (A connection beyond its bounds is closed without a word: there is
//     no request to answer.)
//  2. A fan keeps a place they have, whatever the score says.
//  3. A request that we could not serve costs no budget.
//  4. Exempt addresses are neither limited nor scored, and nothing is learned from them.
//  5. A part that is switched off refuses nobody.
//
// # What a crash leaves
//
// This gateway's counts are lost; the other gateways forget them with their windows.
//
//	after a proof was spent, before the act    the same act with the same proof is allowed
package abuse
