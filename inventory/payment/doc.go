// Package payment is what a checkout asks of a payment provider, and how it
// keeps from asking one that fails.
//
//	        Authorize           Capture           Refund
//	(none) ──────────▶ authorized ─────▶ captured ─────▶ refunded
//	   │                 ▲  └──Void──▶ voided
//	   ├──▶ requires_action ──Void───▶ voided
//	   │                 ▼ the fan refuses
//	   └────────────▶ declined
//
// Money moves by Capture alone, and Capture is asked for only after the order
// is committed. So whatever is lost on the way strands an authorisation, which
// is voided, and never money without a seat.
//
//	payment.go  Provider    breaker.go  a Provider that fails fast    webhook.go  what a provider tells unasked
//
// # Invariants
//
//  1. The order's id is the idempotency key of each step: a step asked for
//     again gives the answer of the first time, whatever became of it.
//  2. Declined is an answer, not an error.
//  3. An error other than ErrPermanent and ErrNotFound leaves the step's
//     outcome open, and asking again settles it. After ErrPaused nothing was
//     asked.
//  4. A webhook proves nothing but that its sender knows the secret: it may come
//     twice, late, in any order or never. It says where to look; Get says what is.
package payment
