// Package checkout turns the checkouts waiting in ORDERS into paid or failed
// orders, answers reads of orders and tickets, tells the payment provider what
// the ledger's outbox holds, and finds what the provider did unnoticed.
//
//	ORDERS ─▶ Begin ─▶ Extend ─▶ Authorize ─▶ Commit ─▶ Confirm ─▶ notice ─▶ ack
//	           │         │          │           └ a seat gone ─┐
//	           │         │          ├ declined ──────▶ Fail ───┤
//	           │         │          └ to be confirmed by the fan, or payments are paused:
//	           │         │            the fan is told, the message comes again (≤ 10 s), or a webhook wakes the order
//	           │         └ hold over ────────────────▶ Fail ───┤
//	           ├ paid already ───────────────────────────────▶ Confirm ─▶ notice ─▶ ack
//	           └ failed already ───────────────────────────────┴▶ Release ─▶ notice ─▶ ack
//
//	outbox ─▶ capture the paid, void the failed, refund what the ledger says
//	failed orders, nothing voided ─▶ Get, each minute for an hour ─▶ Settle ─▶ outbox
//	webhook ─▶ verified, new ─▶ waiting order: from Begin on; failed order: Get ─▶ Settle
//
// The ledger is PostgreSQL, Extend, Confirm and Release are asked of the
// writer of the event's seats, Authorize, capture and void of the payment
// provider. Each step is idempotent under the order's id, so a checkout that
// stops anywhere is delivered again and done again from the start. Many run at
// once, and the ledger commits them in groups.
//
// The provider is asked through a breaker (package payment). While it is open
// orders fail fast: they stay pending, each attempt extends their holds and
// tells their fans until when, and the record of the provider's health in
// CHECKOUTS keeps admission from calling more. The record expires: a worker
// that dies does not end the sale.
//
//	checkout.go  Config, New, Run    purchase.go   the steps of one order
//	message.go   what is poison      seats.go      the writer, over NATS
//	relay.go     the outbox          reads.go      ledger.order, .ticket, .history
//	waiting.go   what a fan is told  webhook.go    what the provider tells
//	health.go    admission is told   reconcile.go  payments that turn up late
//
// # Invariants
//
//  1. A message is acknowledged only after PostgreSQL has committed the order's
//     outcome and the writer has taken note of it.
//  2. Money is captured only for an order that is paid in PostgreSQL.
//  3. Whatever was authorised for an order that failed is voided.
//  4. A hold in checkout is freed by nobody but who has an answer of the ledger
//     that the order failed.
//  5. A purchase commits only under the fence that the writer gave for it.
//  6. A webhook decides nothing: it makes us ask. So it may be lost, or come
//     twice, late or out of order; a forged or an old one is refused.
//  7. Money that turns up for an order given up goes back once: the ledger has
//     one task for it, whoever finds it and however often.
//
// # What a crash leaves
//
// The process, a connection or a server may end in each gap. "Redelivery"
// comes at once after an orderly stop, after 100 ms to 10 s when a step
// failed, and after AckWait (10 s) when the process died. "Deadline" is the
// end of the hold's checkout window (180 s by default), when the writer asks
// GiveUp of the ledger.
//
//	between               leaves                                repaired by                          in
//	publish – delivery    a message in ORDERS                   any worker                           at once
//	delivery – Begin      a message unacknowledged              redelivery                           ≤ 10 s
//	Begin – Extend        an order pending, seats held          redelivery; else deadline            ≤ 10 s
//	Extend – Authorize    the same, with a later deadline       redelivery                           ≤ 10 s
//	Authorize – answer    perhaps an authorisation              redelivery: same key, same answer    ≤ 10 s
//	Authorize – Commit    an authorisation, an order pending    redelivery                           ≤ 10 s
//	… to be confirmed     an order pending, seats held          webhook; else redelivery; failed     at once; ≤ 10 s; 5 min
//	                                                            when ActionPatience has passed
//	… and given up        an authorisation, an order failed     outbox: void by the order's id       ≤ 60 s after the failure
//	… and then committed  an authorisation refused by Commit    outbox: void, renewed by Commit      at once
//	… authorised after    an authorisation, an order failed,    webhook; else reconcile: Get,        at once; ≤ 1 min
//	that void             nothing left in the outbox            Settle, void by the outbox
//	… captured unasked    money taken, an order failed          void finds it, or reconcile: Settle, ≤ 60 s after the failure
//	                                                            refund by the outbox
//	webhook – its end     nothing new                           the provider sends it again; else    ≤ 10 s
//	                                                            redelivery, reconcile
//	during COMMIT         all of the batch or nothing           the same batch again; redelivery     ≤ 10 s
//	Commit – Confirm      seats sold in PostgreSQL, held in KV  redelivery; else deadline: GiveUp    ≤ 10 s
//	                                                            answers "paid", the writer sells
//	Confirm – notice      a fan not told                        redelivery; GET tells the truth      ≤ 10 s
//	notice – ack          a message for an order that is paid   redelivery, which confirms again     ≤ 10 s
//	Commit – capture      a task in the outbox                  any relay                            ≤ 0.5 s, provider permitting
//	claim – capture       a task whose lease runs               any relay                            ≤ 30 s
//	capture – done        the same, and money captured          any relay: same key, captured once   ≤ 30 s
//	Fail – void           a task in the outbox                  any relay                            ≤ 60 s after the failure
//	Fail – Release        seats held for a failed order         redelivery; else deadline: GiveUp    ≤ 10 s
//
//	without               what waits                            meanwhile
//	a writer              orders pending; or paid, unconfirmed  tried again within 10 s
//	PostgreSQL            everything, in ORDERS                 deadlines of orders tried are moved; GiveUp fails, so nothing is freed
//	the provider          orders pending, seats held            tried again; paused by the breaker, admission with it;
//	                                                            failed when Patience has passed
//	webhooks              confirmed orders, ≤ 10 s              each delivery asks the provider
//	CHECKOUTS             what fans and admission are told      orders go on
//	NATS                  everything                            captures, voids and refunds go on
//
// ORDERS may keep what is acknowledged; it is trimmed now and then. A paid order
// then reads as pending while PostgreSQL is away.
//
// What the provider says is compared with what it was asked (payment.Agree). What
// disagrees fails an order at its authorisation, is asked again from the outbox, and
// is counted. A free order asks no provider.
//
// A poison message (not understood, at odds with itself, or refused by the ledger
// whatever comes) is recorded in the
// sale log and buried; its hold ends by its deadline, through GiveUp.
package checkout
