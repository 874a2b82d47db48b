// Package wire is the contract between frontrow's services, its operators and
// the world: every subject, stream, bucket, message, token and record that
// more than one of them sees is declared here and nowhere else.
//
// # Reading guide
//
//	subjects.go  every NATS subject, built by a function, beside its wildcard
//	streams.go   every stream and bucket as a configuration value
//	event.go     the event's specification and state        (EVENTS)
//	place.go     a place in the queue and its receipt        (QUEUE_<event>_<lane>)
//	code.go      access codes                                (CODES_<event>, PASSES_<event>)
//	pass.go      the admission pass, redeeming a place       (PASSES_<event>)
//	carry.go     links that take a place to another device
//	board.go     the public document of an event             (BOARD)
//	seat.go      a seat's record and the flush's log record  (SEATS_<event>, SALELOG)
//	hold.go      commands to the writer of an event's seats  (seats.<event>.*)
//	stock.go     counters per section and level              (STOCK)
//	price.go     prices and quotes                           (PRICES)
//	order.go     a checkout to do, orders, tickets           (ORDERS, CHECKOUTS, ledger.*)
//	barcode.go   what opens the gate
//	keys.go      the keyring: what signs and verifies all of the above
//	rotate.go    which key signs when, and which may go
//	split.go     who is given which keys
//	keyfile.go   the keyring's file, and following it
//	operator.go  what the nats CLI may ask                   (frontrow.*)
//	record.go    how a record is read, and when it is spoiled
//	problem.go   refusals, which cross services unchanged
//
// # Rules
//
//   - JSON everywhere. Instants are UTC, RFC 3339. Money is an integer count of
//     minor units beside an ISO 4217 currency. Identifiers are strings.
//   - Services restart in any order and run beside the version before and after
//     theirs: fields are added, never renamed or reused, and each has a usable
//     zero value. A service of before ignores a new field and loses it when it
//     rewrites the record; where that would be wrong, RecordVersion rises with it.
//   - An act that may be repeated carries the id that makes it idempotent: the
//     hold id names a hold, its order and everything that follows from it.
//   - Nothing here does I/O, but for Create, which makes streams from values, and
//     for the keyring's file.
package wire
