package events

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

const (
	mostPrices    = 48              // of a level's history: some of the 64 that the bucket keeps
	pricesTimeout = 2 * time.Second // for reading the history of an event
)

// levelPrices is what a level costs and has cost, as far as it was seen or read: one price
// at least.
type levelPrices struct {
	mu     sync.Mutex
	seen   []wire.Price // the newest first
	newest kv.Revision
	oldest kv.Revision
	whole  bool // no older ones are to be had

	reading sync.Mutex // held by whoever reads older ones
}

// set takes a newer price.
func (l *levelPrices) set(p wire.Price, at kv.Revision) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case at == l.newest:
		return // a watch that began again
	case at < l.newest: // the bucket was made anew, or restored
		l.seen, l.oldest, l.whole = nil, at, false
	}
	if l.newest = at; len(l.seen) > 0 && l.seen[0].Version == p.Version { // something else is said of it
		l.seen[0] = p
		return
	}
	l.seen = slices.Insert(l.seen, 0, p)
	if len(l.seen) > mostPrices {
		l.seen, l.whole = l.seen[:mostPrices], true
	}
}

func (l *levelPrices) now() wire.Price {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen[0]
}

// history returns the prices so far, the newest first. What was never seen is read from the
// bucket, once.
func (l *levelPrices) history(ctx context.Context, b *kv.Bucket, key string) ([]wire.Price, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	for {
		l.mu.Lock()
		seen, oldest, whole := slices.Clone(l.seen), l.oldest, l.whole
		l.mu.Unlock()
		if whole {
			return seen, nil
		}
		e, err := b.Before(ctx, key, oldest)
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return seen, err
		}
		l.mu.Lock()
		if l.whole = l.whole || err != nil; err == nil {
			l.oldest = e.Revision
			if p, junk := wire.Read[wire.Price](key, e.Value); junk == nil && l.seen[len(l.seen)-1].Version != p.Version {
				l.seen = append(l.seen, p)
			}
			l.whole = l.whole || len(l.seen) >= mostPrices
		}
		l.mu.Unlock()
	}
}

// Price returns what a place of the level costs now.
func (ev *Event) Price(l wire.Level) wire.Amounts {
	if p, ok := ev.prices.Load(l.ID); ok {
		return p.(*levelPrices).now().Amounts
	}
	return ev.Record().Spec.Opening(l).Amounts
}

// History returns the last prices of a level, the newest first; none if it has not been
// priced yet.
func (ev *Event) History(ctx context.Context, level string) ([]wire.Price, error) {
	p, ok := ev.prices.Load(level)
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, pricesTimeout)
	defer cancel()
	return p.(*levelPrices).history(ctx, ev.bucket, wire.PriceKey(ev.id, level))
}
