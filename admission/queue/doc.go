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
// is when that stream stored it. So no clock but that of the servers decides.
//
//	queue.go  the queues, and what they answer
//	life.go   whether a queue was lost and made again, and what is left of it then
//	plan.go   how far each line is called for so many fans; who takes part in a draw
//	merge.go  the earliest of several queues
//
// # Invariants
//
//  1. Nobody is called before an earlier place of his lane that was stored in any
//     region which answers; of the same instant, the region named first is first.
//  2. While a region doesn't answer, nobody is called who came after it was last
//     heard, for as long as the spec says; then it is gone on without, and when it
//     is back its fans, who came earlier, are called first.
//  3. Who takes part in a draw is fixed by the instant at which the sale opened:
//     asked again, the answer is the same, while the same regions answer.
//  4. Numbers are compared within one life of a queue alone. Those given out anew after
//     it was lost are another line, behind all that were given out before.
package queue
