package group

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const limit = 20 * time.Second

// start runs g and returns a function that ends it.
func start[I, O any](g *Group[I, O]) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = g.Run(ctx) }()
	return func() { cancel(); <-ended }
}

func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func echo(_ context.Context, items []int, results []Result[int]) {
	for i, n := range items {
		results[i].Value = -n
	}
}

// Every Do gets the result of its own item, no flush exceeds its bound, no two
// flushes overlap and every item is flushed exactly once.
func TestEveryItemGetsItsOwnResult(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		maxBatch := rapid.IntRange(1, 20).Draw(t, "maxBatch")
		weights := rapid.SliceOfN(rapid.IntRange(0, 25), 1, 200).Draw(t, "weights")
		weigh := func(i int) int { return weights[i] }

		var inside atomic.Int32
		flushed := make([]int, len(weights))
		g := New(Config[int, int]{
			MaxBatch: maxBatch, Weight: weigh,
			Flush: func(_ context.Context, items []int, results []Result[int]) {
				if inside.Add(1) != 1 {
					t.Errorf("two flushes at once")
				}
				total := 0
				for i, n := range items {
					total += max(1, weigh(n))
					flushed[n]++
					results[i].Value = n + 1
				}
				if len(items) > 1 && total > maxBatch {
					t.Errorf("batch weighs %d, bound is %d", total, maxBatch)
				}
				inside.Add(-1)
			},
		})
		stop := start(g)
		var wg sync.WaitGroup
		for i := range weights {
			wg.Go(func() {
				if got, err := g.Do(context.Background(), i); err != nil || got != i+1 {
					t.Errorf("item %d: got %d, %v", i, got, err)
				}
			})
		}
		wg.Wait()
		stop()
		for i, n := range flushed {
			if n != 1 {
				t.Errorf("item %d was flushed %d times", i, n)
			}
		}
	})
}

// With callers leaving and Run ending at any moment, a call that did not end
// as "may have taken effect" is in a flush exactly if it returned its result.
func TestNoItemIsLostOrInvented(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 100).Draw(t, "items")
		leave := rapid.SliceOfN(rapid.IntRange(0, 3), n, n).Draw(t, "leave")
		stopAfter := rapid.IntRange(1, 40).Draw(t, "stopAfter")

		var mu sync.Mutex
		flushed := map[int]bool{}
		flushes := make(chan struct{}, n+1)
		g := New(Config[int, int]{MaxBatch: 3, MaxQueue: 30,
			Flush: func(_ context.Context, items []int, results []Result[int]) {
				mu.Lock()
				defer mu.Unlock()
				for i, it := range items {
					flushed[it], results[i].Value = true, it
				}
				flushes <- struct{}{}
			}})
		stop := start(g)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range stopAfter {
				select {
				case <-flushes:
				case <-time.After(5 * time.Millisecond): // all items may be done with fewer
				}
			}
			stop()
		}()
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if leave[i] == 0 {
					go cancel()
				}
				_, errs[i] = g.Do(ctx, i)
			})
		}
		wg.Wait()
		<-done
		for i, err := range errs {
			switch {
			case errors.Is(err, ErrAbandoned):
			case (err == nil) != flushed[i]:
				t.Errorf("item %d: flushed %v, but Do returned %v", i, flushed[i], err)
			}
		}
	})
}

// blocked returns a Group whose first flush is inside, until release is closed.
func blocked(t *testing.T, maxQueue int) (g *Group[int, int], first chan error, release chan struct{}) {
	release = make(chan struct{})
	inside := make(chan struct{}, 100)
	g = New(Config[int, int]{MaxQueue: maxQueue, Flush: func(ctx context.Context, items []int, results []Result[int]) {
		inside <- struct{}{}
		<-release
		echo(ctx, items, results)
	}})
	t.Cleanup(start(g))
	first = make(chan error, 1)
	go func() { _, err := g.Do(bounded(t), 0); first <- err }()
	<-inside
	return g, first, release
}

// waitFor asks often, since a Group has no signal for its queue's length.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(limit); !ok(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}

func TestFullQueueRefusesAtOnce(t *testing.T) {
	t.Parallel()
	g, first, release := blocked(t, 2)
	ctx, cancel := context.WithCancel(bounded(t))
	left := make(chan error, 2)
	for i := range 2 {
		go func() { _, err := g.Do(ctx, i+1); left <- err }()
	}
	waitFor(t, "two items queued", func() bool { return g.Waiting() == 2 })
	if _, err := g.Do(bounded(t), 9); !errors.Is(err, ErrFull) {
		t.Fatalf("third item: %v, want ErrFull", err)
	}
	cancel()
	for range 2 {
		if err := <-left; !errors.Is(err, context.Canceled) || errors.Is(err, ErrAbandoned) {
			t.Fatalf("withdrawn item: %v, want the context's error alone", err)
		}
	}
	// The places of those who left are free again.
	again := make(chan error, 1)
	go func() { _, err := g.Do(bounded(t), 3); again <- err }()
	waitFor(t, "item queued in a freed place", func() bool { return g.Waiting() == 1 })
	close(release)
	if err := errors.Join(<-first, <-again); err != nil {
		t.Fatal(err)
	}
}

func TestLeavingDuringTheFlushIsUnknown(t *testing.T) {
	t.Parallel()
	inside, release := make(chan struct{}), make(chan struct{})
	g := New(Config[int, int]{Flush: func(ctx context.Context, items []int, results []Result[int]) {
		close(inside)
		<-release
	}})
	t.Cleanup(start(g))
	ctx, cancel := context.WithCancel(bounded(t))
	left := make(chan error, 1)
	go func() { _, err := g.Do(ctx, 1); left <- err }()
	<-inside
	cancel()
	if err := <-left; !errors.Is(err, ErrAbandoned) || !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want ErrAbandoned and the context's error", err)
	}
	close(release)
}

func TestStopRefusesTheQueue(t *testing.T) {
	t.Parallel()
	inside, release := make(chan struct{}), make(chan struct{})
	g := New(Config[int, int]{Flush: func(ctx context.Context, items []int, results []Result[int]) {
		close(inside)
		<-release
		echo(ctx, items, results)
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	flushing, queued := make(chan error, 1), make(chan error, 1)
	go func() { _, err := g.Do(bounded(t), 1); flushing <- err }()
	<-inside
	go func() { _, err := g.Do(bounded(t), 2); queued <- err }()
	waitFor(t, "second item queued", func() bool { return g.Waiting() == 1 })
	cancel()
	close(release)
	if err := <-flushing; err != nil {
		t.Fatalf("item in the flush: %v", err)
	}
	if err := <-queued; !errors.Is(err, ErrStopped) {
		t.Fatalf("queued item: %v, want ErrStopped", err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if _, err := g.Do(bounded(t), 3); !errors.Is(err, ErrStopped) {
		t.Fatalf("after the end: %v, want ErrStopped", err)
	}
}

func BenchmarkDo(b *testing.B) {
	g := New(Config[int, int]{Flush: echo})
	defer start(g)()
	ctx := context.Background()
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := g.Do(ctx, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}
