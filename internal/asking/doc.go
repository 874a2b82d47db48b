// Package asking sends requests to the writers of events' seats together: what is asked of one
// event while messages of ours are under way travels as the next one.
//
//	              ┌ waiting ┐                  at most 2 under way
//	Request ─────►│ · · · · │────► one message ───────────────────► writer of the event
//	   ▲          └─ 8,192 ─┘      ≤ 512 commands, ≤ 128 KiB             │
//	   └───────────── each its own answer ◄──────── one answer ◄─────────┘
//
// A message costs the servers and the client about as much as the writer needs for a hold, so
// under load most of that is saved. A lone request goes at once: an idle system waits for nothing,
// and the busier it is the more travel together.
//
// A Joiner takes the place of a connection: other requests pass through it as they are. Those
// to the writer that it joins are wire.TravelsTogether's; package wire has the form of a message, and
// package writer says how it is taken apart.
//
// # What a caller can rely on
//
//  1. Each gets the answer to its own request, or an error as if it had asked alone:
//     nats.ErrNoResponders if nobody listens, so that nothing was done; any other error leaves
//     the outcome unknown. Every act that is joined may be repeated.
//  2. Each has its own deadline and leaves when its context ends. What has not left by then
//     never does; the writer begins nothing for which nobody waits any more.
//  3. Nothing waits for ever: who finds the queue full is told to try again, as by a writer that
//     is full, and a message has an answer within the longest of its callers' waits, or none.
//  4. Requests are not kept in order. Who needs one thing done after another waits for its answer.
//
// Two messages are under way so that the writer has the next while it stores the first. One that
// has no answer for longer than patience doesn't hold up others: it may be lost, or its writer
// dead, and what is waiting may reach the next one.
//
// # Asked alone
//
// Some requests are sent by themselves, to seats.<event>.<act>, whose answer they wait for
// separately: those too large for a message; those that the writer answers "alone", since they
// must wait for more than a flush or their answer has no room; and all of them, for some seconds, when a message
// is refused as a whole. So does a writer of the version before, which knows no messages: gateways and
// checkouts of this version work with it, and it costs them one message in vain now and then.
//
// # What a crash leaves
//
// Of the caller's process: commands that are carried out and that nobody hears of, as if each had been asked
// alone. Of the writer: no answer; each caller asks again under the same id.
package asking
