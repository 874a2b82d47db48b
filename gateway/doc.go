// Package gateway is frontrow's regional edge: what fans and their browsers talk
// to. It takes arrivals into the region's queue, tells everybody how the sale
// stands, and passes on what only others may decide. It decides nothing that
// matters, keeps nothing that would be missed, and so can be killed and
// multiplied at will. What it counts for its defences is shared with the other
// gateways of the region, and may be lost.
//
//	           every request ─► address, budgets ─► 429
//	           POST places ─► access code checked here ─► risk score ─► challenge? ─► code used in CODES ─► create-only in QUEUE_<event>_<lane> ─► receipt
//	           POST passes ─► the board says no, or the admitter decides
//	fan ─HTTP─ POST holds, DELETE, checkout ─► pass verified here: whose, which device, revoked? ─► the writer decides ─► ORDERS
//	           GET order, ticket, orders ─► the ledger
//	           GET events, plan, board, availability ─► memory
//	fan ─WS─── live ◄─ hub ◄─ watches of BOARD, STOCK, SEATS_<event>, notices
//
// # Reading guide
//
//	gateway.go    Config, New, Run, the operator's endpoint, the graceful stop
//	routes.go     the public contract as a table; reads
//	codes.go      refusals: HTTP status, problem types, close codes
//	document.go   bodies encoded once; strict JSON in
//	identity.go   the fan's cookie, his device's, the origin, the pass
//	revoked.go    which passes are no longer good
//	defence.go    who asks; budgets, score, edge: package limit, risk, client, listener wired in
//	prove.go      challenges: package challenge wired in; who is asked, what for
//	join.go       join and redeem
//	access.go     access codes: which lane an arrival comes in by
//	carry.go      links that take a place to another device
//	queue.go      one lane: places created once
//	hold.go       hold and release; asking other services
//	checkout.go   checkout, orders, tickets
//	history.go    a fan's orders
//	catalogue.go  events and what is known of them, by one watch a bucket
//	seatmap.go    the states of an event's seats, snapshots, changes
//	hub.go        who views what; frames to all whom they concern
//	cadence.go    how often a waiting fan is told the board
//	conn.go       one live socket
//	sockets.go    how many there are, of whom
//	pages.go      HTML pages and assets
//	recent.go     bounded memory of what never changes
//
// The parts of the defences know nothing of each other and nothing of events; each
// has a doc.go of its own:
//
//	client/       who is at the other end, behind which proxies
//	listener/     connections: how many, half-open ones, TLS
//	ja4/          the fingerprint of a TLS client
//	limit/        budgets that the gateways of a region count together
//	risk/         signals to a score with reasons
//	challenge/    proofs, the policy; altcha/ proof of work, siteverify/ widgets
//	evidence/     the log of who was challenged and why
//
// # Life of an event here
//
//	unknown ──record in EVENTS──► opening ──plan read──► visible ──seats read──► live
//	   404                          503                   board, joining         availability, live changes
//
// # Invariants
//
//	G1  A fan has one place an event and lane, however often and wherever he
//	    joins: the create-only record under his id decides, never this process.
//	G2  Nothing after the queue is passed on without a pass that was verified here
//	    for that event, that belongs to the fan of the request's cookie, on the
//	    device it was given to, and that is not known to be revoked. What is not
//	    known yet, because REVOKED was not read, is not taken for good.
//	G3  An answer that says "done" was given by the one who decides. Silence is
//	    answered with 503, and repeating it is safe: holds and orders carry ids.
//	G4  No request is passed on that another site made a browser send.
//	G5  A viewer who reads the snapshot after his watch was answered, applies
//	    frames above its sequence and reads again at a gap, sees the truth as of
//	    the last tick. Frames of a section are a chain without silent losses.
//	G6  No viewer makes another wait. Every queue of a socket is bounded; who
//	    can't keep up is told to come back.
//	G7  Nothing a client sends becomes part of a subject or a key unchecked.
//	G8  Passes, receipts, codes, links, names and addresses of mail are in no log
//	    and no metric.
//	G9  An access code is checked by its seal, asking nobody, and used by one fan:
//	    the create-only record under its id decides. He may use it again.
//	G10 A device becomes a fan's by his own cookie, or by a link that only he can
//	    make and a tap on our own page: never by a receipt, never by a GET.
//	G11 Nobody is blocked in silence: who is refused for doing too much is told
//	    when he may go on, who is suspected where to get a proof, who waits in the
//	    slow lane why and how he leaves it. (A connection beyond its bounds is
//	    closed without a word: there is no request to answer.) A place that he has
//	    is his whatever the score says.
//
// # What a crash leaves
//
//	after a join was stored, before the answer      the place; joining again returns it
//	after a code was used, before the place         the claim; joining again with the code gives the place
//	after a hold was granted, before the answer     the hold; asking again under its key returns it, else its deadline frees it
//	after a release was done, before the answer     free seats; releasing again says so
//	after checkout was marked, before ORDERS        the fan repeats; else the inventory frees it, as no order is known
//	after ORDERS, before the answer                 the order is done; the fan sees it when he asks
//	after a proof was spent, before the act         the same act with the same proof is allowed
//	sockets                                         come back elsewhere, spread by the close code or by chance
package gateway
