package writer

import (
	"context"
	"testing"
	"time"

	"frontrow/internal/bus"
	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// fixture is an event on real servers, and its workers and writers.
type fixture struct{ *inventorytest.Fixture }

func newFixture(t testing.TB, env *natstest.Env, index *plan.Index, change func(*wire.Spec)) *fixture {
	t.Helper()
	return &fixture{inventorytest.New(t, env, index, change)}
}

// known is what a worker knows of the event.
func (h *fixture) known() *Event { return NewEvent("demo", h.Index, fixed{h.Event}) }

// fixed are facts that don't change.
type fixed struct{ record wire.Event }

func (f fixed) Record() wire.Event       { return f.record }
func (f fixed) Changed() <-chan struct{} { return nil }

func (f fixed) Prices() map[string]wire.Price {
	prices := map[string]wire.Price{}
	for _, l := range f.record.Spec.Levels {
		prices[l.ID] = inventorytest.Price()
	}
	return prices
}

// worker contends for the event, as package inventory does.
func (h *fixture) worker(name string, now func() time.Time) inventorytest.Worker {
	h.T.Helper()
	nc := h.Env.Connect(h.T)
	run, err := contender(h.known(), on(h.T, nc, Config{Ledger: h.Ledger, Name: name, Now: now}))
	must(h.T, err)
	return h.Start(nc, run)
}

// on is a writer's configuration on a connection.
func on(t testing.TB, nc *nats.Conn, cfg Config) Config {
	t.Helper()
	js, err := jetstream.New(nc)
	must(t, err)
	cfg.Store, cfg.Bus = kv.JetStream(js), bus.New(nc)
	return cfg
}

// contender runs a writer whenever the lease allows.
func contender(e *Event, cfg Config) (func(context.Context) error, error) {
	w, err := New(cfg)
	if err != nil {
		return nil, err
	}
	leases, err := kv.NewLeases(kv.LeasesConfig{Bucket: kv.NewBucket(cfg.Store, wire.LeasesBucket), Holder: cfg.Name, TTL: time.Second})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return leases.Run(ctx) })
		g.Go(func() error {
			err := leases.Hold(ctx, wire.LeaseKey(wire.RoleWriter, e.id), func(ctx context.Context, term uint64) error {
				return w.Run(ctx, e, term)
			})
			if ctx.Err() != nil {
				return nil
			}
			return err
		})
		return g.Wait()
	}, nil
}

// ask sends a command until a writer answers it.
func ask[R any](h *fixture, act string, request any) R {
	h.T.Helper()
	return inventorytest.Ask[R](h.Fixture, act, request)
}

func must(t testing.TB, err error) {
	t.Helper()
	inventorytest.Must(t, err)
}

func pause(ctx context.Context) { inventorytest.Pause(ctx) }
