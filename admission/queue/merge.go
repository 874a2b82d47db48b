package queue

import (
	"context"
	"time"

	"frontrow/admission/passes"

	"golang.org/x/sync/errgroup"
)

// arrivals knows the order in which places of one queue were given out.
type arrivals interface {
	// Instant returns when the place with a number was given out.
	Instant(ctx context.Context, number uint64) (time.Time, error)
	// Until returns how many places were given out before an instant.
	Until(ctx context.Context, t time.Time) (uint64, error)
}

// waiting is what waits in one queue: the places from+1 to to.
type waiting struct {
	arrivals
	line     passes.Line
	from, to uint64
}

// earliest finds the n places of all queues that were given out first, exactly
// by instant, and returns the end of each queue's share. Of the same instant, a
// queue earlier in the list is served first. It asks where a place in the longest undecided
// stretch would stand in the merged order, and halves that stretch with each answer.
func earliest(ctx context.Context, queues []waiting, n uint64) ([]uint64, error) {
	low, high := make([]uint64, len(queues)), make([]uint64, len(queues))
	for i, q := range queues {
		low[i], high[i] = q.from, min(q.to, q.from+n)
	}
	for {
		at, widest, sure := -1, uint64(0), uint64(0)
		for i, q := range queues {
			sure += low[i] - q.from
			if d := high[i] - low[i]; d > widest {
				at, widest = i, d
			}
		}
		if at < 0 || sure == n {
			return low, nil
		}
		pivot := low[at] + (widest+1)/2
		before, err := standing(ctx, queues, at, pivot)
		if err != nil {
			return nil, err
		}
		count := uint64(0)
		for i, q := range queues {
			before[i] = min(max(before[i], q.from), q.to)
			count += before[i] - q.from
		}
		for i := range queues {
			switch {
			case count <= n:
				low[i] = max(low[i], min(before[i], high[i]))
			case i == at:
				high[i] = min(high[i], pivot-1)
			default:
				high[i] = max(low[i], min(high[i], before[i]))
			}
		}
	}
}

// standing returns how many places of each queue come no later than one of them.
func standing(ctx context.Context, queues []waiting, at int, number uint64) ([]uint64, error) {
	t, err := queues[at].Instant(ctx, number)
	if err != nil {
		return nil, err
	}
	before := make([]uint64, len(queues))
	g, ctx := errgroup.WithContext(ctx)
	for i, q := range queues {
		if i == at {
			before[i] = number
			continue
		}
		t := t
		if i < at {
			t = t.Add(time.Nanosecond)
		}
		g.Go(func() (err error) {
			before[i], err = q.Until(ctx, t)
			return err
		})
	}
	return before, g.Wait()
}
