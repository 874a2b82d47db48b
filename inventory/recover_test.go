package inventory

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// term is a writer that has become one, without serving.
func (h *house) term(n uint64) *writer {
	h.t.Helper()
	w := h.unopened(n)
	must(h.t, w.open(h.context()))
	return w
}

// unopened is a writer that has read the records there are.
func (h *house) unopened(n uint64) *writer {
	h.t.Helper()
	w := h.writer(n)
	must(h.t, w.load(h.context()))
	return w
}

// writer is one that has done nothing yet.
func (h *house) writer(n uint64) *writer {
	h.t.Helper()
	e := &event{id: "demo", index: h.index, record: h.event, changed: make(chan struct{}, 1), prices: map[string]wire.Price{}}
	for seat := range h.index.Len() {
		e.subjects = append(e.subjects, wire.KVSubject(wire.SeatsBucket("demo"), wire.SeatKey(h.index.ID(seat))))
	}
	for _, l := range e.record.Spec.Levels {
		e.prices[l.ID] = wire.Price{Version: 1}
	}
	s, err := New(Config{NATS: h.nc, Ledger: h.ledger, Refunds: h.ledger, Name: fmt.Sprint("w", n)})
	must(h.t, err)
	return s.newWriter(e, n, nil)
}

// dumb is JetStream whose first consumer is asked for in vain, whatever the
// context says: the server that should make it is gone.
type dumb struct {
	jetstream.JetStream
	asked atomic.Int32
	end   chan struct{}
}

func (d *dumb) OrderedConsumer(ctx context.Context, stream string, cfg jetstream.OrderedConsumerConfig) (jetstream.Consumer, error) {
	if d.asked.Add(1) == 1 {
		<-d.end
		return nil, errors.New("nobody answered")
	}
	return d.JetStream.OrderedConsumer(ctx, stream, cfg)
}

// A server that dies while a writer reads its seats costs seconds, not the time
// that reading may take in all.
func TestReadingThatStandsStillBeginsAnew(t *testing.T) {
	t.Parallel()
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
	first := h.term(1)
	first.engine.Hold(wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(wire.NewFan()), Seats: []string{"A-1", "A-2"}}, time.Now())
	must(t, first.flush(h.context()))

	js := &dumb{JetStream: h.js, end: make(chan struct{})}
	defer close(js.end)
	w := h.writer(2)
	w.js = js
	must(t, w.load(h.context()))
	if c := w.engine.Stock(time.Now()).All; c.Held != 2 || js.asked.Load() != 2 {
		t.Errorf("%+v, asked %d times", c, js.asked.Load())
	}
}

// BenchmarkRecovery is what a new writer of 80,000 seats, half of them held,
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
			h := newHouse(b, env(b), plan.NewIndex(p), func(s *wire.Spec) { s.Levels = levelsOf(p) })
			w := h.term(1)
			now := time.Now()
			for i := 0; i+1 < h.index.Len()/2; i += 2 {
				w.engine.Hold(wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(wire.NewFan()),
					Seats: []string{h.index.ID(i), h.index.ID(i + 1)}}, now) // refused for a companion's seat
				if w.engine.Pending() > maxRecords-2 {
					must(b, w.flush(h.context()))
				}
			}
			must(b, w.flush(h.context()))
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
