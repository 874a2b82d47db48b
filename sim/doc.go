// Package sim plays the whole purchase path from one seed: in one thread, on a
// clock of its own, with every fault the path is made for, and checks after each
// step that what must hold does.
//
//	  fans ──▶ gateway ──▶ writer: seating.Engine ──batch──▶ store (revisions, fence)
//	             │            ▲  ▲ └── deadline: give up? ──▶ ledger
//	             ▼            │  └──── extend, confirm, release ─┐  ▲
//	           ORDERS ────────┼──▶ checkout ── begin, commit, fail ──┘
//	                          │        └──▶ provider ◀── relay ◀── outbox
//	chaos: kills, suspends, supersedes; messages lost, late, in any order
//
//	go test ./sim                                    seeds 1 to 300
//	go test ./sim -run TestPurchases -v -seed=N      one of them, with its trace
//	go test ./sim -seeds=10000 -steps=3000           longer sales, more of them
//
// # What is real
//
// The engine is inventory's own: hold, checkout, extend, release, confirm,
// expire, restore, and what it says is to be stored. So are the messages, the
// records, their JSON, keys and ids, and the plan's index.
//
// The rest are models, each in the file of its name, of what the packages'
// comments promise. Those that are straight-line code there are the same
// straight-line code here, statement for statement: the writer's term (load,
// gather, decide, flush, read back; inventory/writer.go, flush.go, recover.go), the guard
// (kv/guard.go), the steps of an order and the relay (inventory/checkout). The
// ledger's transactions are its rules over maps, one at a time; what is lost or
// late is the call or its answer, so each is done or not done, whatever its
// caller knows. Scaled down are halls, limits, hold times and the size of a
// flush, so that things meet more often. Left out are admission, refunds, the
// operator, and what is rebuilt or reconciled from the ledger.
//
// # How
//
// A process is a coroutine that gives way when it waits. The scheduler runs
// one event after the other; chance comes from the seed alone, and nothing
// depends on the order of a map. Steps events are played with faults; then
// the faults stop and everything must come to rest by itself. A trace of the same
// seed has the same hash.
//
// # What is checked
//
// By replaying the log as it is written, and by looking at the records, the
// ledger and the provider at each of their changes. The names are those of
// docs/correctness.md.
//
//	I1        a seat goes from one owner to the next only through available
//	UNIQUE    no seat is booked for two orders
//	I2        what a fan is told is in the log; a hold ends by its deadline, its
//	          fan's wish or its order's failure in the ledger, and by nothing else;
//	          an order fails because its payment does, or once its hold's logged
//	          deadline has passed or its hold is over
//	I3        only what stands is changed, and all its seats together
//	I4        money is taken for paid orders alone; at rest for each of them, and
//	          nothing stays authorised for any other; seats and ledger agree
//	I7        at rest nothing is held; without faults no hold outlives its deadline by 1 s
//	I8        the price captured = in the record = in the log = published at the hold,
//	          for the seats that the fan was told they hold
//	I10       log numbers have no gaps and are written once; the log replays to the records
//	I15       no deadline is later than a hold may stand; a fan who let a seat lapse has it again
//	          only after it has rested, or others had it
//	limit     nobody holds, or has bought, more tickets than they may
//	liveness  after the last fault every order ends, ORDERS and outbox run empty
//
// TestFinds breaks one rule after the other and wants each to be noticed.
//
// # What the path assumes
//
// A load is one snapshot here: package inventory asks the guard once more at
// the end of its load, so that a picture torn by a successor is thrown away.
//
// TestFinds also takes this away, and shows what follows:
//
//   - A request to the payment provider arrives within a minute (VoidAfter) of
//     its order's failure, or never: else the void has come and gone, and an
//     authorisation stays until the provider lets it lapse (I4). No money moves.
package sim
