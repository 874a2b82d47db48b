package inventory

import (
	"fmt"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"
)

func TestShare(t *testing.T) {
	for _, c := range [][3]int{{6, 3, 2}, {6, 4, 2}, {7, 3, 3}, {1, 3, 1}, {6, 1, 6}, {6, 0, 6}, {0, 2, 0}} {
		if got := share(c[0], c[1]); got != c[2] {
			t.Errorf("%d events, %d workers: %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

// Six events spread over three workers; when one leaves, whichever way, the
// others take its events, and what was held stays held.
func TestEventsSpreadAndMove(t *testing.T) {
	for _, how := range []string{"clean", "crash"} {
		t.Run(how, func(t *testing.T) {
			h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
			workers := map[string]inventorytest.Worker{}
			for _, name := range []string{"one", "two", "three"} {
				workers[name] = h.worker(name, h.Ledger)
			}
			events := []string{"demo"}
			for i := range 5 {
				id := fmt.Sprint("event-", i)
				h.stage(id)
				events = append(events, id)
			}
			holds := map[string]inventorytest.Held{}
			for _, id := range events {
				holds[id] = h.HoldOf(id, "A-1")
			}
			of := h.writers(events)
			if len(of) < 2 {
				t.Errorf("one worker writes everything: %v", of)
			}
			leaver := h.Lease("event-4").Holder
			if how == "crash" {
				workers[leaver].Crash()
			} else {
				workers[leaver].Stop()
			}
			for _, id := range events {
				r := holds[id]
				again := inventorytest.AskOf[wire.HoldReply](h.Fixture, id, wire.ActHold, wire.HoldRequest{Hold: r.Hold, Claims: inventorytest.Claims(r.Fan), Seats: []string{"A-1"}})
				if again.Problem != nil || !again.Expires.Equal(r.Expires) {
					t.Errorf("%s: %+v, was %+v", id, again, r)
				}
			}
			if of := h.writers(events); of[leaver] != 0 {
				t.Errorf("%s left and still writes: %v", leaver, of)
			}
		})
	}
}

// stage puts another event on sale.
func (h *fixture) stage(id string) {
	h.T.Helper()
	must(h.T, streams.CreateForEvent(h.Context(), h.JS, id, h.Env.Replicas))
	event := h.Event
	event.Spec.ID = id
	h.Put(wire.EventsBucket, id, event)
	for _, l := range event.Spec.Levels {
		h.Put(wire.PricesBucket, wire.PriceKey(id, l.ID), wire.Price{Amounts: wire.NewAmounts(5000, 500, 100), Version: 1})
	}
}

// writers counts the events by who writes them.
func (h *fixture) writers(events []string) map[string]int {
	h.T.Helper()
	n := map[string]int{}
	for _, id := range events {
		n[h.Lease(id).Holder]++
	}
	h.T.Log(n)
	return n
}
