// Package audit checks an event at rest: it compares the records in JetStream, the
// sale log and PostgreSQL with each other and with the invariants of the design.
// It reads and changes nothing.
//
// An event is seldom at rest, and what is read in turn is from different moments.
// So a difference that an order under way explains is not a finding: an order not
// acknowledged in ORDERS, or whose refunded seats the writer has not taken back yet
// (the report counts both). Where seats and ledger disagree they are read again,
// and the difference counts if nothing has changed in between. A record is compared
// with the log as of the flush that wrote it.
//
// The log is the truth about the seats, and their records follow it: where a record is
// behind, or can't be read, the rules go by the log. The log is read record by record, and
// of each no more is kept than a digest. Each names the one before by its digest, so that
// none can be changed or left out unseen; only those of a version that named none may be
// without.
package audit
