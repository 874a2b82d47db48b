package inventory

import (
	"context"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/plan"
	"frontrow/wire"
)

// fixture is an event on real servers, and its workers.
type fixture struct{ *inventorytest.Fixture }

func newFixture(t testing.TB, env *natstest.Env, index *plan.Index, change func(*wire.Spec)) *fixture {
	t.Helper()
	return &fixture{inventorytest.New(t, env, index, change)}
}

// worker starts a service.
func (h *fixture) worker(name string, l Ledger) inventorytest.Worker {
	h.T.Helper()
	nc := h.Env.Connect(h.T)
	s, err := New(Config{NATS: nc, Ledger: l, Name: name})
	must(h.T, err)
	return h.Start(nc, s.Run)
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
