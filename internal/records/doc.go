// Package records reads what package wire says stands in the buckets of package kv,
// where anybody with a console can put anything.
//
//	       Read                       Last
//	entry ──────► record        entry ──────► the record as it could be read last,
//	  │                                        as far as the bucket keeps its history
//	  └─spoiled─► counted, logged once; the reader goes on without it
//
// A spoiled record harms what it is about, and at most the event. How each reader
// goes on is in docs/correctness.md.
//
// # Invariants
//
//  1. Nothing of a spoiled record is used, and nothing is guessed.
//  2. A record of a later version is never taken for junk: what is older than it
//     isn't the truth, and nobody writes over it.
//  3. frontrow_spoiled_records rises by one with a spoiled record and its reader, and
//     falls when that reader can read it again. Its labels name no event and no key.
package records
