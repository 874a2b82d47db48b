// Package records reads package wire's records from kv buckets, where anybody with a
// console can put anything.
//
//	       Read                       Last
//	entry ──────► record        entry ──────► the record as it could be read last,
//	  │                                        as far as the bucket keeps its history
//	  └─spoiled─► counted, logged once; the reader goes on without it
//
// Watch is Read of all that comes. Plan reads a seating plan by its digest.
//
// A spoiled record harms only what it is about, and at most its event. docs/correctness.md
// says how each reader goes on.
//
// # Invariants
//
//  1. Nothing in a spoiled record is used, and nothing is guessed.
//  2. A record of a later version is never taken for junk: older values aren't the truth,
//     and nobody overwrites it.
//  3. frontrow_spoiled_records rises by one for each spoiled record and reader, and falls
//     when that reader can read the record again. Its labels name no event and no key.
package records
