// Package passes knows who was called and who has a pass, and lets nobody in beyond the
// ceiling. It is pure: no goroutines, no clock, no I/O. Its owner, the admitter of package
// admission, locks it, passes the time, and stores what it decides.
//
//	waiting ──Propose, Called──► called ──Admit, Kept──► alive ──Expire, End──► over ──joined again──► waiting
//	   ▲                          │ │ ▲                   ▲
//	   └──Suspend: all is sold────┘ │ └─no room─ early    │
//	                                └──window──► late ────┘ if there is room
//
// A decision takes its room at once, and is final when it is stored:
//
//	a call  Propose ──stored──► Called     a pass  Admit ──stored──► Kept
//	               └─not─────► Withdraw                 └─not─────► Voided
//
// Calls follow how many fans will probably come, so now and then a called fan finds no
// room. They are told to come again, and are not late however long that takes. The share
// that comes is learned from fans whose window is over.
//
//	table.go  the lines, and how many of the called are still to be expected
//	line.go   how far one line is called, and when which places were
//	pass.go   who gets a pass, and how many are alive
//	share.go  the estimate of a share
//
// # Invariants
//
//  1. Passes alive never exceed the ceiling, at any instant, whoever comes.
//     (Lowering the ceiling stops new passes; it takes none away.)
//  2. A fan has one pass at a time, and a place is good for one: once a pass of its fan has
//     ended, the place is used up. A fan whose pass was revoked gets no other.
//  3. A called fan who comes in time and finds no room is never late, however long it
//     takes. A late fan takes no room from those expected in time.
//  4. Open never goes back but by Suspend, and Head never.
//     Once all known places of an ended line are called, everybody with a place in it may
//     come.
//  5. The record of a line is bounded, no window gets shorter by that, and the
//     calls of the last minute are exact to a second.
//  6. A Table rebuilt from the stored lines and passes answers as before. It forgets only
//     the learned share of those who come, and who came in time and found no room.
package passes
