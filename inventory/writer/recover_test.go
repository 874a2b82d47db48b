package writer

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"
)

// term is a writer that has become one, without serving.
func (h *fixture) term(n uint64) *term {
	h.T.Helper()
	w := h.unopened(n)
	must(h.T, w.open(h.Context()))
	return w
}

// unopened is a writer that has read the records there are.
func (h *fixture) unopened(n uint64) *term {
	h.T.Helper()
	w := h.writer(n)
	must(h.T, w.load(h.Context()))
	return w
}

// writer is one that has done nothing yet.
func (h *fixture) writer(n uint64) *term {
	h.T.Helper()
	w, err := New(on(h.T, h.NC, Config{Ledger: h.Ledger, Name: fmt.Sprint("w", n)}))
	must(h.T, err)
	return newTerm(w, h.known(), n, nil)
}

// dumb is a store whose first follower is asked for in vain, whatever the
// context says: the server that should make it is gone.
type dumb struct {
	kv.Store
	asked atomic.Int32
	end   chan struct{}
}

func (d *dumb) Follow(ctx context.Context, stream string, filters []string, behind kv.Position) (kv.Follower, kv.Position, error) {
	if d.asked.Add(1) == 1 {
		<-d.end
		return nil, kv.Position{}, errors.New("nobody answered")
	}
	return d.Store.Follow(ctx, stream, filters, behind)
}

// A server that dies while a writer reads its seats costs seconds, not the time
// that reading may take in all.
func TestReadingThatStandsStillBeginsAnew(t *testing.T) {
	t.Parallel()
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
	first := h.term(1)
	first.engine.Hold(wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{"A-1", "A-2"}}, time.Now())
	must(t, first.flush(h.Context()))

	store := &dumb{Store: kv.JetStream(h.JS), end: make(chan struct{})}
	defer close(store.end)
	w := h.writer(2)
	w.stream = &kv.NewBucket(store, wire.SeatsBucket("demo")).Stream
	must(t, w.load(h.Context()))
	if c := w.engine.Stock(time.Now()).All; c.Held != 2 || store.asked.Load() != 3 {
		t.Errorf("%+v, asked %d times", c, store.asked.Load())
	}
}

// BenchmarkRecovery is what a new writer of 80,000 seats, half of them inventorytest.Held,
// needs before it serves.
func BenchmarkRecovery(b *testing.B) {
	for _, replicas := range []int{1, 3} {
		b.Run(fmt.Sprint("R", replicas), func(b *testing.B) {
			env := natstest.Run
			if replicas == 3 {
				env = natstest.Cluster
			}
			p, err := plan.Generate(plan.Spec{Kind: plan.Arena, Seats: 80_000})
			must(b, err)
			h := newFixture(b, env(b), plan.NewIndex(p), func(s *wire.Spec) { s.Levels = levelsOf(p) })
			w := h.term(1)
			now := time.Now()
			for i := 0; i+1 < h.Index.Len()/2; i += 2 {
				w.engine.Hold(wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()),
					Seats: []string{h.Index.ID(i), h.Index.ID(i + 1)}}, now) // refused for a companion's seat
				if w.engine.Pending() > MaxSeats-2 {
					must(b, w.flush(h.Context()))
				}
			}
			must(b, w.flush(h.Context()))
			n := uint64(1)
			for b.Loop() {
				n++
				h.term(n)
			}
		})
	}
}

func levelsOf(p *plan.Plan) (levels []wire.Level) {
	for i, c := range p.CategoryNames() {
		levels = append(levels, wire.Level{ID: fmt.Sprint("level-", i), Categories: []string{c}})
	}
	return levels
}
