// Package audit checks an event at rest: the records in JetStream, the sale log
// and PostgreSQL against each other and against the invariants of the design.
// It reads and changes nothing.
//
// An event is seldom at rest, and what is read one after the other is from
// different moments. So what an order under way explains is no finding: one that
// is not acknowledged in ORDERS, or whose refunded seats the writer has not taken
// back yet (both are counted in the report). Seats and ledger that disagree are
// looked at once more, and count if nothing has changed in between; a record is
// compared with the log as of the flush that wrote it.
package audit
