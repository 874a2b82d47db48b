// Package natsd runs a nats-server inside this process, on a real listener.
//
// It serves `frontrow dev` and, through natstest, the tests. Production runs
// nats-server on its own from deploy/nats/region.conf; the settings on which
// correctness depends are the same in both and a test compares them with
// deploy/nats/dev.conf, so what holds here holds there.
//
//	Start ──▶ running ──Shutdown──▶ stopped ──Start on the same Dir──▶ running
//	  └─▶ error (port taken, directory in use, store unreadable)
//
// Invariants
//
//  1. Acknowledged means on disk: every stream is fsynced before its
//     acknowledgement (sync_interval: always).
//  2. One server a directory: a lock file held for the life of the server
//     refuses a second one, also from another process.
//  3. The server neither handles signals nor ends the process: what it would
//     die of is the error of Start.
//
// A crash leaves the directory as the last fsync left it; the kernel gives the
// lock back and the next Start recovers every stream. Nobody has to repair
// anything.
package natsd
