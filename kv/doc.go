// Package kv is a compare-and-swap register over JetStream: records under keys, where every
// write may name the revision that it expects; batches of such writes, stored all or none;
// the guard, which ends a former owner's right to write; and the lease, which says whose
// right it is.
//
// # Register
//
// A Bucket is a KV bucket (ADR-8) whose stream the caller configures; a Stream
// is the same over plain subjects. Records are explicit and never deleted: a
// state is a value, never an absence, so neither expiry nor a purge can undo an
// acknowledged write. The stream must allow atomic batches and direct get.
//
// A write has one of three outcomes:
//
//	nil          stored, acknowledged, on disk (with sync_interval: always)
//	ErrConflict  refused: the record has moved on (10071), or another write to it
//	             is in flight (10164, on replicated streams) and may still fail.
//	             It doesn't mean "taken": read again and decide again
//	ErrUnknown   no answer: it may have been stored, or will be when a delayed message arrives
//
// ErrBusy and every other error mean that it was not stored. After ErrUnknown a write
// with a condition may be repeated: it is stored at most once. With an operation id in
// the value, a read shows whose write won. For writes without a condition see
// Guard.Resolve.
//
// Reads inform, writes decide. Get asks the leader, but the server does not confirm
// its leadership for a read; Latest asks any replica; a watch lags. None of them
// invents anything: a revision that was seen did exist, and revisions only grow.
//
// Below Stream and Bucket is the Store: the four methods they need of a server. JetStream
// is one; package kv/memory is another, for tests and the simulation. Package kvtest tests
// both for the same guarantees.
//
// # Batch
//
// Publish stores up to 900 messages in one atomic batch (ADR-50) and one round trip:
// the messages go out back to back, and only the last asks for an answer. The
// revisions of a batch are contiguous even if others publish at the same time. A
// message has one condition: its own revision, or a fence (While). A refusal does not
// say which message caused it.
//
// # Committer
//
// On one server every acknowledged publish costs an fsync of its own, and a batch only
// a few. The Committer is group commit for callers that don't know each other:
//
//	Do ─┐                      one batch in flight
//	Do ─┼─▶ queue ─▶ distinct ─▶ send ──stored──────────────▶ each its own revision
//	Do ─┘              keys       │ ▲
//	 full: ErrFull                │ └──the rest──┐
//	                     refused  ▼              │
//	                     or no   read back ──────┤
//	                     answer   │              └─no reason shows─▶ halves
//	                              └─ moved on ─▶ ErrConflict, or stored by an
//	                                             attempt whose answer was lost
//
// Two writes to one key are never in one batch: the second waits for the first.
// An attempt without an answer is repeated, since its condition lets it be stored only
// once; equal bytes in the record then mean "mine". A write without any condition is
// repeated only under a Guard, and otherwise ends as ErrUnknown unless the record
// shows it.
//
// # Guard
//
// A Guard is a record of the stream that names who may write. Every batch of its owner
// carries the record's revision as a condition (While, or by rewriting it). Rewriting
// it (Seize, with the term of a lease) ends the right of all former owners, and their
// batches still on the way are refused when they arrive. An owner resolves an unknown
// outcome of its own in the same way: Resolve rewrites the record and then reads, and
// what does not show then will never be stored.
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
// The clocks of two machines are never compared. An observer waits one TTL from when it
// saw the last change. That is later than the change itself, which is later than when
// its holder began to make it, and the holder counts from there. So the holder stops
// before anyone else starts, as long as the two clocks run at the same rate to within
// the margin and the holder's process is running. A holder that was suspended does not
// know that its lease is over; the Guard, seized with the next term, refuses what it
// writes.
//
// A term is above the revision that it takes over, and above every term and revision of
// the key that its process has seen, so terms outlive the bucket. The bucket can be
// deleted, or come back from a backup:
//
//	while a holder trusts      its next renewal finds no record, and creates it: same holder,
//	                           same term. Others take nothing for one TTL after they notice
//	after that, or restored    the next to take the key has a higher term, if it has seen the key before
//	a process that starts then its term may be below the guard's: Seize returns ErrFenced, although
//	                           it holds the lease. It releases the lease with the guard's term, and
//	                           the next to take it, itself or another, begins above
//
// That process may trust beside a holder that has not noticed, for one TTL at most. The
// guard lets one of the two write, and they don't take turns: only the one that has the
// record in the bucket can raise its term; the other is fenced and stops, and its
// renewals are refused. One that was suspended between taking a lease that is lost and
// seizing the guard may fence the holder once, which then rises above it. Leases don't
// create the bucket: a backup can be restored only where there is none.
//
// # Invariants
//
//  1. A key's revisions grow; of all writes that expect one revision at most one is stored.
//  2. What was acknowledged is never lost, whatever server stops or leader changes.
//  3. A batch is stored as a whole or not at all.
//  4. Every Do has an outcome; unless it is nil or ErrUnknown, nothing was stored.
//  5. After Seize or Reassert returned, nothing sent under an earlier revision of the guard's record is stored.
//  6. At any instant at most one process trusts to hold a lease, unless the bucket was
//     lost within the last TTL. Terms grow, and the terms of a guard's owners always do.
//  7. A watch delivers the last value of every key. One that begins behind a position
//     delivers every value that is still kept, of that stream and no other.
//
// # Crashes
//
// A process that dies in mid-batch leaves nothing stored, and one open batch that the
// server forgets after its batch timeout. One that dies before its answer leaves a
// write that is stored or not: invariants 1 and 3 hold, and the operation id shows
// which. One that dies with a lease leaves it held; another process takes it within a
// TTL of its last renewal (4 s by default). If a bucket of leases is lost, its holders
// lose their leases once they can't renew them, and each process logs that once as an
// error. Once the bucket is back, empty or as it was long ago, leases are taken within
// two TTLs.
//
// Connect with nats.ReconnectBufSize(-1): otherwise what was written while the
// connection broke may be sent later, which is safe, but late.
package kv
