// Package payment is what a checkout asks of a payment provider.
//
//	        Authorize           Capture
//	(none) ──────────▶ authorized ─────▶ captured
//	   └──▶ declined       └──Void──▶ voided
//
// Money moves by Capture alone, and Capture is asked for only after the order
// is committed. So whatever is lost on the way strands an authorisation, which
// is voided, and never money without a seat.
//
// # Invariants
//
//  1. The order's id is the idempotency key of each step: a step asked for
//     again gives the answer of the first time, whatever became of it.
//  2. Declined is an answer, not an error.
//  3. An error other than ErrPermanent and ErrNotFound leaves the step's
//     outcome open, and asking again settles it.
package payment
