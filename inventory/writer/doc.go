// Package writer is the one process that decides an event's seats, for a term.
//
// It keeps the seats in memory (package seating, pure), takes commands from NATS
// (seats.<event>.*), decides them one after the other, and stores everything
// decided since the last flush as one record of the sale log, log.<n> in SEATS_<event>. It
// answers only what is stored. The log is the truth about the seats; their records follow it.
//
//	 gateway, checkout                 writer of the event                    JetStream
//	───────────────────► queue ──► decide ──► decide ──► … ─┐
//	   bounded, full: 503            (in memory)            ├─► log.<n>, under the fence ──► SEATS_<event>
//	◄──────────────────────────────── answers ◄─────────────┴────── acknowledged ◄──────────────┘
//	                                                            in rounds, behind: seat.<id>, checkpoint
//
// What arrives while a flush is in flight is decided at once, on top of it, and
// joins the next, which leaves when the first is known to be stored; if it is
// not, neither counts, and none of their callers was told otherwise. Ownership is for
// speed; what keeps seats safe is that a log record expects the writer's guard record,
// which each new writer rewrites: a writer whose time has passed is refused by the server,
// whatever it believes. Each record names the one before it by its digest.
//
// What is refused is fenced as well as what is stored: the checkout fails an order
// because its hold is over, and the ledger gives one up because its deadline has
// passed. So a batch with nothing to store leaves all the same, as one record under
// the fence (vouch), and its answers wait for that: whoever gets one knows that this
// was still the writer after the request was sent.
//
// # Commands
//
// A command is a value: an act, its request, the instant at which it was decided, and
// the reply. decide is a function of engine, request and instant alone, and returns the
// reply and the notices that follow from it. What the writer does by itself (deadlines,
// what the ledger says, repairs, a change of the event) are commands like the fans', so
// that an engine that is given the same commands says and stores the same.
//
//	command.go    what a command is, how it comes in and how its answer leaves
//	together.go   many commands in one message
//	decide.go     the decision
//	prices.go     what prices have been, for those who were promised that
//	serve.go      the loop: decide, launch, land, answer
//	flush.go      a log record: encode it, store it, be certain
//	checkpoint.go the seats' records behind the log
//	recover.go    becoming writer: read.go what is stored, ending.go whether the log is whole,
//	              adopt.go an event of the version before, repair.go its records that can't be read
//	reconcile.go  beside the loop: what the ledger says
//	term.go       one term, and which goroutine owns which of its fields
//	writer.go     terms, one after the other
//
// Gateways and checkouts send what arrives while a request of theirs is in flight as the next
// one: many commands in one message (seats.<event>.fans and .orders; package wire has its form).
// Each is queued, shed and decided by itself, and one whose caller has stopped waiting is not begun.
// The message is answered when all of its commands are, so none may wait for longer than a few
// flushes: a confirmation for which the ledger must be asked is answered "alone", and its
// caller sends it again by itself.
//
// # Becoming writer
//
//	lease ──► seize the guards ──► read the records, and ──► open what has no ──► serve ─┐
//	  ▲           (fences)         the log behind them       state (the ledger first)     │
//	  └───────────── lease lost, fenced, or a flush of unknown outcome ◄──────────────────┘
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
// # The records behind the log
//
// seat.<id> is one readable record a seat, for the nats CLI and for a quick start. It is
// written in rounds: at most a second behind at rest; under load as flushes leave room, and
// at the latest when the log is ten seconds or 100,000 acts ahead, for then flushes wait. A
// round is one or more atomic batches. Each has the record checkpoint, which names the flush
// up to which all records are true, and the sum of their hashes as they are stored with it;
// and each is under a fence of its own, the guard records, so that no flush meets it. Every
// record names its own flush.
//
// The next writer takes the records, and over them the log behind the checkpoint. If the sum
// of what it reads isn't the checkpoint's, somebody else has written, removed or put back a
// record: then it reads all of the log, which says what every seat is, and writes the
// records anew. It logs each, and counts it in frontrow_inventory_rebuilt_records_total.
// A log record that can't be read, or isn't the one that the next names, ends the sale
// until it is put back: nobody knows whose the seats are. The error says how. So does a log
// that ends too early, as one does that was restored from an older backup: the checkpoint, a
// seat's record, or the sale log's copy is of a later flush. Junk behind the log's end, which
// the sale log knows nothing better of, is nobody's, and is written over.
//
// An event of the version before has its truth in its records. Its first writer of this
// version writes what they say into the log, and the records anew, before it serves
// (adopt.go). A record of that version that can't be read is stored again as the bucket
// still has it. Where it has nothing, the seat is out of sale until the log says that it is
// nobody's, or the ledger whose (repair.go).
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
// # Three outcomes of a flush
//
// Stored: the answers go out. Refused: if the guard was rewritten, somebody
// else is writer, and this one stops; otherwise nothing was stored, the callers
// are told to try again, and the writer starts anew. Unknown: the guard is
// rewritten, so that a record still under way can't arrive any more, and
// log.<n> is read back: there, the flush was stored; not there, it never will be.
//
// # Invariants
//
//  1. A seat has at most one owner; only the writer changes it, and only under its fence (I1, I3).
//  2. What was answered is stored, and stays until its deadline, its release or
//     its sale (I2).
//  3. A plain hold ends at most a second after its deadline (I7). A hold in
//     checkout never ends by its deadline alone: the ledger is asked, and its
//     answer (paid, or given up for good) decides; until it is there, or if it
//     can't be had, nothing extends the hold any more, since the ledger may have
//     given it up.
//  4. The quote of a hold is in its seats' records and never changes (I8).
//  5. A fan's tickets, held and bought, never exceed their limit; one decision
//     after the other means that two requests can't both slip under it.
//  6. log.<n> counts from 1 without gaps, and has every act of its flush and the state in
//     which it leaves the seats. A seat's record is what the log says at the flush that it
//     names, never goes back to an earlier one, and is no older than the checkpoint says (I10).
//  7. The ledger is authoritative for sold: Confirm wins over a hold, but not
//     over a refund. One of seats that its hold doesn't have here may be older than
//     a refund that an earlier writer carried out: the ledger is asked again first.
//  8. Nobody keeps seats without buying them longer than the event's bound (I15):
//     what the log says of held seats, and of those that came back, has all that the next
//     writer must know.
//
// # What a crash leaves
//
//	after                          left behind                       repaired by
//	deciding, before the batch     nothing; callers get no answer    the caller sends the same id again
//	the batch, before the answer   the hold; nobody knows its id     the caller sends the same id again: same answer; else its deadline
//	some commands of a message     what was stored; no answer        each caller sends the same id again
//	checkout, before ORDERS        a hold in checkout, no order      the fan's retry (same key), else the deadline and the ledger: given up
//	anything, as writer            a lease that is not renewed       the next writer, in at most 5 s; overdue holds are freed at once
//	losing LEASES                  a term below the guard's          the next term, above it (package kv); a writer of before stays fenced
//	being superseded, asleep       an engine behind the log          nothing to repair: its first record or vouch is refused
//	storing some of the first      seats without a state             the next writer, which asks the ledger again
//	  states
//	a flush, before its records    records behind the log            the next writer, from the log behind the checkpoint
//	some batches of a round        records ahead of the checkpoint   likewise: of a record and the log, the later flush counts
//	the ledger's commit, before    a booked seat, held or free       the checkout's message, delivered again; else reconciling, in a minute
//	  Confirm
//	a fan's holds ended, and       the seats' records tell of others      nobody: that fan may keep seats for as long once more
//	  others have their seats
//	junk stored as a seat's record a sum that isn't the checkpoint's the seat's next change, or the next writer, from the log
//	junk stored as a log record    nothing, as long as the writer    an operator, with restore-log
//	                               goes on; then an event that stands
//	an old backup of the bucket    an event that stands              an operator, with restore-log: from the sale log
//	losing all of JetStream        bookings in the ledger            the first writer of the event, applied again: sold before anything
//	                                                                 is offered. Holds are lost; orders not committed fail, their
//	                                                                 payments are voided
//
// The gaps of the checkout are in package checkout, those of refunds in package refund.
package writer
