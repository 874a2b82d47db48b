// Package arrivals gives a fan what they can have once: a place in a lane, and an access
// code of their own. Both are create-only records under an id, so it is JetStream that
// decides, and any number of gateways agree.
//
//	Queue.Place(fan)  ─┐                 created ─────────────► theirs
//	                   ├─► create-only ──┤
//	Claims.Claim(code)─┘     ▲           conflict, unknown ──► read the record: whose is it?
//	                         │                                   │ there is none: the write in flight failed
//	                         └───────────────────────────────────┘ (a bounded number of rounds)
//
// A record that is refused spoils the batch of everything written in the same
// moment. So a fan who comes again is answered from memory where possible, and what one
// fan asks for many times at once is asked for once.
//
// # Invariants
//
//  1. A fan has one place a lane and turn, however often and wherever they join, and its
//     number is the revision of its record. Which turn it is, the admitter says.
//     A queue that is lost and made again gives out places of another line; the old
//     ones stay good for whoever has the receipt.
//  2. An access code is one fan's. They may use it again.
//  3. What is remembered here decides nothing: it saves asking for what never changes.
//  4. Silence is no answer: a fan who can't be told whether they have a place is told to ask again.
//
// # What a crash leaves
//
//	after a place was stored, before the answer    the place; joining again returns it
//	after a code was claimed, before the place     the claim; it is the fan's who comes back
package arrivals
