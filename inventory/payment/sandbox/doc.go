// Package sandbox is a payment provider for development, tests and rehearsals:
// a real HTTP service with a journal on disk, and the client for it. What a
// payment method does is in its name:
//
//	ok, tok_visa   authorised
//	tok_decline    declined, with a reason
//	tok_slow       authorised, after Config.Slow
//	tok_timeout    authorised, but the first answer never arrives
//	tok_flaky      two answers of 500, then authorised
//	anything else  declined as unknown
//
//	POST /v1/authorizations               {order, amount, currency, method}, Idempotency-Key → 201 payment
//	POST /v1/authorizations/{ref}/capture Idempotency-Key → 200 payment
//	POST /v1/authorizations/{ref}/void    Idempotency-Key → 200 payment
//	GET  /v1/orders/{order}               200 payment, or 404
//	GET  /v1/totals                       {authorized: {count, amount}, captured: …}
//
// # Invariants
//
//  1. An answer is given after its line of the journal is on disk, so what was
//     answered survives kill -9. A line cut short by a crash was never answered
//     and is removed at the next start.
//  2. Same key, same body: same payment. Same key, other body: 409.
//  3. A payment is captured at most once, and never both captured and voided.
package sandbox
