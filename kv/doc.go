// Package kv is the compare-and-swap register over JetStream: records under
// keys, whose every write may name the revision it expects; batches of such
// writes that are stored all or none; the fence that ends the right to write;
// and the lease that says whose right it is.
//
// # Register
//
// A Bucket is a KV bucket (ADR-8) whose stream the caller configures; a Stream
// is the same over plain subjects. Records are explicit and never deleted: a
// state is a value, never an absence, so no expiry and no purge can undo an
// acknowledged write. The stream must allow atomic batches and direct get.
//
// A write has one of three outcomes:
//
//	nil          stored, acknowledged, on disk (with sync_interval: always)
//	ErrConflict  refused: the record has moved on (10071), or another write to it
//	             is in flight (10164, on replicated streams), which may fail yet.
//	             Not "taken": re-read and decide again
//	ErrUnknown   no answer: it may be stored, now or when a delayed message arrives
//
// ErrBusy and every other error mean not stored. After ErrUnknown a write with a
// condition may be repeated: it is stored once at most. Put an id of the
// operation into the value, then a read tells whose write won. For writes
// without condition see Guard.Settle.
//
// Reads inform, writes decide. Get asks the leader, but the server does not
// confirm leadership for a read; Latest asks any replica; a watch lags. What they
// can not do is invent: a revision seen did exist, and revisions only grow.
//
// # Batch
//
// Publish stores up to 900 messages in one atomic batch (ADR-50) and one round
// trip: the messages go out back to back, only the last asks for an answer.
// Revisions of a batch are contiguous, whoever else publishes meanwhile. A
// message has one condition: its own revision, or a fence (While). A refusal
// does not say which message was to blame.
//
// # Committer
//
// On one server every acknowledged publish costs an fsync of its own, a batch
// costs few. The Committer is group commit for writers who do not know each other:
//
//	Do ─┐                      one batch in flight
//	Do ─┼─▶ queue ─▶ distinct ─▶ send ──stored──────────────▶ each his revision
//	Do ─┘              keys       │ ▲
//	 full: ErrFull                │ └──the rest──┐
//	                     refused  ▼              │
//	                     or no   read back ──────┤
//	                     answer   │              └─no reason shows─▶ halves
//	                              └─ moved on ─▶ ErrConflict, or stored by an
//	                                             attempt whose answer was lost
//
// Two writes to one key are never in one batch: the second waits for the first.
// An attempt without an answer is repeated, since a condition lets it be stored
// only once; then equal bytes in the record mean "mine". A write without any
// condition is repeated only under a Guard, and else ends as ErrUnknown unless
// the record shows it.
//
// # Guard
//
// A Guard is a record of the stream that names who may write. Every batch of its
// owner carries the record's revision as a condition (While, or by rewriting
// it). Whoever rewrites it (Seize, with the term of his lease) ends the right of
// all before, including batches still on their way: they are refused when they
// arrive. That is also how an owner ends his own doubt: Settle rewrites the
// record and then reads, and what does not show then will never be stored.
//
// # Lease
//
//	       create, or CAS over a released or expired record
//	free ─────────────────────────────────────────────────▶ held, term = highest seen + 1
//	  ▲                                                      │  ▲
//	  │ released: the function returned                      │  │ CAS every TTL/3
//	  ├──────────────────────────────────────────────────────┤  │
//	  │ expired: an observer saw no change for one TTL       └──┘
//	  └── meanwhile the holder's trust has ended: start of its last good renewal + TTL − margin
//
// Clocks of two machines are never compared. An observer waits one TTL from when
// it saw the last change; that is after the change was made, which is after its
// holder began to make it, from when the holder counts. So the holder stops
// before anybody else starts, as long as the two clocks run equally fast to
// within the margin and the holder's process runs at all. One that was suspended
// does not know that its lease is over; the Guard, seized with the next term,
// refuses what it writes.
//
// A term is above the revision it takes over, and above every term and revision that
// its process has seen of the key, so terms outlive the bucket. It can be
// deleted, or come back from a backup:
//
//	while a holder trusts      its next renewal finds no record, and creates it: same holder,
//	                           same term. Others take nothing for one TTL after they notice
//	after that, or restored    whoever takes the key next has a higher term, if he has seen it before
//	a process that starts then its term may be below the guard's: Seize says ErrFenced, with the
//	                           lease in hand. It releases the lease with the guard's term, and
//	                           whoever takes it next, itself or another, begins above
//
// The last may trust beside a holder who has not noticed, for one TTL at most. The
// guard lets one of the two write, and they don't take turns: only whoever has the
// record in the bucket can raise its term; the other is fenced and stops, and his
// renewals are refused. One who was suspended between taking a lease that is lost
// and seizing the guard may fence the holder once, who then rises above him.
// Leases don't make the bucket: a backup can be restored only where there is none.
//
// # Invariants
//
//  1. A key's revisions grow; of all writes that expect one revision at most one is stored.
//  2. What was acknowledged is never lost, whatever server stops or leader changes.
//  3. A batch is stored as a whole or not at all.
//  4. Every Do has an outcome, and one that is neither nil nor ErrUnknown was not stored.
//  5. After Seize or Reassert returned, nothing sent under an earlier revision of the guard's record is stored.
//  6. At any instant at most one process trusts to hold a lease, unless the bucket was
//     lost within the last TTL. Terms grow, and the terms of a guard's owners always do.
//  7. A watch tells the last value of every key.
//
// # Crashes
//
// A process that dies in mid-batch leaves nothing stored and one open batch,
// which the server forgets after its batch timeout. One that dies before its
// answer leaves a write that is stored or not: invariants 1 and 3 hold, and
// whoever needs to know reads the operation id. One that dies with a lease leaves it
// held; others take it within a TTL of its last renewal (4 s by default). A bucket
// of leases that is lost costs its holders their leases once they can't renew them;
// each process says so once, as an error. Once it is there again, empty or as it was
// long ago, leases are taken within two TTLs.
// Connect with nats.ReconnectBufSize(-1): else what was written while the
// connection broke may leave later, which is safe, but late.
package kv
