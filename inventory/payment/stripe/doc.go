// Package stripe is a payment.Provider over Stripe's API, by its own library. The
// fan gives their card to Stripe, on a page of the shop that has nothing but Stripe's
// Payment Element; card data never comes here.
//
//	                 create                       the fan, on the page                Capture
//	(none) ─────────▶ requires_payment_method ─────▶ requires_action ──▶ requires_capture ──▶ succeeded ──Refund──▶ …
//	 Authorize, Get    │ RequiresAction          │    RequiresAction       Authorized          Captured            Refunded
//	                   │ Void                    ▼ refused               │ Void
//	                   └──────────▶ canceled ◀── requires_payment_method, with an error
//	                      Voided, or Declined if it is "abandoned"
//
// Amounts are ISO 4217 minor units; amount.go turns them into Stripe's.
//
//	stripe.go  Config, the five steps    intent.go  what an intent says    amount.go   units
//	errors.go  what an error means       keys.go    keys and their mode    webhook.go  events
//
// # Invariants
//
//  1. An order has one intent. It is created, unconfirmed, under a key made of the order's
//     id, with parameters that are a function of the order alone: whoever creates it again
//     gets it again, for as long as Stripe keeps keys (24 h at least). The answer is a
//     replay, and so old; what counts is what is retrieved afterwards.
//  2. So Get needs no search: it creates the intent again. If there was none, it
//     leaves one that no fan has seen and that takes no money; an Authorize that comes
//     late finds it, and its void. What Stripe won't create isn't there. After keyLife the ledger's reference serves. Without
//     one, search (which lags) may find the payment, but never says that there is none.
//  3. An intent that the fan's bank has refused is canceled before the payment is
//     said to be declined, so that nobody can confirm it afterwards.
//  4. A step is asked for only if the intent's state allows it, and an error is judged
//     by the state after it. Stripe replays failures too, for a day: a replayed one is
//     tried again under the next attempt's key, which the state makes safe.
//  5. A refund has one key, and is looked for before it is made: a replayed failure
//     stays open, and keys that Stripe has forgotten return no money twice.
//  6. The intent's order, mode, amount and currency are compared before money moves.
//  7. No error holds a client secret: Stripe's own contain the whole intent.
package stripe
