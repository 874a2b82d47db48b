package sale

import (
	"context"
	"sync"
	"time"

	"frontrow/internal/leader"
	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"

	"golang.org/x/sync/errgroup"
)

// View is what this process has seen of events and their prices, of STOCK and of the
// payment providers' health: one watch each, whatever the number of events.
type View struct {
	events  *leader.Leader
	spoiled *records.Spoiled

	mu     sync.RWMutex
	stock  map[string]wire.Stock
	health map[string]wire.PaymentHealth // by key

	stockRead, healthRead chan struct{} // closed when what is stored has been read
}

// NewView returns a View of what events has seen of events and prices. It sees stock and
// health once Run runs.
func NewView(events *leader.Leader, spoiled *records.Spoiled) *View {
	return &View{
		events: events, spoiled: spoiled, stock: map[string]wire.Stock{}, health: map[string]wire.PaymentHealth{},
		stockRead: make(chan struct{}), healthRead: make(chan struct{}),
	}
}

// Run watches until ctx ends. It is called once.
func (v *View) Run(ctx context.Context, store kv.Store) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return records.Watch(ctx, v.spoiled, kv.NewBucket(store, wire.StockBucket), ">", func(key string, s wire.Stock) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.stock[key] = s
		}, sync.OnceFunc(func() { close(v.stockRead) }))
	})
	g.Go(func() error {
		return records.Watch(ctx, v.spoiled, kv.NewBucket(store, wire.CheckoutsBucket), wire.HealthKeys, func(key string, h wire.PaymentHealth) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.health[key] = h
		}, sync.OnceFunc(func() { close(v.healthRead) }))
	})
	return g.Wait()
}

// Await waits until all that is stored has been seen. Its error is ctx's.
func (v *View) Await(ctx context.Context) error {
	for _, read := range []chan struct{}{v.stockRead, v.healthRead} {
		select {
		case <-read:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return v.events.Await(ctx)
}

// Event returns an event as last seen; false if there is none.
func (v *View) Event(id string) (wire.Event, bool) {
	if e := v.events.Event(id); e != nil {
		return e.Record(), true
	}
	return wire.Event{}, false
}

// Changed holds a token when an event's record or a price of it is new. It has one reader.
func (v *View) Changed(id string) <-chan struct{} {
	if e := v.events.Event(id); e != nil {
		return e.Changed()
	}
	return nil
}

// Snapshot returns an event at now, as far as seen. Its admitter sets Paused and Draining.
func (v *View) Snapshot(id string, now time.Time) Snapshot {
	s := Snapshot{Now: now}
	if e := v.events.Event(id); e != nil {
		s.Event, s.Prices = e.Record(), e.Prices()
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	s.Stock, s.Known = v.stock[id]
	for _, h := range v.health {
		s.PaymentsDown = s.PaymentsDown || h.Down(now)
	}
	return s
}
