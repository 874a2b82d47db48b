// Package inventory decides who gets which seat.
//
// One process at a time is the writer of an event. It keeps the event's seats
// in memory (package seating, pure), takes commands from NATS (seats.<event>.*),
// decides them one after the other, and stores everything decided since the
// last flush as one atomic batch in SEATS_<event>. It answers only what is
// stored.
//
//	 gateway, checkout                 writer of the event                  JetStream
//	───────────────────► queue ──► decide ──► decide ──► … ─┐
//	   bounded, full: 503            (in memory)            ├─► one batch: seats + log.<n> + fence ──► SEATS_<event>
//	◄──────────────────────────────── answers ◄─────────────┴──────────────── acknowledged ◄──────────────┘
//
// What arrives while a batch is in flight is decided at once, on top of it, and
// joins the next, which leaves when the first is known to be stored; if it is
// not, neither counts, and none of their callers was told otherwise. Ownership is for
// speed; what keeps seats safe is that every record in a batch expects the
// revision the writer knows, and the batch's log record expects the writer's
// guard record, which each new writer rewrites: a writer whose time has passed
// is refused by the server, whatever it believes.
//
// What is refused is fenced as well as what is stored: the checkout fails an order
// because its hold is over, and the ledger gives one up because its deadline has
// passed. So a batch with nothing to store leaves all the same, as one record under
// the fence (vouch), and its answers wait for that: whoever gets one knows that this
// was the writer after he had asked.
//
// # Becoming writer
//
//	lease ──► seize the guard ──► read the records ──► open what has none ──► serve ─┐
//	  ▲            (fence)         (up to the fence)    (the ledger first)           │
//	  └───────────── lease lost, fenced, or a flush that can't be settled ◄──────────┘
//
// Starting anew is the only way of recovery, so it is exercised by every start:
// there is no undo in the engine.
//
// Seats without a record are those of a new event, or of one whose streams are
// lost. So a writer that opens seats asks the ledger first, for as long as it
// takes, and stores what is booked as sold before anything as available. If
// nothing was ever offered under the stream's revisions, the ledger is told
// before that they begin anew: fences of old sales must not refuse new ones, and
// what was being bought is over (ledger.Reopen). A writer that finds all records
// doesn't need the ledger to begin.
//
// Workers share the events: one that gets a lease beyond its share gives it
// back once, for another with fewer to take.
//
// A record that can't be read is stored again as the bucket still has it, before
// anything is served. Where it has nothing, the seat is out of sale until the log says
// that it is nobody's, or the ledger whose (repair.go).
//
// # Reconciling
//
// At the start of a term, and every minute, the seats sold are compared with
// the ledger's bookings. Booked but not sold: it is made so. Sold but not
// booked: it goes back on sale, or off it, if the ledger has taken it back from
// its order; else it stays sold, and the log, frontrow_inventory_repairs_total{done="none"}
// and the audit say so until somebody has looked into it. Every 30 s all holds
// are looked at for one that its deadline has missed.
//
// # Refunds
//
// Operators give back an order, seats of it, or all of an event, through any
// worker (refund.go). The act is logged; the ledger gives back money and tickets
// in one transaction, which also says whether the seats go back on sale; the
// writer takes the seats back; the ledger notes that it has. Each step may be
// repeated, and the same request does what is missing.
//
// # Three outcomes of a flush
//
// Stored: the answers go out. Refused: if the guard was rewritten, somebody
// else is writer, and this one stops; otherwise nothing was stored, the callers
// are told to try again, and the writer starts anew. Unknown: the guard is
// rewritten, so that a batch still under way can't arrive any more, and
// log.<n> is read back: there, the flush was stored; not there, it never will be.
//
// # Invariants
//
//  1. A seat has one record and at most one owner; only the writer changes it,
//     each time by compare-and-swap (I1, I3).
//  2. What was answered is stored, and stays until its deadline, its release or
//     its sale (I2).
//  3. A plain hold ends at most a second after its deadline (I7). A hold in
//     checkout never ends by its deadline alone: the ledger is asked, and its
//     answer (paid, or given up for good) decides; until it is there, or if it
//     can't be had, nothing extends the hold any more, since the ledger may have
//     given it up.
//  4. The quote of a hold is in its seats' records and never changes (I8).
//  5. A fan's tickets, held and bought, never exceed his limit; one decision
//     after the other means that two requests can't both slip under it.
//  6. log.<n> counts from 1 without gaps, and holds every act of its batch (I10).
//  7. The ledger is authoritative for sold: Confirm wins over a hold, but not
//     over a refund.
//  8. Nobody keeps seats without buying them longer than the event's bound (I15):
//     the records of held seats, and of those that came back, say what the next
//     writer must know.
//  9. Nothing is refunded that is not in the sale log, with who asked for it and why.
//
// # What a crash leaves
//
//	after                          left behind                       repaired by
//	deciding, before the batch     nothing; callers get no answer    the caller sends the same id again
//	the batch, before the answer   the hold; nobody knows its id     the caller sends the same id again: same answer; else its deadline
//	checkout, before ORDERS        a hold in checkout, no order      the fan's retry (same key), else the deadline and the ledger: given up
//	anything, as writer            a lease that is not renewed       the next writer, in at most 5 s; overdue holds are freed at once
//	losing LEASES                  a term below the guard's          the next term, above it (package kv); a writer of before stays fenced
//	being superseded, asleep       an engine behind the records      nothing to repair: its first batch or vouch is refused
//	storing some of the first      seats without a record            the next writer, which asks the ledger again
//	  records
//	the ledger's commit, before    a booked seat, held or free       the checkout's message, delivered again; else reconciling, in a minute
//	  Confirm
//	logging a refund, before the   a record of what was asked for    the same request
//	  ledger has it
//	the ledger's refund, before    a sold seat without a booking     the same request; else reconciling, in a minute
//	  the seat is given back
//	giving the seat back, before   a refund the ledger has as untold the same request, which changes nothing
//	  the ledger notes it
//	a fan's holds ended, and       the seats' records tell of others      nobody: that fan may keep seats for as long once more
//	  others have their seats
//	junk stored as a seat's record seats out of sale, or nothing         the next writer, from the bucket's history; the log; the ledger
//	losing all of JetStream        bookings in the ledger            the first writer of the event, applied again: sold before anything
//	                                                                 is offered. Holds are lost; orders not committed fail, their
//	                                                                 payments are voided
//
// The gaps of the checkout are in package checkout.
package inventory
