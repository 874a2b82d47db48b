// Package gateway is frontrow's regional edge: what fans and their browsers talk to. It
// takes arrivals into the region's queue, shows everybody how the sale stands, and passes
// on what only others may decide. It decides nothing that matters and keeps nothing that
// would be missed, so it can be killed and multiplied at will. What it counts for its
// defences is shared with the region's other gateways, and may be lost.
//
//	           every request ─► who sent it (visitor) ─► budgets ─► 429 ─► what its route needs: event, fan, pass, proof
//	           POST places ─► access code checked here ─► risk score ─► challenge? ─► code used in CODES ─► create-only in QUEUE_<event>_<lane> ─► receipt
//	           POST passes ─► the board says no, or the admitter decides
//	fan ─HTTP─ POST holds, DELETE, checkout ─► pass verified here: whose, which device, revoked? ─► the writer decides ─► ORDERS
//	           GET order, ticket, orders ─► the ledger
//	           GET events, plan, board, availability ─► memory
//	fan ─WS─── live ◄─ hub ◄─ watches of BOARD, STOCK, SEATS_<event>, notices
//
// # Reading guide
//
// This package has the routes and their handlers. What they need is in subpackages, which
// know nothing of handlers; each has its own doc.go:
//
//	visitor/      who a request speaks for: cookies, device, pass, revocations, origin;
//	              proof/ that it is by the browser's key which the pass names
//	abuse/        who asks too much, and what they must prove first; its parts wired in
//	events/       what is known of events, by one watch a bucket; places and access codes
//	live/         the map and the fan-out: seats, snapshots, hub, sockets
//	pages/        HTML pages and assets; bodies encoded once
//	client/       who is at the other end, behind which proxies; ja4/ its TLS fingerprint
//	listener/     connections: how many, half-open ones, TLS
//
// The parts of abuse/ know nothing of each other and nothing of events:
//
//	limit/        budgets that the gateways of a region count together
//	risk/         signals to a score with reasons
//	challenge/    proofs, the policy; altcha/ proof of work, siteverify/ widgets
//
// The files here:
//
//	gateway.go    Config, New, Run, the operator's endpoint, the graceful stop
//	routes.go     the public contract as a table: what each route takes from budgets and
//	              needs to know; what every route has around it
//	codes.go      refusals: HTTP status, problem types, close codes
//	body.go       JSON out; strict JSON in
//	reads.go      events, plan, board, availability, live, keys
//	join.go       join and redeem; the challenge before them
//	access.go     access codes: which lane an arrival comes in by
//	carry.go      links that take a place to another device
//	devices.go    signing out, here and elsewhere
//	hold.go       hold and release; asking other services
//	checkout.go   checkout, orders, tickets
//	history.go    a fan's orders
//	pages.go      what each page shows
//	metrics.go    what is counted of requests
//
// # Invariants
//
//	G1  A fan has one place per event and lane, however often and wherever they join: the create-only record under their id decides, never this process (package events).
//	G2  Nothing after the queue is passed on without a pass that was verified here
//	    for that event, that belongs to the fan of the request's cookie, on the
//	    device it was given to, by the key that it names, and that is not known
//	    to be revoked (package visitor).
//	G3  An answer "done" comes from the service that decides. Silence becomes 503, and repeating is safe: holds and orders carry ids.
//	G4  A request that another site made a browser send is never passed on.
//	G5  Every route has a budget, and every refusal is made in codes.go. What a route
//	    needs is resolved once, before its handler: no handler reads a cookie or a pass.
//	G6  Nothing a client sends becomes part of a subject or a key unchecked.
//	G7  Passes, receipts, codes, links, names and addresses of mail are in no log
//	    and no metric.
//	G8  An access code is checked by its seal, asking nobody, and used by one fan:
//	    the create-only record under its id decides. They may use it again.
//	G9  A device becomes a fan's by their own cookie, or by a link that only they can make and a tap on our own page; never by a receipt, never by a GET.
//
// Package live says what viewers may rely on, package abuse that nobody is blocked
// silently.
//
// # What a crash leaves
//
//	after a join was stored, before the answer      the place; joining again returns it
//	after a code was used, before the place         the claim; joining again with the code gives the place
//	after a hold was granted, before the answer     the hold; asking again under its key returns it, else its deadline frees it
//	after a sign-out was stored, before the answer  the session is over; its browser is told so
//	after a release was done, before the answer     free seats; releasing again says so
//	after checkout was marked, before ORDERS        the fan repeats; else the inventory frees it, as no order is known
//	after ORDERS, before the answer                 the order is done; the fan sees it when they ask
//	after a proof was spent, before the act         the same act with the same proof is allowed
//	sockets                                         come back elsewhere, spread by the close code or by chance
package gateway
