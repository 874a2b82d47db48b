// Package roll knows who was called and who has a pass, and lets nobody in
// beyond the ceiling. It is pure: no goroutines, no clock, no I/O. Its owner,
// the admitter of package admission, locks it, says what time it is, and stores
// what it decides.
//
//	waiting ──Propose, Called──► called ──Admit, Kept──► alive ──Expire, End──► over ──joined again──► waiting
//	   ▲                          │ │ ▲                   ▲
//	   └──Suspend: all is sold────┘ │ └─no room─ early    │
//	                                └──window──► late ────┘ if there is room
//
// What is decided takes its room at once, and counts for good when it is stored:
//
//	a call  Propose ──stored──► Called     a pass  Admit ──stored──► Kept
//	               └─not─────► Withdraw                 └─not─────► Voided
//
// As many are called as will probably come, so now and then a called fan finds
// no room: he is told to come again, and however long that takes he is not late.
// How many come is learned from those whose window is over.
//
//	roll.go   the lines, and how many of the called are still to be expected
//	line.go   how far one line is called, and when which places were
//	pass.go   who gets a pass, and how many are alive
//	share.go  the estimate of a share
//
// # Invariants
//
//  1. Passes alive never exceed the ceiling, at any instant, whoever comes.
//     (Lowering the ceiling stops new passes; it takes none away.)
//  2. A fan has one pass at a time, and a place is good for one: once a pass of its
//     fan has ended it is used up. Who is revoked gets no other.
//  3. A called fan who comes in time and finds no room is not late however long it
//     takes. A fan who is late takes no room of those who are expected in time.
//  4. Open never goes back but by Suspend, and Head never.
//     Of a line that has ended, all who have a place may come once those that are
//     known of are called.
//  5. The record of a line is bounded, no window gets shorter by that, and the
//     calls of the last minute are exact to a second.
//  6. A roll made anew from the lines and passes stored says the same as before.
//     Forgotten are only how many come, and who came in time and found no room.
package roll
