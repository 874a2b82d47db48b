// Package sim plays the whole purchase path, and the queue before it, from one seed: the code of production itself, on
// a store, a bus, a ledger and a payment provider that a seed decides about, with every fault
// the path is made for, and checks after each step that what must hold does.
//
//	                                      ┌── leases, guard, flushes, watches ──▶ kv/memory
//	fans ──bus──▶ workers: leader, writer ┤
//	  │             ▲                     └── deadline: give up? reconcile ─────▶ books
//	  ▼             │ extend, confirm, release                                     ▲
//	ORDERS ──▶ checkouts: consume, purchase ── begin, commit, fail, claim, settle ─┘
//	              └── authorize, capture, void, get ──▶ provider ── webhooks ──▶ checkouts
//
//	chaos: kills, suspends and cuts off; messages lost, late, in any order
//
//	visitors ──bus──▶ hosts: leader, sale, admitter ── leases, guard, passes, boards, calls ──▶ kv/memory
//	  └── join ──▶ queues of two regions ◀── who is next? ─┘
//
//	go test ./proof/sim                                    some hundred seeds
//	go test ./proof/sim -run TestPurchases -v -seed=N      one of them, with its trace
//	go test ./proof/sim -run TestQueues -v -seed=N         one of a queue
//	make sim ARGS="-seeds 100000"                          as many as you like
//
// # What is real
//
// All that decides: inventory/writer with its pipelining, reconciling and settling of
// deadlines; inventory/refund; kv's guard, leases, group committer and watches; internal/leader, internal/records
// and internal/consume; inventory/checkout with its outbox, its breaker, its reconciling with
// the provider, and what it does when a webhook tells of a payment; inventory/seating below.
// Before it: admission/admitter with admission/sale, pacing, queue and passes.
//
// # What is a model
//
//	kv/memory    JetStream. Package kvtest holds it to the same promises as real servers
//	books.go …   PostgreSQL: package ledger's transactions as rules over maps, one at a time.
//	             TestBooks plays the same calls on both and compares
//	provider.go  the provider, by the rules of package payment
//	orders.go    ORDERS' consumer: delivered until acknowledged, and now and then twice
//	fan.go       fans, and what the gateway does for them
//
// A run plays purchases (Run) or a queue (RunAdmission), where what is sold is made up.
//
// Scaled down are halls, limits and hold times, so that things meet more often. Left out are
// the operators of inventory but for refunds of orders, records that are lost or spoiled, and of
// queues the draw, passes that move, and looks between two ticks.
//
// # Determinism
//
// Each seed runs in a synctest bubble. Goroutines of production stop wherever they ask for
// something beyond their process; one goroutine, the driver, waits until all have (synctest.Wait),
// sorts what was asked for by process, server and key, draws for each how it goes, sleeps until
// the next instant, and lets exactly one thing happen. So all chance comes from the seed, and
// nothing depends on which goroutine or which processor was first. What remains open is the order
// of two timers of production that end at the same nanosecond: hold times and leases are chosen
// so that they hardly do. A trace of the same seed has the same hash (TestReplay).
//
// # Faults
//
// Request and answer may be lost or late, each by itself; requests to the writer also come
// twice, orders are delivered to two. A store says "busy", or "in flight"; a replica is up to 40
// revisions behind, a leader that is none any more up to 8; watches break and begin again. The
// ledger and the provider are away for a while. A process dies: what it sent may arrive, what its
// goroutines do from then on has no effect. A process is suspended: it goes on thinking, but
// nothing leaves or reaches it, not even that its lease is over, so that it wakes as a writer who
// has been superseded and does not know. After Steps things that happened faults stop, and
// everything must come to rest by itself.
//
// # What is checked
//
// By replaying the log as it is written, and by looking at the records, the ledger and the
// provider at each of their changes. The names are those of docs/correctness.md.
//
//	I1        a seat goes from one owner to the next only through available
//	UNIQUE    no seat is booked for two orders
//	I2        what a fan is told is in the log; a hold ends by its deadline, its fan's wish or
//	          its order's failure in the ledger, and by nothing else; an order fails because its
//	          payment is declined, because the provider or the fan has had all the time there is, or
//	          once its hold's logged deadline has passed or its hold is over; no answer of any
//	          kind but "try again" leaves a writer that has stored nothing since it was asked
//	I3        only what stands is changed, and all its seats together
//	I4        money is taken for paid orders alone, and at rest as much as is sold; nothing
//	          stays authorised for a failed order; seats and ledger agree
//	I7        at rest nothing is held; without faults no hold outlives its deadline by 1 s
//	I8        the price captured = in the record = in the log = published at the hold
//	I10       log numbers have no gaps and are written once; the log replays to the records
//	I13       nobody is quoted more than they were promised when they joined
//	I15       no deadline is later than a hold may stand, but for time in which we were waited
//	          for; a fan who let a seat lapse has it again only after it has rested
//	limit     nobody holds, or has bought, more tickets than they may; no code is used more often
//	          than it may, held and bought
//	liveness  after the last fault every order ends, ORDERS and outbox run empty
//
// And of a queue:
//
//	I5        passes alive never exceed the ceiling; a place is called before it has a pass, and
//	          has one; the pass that a fan gets is stored
//	I6        nobody is called before an earlier place of their lane in any region that answers;
//	          while one does not, nobody who came after it was last heard
//	head      no line's goes back, nor who may come, but when everything is sold
//	board     it has the next number, shows what is stored, and follows none of a later admitter
//	fence     no record of an earlier admitter follows one of a later
//	I10       the sale log has each called place once, without gaps
//	liveness  after the last fault everybody who waits has their pass
//
// TestFinds and TestQueuesFinds seed one bug after the other at a seam (bugs.go, admission.go)
// and want each to be noticed.
//
// # What the path assumes
//
// TestFinds also takes this away, and shows what follows: a request to the payment provider
// arrives within an hour of its order's failure, or never. Else reconciling has ended, and an
// authorisation stays until the provider lets it lapse (I4). No money moves.
package sim
