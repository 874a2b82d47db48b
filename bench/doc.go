// Command bench measures frontrow against the classic design of the same job,
// both with every acknowledged write fsynced, in the same run on the same
// machine, client included:
//
//	go run . [-o results.json] [-quick] [-row substring] [-profile dir]
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
//	row             ours                                       baseline
//	hold of 2       NATS request to the writer, reply stored   Redis, SET NX EX of both seats in one script
//	joins           create-only through kv.Committer, receipt  Redis, ZADD NX and ZRANK in one pipeline
//	join over http  POST …/places on open connections          the same, without any HTTP
//	orders          ORDERS to paid, payment included           PostgreSQL, one transaction an order, no payment
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
