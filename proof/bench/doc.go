// Command bench measures frontrow against the classic design of the same job,
// both with every acknowledged write fsynced, in the same run on the same
// machine, client included:
//
//	go run . [-o results.json] [-quick | -smoke] [-row substring] [-profile dir]
//	go run . -pair other [-turns 5] [-quick] [-row substring]
//	go run . -doc document [-o results.json]
//
// After the rows come the marks that they should reach, and whether they do; both are
// in the results too. The second form runs the bench of another build and this one by
// turns, row after row, and says what all turns agree on. The third runs nothing: it
// puts the figures of a run into a document.
//
// # How
//
// Load is a closed loop: a stated number of callers, each of which sends its
// next request when it has the answer to its last. Ours and the baseline take
// turns for a number of rounds, and each figure is the median over the rounds
// of that side, so that what else the machine does meets both alike. How much
// else it did is part of each result: the cores that neither we nor our child
// processes used while the row ran.
//
// Latency is from before a request is encoded to after its answer is decoded.
// A round's rate is its answers over the time to the last of them.
//
//	row                    ours                                                   baseline
//	hold of 2              NATS request to the writer, reply stored               Redis, SET NX EX of both seats in one script, AOF or none
//	ceiling                hold of 2, as above                                    what its flushes stored, published again raw
//	storm                  100,000 fans ask for 1,000 seats by name               Redis, SET NX EX
//	best available         the engine alone: search, hold, give back              a scan of all seats
//	expiry                 80,000 seats' holds end together: the last free record PostgreSQL, a sweep every 30 s
//	joins                  create-only through kv.Committer, signed receipt       Redis, ZADD NX and ZRANK in one pipeline
//	join over http         POST …/places on open connections, all defences        the same, without any HTTP
//	hold over http         POST …/holds on open connections, all defences         Redis, AOF always, without any HTTP
//	purchase               ORDERS to paid, a provider in the process              PostgreSQL, one transaction an order, no payment
//	purchase with payment  ORDERS to paid, the payment sandbox over HTTP          the same
//	sell-out               hold to paid, every seat of the house                  PostgreSQL, the same transactions, no hold, no payment
//	recovery               the next writer, from its lease to its first answer    –
//	redeem                 a called place becomes a pass, stored and signed       –
//	frames                 the board told to 12,000 sockets of other processes    –
//	position               one board stored, for a million fans                   Redis, ZRANK of each
//	prices                 10,000 levels decided, each of which moves                   –
//	prices shown           a price set, until the last of 2,000 sockets has read it     –
//	14 million             joins, boards, the head, the last 10,000 passes        Redis, as many in a sorted set
//
// Rows end in " on three" where a cluster of three nats-servers, R3, runs them
// too; their mode in the output is R3 instead of R1. "14 million" runs only when
// it is asked for: it takes minutes. A row that fails doesn't keep the others from
// running, but the run fails. The tests run every row as small as it goes.
//
// A row asks for what it needs (servers, services, connections) and gives nothing back:
// what it asked for ends with it, the last first (bench.end).
//
// The baselines are built to be fast: Redis is asked over few, pipelined
// connections, so that one fsync serves all commands of one turn of its loop;
// PostgreSQL gets the statements of an order in one round trip and commits of
// many connections at once, which share fsyncs.
//
// # What is needed
//
// The Debian packages redis-server and postgresql. Files go to a temporary
// directory, which must be on a real disk for the fsyncs to mean anything; set
// TMPDIR if /tmp is memory.
package main
