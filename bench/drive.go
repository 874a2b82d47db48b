package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load is one round: callers in a closed loop until limit has passed or ops
// operations were begun.
type load struct {
	callers int
	limit   time.Duration
	ops     int
}

// sample is what one round of one side measured.
type sample struct {
	Rate float64 `json:"rate"` // operations a second
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	CPU  float64 `json:"cpu_us"` // of both cores, servers and clients, for one operation
	N    int     `json:"n"`
}

// drive runs do for i = 0, 1, 2, …; the first error ends the round.
func drive(ctx context.Context, l load, do func(ctx context.Context, i int) error) (sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	took := make([][]time.Duration, l.callers)
	var wg sync.WaitGroup
	before, begun := ourSeconds(), time.Now()
	end := begun.Add(l.limit)
	for c := range took {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				from := time.Now()
				if i >= l.ops || from.After(end) || ctx.Err() != nil {
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
	elapsed, spent := time.Since(begun), ourSeconds()-before
	if err := context.Cause(ctx); err != nil {
		return sample{}, err
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return sample{Rate: float64(len(all)) / elapsed.Seconds(), P50: quantile(all, 0.50), P99: quantile(all, 0.99),
		CPU: 1e6 * spent / float64(max(1, len(all))), N: len(all)}, nil
}

// quantile of sorted durations, in milliseconds.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(q*float64(len(sorted)-1))]) / float64(time.Millisecond)
}

// middle takes the median of each figure over the rounds.
func middle(rounds []sample) sample {
	of := func(get func(sample) float64) float64 {
		v := make([]float64, len(rounds))
		for i, s := range rounds {
			v[i] = get(s)
		}
		return median(v)
	}
	m := sample{Rate: of(func(s sample) float64 { return s.Rate }),
		P50: of(func(s sample) float64 { return s.P50 }), P99: of(func(s sample) float64 { return s.P99 }), CPU: of(func(s sample) float64 { return s.CPU })}
	for _, s := range rounds {
		m.N += s.N
	}
	return m
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
