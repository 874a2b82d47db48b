// Package checkout turns the checkouts waiting in ORDERS into paid or failed
// orders, answers reads of orders and tickets, carries out the ledger's outbox at
// the payment provider, and finds payments that turn up late.
//
//	ORDERS ─▶ Begin ─▶ Extend ─▶ Authorize ─▶ Commit ─▶ Confirm ─▶ notice ─▶ ack
//	           │         │          │           └ a seat gone ─┐
//	           │         │          ├ declined ──────▶ Fail ───┤
//	           │         │          ├ the fan must confirm: Park ─▶ notice ─▶ ack
//	           │         │          └ payments are paused: notice; the message comes again (≤ 10 s)
//	           │         └ hold over ────────────────▶ Fail ───┤
//	           ├ paid already ───────────────────────────────▶ Confirm ─▶ notice ─▶ ack
//	           └ failed already ───────────────────────────────┴▶ Release ─▶ notice ─▶ ack
//
//	parked ─▶ due, or a webhook ─▶ from Begin on; when it has ended ─▶ Unpark
//	Commit ─▶ capture, by whoever committed
//	outbox ─▶ void failed orders, make the ledger's refunds, capture what others left
//	failed orders, nothing voided ─▶ Get, each minute for an hour ─▶ Settle ─▶ outbox
//	webhook ─▶ verified, new ─▶ parked order: from Begin on; failed order: Get ─▶ Settle
//
// Begin, Commit, Fail and Park go to the ledger in PostgreSQL; Extend, Confirm and
// Release to the writer of the event's seats; Authorize, capture and void to the
// payment provider. Each step is idempotent under the order's id, so a checkout
// that stops anywhere is delivered again and repeated from the start. Many run at
// once, and the ledger commits them in groups.
//
// An order that its fan has to confirm (3-D Secure) may wait for minutes, and so may ten
// thousands of them. Each is parked: the ledger keeps it with its message, which is
// acknowledged, so that it holds up no others. It goes on when a webhook says so, when its
// fan looks at it, and by itself: often at first, then less so, but in time to move its
// hold's deadline, and to fail it when ActionPatience has passed. The rules of its hold are
// those of any order under way. Whoever looks at parked orders has a lease on them; that
// two look at once does no harm. A worker of the version before leaves parked orders alone;
// if there are no others, they end with their holds, through GiveUp.
//
// The provider is called through a breaker (package payment). While it is open,
// calls fail fast: orders stay pending, each attempt extends their holds and tells
// their fans until when, and the record of the provider's health in CHECKOUTS
// keeps admission from calling more fans. The record expires, so a worker that
// dies does not end the sale.
//
//	checkout.go  Config, New, Run    purchase.go   the steps of one order
//	message.go   what is poison      seats.go      the writer, over NATS
//	relay.go     the outbox          reads.go      ledger.order, .ticket, .history
//	waiting.go   what a fan reads    webhook.go    the provider's webhooks
//	parking.go   orders that wait    queue.go      ORDERS
//	health.go    tells admission     reconcile.go  payments that turn up late
//
// # Invariants
//
//  1. A message is acknowledged only after PostgreSQL has committed the order's
//     outcome and the writer has recorded it, or PostgreSQL has parked the order,
//     which stays parked until then.
//  2. Money is captured only for an order that is paid in PostgreSQL.
//  3. Any authorisation for an order that failed is voided.
//  4. A hold in checkout is freed only after the ledger has answered that the
//     order failed.
//  5. A purchase commits only under the fence that the writer gave for it.
//  6. A webhook decides nothing: it makes us ask the provider. So it may be lost,
//     or come twice, late or out of order; a forged or old one is refused.
//  7. Money that turns up for an order given up goes back once: the ledger has
//     one task for it, however often it is found.
//
// # What a crash leaves
//
// The process, a connection or a server may end in any gap. "Redelivery" comes
// at once after an orderly stop, after 100 ms to 10 s when a step failed, and
// after AckWait (10 s) when the process died. "Deadline" is the end of the hold's
// checkout window (180 s by default), when the writer calls the ledger's GiveUp.
//
//	between               leaves                                repaired by                          in
//	publish – delivery    a message in ORDERS                   any worker                           at once
//	delivery – Begin      a message unacknowledged              redelivery                           ≤ 10 s
//	Begin – Extend        an order pending, seats held          redelivery; else deadline            ≤ 10 s
//	Extend – Authorize    the same, with a later deadline       redelivery                           ≤ 10 s
//	Authorize – answer    perhaps an authorisation              redelivery: same key, same answer    ≤ 10 s
//	Authorize – Commit    an authorisation, an order pending    redelivery                           ≤ 10 s
//	… to be confirmed     an order pending, seats held          redelivery, which parks it           ≤ 10 s
//	Park – ack            the same, parked, and a message       redelivery, which parks it again     ≤ 10 s
//	parked                an order pending, seats held          webhook; its fan looks; any worker,  at once; ≤ 5 s; ≤ 1 min,
//	                                                            when it is due; failed when          ≤ 10 s without webhooks;
//	                                                            ActionPatience has passed; deadline  5 min
//	due – its end         a row under a lease                   any worker; deadline                 ≤ 15 s
//	its end – Unpark      a row of an order that has ended      any worker finds the end, and says   ≤ 1 min
//	                                                            it again
//	… and given up        an authorisation, an order failed     outbox: void by the order's id       ≤ 60 s after the failure
//	… and then committed  an authorisation refused by Commit    outbox: void, renewed by Commit      at once
//	… authorised after    an authorisation, an order failed,    webhook; else reconcile: Get,        at once; ≤ 1 min
//	that void             nothing left in the outbox            Settle, void by the outbox
//	… captured unasked    money taken, an order failed          void finds it, or reconcile: Settle, ≤ 60 s after the failure
//	                                                            refund by the outbox
//	webhook – its end     nothing new                           the provider sends it again; else    ≤ 1 min
//	                                                            when it is due, reconcile
//	during COMMIT         all of the batch or nothing           the same batch again; redelivery     ≤ 10 s
//	Commit – Confirm      seats sold in PostgreSQL, held in KV  redelivery; else deadline: GiveUp    ≤ 10 s
//	                                                            answers "paid", the writer sells
//	Confirm – notice      a fan not told                        redelivery; GET tells the truth      ≤ 10 s
//	notice – ack          a message for an order that is paid   redelivery, which confirms again     ≤ 10 s
//	Commit – capture      a task under the lease that came      any relay; at once after an orderly  ≤ 30 s
//	                      with the commit                       stop
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
//	webhooks              confirmed orders, ≤ 1 min             each look asks the provider; ≤ 10 s if none are configured
//	CHECKOUTS             what fans and admission are told      orders go on
//	NATS                  everything                            captures, voids and refunds go on
//
// ORDERS may keep acknowledged messages until it is next trimmed. Until then a paid
// order reads as pending while PostgreSQL is away.
//
// A capture that the provider refuses for good is not asked for again: the ledger keeps it
// for an operator, who has it retried, written off, or the tickets taken back (package
// refund). The order stays paid meanwhile, and nothing waits behind it.
//
// Every answer of the provider is compared with the request (payment.Agree). One
// that disagrees is counted; it fails an order at its authorisation, and makes a
// task of the outbox be tried again. A free order involves no provider.
//
// A poison message (one that can't be decoded, contradicts itself, or is refused by
// the ledger for good) is recorded in the sale log and buried; its hold ends at its
// deadline, through GiveUp.
package checkout
