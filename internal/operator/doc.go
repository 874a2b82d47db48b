// Package operator serves the operator's console: endpoints that `nats req` and
// `nats micro` reach, and the record of every act.
//
//	nats req frontrow.<service>.<act>.<event> '{…}'
//	         │
//	         ▼
//	asked for? ──► room? ──► Handler ──┬─ value ────────► JSON
//	 (else: nobody waits)              ├─ *wire.Problem ► code, sentence, JSON
//	                                   └─ other error ──► "unavailable": the outcome is to be looked up
//
// operator.go serves, act.go logs, and wants to be told why and by whom.
//
// # Invariants
//
//  1. Only requests are done and answered: not messages without an inbox to reply to, or
//     fed back by a stream (wire.Asked).
//  2. A payload is one JSON value of known fields: a misspelt field is refused.
//  3. An act is logged before it is done: there is no act without its record. A crash in
//     between leaves a record of the request, and no answer; acts are safe to repeat.
//  4. A request takes no longer than its timeout, and the requests under way are bounded.
package operator
