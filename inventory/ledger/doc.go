// Package ledger is the record of what was sold, in PostgreSQL. It alone
// speaks to PostgreSQL, and it alone says that a seat is sold; who holds a seat
// is the writer's word (package inventory), not its.
//
//	order    Begin ──▶ pending ──Commit──▶ paid ──Refund of the last line──▶ refunded
//	                     │  └─Commit, a seat gone─▶ failed
//	                     └─Fail, GiveUp───────────▶ failed ◀──GiveUp── never begun
//	payment  authorized ──outbox capture──▶ captured        (order paid)
//	                  └───outbox void─────▶ voided          (order failed, or refunded before its capture)
//	refund   Refund, Settle ──▶ due ──outbox refund──▶ done (money was captured)
//	         └─ seats: untold ──the writer has them back, Told──▶ told
//	seat     AVAILABLE ──Commit──▶ SOLD ──Refund──▶ AVAILABLE, with the fence of its last sale
//
// An order with some of its lines refunded is still paid, for the lines that
// stand. Lines and tickets are history: they are marked, never removed.
//
// Begin, Commit, Fail and GiveUp are group commits: what arrives while one
// transaction of a kind is in flight becomes the next one, built of a few
// statements over arrays. Many orders share a round trip and an fsync, and
// each caller gets the outcome of his own.
//
//	schema/    forward-only migrations
//	ledger.go  Config, Open, Run        flush.go   a group's transaction, retries, splitting
//	begin.go   pending                  commit.go  decide: who wins      write.go  what a commit writes
//	fail.go    failed, and who decides  outbox.go  what the provider must be told
//	refund.go  seats given back         returns.go money and seats that a refund returns
//	settle.go  payments found late      history.go a fan's orders, from the replica
//	order.go   reads                    audit.go   the ledger checked against itself
//	event.go   events, and revisions that begin anew
//	pending.go orders that hang, for whoever watches the metrics
//	migrate.go one migration at a time; steps.go, schema/: what it does, step by step
//
// # Invariants
//
//  1. A seat has at most one booking: UNIQUE (event_id, seat_id).
//  2. All seats of an order are booked in the transaction that makes it paid,
//     together with its tickets, its payment and the task to capture it; or none.
//  3. A purchase commits only under a hold newer than the seat's last sale: its
//     revision exceeds the seat's fence, and becomes it. Where revisions begin
//     anew (Reopen), fences follow, and no purchase of before is left.
//  4. An order leaves pending once. Paid and failed are decided by one UPDATE …
//     WHERE state = 'pending', so a commit and a deadline never both win.
//  5. Whatever may be authorised under a failed order is voided by a task that
//     was written in the transaction which made it fail.
//  6. A loser loses alone: its neighbours in the batch commit. A batch refused
//     for the sake of one item is halved until that item stands alone.
//  7. Every call may be repeated with the same arguments, whatever became of
//     the first one.
//  8. Money captured is what stands of a paid order plus its refunds, due or
//     done. A line is refunded once; each refund has a key for the provider, the
//     same at every attempt, and is not begun before the capture is done.
//  9. A payment which succeeds after its order failed is voided or returned by
//     a task written in the transaction that heard of it (Settle), once.
//  10. The replica is read by History alone; nothing is decided from it.
//  11. Whether a refunded seat goes back on sale is decided with its refund, once;
//     RefundEvent returns a refund until Told.
//
// # What a failure leaves
//
//	failure                              leaves                  repaired by
//	connection lost before COMMIT        nothing                 the next attempt here (5, within a second), then the caller
//	connection lost during COMMIT        all or nothing          the same: a batch run again finds what it has committed
//	process ends between two calls       an order pending        the redelivered checkout, or GiveUp at the hold's deadline
//	process ends with a task claimed     a task under lease      any relay, when the lease has passed
//	payment arrives after its void       money without an order  Settle, by the webhook or whoever works through Unsettled
//	process ends after a refund          a seat free here alone  the same refund again, RefundEvent, or the reconciler
//	RefundEvent ends half-way            orders still paid       calling it again
//	a migration ends half-way            the steps done          calling it again: it goes on with the next batch or step
//	the replica is away or behind        an older history        the primary; History.AsOf says how old
//	two processes commit at once         one is refused          its next attempt, which sees the other's rows
//
// It works through a pooler in transaction mode (tested with PgBouncer 1.18): no
// session state, no advisory lock outlives its transaction, the mode of the
// protocol is the DSN's. When the pooler is gone or has no connection to give,
// a call fails after five attempts of FlushTimeout and its caller asks again.
package ledger
