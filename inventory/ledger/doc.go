// Package ledger records in PostgreSQL what was sold. It alone speaks to
// PostgreSQL and alone decides that a seat is sold; who holds a seat is for the
// writer to say (package writer).
//
//	order    Begin ──▶ pending ──Commit──▶ paid ──Refund of the last line──▶ refunded
//	                     │  └─Commit, a seat gone─▶ failed
//	                     └─Fail, GiveUp───────────▶ failed ◀──GiveUp── never begun
//	waiting  Park ──▶ parked ──Unpark, once the order has ended and its seats have followed
//	payment  authorized ──outbox capture──▶ captured        (order paid)
//	                  ├───outbox void─────▶ voided          (order failed, or refunded before its capture)
//	                  └───refused for good, WriteOff──▶ written_off  (order paid, refunds return nothing)
//	capture  due ◀──RetryCaptures── refused for good ──Refund of all──▶ a void instead
//	refund   Refund, Settle ──▶ due ──outbox refund──▶ done (money was captured)
//	         └─ seats: untold ──the writer has them back, Told──▶ told
//	seat     AVAILABLE ──Commit──▶ SOLD ──Refund──▶ AVAILABLE, with the fence of its last sale
//
// An order with some of its lines refunded is still paid for the lines that
// stand. Lines and tickets are history: they are marked, never removed.
//
// Begin, Commit, Fail, GiveUp and Park are group commits: calls that arrive while a
// transaction of their kind is in flight share the next one, which is a few
// statements over arrays. Many orders share a round trip and an fsync, and
// each caller gets its own outcome. Commit writes before it reads: it presumes that all
// of a batch win, since whoever commits holds the seats, and counts the rows it changed.
// If somebody lost, that attempt is rolled back and the next one reads and decides.
//
//	schema/    forward-only migrations
//	ledger.go  Config, Open, Run        flush.go   a group's transaction, retries, splitting
//	begin.go   pending                  commit.go  decide: who wins      write.go  what a commit writes
//	fail.go    failed, and who decides  outbox.go  tasks for the provider
//	refused.go captures that the provider refuses for good
//	parked.go  orders that wait for their fans
//	refund.go  seats given back         returns.go the seats and money of a refund
//	settle.go  payments found late      history.go a fan's orders, from the replica
//	order.go   reads                    audit.go   the ledger checked for consistency
//	event.go   events, and revisions that start over
//	pending.go metrics of orders that hang
//	migrate.go one migration at a time; steps.go, schema/: its steps
//
// # Invariants
//
//  1. A seat has at most one booking: UNIQUE (event_id, seat_id).
//  2. All seats of an order are booked in the transaction that makes it paid,
//     together with its tickets, its payment and the task to capture it; or none.
//     Who commits may take that task with it. Once done it is deleted: its payment
//     says so. Tasks of the other kinds stay, with the instant.
//  3. A purchase commits only under a hold newer than the seat's last sale: its
//     revision exceeds the seat's fence and becomes the new fence. When revisions
//     start over (Reopen), fences follow, and no earlier purchase is left.
//  4. An order leaves pending once. Paid and failed are decided by one UPDATE …
//     WHERE state = 'pending', so a commit and a deadline never both win.
//  5. Any authorisation under a failed order is voided by a task written in the
//     transaction that failed the order.
//  6. A loser loses alone: its neighbours in the batch commit. A batch refused
//     because of one item is halved until that item stands alone.
//  7. Every call may be repeated with the same arguments, whatever became of
//     the first one.
//  8. The money captured equals the total of a paid order's standing lines plus
//     its refunds, due or done. A line is refunded once; each refund has one key
//     for the provider at every attempt, and starts only after the capture.
//     A capture that is refused for good holds up no refund of its whole order:
//     there is nothing to return.
//  9. A payment that succeeds after its order failed is voided or returned once,
//     by a task written in the transaction that recorded the payment (Settle).
//  10. Only History reads the replica; nothing is decided from it.
//  11. Whether a refunded seat goes back on sale is decided with its refund, once;
//     RefundEvent returns a refund until Told.
//
// # What a failure leaves
//
//	failure                              leaves                  repaired by
//	connection lost before COMMIT        nothing                 the next attempt here (5, within a second), then the caller
//	connection lost during COMMIT        all or nothing          the same: a batch run again finds what it has committed
//	process ends between two calls       an order pending        the redelivered checkout, or GiveUp at the hold's deadline
//	process ends with a task claimed,    a task under lease      any relay, when the lease has passed
//	by Claim or with its Commit
//	process ends with an order woken     a row under lease       any worker, when the lease has passed
//	process ends before Unpark           a row of an order       the next worker to whom it is due: it finds the end, and says it again
//	                                     that has ended
//	payment arrives after its void       money without an order  Settle, by the webhook or the loop over Unsettled
//	process ends after a refund          a seat free only here   the same refund again, RefundEvent, or the reconciler
//	RefundEvent ends half-way            orders still paid       calling it again
//	a migration ends half-way            the steps done          calling it again: it goes on with the next batch or step
//	the replica is away or behind        an older history        the primary; History.AsOf says how old
//	two processes commit at once         one is refused          its next attempt, which sees the other's rows
//
// The ledger works through a pooler in transaction mode (tested with PgBouncer
// 1.18): it keeps no session state, no advisory lock outlives its transaction,
// and the DSN chooses the protocol mode. When the pooler is down or has no
// connection to give, a call fails after five attempts of FlushTimeout each, and
// its caller asks again.
package ledger
