package writer

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"
)

// before is an event as the version before has left it: testdata/before.json has all
// messages of its bucket. Seats are held, in checkout, sold, blocked for a channel, and back
// after a hold.
func before(t *testing.T) (*fixture, map[string]wire.Seat) {
	t.Helper()
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 2, 6, 4), nil)
	raw, err := os.ReadFile("testdata/before.json")
	must(t, err)
	var messages []struct {
		Subject string          `json:"subject"`
		Data    json.RawMessage `json:"data"`
	}
	must(t, json.Unmarshal(raw, &messages))
	seats := map[string]wire.Seat{}
	for _, m := range messages {
		_, err := h.JS.Publish(h.Context(), m.Subject, m.Data)
		must(t, err)
		key := strings.TrimPrefix(m.Subject, wire.KVSubject(wire.SeatsBucket("demo"), ""))
		if id, ok := wire.SeatOfKey(key); ok {
			seats[id], err = wire.Read[wire.Seat](key, m.Data)
			must(t, err)
		}
	}
	if len(seats) != h.Index.Len() {
		t.Fatalf("%d of %d seats", len(seats), h.Index.Len())
	}
	return h, seats
}

// The first writer of this version finds every seat as it was, writes it into the log and
// then the records anew, before it serves; a writer of the version before can't read those.
func TestAdoptsAnEventOfTheVersionBefore(t *testing.T) {
	t.Parallel()
	h, was := before(t)
	for term := uint64(2); term < 5; term++ {
		w := h.term(term)
		for id, want := range was {
			got, _ := w.engine.Look(id)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("term %d, seat %s: %+v, was %+v", term, id, got, want)
			}
			r := h.Record(id)
			said := r
			said.V, said.Flush, said.Revision = 0, 0, 0
			if !reflect.DeepEqual(said, want) {
				t.Errorf("term %d, the log says of seat %s: %+v, was %+v", term, id, said, want)
			}
			if raw := string(r.AppendJSON(nil)); string(h.raw(id)) != raw || !strings.HasPrefix(raw, `{"v":2,`) {
				t.Errorf("term %d, the record of seat %s is %s, and should be %s", term, id, h.raw(id), raw)
			}
		}
		if w.adopted != (term == 2) {
			t.Errorf("term %d adopts: %t", term, w.adopted)
		}
	}
}

// A writer dies while it adopts an event: the next goes on, whatever was stored by then.
func TestAdoptingIsResumed(t *testing.T) {
	t.Parallel()
	h, was := before(t)
	w := h.unopened(2)
	w.engine.Tell(w.engine.Known(0, 5))
	must(t, w.flush(h.Context()))
	w = h.unopened(3)
	must(t, w.tellAll(h.Context())) // and no records
	w = h.term(4)
	for id, want := range was {
		if got, _ := w.engine.Look(id); !reflect.DeepEqual(got, want) {
			t.Errorf("seat %s: %+v, was %+v", id, got, want)
		}
	}
	free := ""
	for id, s := range was {
		if s.State == wire.Available {
			free = id
		}
	}
	if r := w.engine.Hold(wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{free}}, time.Now()); r.Problem != nil {
		t.Error(r.Problem)
	}
	must(t, w.flush(h.Context()))
	if at, err := kv.Open(h.JS, wire.SeatsBucket("demo")).Get(h.Context(), wire.CheckpointKey); err != nil {
		t.Errorf("%s, %v", at.Value, err)
	}
}

// A record of the version before that can't be read, and of which nothing is kept, is out of
// sale until the log's acts say that nobody has the seat.
func TestAdoptsLostSeats(t *testing.T) {
	t.Parallel()
	h, was := before(t)
	lost := map[wire.State]string{}
	for id, s := range was {
		lost[s.State] = id
	}
	for _, id := range lost {
		h.lose(id)
	}
	w := h.term(2)
	if got := w.engine.Spoiled(); len(got) != len(lost) {
		t.Fatalf("out of sale: %v, not %v", got, lost)
	}
	w = h.term(3)
	if got := w.engine.Spoiled(); len(got) != len(lost) {
		t.Fatalf("after another term: %v, not %v", got, lost)
	}
	h.worker("one", nil)
	for _, state := range []wire.State{wire.Available, wire.Blocked} {
		h.Written(lost[state], func(raw []byte) bool {
			r, err := wire.Read[wire.Seat](wire.SeatKey(lost[state]), raw)
			return err == nil && r.State == state
		})
	}
}
