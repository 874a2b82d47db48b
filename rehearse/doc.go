// Package rehearse plays a whole on-sale against a running frontrow: fans who
// behave as people do, bots that do not play fair, and a checker that compares the
// answers all of them got. It uses only the public contract, HTTP and WebSocket, so
// it can be pointed at any deployment from anywhere.
//
//	 arrivals ──spike, long tail──► visitors, each a goroutine and a small state machine
//
//	arrive ─► join ─► wait ─► redeem ─► shop ─► think ─► pay ─► settle ─► paid
//	            ▲       │        │       ▲  │      │               │
//	            └reload─┘        │       │  └ lost: others were    └ declined: holds and
//	                    │        │       │    quicker, tries again   pays again
//	                    │        │       └── released, spinning (bots)
//	                    ▼        ▼                 ▼
//	                absent   sold out      abandoned: released, or just left
//
//	redeem, shop and pay ──the turn is over──► join, at the end of the queue (a few times)
//	join, redeem and shop ──challenge-required──► prove ─► the same again
//	                                                 └──► would not, or could not: leaves
//
// # Reading guide
//
//	rehearse.go  Config, Run: the crowd, the board's one poller, the end
//	habits.go    what one fan will do, and when they come: pure functions of the
//	             seed, their number and the shares
//	bots.go      the table of ways not to play fair
//	browser.go   the headers of browsers, and of programs that pose as one
//	visitor.go   the state machine, up to the pass
//	shop.go      the state machine, from the map to the ticket
//	prove.go     how challenges are answered, and on which computer
//	forge.go     forged receipts and passes, which must open nothing
//	venue.go     which seats to take from the map: pure
//	client.go    requests: connections, tries, back-off
//	live.go      the board, polled once for all; turns; live sockets
//	check.go     the invariants that fans can see: pure
//	tally.go     counting
//	report.go    Progress, Report
//
// # Keeping it cheap
//
// The board is one public document that caches may keep, so one poller reads it
// for all who wait, as a CDN would. Connections are kept open and shared: half
// of Connections by fans who arrive, half by those who were called, and a few
// by bots, which have machines of their own and must not take ours from the fans.
// A visitor who finds none free waits; the report says how long. Each visitor has an
// address in X-Forwarded-For, and X-Forwarded-Proto says they come over HTTPS;
// frontrow believes both where it trusts this machine ("frontrow dev" does, and the
// gateway with --trust-forwarded).
//
// # How the defences see visitors
//
// A fan sends the headers of a current browser, opens the page, takes some time to
// find the button, and has an address of their own. Exceptions are the share "nat",
// who share an address with some fifty others, and the share "campus", whose addresses
// are in one /24 or one /48; both are also reported separately. A bot says that it is
// a program, or poses badly as a browser, or drives one. In the last case nothing in
// its requests distinguishes it from a fan; only its behaviour may give it away.
//
// A visitor who is asked for a proof solves it, chooses the slow lane instead, or just
// tries again, by habit; fans always solve. The proof is real, the time it takes is
// modelled:
//
//	a challenge takes a random number of tries, up to the maximum it states
//	a person's computer makes one proof at a time, for all its places; a try takes
//	    as long as measured on a phone, in a desktop browser, or in a bot's program
//	a bot gives up on a proof that its computer would not finish within a minute
//	altcha.Solve works out the proof, on at most Config.Solvers processors of this
//	    machine; a visitor who finds none free within a minute gives up too
//	the answer is sent when both the model and altcha.Solve are done
//
// So an accepted proof has really been worked out, and never sooner than the visitor's
// computer could have. Proofs this machine had no processor for are counted as
// "unsolved": that many more visitors might have come in, and if they are many, the
// shares of the bots are too low by as much. For the same reason most bots here prove
// nothing: a rehearsal's few processors can't work out thousands of strong proofs in
// minutes. Against bots that all solve, a challenge is a price and keeps fewer out.
//
// What the defences cost a visitor is the time from being told to slow down, or asked
// for a proof, until they were let in or gave up, less the time they waited for one of
// our connections.
//
// # What is checked
//
// The checker records facts as visitors learn them, each with the time before or after
// which it must have been true. It reports violations of:
//
//	I1   a seat belongs to one fan at a time: no two holds that both certainly stand,
//	     no hold of a paid seat, no seat paid for twice
//	I1   nobody holds or buys more than the limit
//	I2   a hold stands until its deadline, unless its fan ends it; seen by using it
//	I2   an accepted order with a good card is paid, and comes to an end
//	I5   a place redeems to one pass
//	I6   a place belongs to one fan, and stays the same however often they join
//	I6   a head never goes back; a pass is given only to a fan whose turn has come, by
//	     the head of their lane or, in a draw, by their rank (Board.Turn)
//	I8   the price paid is the price quoted, and adds up
//	I9   a paid order has a valid ticket for each seat that was held
//	I10  a paid order reads as paid ever after; an accepted order is known
//	G2   a forged or foreign receipt or pass opens nothing
//
// The clocks of the server and of this machine may differ by ClockSkew.
//
// # Repeatability
//
// What each visitor does follows from the seed. How the sale goes does not: it depends
// on who is quicker.
package rehearse
