// Package consume is the one loop that takes messages from a pull consumer and
// acknowledges them. A Handle knows what a message means; this package alone decides
// when it is acknowledged, given back or terminated.
//
//	delivered ──▶ Handle ──nil──────────▶ Ack
//	                │  ├──ErrPoison─────▶ Dead, then Term
//	                │  └──other error───▶ Nak, due again after 100 ms, doubled with each delivery up to 10 s
//	                └─ meanwhile "in progress" at a third of AckWait
//
// # Invariants
//
//  1. A message is acknowledged only after its Handle returned nil.
//  2. A message is terminated only after Dead has recorded it.
//  3. At most MaxInFlight Handles run; at most as many messages again, and at
//     most 256, wait delivered for their turn.
//  4. Reconnects and changes of leader are not the caller's concern. Messages may come
//     again, so Handle must be idempotent.
//  5. Run returns within Grace of its context's end, plus the time that Handles
//     take to return once theirs has ended: messages not begun are given back at once, Handles
//     that do not finish within Grace are cancelled and their messages given
//     back.
//
// After a crash a message under way is delivered again once AckWait has passed.
package consume
