package writer

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"
)

// loseLeases deletes the bucket and makes it again, as frontrow migrate does.
func (h *fixture) loseLeases() {
	h.T.Helper()
	must(h.T, h.JS.DeleteStream(h.Context(), wire.KVStream(wire.LeasesBucket)))
	must(h.T, streams.CreateCore(h.Context(), h.JS, h.Env.Replicas))
}

// LEASES is lost while fans hold seats: with two writers at hand that go on; as a
// backup of long ago, for a writer that is started on it, below the guard's term; and
// anew, for another. Holds go on, what was promised is kept, and who was writer
// before stores nothing any more.
func TestHoldsOutliveLeases(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newFixture(t, env, seatingtest.Hall(t, 20, 100, 0), nil)
		workers := []inventorytest.Worker{h.worker("one", nil), h.worker("two", nil)}
		c := h.crowd()
		c.goesOn(20)
		h.loseLeases()
		c.goesOn(100)
		term := uint64(1 << 20) // as of an installation that is years old
		for _, start := range []string{"three", "four"} {
			for _, w := range workers {
				w.Crash()
			}
			late := h.term(term)
			h.loseLeases()
			if start == "three" {
				h.Put(wire.LeasesBucket, wire.LeaseKey(wire.RoleWriter, "demo"), kv.Lease{Holder: "long ago", Term: 7, TTL: "1s"})
			}
			workers = []inventorytest.Worker{h.worker(start, nil)}
			c.goesOn(100)
			late.holdPair()
			if err := late.flush(h.Context()); !errors.Is(err, kv.ErrFenced) {
				t.Errorf("the flush of the one before %s: %v", start, err)
			}
			if err := h.writer(term).load(h.Context()); !errors.Is(err, kv.ErrFenced) {
				t.Errorf("the term before %s again: %v", start, err)
			}
			term = h.Lease("demo").Term + 1<<20
		}
		c.kept()
		h.CheckLog()
		h.termsGrow()
	})
}

// termsGrow checks that no flush is of an earlier term than the one before it.
func (h *fixture) termsGrow() {
	h.T.Helper()
	log, err := kv.Open(h.JS, wire.SeatsBucket("demo")).All(h.Context(), wire.LogPrefix+"*")
	must(h.T, err)
	last := wire.Flush{}
	for _, e := range log {
		var f wire.Flush
		must(h.T, json.Unmarshal(e.Value, &f))
		if f.Term < last.Term {
			h.T.Errorf("flush %d is of term %d, after one of term %d", f.N, f.Term, last.Term)
		}
		last = f
	}
}

// holdPair holds the first pair that is free as far as this writer knows.
func (w *term) holdPair() {
	r := wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan())}
	for i := 0; ; i += 2 {
		r.Seats = []string{w.event.index.ID(i), w.event.index.ID(i + 1)}
		if w.engine.Hold(r, time.Now()).Problem == nil {
			return
		}
	}
}
