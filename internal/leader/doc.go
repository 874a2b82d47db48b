// Package leader is the kernel of every service of which one process at a time works on an
// event: the writer of its seats, its admitter, its pricer.
//
//	EVENTS, PRICES ──watched──► Event: its record and prices as they were seen last
//	                              │ seen for the first time
//	                              ▼
//	                           contend ──lease──► term ──over──► contend
//	                                               │  ▲
//	                                               └──┘ ErrRestart: anew, under the same lease
//
// leader.go has the leases and the terms, event.go what is known of each event.
//
// What else such services share is in other packages: records reads what is stored, seating
// plans included, and operator answers operators and logs their acts.
//
// # Invariants
//
//  1. At any time at most one process trusts that it leads an event (package kv). Trust
//     only saves time: what is stored is protected by the guard that each term seizes with
//     its number, which grows from leader to leader.
//  2. A process contends for an event once, from the moment it sees it until the process
//     ends.
//  3. A record that can't be read is noted, and the previous one stays in force.
//
// # Crashes
//
// A process that dies leaves a lease that is not renewed; another leads after one TTL. This
// package stores nothing but that lease.
package leader
