package scene

import (
	"context"
	"sync"
	"time"

	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// View is what this process has seen of EVENTS, STOCK, PRICES and of the payment
// providers' health: one watch each, whatever the number of events.
type View struct {
	spoiled *records.Spoiled

	mu     sync.RWMutex
	events map[string]wire.Event
	stock  map[string]wire.Stock
	prices map[string]map[string]wire.Price // event → level
	health map[string]wire.PaymentHealth    // by key

	seen sync.WaitGroup // done four times, when the stored values have been read
}

// NewView has seen nothing yet; Run makes it see, and notes what it ignores.
func NewView(spoiled *records.Spoiled) *View {
	v := &View{spoiled: spoiled, events: map[string]wire.Event{}, stock: map[string]wire.Stock{},
		prices: map[string]map[string]wire.Price{}, health: map[string]wire.PaymentHealth{}}
	v.seen.Add(4)
	return v
}

// Run watches until ctx ends, and tells of each event once. It is run once.
func (v *View) Run(ctx context.Context, js jetstream.JetStream, known func(event string)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return watch(ctx, v, kv.Open(js, wire.EventsBucket), ">", func(key string, e wire.Event) {
			v.mu.Lock()
			_, old := v.events[key]
			v.events[key] = e
			v.mu.Unlock()
			if !old {
				known(key)
			}
		})
	})
	g.Go(func() error {
		return watch(ctx, v, kv.Open(js, wire.StockBucket), ">", func(key string, s wire.Stock) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.stock[key] = s
		})
	})
	g.Go(func() error {
		return watch(ctx, v, kv.Open(js, wire.PricesBucket), ">", func(key string, p wire.Price) {
			event, level, ok := wire.SplitPriceKey(key)
			if !ok {
				return
			}
			v.mu.Lock()
			defer v.mu.Unlock()
			if v.prices[event] == nil {
				v.prices[event] = map[string]wire.Price{}
			}
			v.prices[event][level] = p
		})
	})
	g.Go(func() error {
		return watch(ctx, v, kv.Open(js, wire.CheckoutsBucket), wire.HealthKeys, func(key string, h wire.PaymentHealth) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.health[key] = h
		})
	})
	return g.Wait()
}

// watch decodes a bucket's values; one that isn't what it should be is noted
// and leaves the value before it in force.
func watch[T any, P wire.Record[T]](ctx context.Context, v *View, b *kv.Bucket, filter string, set func(key string, value T)) error {
	once := sync.OnceFunc(v.seen.Done)
	return b.Watch(ctx, filter, kv.Watcher{
		Entry: func(e kv.Entry) {
			if value, err := records.Read[T, P](v.spoiled, b.Name(), e); err == nil {
				set(e.Key, value)
			}
		},
		Current: once,
	})
}

// Await waits until Run has seen what is stored. The error is that of ctx.
func (v *View) Await(ctx context.Context) error {
	done := make(chan struct{})
	go func() { v.seen.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Event is an event as it was seen last; false if there is none.
func (v *View) Event(id string) (wire.Event, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	e, ok := v.events[id]
	return e, ok
}

// Scene is an event at now, as far as it was seen: Paused and Draining are for
// its admitter to say.
func (v *View) Scene(id string, now time.Time) Scene {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s := Scene{Event: v.events[id], Now: now, Prices: make(map[string]wire.Price, len(v.prices[id]))}
	s.Stock, s.Known = v.stock[id]
	for level, p := range v.prices[id] {
		s.Prices[level] = p
	}
	for _, h := range v.health {
		s.PaymentsDown = s.PaymentsDown || h.Down(now)
	}
	return s
}
