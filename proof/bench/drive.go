package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"frontrow/proof/bench/report"

	"github.com/cenkalti/backoff/v5"
)

// operation is what is measured; i counts from 0 in a round.
type operation func(ctx context.Context, i int) error

// load is one round: callers in a closed loop until limit has passed or ops
// operations were begun.
type load struct {
	callers int
	limit   time.Duration // 0: as long as all ops take
	ops     int
	after   func(context.Context) error // what the operations leave to be done: it costs, but nobody waits for it
}

// drive runs do for i = 0, 1, 2, …; the first error ends the round. A smoke run has fewer
// callers.
func (b *bench) drive(ctx context.Context, l load, do operation) (report.Sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	took := make([][]time.Duration, max(1, b.few(l.callers)))
	var wg sync.WaitGroup
	before, begun := ourSeconds(), time.Now()
	for c := range took {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				from := time.Now()
				if i >= l.ops || l.limit > 0 && from.Sub(begun) > l.limit || ctx.Err() != nil {
					return
				}
				if err := do(ctx, i); err != nil {
					cancel(err)
					return
				}
				took[c] = append(took[c], time.Since(from))
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(begun)
	if err := context.Cause(ctx); err != nil {
		return report.Sample{}, err
	}
	if l.after != nil {
		if err := l.after(ctx); err != nil {
			return report.Sample{}, err
		}
	}
	spent := ourSeconds() - before
	all := slices.Concat(took...)
	slices.Sort(all)
	return report.Sample{Rate: float64(len(all)) / elapsed.Seconds(), P50: quantile(all, 0.50), P99: quantile(all, 0.99),
		CPU: 1e6 * spent / float64(max(1, len(all))), N: len(all)}, nil
}

// quantile of sorted durations, in milliseconds.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(q*float64(len(sorted)-1))]) / float64(time.Millisecond)
}

// eventually repeats try until it succeeds, for no longer than patience.
func eventually(ctx context.Context, try func() error) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, try() },
		backoff.WithBackOff(backoff.NewConstantBackOff(20*time.Millisecond)), backoff.WithMaxElapsedTime(patience))
	return err
}
