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
//  2. One server per directory: a lock file held for the server's life keeps out a second
//     one, even from another process.
//  3. The server neither handles signals nor ends the process: an error that would end it
//     is returned by Start.
//
// A crash leaves the directory as the last fsync left it; the kernel releases the lock and
// the next Start recovers every stream. Nothing needs repair.
package natsd
