// Package sandbox is a payment provider for development, tests and rehearsals:
// a real HTTP service with a journal on disk, and its client. The name of a
// payment method says what it does:
//
//	ok, tok_visa   authorised
//	tok_decline    declined, with a reason
//	tok_3ds        requires an action: the fan approves or declines on the sandbox's page
//	tok_slow       authorised, after Config.Slow
//	tok_timeout    authorised, but the first answer never arrives
//	tok_delayed    no answer, and authorised only when Config.Late has passed
//	tok_flaky      two answers of 500, then authorised
//	tok_nocapture  authorised, but every capture is refused for good
//	anything else  declined as unknown
//
// and its ending says how its webhooks come (tok_3ds_late):
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
// Each state of a payment is sent to the webhook receiver, signed, in up to eight
// attempts over half a minute.
//
// # Invariants
//
//  1. A request is answered only after its line of the journal is on disk, so what
//     was answered survives kill -9. A line cut short by a crash was never answered
//     and is removed at the next start. Webhooks under way are lost.
//  2. Same key, same body: same payment. Same key, other body: 409.
//  3. A payment is captured at most once, never both captured and voided,
//     and never refunded beyond what was captured.
package sandbox
