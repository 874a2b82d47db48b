// Package audit checks an event at rest: the records in JetStream, the sale log
// and PostgreSQL against each other and against the invariants of the design.
// It reads and changes nothing.
package audit
