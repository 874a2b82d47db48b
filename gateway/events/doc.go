// Package events is what a gateway knows of events, and what a fan can have only once in
// each: a place in a lane, and an access code of their own.
//
// The Catalogue reads and never writes: one watch per bucket keeps it up to date, and what
// it says is as old as the last record that arrived.
//
//	EVENTS ──┐                         ┌─ Record: the spec, open or closed
//	BOARD ───┤                         ├─ Board, Hub: package live
//	STOCK ───┼─ a watch each ─► Event ─┼─ Price, State
//	PRICES ──┤                         ├─ Queue, Codes: places, access codes
//	PLANS ───┘ (read once)             └─ Venue
//	REVOKED ───────────────► Revocations
//	SEATS_<event> (package internal/salelog), notices ► Event.Hub
//
// # Life of an event here
//
//	unknown ──record in EVENTS──► opening ──plan read──► visible ──seats read──► live
//	   404                          503                   board, joining         availability, live changes
//
// Buckets and plans may appear after the gateway starts, and in any order: what can't be
// read is tried again, with a growing pause, for as long as the gateway runs.
//
// # Places and codes
//
// Both are create-only records under an id, so JetStream decides, and any number of
// gateways agree.
//
//	Queue.Place(fan)  ─┐                 created ─────────────► theirs
//	                   ├─► create-only ──┤
//	Claims.Claim(code)─┘     ▲           conflict, unknown ──► read the record: whose is it?
//	                         │                                   │ there is none: the write in flight failed
//	                         └───────────────────────────────────┘ (a bounded number of rounds)
//
// One refused record fails the whole batch written at that moment. So a fan who comes again
// is answered from memory where possible, and concurrent requests of one fan for the same
// thing become one.
//
// # Invariants
//
//  1. An event that can't be read harms no other.
//  2. A record that is not understood is logged, and what was known stands.
//  3. An event's plan doesn't change.
//  4. Not known yet is not "there is none": until EVENTS has been read, and while an
//     event is being opened, fans are told to ask again.
//  5. A fan has one place per lane and turn, however often and wherever they join, and its
//     number is the revision of its record. The admitter says which turn it is. A queue
//     that is lost and recreated gives out places of another line; the old ones stay valid
//     for those who have the receipt.
//  6. An access code is one fan's. They may use it again.
//  7. The places and codes remembered decide nothing: they save asking for what never
//     changes.
//  8. Silence is no answer: if it can't be known whether a fan has a place, they are told
//     to ask again.
//
// # What a crash leaves
//
//	of what is known of events                     nothing: the next gateway reads everything anew, and is ready when it has
//	after a place was stored, before the answer    the place; joining again returns it
//	after a code was claimed, before the place     the claim; it is the fan's who comes back
package events
