// Package refund gives money and seats back, as operators ask for it: of an order,
// of seats of it, or of all of an event. It also does what operators say about money that
// the payment provider refuses to capture (captures.go).
//
//	log the act ──► ledger: money and tickets, one transaction ──► writer: seats ──► fan: notice ──► ledger: told
//	                  └─ outbox ──► payment provider
//
// The ledger also says whether the seats go back on sale. Each step may be
// repeated, and the same request does what is missing.
//
// # Invariants
//
//  1. Nothing is refunded that is not in the sale log, with who asked for it and why.
//  2. A refund is whole in the ledger, or there is none.
//  3. Seats go back on sale or off it as the ledger says, whoever tells the writer:
//     the same request, or its reconciliation.
//
// # What a crash leaves
//
//	after                          left behind                       repaired by
//	logging a refund, before the   a record of what was asked for    the same request
//	  ledger has it
//	the ledger's refund, before    a sold seat without a booking     the same request; else reconciling, in a minute
//	  the seat is given back
//	giving the seat back, before   a refund the ledger has as untold the same request, which changes nothing
//	  the ledger notes it
package refund
