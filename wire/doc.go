// Package wire is the contract between frontrow's services, its operators and
// the world: every subject, bucket, message and record that more than
// one of them sees is declared here and nowhere else.
//
// # Reading guide
//
//	subjects.go  every NATS subject, built by a function, beside its wildcard; buckets and keys
//	event.go     the event's specification and state        (EVENTS)
//	place.go     a place in the queue                       (QUEUE_<event>_<lane>)
//	code.go      access codes                               (CODES_<event>, PASSES_<event>)
//	pass.go      a pass's record, redeeming a place         (PASSES_<event>)
//	board.go     the public document of an event            (BOARD)
//	seat.go      a seat's record and the flush's log record (SEATS_<event>, SALELOG)
//	hold.go      commands to the writer of an event's seats (seats.<event>.*)
//	together.go  many such commands in one message          (seats.<event>.fans, .orders)
//	stock.go     counters per section and level             (STOCK)
//	price.go     prices and quotes                          (PRICES)
//	pricing.go   how prices may move: pricingcheck.go       (EVENTS)
//	priceact.go  what moved them, and by what               (SALELOG)
//	order.go     a checkout to do, orders, tickets          (ORDERS, CHECKOUTS, ledger.*)
//	operator.go  what the nats CLI may ask                  (frontrow.*)
//	record.go    how a record is read, and when it is spoiled
//	codec.go     how the records of a hold are written and read without reflection: append.go, …json.go
//	problem.go   refusals, which cross services unchanged
//
// What signs and verifies tokens of these is package keyring, what makes the
// streams internal/streams.
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
//   - Nothing here does I/O.
package wire
