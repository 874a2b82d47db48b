package group

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

var (
	// ErrFull means that MaxQueue items are already waiting. Nothing was done.
	ErrFull = errors.New("queue is full")
	// ErrStopped means that Run has ended. Nothing was done.
	ErrStopped = errors.New("group has stopped")
	// ErrAbandoned means that the caller stopped waiting while its item was in
	// a flush, whose outcome it doesn't know.
	ErrAbandoned = errors.New("outcome unknown: caller left during the flush")
)

// Defaults for the bounds a Config leaves zero.
const (
	DefaultMaxBatch = 256
	DefaultMaxQueue = 16384
)

// Result is the outcome of one item.
type Result[O any] struct {
	Value O
	Err   error
}

// Config says how to flush and how much to gather.
type Config[I, O any] struct {
	// Flush decides every item: it sets results[i] for items[i]. It is called
	// by one goroutine at a time and keeps neither slice. Its ctx is Run's.
	Flush func(ctx context.Context, items []I, results []Result[O])
	// MaxBatch bounds the weight of one flush.
	MaxBatch int
	// MaxQueue bounds the items that wait for a flush.
	MaxQueue int
	// Weight of an item, at least 1; nil means 1 each. An item heavier than
	// MaxBatch is flushed alone.
	Weight func(I) int
}

// Group gathers items while one flush is in flight.
type Group[I, O any] struct {
	cfg  Config[I, O]
	wake chan struct{} // holds a token while the queue may be non-empty

	mu      sync.Mutex
	queue   []*call[I, O]
	stopped bool
}

// A call is waiting until either the flusher takes it or its caller withdraws
// it, whichever comes first; done has room for the one result, so the flusher
// never waits for a caller.
type call[I, O any] struct {
	item  I
	state atomic.Int32
	done  chan Result[O]
}

const (
	waiting int32 = iota
	taken
	withdrawn
)

// New returns a Group that flushes once Run is called.
func New[I, O any](cfg Config[I, O]) *Group[I, O] {
	if cfg.MaxBatch <= 0 {
		cfg.MaxBatch = DefaultMaxBatch
	}
	if cfg.MaxQueue <= 0 {
		cfg.MaxQueue = DefaultMaxQueue
	}
	if cfg.Weight == nil {
		cfg.Weight = func(I) int { return 1 }
	}
	return &Group[I, O]{cfg: cfg, wake: make(chan struct{}, 1)}
}

// Do gives item to the next flush and waits for its result. It is safe for
// concurrent use and may be called before Run.
func (g *Group[I, O]) Do(ctx context.Context, item I) (O, error) {
	var none O
	c := &call[I, O]{item: item, done: make(chan Result[O], 1)}
	if err := g.enqueue(c); err != nil {
		return none, err
	}
	select {
	case r := <-c.done:
		return r.Value, r.Err
	case <-ctx.Done():
	}
	if c.state.CompareAndSwap(waiting, withdrawn) {
		return none, ctx.Err()
	}
	select {
	case r := <-c.done: // it came at the same moment
		return r.Value, r.Err
	default:
		return none, fmt.Errorf("%w: %w", ErrAbandoned, ctx.Err())
	}
}

func (g *Group[I, O]) enqueue(c *call[I, O]) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return ErrStopped
	}
	if len(g.queue) >= g.cfg.MaxQueue {
		g.dropWithdrawn()
		if len(g.queue) >= g.cfg.MaxQueue {
			return ErrFull
		}
	}
	g.queue = append(g.queue, c)
	if len(g.queue) == 1 {
		g.signal()
	}
	return nil
}

// dropWithdrawn frees the room held by callers that have left.
func (g *Group[I, O]) dropWithdrawn() {
	kept := g.queue[:0]
	for _, c := range g.queue {
		if c.state.Load() != withdrawn {
			kept = append(kept, c)
		}
	}
	clear(g.queue[len(kept):])
	g.queue = kept
}

func (g *Group[I, O]) signal() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// Run flushes until ctx ends, then refuses queued items with ErrStopped and returns nil. It
// is called once.
func (g *Group[I, O]) Run(ctx context.Context) error {
	defer g.stop()
	var (
		calls   []*call[I, O]
		items   []I
		results []Result[O]
	)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.wake:
		}
		for ctx.Err() == nil {
			calls = g.take(calls[:0])
			if len(calls) == 0 {
				break
			}
			items, results = items[:0], results[:0]
			for _, c := range calls {
				items = append(items, c.item)
				results = append(results, Result[O]{})
			}
			g.cfg.Flush(ctx, items, results)
			for i, c := range calls {
				c.done <- results[i]
			}
			clear(calls)
			clear(items)
			clear(results)
		}
	}
}

// take moves the head of the queue, up to MaxBatch, into batch.
func (g *Group[I, O]) take(batch []*call[I, O]) []*call[I, O] {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, weight := 0, 0
	for _, c := range g.queue {
		w := max(1, g.cfg.Weight(c.item))
		if len(batch) > 0 && weight+w > g.cfg.MaxBatch {
			break
		}
		n++
		if c.state.CompareAndSwap(waiting, taken) {
			batch, weight = append(batch, c), weight+w
		}
	}
	rest := copy(g.queue, g.queue[n:])
	clear(g.queue[rest:])
	g.queue = g.queue[:rest]
	return batch
}

func (g *Group[I, O]) stop() {
	g.mu.Lock()
	queue := g.queue
	g.queue, g.stopped = nil, true
	g.mu.Unlock()
	for _, c := range queue {
		c.done <- Result[O]{Err: ErrStopped}
	}
}

// Waiting returns the number of items queued for the next flushes.
func (g *Group[I, O]) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.queue)
}
