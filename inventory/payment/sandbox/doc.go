// Package sandbox is a payment provider for development, tests and rehearsals:
// a real HTTP service with a journal on disk, and the client for it. What a
// payment method does is in its name:
//
//	ok, tok_visa   authorised
//	tok_decline    declined, with a reason
//	tok_3ds        requires an action: the fan approves or declines at a page of ours
//	tok_slow       authorised, after Config.Slow
//	tok_timeout    authorised, but the first answer never arrives
//	tok_delayed    no answer, and authorised only when Config.Late has passed
//	tok_flaky      two answers of 500, then authorised
//	anything else  declined as unknown
//
// and how its webhooks come, in what the name ends in (tok_3ds_late):
//
//	_duplicate     each three times          _late       each when Config.Late has passed
//	_reordered     each behind the next one  _silent     never
//
//	POST /v1/authorizations               {order, amount, currency, method}, Idempotency-Key → 201 payment
//	POST /v1/authorizations/{ref}/capture Idempotency-Key → 200 payment; void likewise
//	POST /v1/authorizations/{ref}/refunds {order, reference, key, amount}, Idempotency-Key → 200 payment
//	GET  /v1/orders/{order}               200 payment, or 404
//	GET  /v1/totals                       {authorized: {count, amount}, captured: …}
//	PUT  /v1/outage                       {for: "10s"}: until then every answer is 500
//	GET  /challenge/{ref}                 the page of tok_3ds; ?return= is where it leads back
//
// A state of a payment is told to the webhook receiver, signed, with eight
// attempts over half a minute.
//
// # Invariants
//
//  1. An answer is given after its line of the journal is on disk, so what was
//     answered survives kill -9. A line cut short by a crash was never answered
//     and is removed at the next start. Webhooks under way are lost.
//  2. Same key, same body: same payment. Same key, other body: 409.
//  3. A payment is captured at most once, never both captured and voided,
//     and never refunded by more than was captured.
package sandbox
