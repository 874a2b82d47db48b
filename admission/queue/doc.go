// Package queue says who is next: it asks the queues of an event, one of each
// lane in each region, who joined and when, and merges them into one order.
// Nothing is stored here; the admitter of package admission owns it and calls
// one method at a time.
//
//	lane       priority ───────────► general ───────────► slow
//	in it      the draw, by rank ──► the others, by the instant of their place
//
//	           home  1 ────── 2 ─── ┊ ── 3      called: home 1, eu 1, eu 2, home 2
//	regions    eu      1 ── 2 ───── ┊           home 3 waits: eu, not heard since ┊,
//	                                            may have a place that came before
//
// A place's number is its revision in the stream of its queue, and its instant
// is when that stream stored it. So only the servers' clocks decide.
//
//	queue.go  the queues, and what they answer
//	life.go   whether a queue was lost and made again, and what is left of it then
//	plan.go   how far each line is called for so many fans; who takes part in a draw
//	merge.go  the earliest of several queues
//
// # Invariants
//
//  1. Nobody is called before an earlier place of their lane in any region that answers; at
//     the same instant, the region named first comes first.
//  2. While a region doesn't answer, nobody is called who came after it was last heard
//     from, for as long as the spec says. Then calling goes on without it; when it is back,
//     its fans, who came earlier, are called first. A new admitter, which has not heard
//     from it at all, goes by what was recorded, and waits as long again.
//  3. The instant at which the sale opened fixes who takes part in a draw: the answer stays
//     the same as long as the same regions answer.
//  4. Numbers are compared only within one life of a queue. Those given out anew after it
//     was lost form another line, behind all that were given out before.
package queue
