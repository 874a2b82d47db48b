// Package eventfile reads organisers' and operators' files, in YAML or JSON, into records
// and flags, and takes nothing for granted on the way.
//
//	bytes ──► UTF-8? ──► one document ──► each key known, once ──► each value of its kind ──► rules ──► record
//	                           every fault: file:line:column: key: what to write instead
//
// Read (decode.go, value.go) reads a file into a record; a File (file.go) knows where each
// key stands, so that rules can be told with positions too; Diff (diff.go, notice.go)
// says what another file changes; Settings (settings.go) reads a file of flags.
//
// # Invariants
//
//  1. A value is read as the one thing that a person means by it, or refused. A
//     number has no leading zero, an instant has a zone, an amount is in minor units
//     or is text with its currency, a text stays a text.
//  2. Nothing that can't be read becomes a default: an empty value is a fault, and
//     so is a missing required key, and a zero that would stand for the default.
//  3. All faults are reported at once, up to a bound, those of rules among them: at
//     the value what can't be read, at the key what breaks a rule. Of a value that
//     couldn't be read no rule says anything.
//  4. Texts are in Unicode's composed form (NFC), without invisible characters.
//
// It is for what people write. Records in buckets, which other versions write too, are
// read by package wire, which ignores keys that it doesn't know.
//
// A field's tag says what it requires beyond its type: `file:"required"`,
// `file:"amount"` for money, `file:"default"` where zero stands for a default.
package eventfile
