// Package group is group commit: while one flush is in flight, what arrives
// meanwhile gathers and becomes the next one. There is no timer. A lone item is flushed at
// once; under load the batches grow to what arrives during one flush, so latency stays near
// one flush and throughput near that of full batches.
//
//	Do ──▶ queue (≤ MaxQueue) ──▶ next batch (≤ MaxBatch) ──▶ Flush ──▶ each Do its Result
//	         full: ErrFull             one in flight
//
// An item ends in exactly one way:
//
//  1. its Result, as set by Flush;
//  2. ErrFull or ErrStopped: it was never in a flush;
//  3. the error of its caller's context alone: it was withdrawn from the queue
//     and never was in a flush;
//  4. ErrAbandoned: the caller left while its item was in a flush, so it may have taken
//     effect.
package group
