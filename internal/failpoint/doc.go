// Package failpoint ends the program at chosen places, as kill -9 does:
//
//	failpoint.Here(failpoint.FlushStored)
//
// In a normal build Here is an empty function and such a line costs nothing.
// Built with the tag failpoints, the program ends by SIGKILL, without running
// anything deferred, the n-th time it comes to the point that the environment
// names:
//
//	go build -tags failpoints -o .bin/frontrow-failpoints ./cmd/frontrow
//	FRONTROW_FAILPOINT=flush-stored:3 .bin/frontrow-failpoints dev --event deploy/demo/arena.yaml
//
// Without ":n" it is the first time. The model is etcd's gofail, whose points
// are made by rewriting the source before a build; these are compiled out.
//
//	points.go  the list: what is durable at each point, and what is not
//	on.go      Here with the tag       off.go  Here without it
//
// # Invariants
//
//  1. A point is in one place, between two steps of which the first is done and
//     the second is not begun, so its name says where a crash was.
//  2. A name that is not in the list, or a number below one, ends the program
//     with a message: a misspelt point is never a run without a crash.
//
// The test that kills frontrow at every point, starts it again and audits is in
// cmd/frontrow; docs/correctness.md has each point in its table of crashes.
package failpoint
