// Package rehearse plays a whole on-sale against a running frontrow: fans who
// behave as people do, bots that do not play fair, and a checker that compares
// what all of them were told. It uses the public contract alone, HTTP and
// WebSocket, so it may be pointed at any deployment from anywhere.
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
//	redeem, shop and pay ──the pass is over──► join, at the end of the queue (a few times)
//	join, redeem and shop ──challenge-required──► prove ─► the same again
//	                                                 └──► would not, or could not: leaves
//
// # Reading guide
//
//	rehearse.go  Config, Run: the crowd, the board's one poller, the end
//	habits.go    what one fan will do, and when they come: pure functions of the
//	             seed, their number and the shares
//	bots.go      the table of ways not to play fair
//	browser.go   what programs send of themselves: browsers, and what poses as one
//	visitor.go   the state machine, up to the pass
//	shop.go      the state machine, from the map to the ticket
//	prove.go     what is done about a challenge, and on which computer
//	forge.go     what opens nothing, and is tried
//	hall.go      which seats to take from the map: pure
//	client.go    requests: connections, tries, back-off
//	live.go      the board, polled once for all, whose turn it is, and live sockets
//	check.go     the invariants that fans can see: pure
//	tally.go     counting
//	report.go    Progress, Report
//
// # How it is cheap
//
// The board is one public document that caches may keep, so one poller reads it
// for all who wait, as a CDN would. Connections are kept open and shared: half
// of Connections by fans who arrive, half by those who were called, and a few
// by bots, who have machines of their own and must not take ours from the fans.
// A visitor who finds none free waits; the report says how long. Each visitor has an
// address in X-Forwarded-For, and X-Forwarded-Proto says they come over HTTPS, which
// frontrow believes where it is told to trust this machine ("frontrow dev" does,
// and the gateway's --trust-forwarded).
//
// # Who is who to the defences
//
// A fan sends what one of today's browsers sends, opens the page, takes some time
// to find the button, and has an address of their own, but for the share "nat", who
// are behind one with some fifty others, and the share "campus", whose addresses are
// of one /24 or one /48: how they fare is reported separately. A bot says that it is a
// program, or poses as a browser badly, or drives one: then nothing in its requests
// tells it from a fan, and what gives it away, if anything, is what it does.
//
// A visitor who is asked for a proof solves it, says that they would rather wait in the slow
// lane, or just tries again, by habit; fans always solve. How long it takes
// is modelled; that it is done is not:
//
//	tries of a challenge: as many as luck has it, of at most those that it says
//	a person's computer: one proof after the other, for all its places; a try takes
//	    what was measured of a phone, of a desk's browser, or of a bot's program
//	a bot gives up what its computer would not have done within a minute
//	the proof is worked out by altcha.Solve, on at most Config.Solvers processors of
//	    this machine; a visitor who finds none free within a minute gives up, too
//	the answer is sent when both are done
//
// So a proof that was accepted has really been worked out, and never sooner than
// its computer could. What this machine had no processor for is counted as
// "unsolved": so many more might have come in, and if they are many, the shares of
// the bots are too low by as much. For the same reason most bots here prove nothing:
// thousands of strong proofs are more than the few processors of a rehearsal work out
// in minutes. Against bots that all solve, a challenge is a price and keeps fewer out.
//
// What the defences cost a visitor is the time from being told to slow down, or to
// prove something, until they were let in or gave up, without what they waited for one
// of our connections.
//
// # What is checked
//
// The checker is told facts as visitors learn them, each with the time before
// which, or after which, it must have been true. It reports:
//
//	I1   a seat is one fan's at a time: no two holds that both certainly stand,
//	     none of a seat that is paid for, none paid for twice
//	I1   nobody holds or buys more than the limit
//	I2   a hold stands until its deadline, unless its fan ends it; seen by using it
//	I2   an order of a good card that was taken is paid, and comes to an end
//	I5   a place redeems to one pass
//	I6   a place is one fan's, and stays the same however often they join
//	I6   a head never goes back; a pass is only given to a fan whose turn has come, by
//	     the head of their lane or, in a draw, by their rank: Board.Turn
//	I8   the price paid is the price quoted, and adds up
//	I9   a paid order has a valid ticket for each seat that was held
//	I10  a paid order reads as paid ever after; an order that was taken is known
//	G2   a forged or foreign receipt or pass opens nothing
//
// Clocks of the server and of this machine may differ by ClockSkew.
//
// # Repeatable
//
// Who does what follows from the seed. How the sale goes does not: it depends on
// who is quicker.
package rehearse
