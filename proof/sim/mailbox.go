package sim

import (
	"context"
	"sync"
)

// mailbox is what has come for somebody who has not taken it yet.
type mailbox[T any] struct {
	over    error // of next, once it is closed and empty
	arrived chan struct{}
	ended   chan struct{} // closed by end

	mu     sync.Mutex
	items  []T
	closed bool
}

func newMailbox[T any](over error) *mailbox[T] {
	return &mailbox[T]{over: over, arrived: make(chan struct{}, 1), ended: make(chan struct{})}
}

func (b *mailbox[T]) put(items ...T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, items...)
	select {
	case b.arrived <- struct{}{}:
	default:
	}
}

// end closes it; what has come is still there.
func (b *mailbox[T]) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		close(b.ended)
	}
}

func (b *mailbox[T]) hasEnded() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// next waits for an item, and takes it. Dead ends the wait with errNoAnswer; it may be nil.
func (b *mailbox[T]) next(ctx context.Context, dead <-chan struct{}) (none T, err error) {
	for {
		b.mu.Lock()
		if len(b.items) > 0 {
			item := b.items[0]
			b.items = b.items[1:]
			b.mu.Unlock()
			return item, nil
		}
		closed := b.closed
		b.mu.Unlock()
		if closed {
			return none, b.over
		}
		select {
		case <-b.arrived:
		case <-b.ended:
		case <-dead:
			return none, errNoAnswer
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
}
