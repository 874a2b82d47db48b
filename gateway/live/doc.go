// Package live shows an event as it is, the board, the stock and the state of every seat,
// both on request and over sockets. It informs; others decide who may have a seat and whose
// turn it is.
//
//	BOARD, STOCK ───► Feed ────────┐
//	                               ├─► Hub ──a frame, encoded once──► conn ─► viewer
//	SEATS_<event> ──► seatmap ─────┤    │                              ▲
//	  (its log)                    │    └─ by fan: notices             └─ {"watch":[sections]}, {"place":{…}}
//	                               └─► Snapshot ─► GET …/availability
//
// # Reading guide
//
//	venue.go     a seating plan: numbered, encoded once
//	feed.go      board and stock, encoded once
//	seatmap.go   the states of an event's seats, snapshots, changes
//	hub.go       who views what; frames to everybody they concern
//	cadence.go   how often a waiting fan is told the board
//	conn.go      one live socket
//	ending.go    why it is closed from here
//	sockets.go   how many there are in the process, of whom; the farewell
//
// # A socket's life
//
//	room? ──no──► refused: full, address, fan
//	  │
//	  ▼
//	viewing ──silent, gone──────────────────────► cut off
//	  │
//	  └─ Life, Deploy, Overload, Policy, Data ──► closed with a code that tells the client what to do
//
// # Invariants
//
//  1. A viewer who reads the snapshot after the answer to their watch, applies frames above
//     its sequence and reads again at a gap, sees the truth as of the last tick. A
//     section's frames are a chain without silent losses: From of each is To of the
//     previous one.
//  2. A tick's snapshot is published before any of its frames, and has all or nothing of a
//     flush.
//  3. No viewer delays another. Every queue of a socket is bounded: of boards and stocks
//     the newest is kept, of notices the last few, and a viewer who can't keep up with
//     seats is closed with Overload.
//  4. When the seats' log begins anew, nothing sent before holds, and every viewer is
//     sent away to read everything again.
//  5. An idle socket costs one goroutine, and what it may send is bounded in bytes,
//     messages and time.
//
// # What a crash leaves
//
// Nothing: viewers reconnect, here or elsewhere, and read everything anew.
package live
