package inventory

import (
	"encoding/json"
	"fmt"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
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
			h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
			workers := map[string]worker{}
			for _, name := range []string{"one", "two", "three"} {
				workers[name] = h.worker(name, nil)
			}
			events := []string{"demo"}
			for i := range 5 {
				id := fmt.Sprint("event-", i)
				h.stage(id)
				events = append(events, id)
			}
			holds := map[string]held{}
			for _, id := range events {
				holds[id] = h.holdOf(id, "A-1")
			}
			of := h.writers(events)
			if len(of) < 2 {
				t.Errorf("one worker writes everything: %v", of)
			}
			leaver := h.lease("event-4").Holder
			if how == "crash" {
				workers[leaver].crash()
			} else {
				workers[leaver].stop()
			}
			for _, id := range events {
				r := holds[id]
				again := askOf[wire.HoldReply](h, id, wire.ActHold, wire.HoldRequest{Hold: r.Hold, Claims: fanClaims(r.Fan), Seats: []string{"A-1"}})
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
func (h *house) stage(id string) {
	h.t.Helper()
	must(h.t, wire.CreateForEvent(h.context(), h.js, id, h.env.Replicas))
	event := h.event
	event.Spec.ID = id
	h.put(wire.EventsBucket, id, event)
	for _, l := range event.Spec.Levels {
		h.put(wire.PricesBucket, wire.PriceKey(id, l.ID), wire.Price{Amounts: wire.NewAmounts(5000, 500, 100), Version: 1})
	}
}

func (h *house) lease(event string) (l kv.Lease) {
	h.t.Helper()
	e, err := kv.Open(h.js, wire.LeasesBucket).Get(h.context(), wire.LeaseKey(wire.RoleWriter, event))
	must(h.t, err)
	must(h.t, json.Unmarshal(e.Value, &l))
	return l
}

// writers counts the events by who writes them.
func (h *house) writers(events []string) map[string]int {
	h.t.Helper()
	n := map[string]int{}
	for _, id := range events {
		n[h.lease(id).Holder]++
	}
	h.t.Log(n)
	return n
}
