// Package payment defines what a checkout asks of a payment provider, and a
// breaker that stops asking one that fails.
//
//	        Authorize           Capture           Refund
//	(none) ──────────▶ authorized ─────▶ captured ─────▶ refunded
//	   │                 ▲  └──Void──▶ voided
//	   ├──▶ requires_action ──Void───▶ voided
//	   │                 ▼ the fan refuses
//	   └────────────▶ declined
//
// Only Capture takes money, and it is asked for only after the order is
// committed. So a failure on the way strands an authorisation, which is voided,
// and never money without a seat.
//
//	payment.go  Provider    breaker.go  a Provider that fails fast    webhook.go  a provider's webhooks
//
// # Invariants
//
//  1. The order's id is the idempotency key of each step: a repeated step gives
//     the first answer again, even if that was lost.
//  2. Declined is an answer, not an error.
//  3. An error other than ErrPermanent and ErrNotFound leaves the step's
//     outcome open, and asking again settles it. ErrPaused means that nothing
//     was asked.
//  4. A webhook proves only that its sender knows the secret: it may come twice,
//     late, in any order or never. It says where to look; Get says what is true.
package payment
