// Package eventfile reads what an organiser writes, in YAML or JSON, into the
// records of package wire, and takes nothing for granted on the way.
//
//	bytes ──► UTF-8? ──► one document ──► each key known, once ──► each value of its kind ──► record
//	                           every fault: file:line:column: key: what to write instead
//
// # What holds
//
//  1. A value is read as the one thing that a person means by it, or refused. A
//     number has no leading zero, an instant has its zone, an amount is in minor
//     units or says its currency, a text stays a text.
//  2. Nothing that can't be read becomes a default: an empty value is a fault, and
//     so is a missing key that must be there.
//  3. All faults are told at once, up to a bound.
//  4. Texts are in Unicode's composed form (NFC), with nothing that can't be seen.
//
// A field says by its tag what it wants beside its type: `file:"required"`, and
// `file:"amount"` for money.
package eventfile
