// Package catalogue is what a gateway knows of events. It reads and never writes: one
// watch a bucket keeps it, and what it says is as old as the last record that arrived.
//
//	EVENTS ──┐                         ┌─ Record: the spec, open or closed
//	BOARD ───┤                         ├─ Board, Hub: package live
//	STOCK ───┼─ a watch each ─► Event ─┼─ Price, State
//	PRICES ──┤                         ├─ Queue, Codes: package arrivals
//	PLANS ───┘ (read once)             └─ Venue
//	REVOKED ───────────────► Revocations
//	SEATS_<event>, notices ► Event.Hub
//
// # Life of an event here
//
//	unknown ──record in EVENTS──► opening ──plan read──► visible ──seats read──► live
//	   404                          503                   board, joining         availability, live changes
//
// Buckets and plans may come later than the gateway and than each other: what can't be
// read is tried again, with a growing pause, for as long as the gateway runs.
//
// # Invariants
//
//  1. One event that can't be read is nobody else's trouble.
//  2. A record that is not understood is logged and leaves what was known.
//  3. The plan of an event doesn't change.
//  4. Not known yet is not "there is none": until EVENTS has been read, and while an
//     event is being opened, fans are told to ask again.
//
// # What a crash leaves
//
// Nothing: the next gateway reads everything anew, and is ready when it has.
package catalogue
