package pricing

import (
	"context"
	"errors"
	"sync"
	"time"

	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/pricing/market"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// watchAgain is before a watch that could not begin is tried again: the seats' stream may
// not be there yet.
const watchAgain = 2 * time.Second

// sale is what is seen of an event's sale while this process is its pricer.
type sale struct {
	mu     sync.Mutex
	market market.Market
}

// signals returns what is known at an instant.
func (s *sale) signals(r wire.PriceRules, tick time.Duration, now time.Time) wire.Signals {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.market.Signals(r, tick, now)
}

func (s *sale) fold(f func(*market.Market)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.market)
}

// watch follows an event's seats, counters and board until ctx ends.
func (s *Service) watch(ctx context.Context, event string, into *sale) error {
	store := kv.JetStream(s.js)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return again(ctx, func() error {
			return records.Watch(ctx, s.spoiled, kv.NewBucket(store, wire.SeatsBucket(event)), wire.LogPrefix+"*", func(_ string, f wire.Flush) {
				into.fold(func(m *market.Market) { m.Flush(&f) })
			}, func() { into.fold((*market.Market).Read) })
		})
	})
	g.Go(func() error {
		return again(ctx, func() error {
			return records.Watch(ctx, s.spoiled, kv.NewBucket(store, wire.StockBucket), event, func(_ string, stock wire.Stock) {
				into.fold(func(m *market.Market) { m.Stock(stock) })
			}, nil)
		})
	})
	g.Go(func() error {
		return again(ctx, func() error {
			return records.Watch(ctx, s.spoiled, kv.NewBucket(store, wire.BoardBucket), event, func(_ string, b wire.Board) {
				into.fold(func(m *market.Market) { m.Board(b) })
			}, nil)
		})
	})
	return g.Wait()
}

// again repeats a watch whose stream isn't there yet, until ctx ends; then it returns nil.
func again(ctx context.Context, watch func() error) error {
	for {
		if err := watch(); ctx.Err() != nil {
			return nil
		} else if !errors.Is(err, jetstream.ErrStreamNotFound) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchAgain):
		}
	}
}
