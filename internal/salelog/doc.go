// Package salelog reads what is known of an event's seats: log.<n> in SEATS_<event>, which is
// the truth, and the records seat.<id>, which follow it.
//
//	checkpoint ──► how far all records follow the log
//	seat.<id>  ──► what each record says, and as of which flush
//	log.<n>    ──► behind the checkpoint: what has changed since, flush by flush
//
// Follow keeps up with it for as long as its caller wants to know; Read reads it once.
// LastCopy and Copies read what SALELOG has of the log.
//
// # Rounds
//
//	┌─► checkpoint ─► seats ─► log, up to its end ─► All ─┬─► log: Flush, Flush, …
//	│                                                     └─► log and seats, while a writer
//	│                                                         of the version before is at work
//	└── the stream is another · the writer's version is another · a log record is missing
//
// A round begins with the checkpoint, so that whatever a record doesn't say the log behind it
// does. Without a checkpoint, or if the records are not those of its sum, the log counts from
// its first record, and a record only for a seat of which the log says nothing, or while a log
// record is missing. What is known of a seat is
// kept from round to round; a new round adds to it and takes nothing back, unless the stream
// is another.
//
// A writer of the version before stores records and log together, and its log records don't
// say what becomes of the seats: while it is at work, the records are what counts. They are
// known by naming neither seats nor the record before them.
//
// # Invariants
//
//  1. Of two things said of a seat the later flush wins, however late it is read. A record
//     that names no flush is as of its own revision.
//  2. What a flush changes is handed out at once, so that whoever keeps the states never has
//     half a flush.
//  3. Nothing in a spoiled record is used. Instead of a log record or a seat's record the one
//     before it under the key counts; where there is none, a seat stays what the log or an
//     earlier record has said, and is blocked if nothing has.
//  4. A log record that is missing or spoiled delays nobody: the others go on, and another
//     round looks whether the seats' records say by now what it has said.
//
// # What a crash leaves
//
// Nothing: the package writes nothing.
package salelog
