// Package paymenttest checks what any payment.Provider must promise. Who adds a
// provider (Adyen, Mollie) has its tests call Conform, against the provider's own
// stand-in or a fake of its API that keeps state.
//
// # What a provider promises
//
//  1. One payment an order. Authorize of the same order gives the same reference
//     and the state it has now: at once, from many callers, and after an answer
//     that was lost on its way. Of another amount or currency it is refused with
//     ErrPermanent, and changes nothing.
//  2. Declined is an answer with a reason and no error, and it is final: nothing
//     brings the payment back to life. Another attempt is another order.
//  3. A payment that requires an action names the page where its fan takes it, and
//     becomes authorized or declined when they have.
//  4. Capture takes the whole amount, once, however often and by however many it is
//     asked for. Of a payment that is not authorized it is refused with ErrPermanent.
//  5. Void ends a payment that is authorized or requires an action, for good: its
//     fan can't confirm it any more. A voided or declined one stays as it is, without
//     an error. Of a captured one it is refused with ErrPermanent. Of a capture and a
//     void at once, one wins.
//  6. Refund gives back a part for each key, once, and never more than was captured:
//     that, a key used for another amount, and a payment that was not captured are
//     refused with ErrPermanent. When nothing is left the payment is refunded.
//  7. Get gives the payment of an order as it is now, ErrNotFound if there is none.
//     A reference that the provider doesn't know is ErrNotFound.
//  8. Any other error leaves open what has happened, and asking again settles it. So
//     ErrPermanent is never said of what may pass: an answer that did not come, too
//     many requests, a failure on the provider's side, a request still under way.
//  9. Each payment says the order, amount and currency that it is really of, since
//     its caller compares them (payment.Agree).
//
// What no test here can check, and a provider must have: amounts in ISO 4217 minor
// units (wire.CurrencyDigits) turned into its own without rounding, or refused;
// metadata or a field of its own that names the order; idempotency keys made of the order
// and the step alone, so that any process makes the same; webhooks verified by a secret,
// with two accepted while it is rotated.
package paymenttest
