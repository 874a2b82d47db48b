package writer

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/prometheus/client_golang/prometheus"
)

// mortal is the store of a writer that dies at one of its writes: the last one is stored, or
// isn't, and never answered.
type mortal struct {
	kv.Store
	writes int  // before it
	stored bool // whether the last one is
}

var errDied = errors.New("the writer is dead")

func (m *mortal) Publish(ctx context.Context, msgs []kv.Msg) (kv.Ack, error) {
	if m.writes--; m.writes >= 0 {
		return m.Store.Publish(ctx, msgs)
	}
	if m.writes == -1 && m.stored {
		if _, err := m.Store.Publish(ctx, msgs); err != nil {
			return kv.Ack{}, err
		}
	}
	return kv.Ack{}, errDied
}

// rounds changes many seats, flush by flush, and writes their records behind.
func (h *fixture) rounds(w *term) error {
	for round := range 1 {
		for from := 0; from < h.Index.Len(); from += 250 {
			r := wire.BlockRequest{Why: fmt.Sprint(w.number, round), Unblock: (w.number+uint64(round))%2 == 1}
			for i := from; i < min(from+250, h.Index.Len()); i++ {
				r.Seats = append(r.Seats, h.Index.ID(i))
			}
			if reply := w.engine.Block(r, time.Now()); reply.Problem != nil {
				h.T.Fatal(reply.Problem)
			}
			if err := w.flush(h.Context()); err != nil {
				return err
			}
			if from == 500 {
				if err := w.catchUp(h.Context()); err != nil { // what the one that follows is written with
					return err
				}
			}
		}
		if err := w.catchUp(h.Context()); err != nil {
			return err
		}
	}
	return nil
}

// A writer is killed between any two of its writes, of the log and of rounds in many parts:
// the next finds every seat as the log says, takes nothing for damage, and writes the rest.
func TestKilledBetweenAnyTwoWrites(t *testing.T) {
	t.Parallel()
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 20, 100, 0), nil)
	n := uint64(1)
	h.term(n)
	for dies, lives := 0, false; !lives; dies++ {
		for _, stored := range []bool{false, true} {
			n += 2
			w := h.writer(n)
			must(t, w.load(h.Context()))
			must(t, w.open(h.Context()))
			m := &mortal{kv.JetStream(h.JS), dies, stored}
			w.stream = &kv.NewBucket(m, wire.SeatsBucket("demo")).Stream
			if err := h.rounds(w); err == nil {
				lives = true
			} else if !errors.Is(err, errDied) {
				t.Fatalf("dies at write %d: %v", dies, err)
			}
			h.stands(n+1, fmt.Sprintf("dead at write %d, stored %t", dies, stored))
		}
	}
}

// stands checks what the next writer finds and leaves.
func (h *fixture) stands(n uint64, when string) {
	h.T.Helper()
	truth := h.Records()
	w := h.term(n)
	for id, want := range truth {
		want.V, want.Flush, want.Revision = 0, 0, 0
		if got, _ := w.engine.Look(id); !reflect.DeepEqual(got, want) {
			h.T.Fatalf("%s: seat %s is %+v, the log says %+v", when, id, got, want)
		}
	}
	must(h.T, w.catchUp(h.Context()))
	found, err := w.stream.All(h.Context(), wire.SeatPrefix+">")
	must(h.T, err)
	sum := uint64(0)
	for _, e := range found {
		id, _ := wire.SeatOfKey(e.Key)
		want := truth[id]
		if sum += wire.SumOf(e.Key, e.Value); string(e.Value) != string(want.AppendJSON(nil)) {
			h.T.Fatalf("%s: the record %s is %s", when, e.Key, e.Value)
		}
	}
	if sum != w.behind.sum || counted(h.T, w.metrics.rebuilt) > 0 {
		h.T.Errorf("%s: the records' sum is %x, not %x; taken for damage: %v", when, w.behind.sum, sum, counted(h.T, w.metrics.rebuilt))
	}
}

func counted(t testing.TB, c prometheus.Counter) float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	must(t, err)
	return families[0].GetMetric()[0].GetCounter().GetValue()
}
