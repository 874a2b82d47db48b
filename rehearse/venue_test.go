package rehearse

import (
	"math/rand/v2"
	"slices"
	"testing"

	"frontrow/plan"
	"frontrow/wire"
)

func testVenue(t *testing.T) *venue {
	t.Helper()
	p, err := plan.Generate(plan.Spec{Kind: plan.Arena, Seats: 1000, Standing: 100})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := plan.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	h, err := newVenue(raw)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.areas) == 0 || len(h.companions) == 0 || len(h.companionOf) == 0 {
		t.Fatalf("%v %v", h.areas, h.companions)
	}
	return h
}

// take marks seats as held or sold in the map.
func take(h *venue, bits []byte, s wire.State, ids ...string) {
	for _, id := range ids {
		i, _ := h.index.Lookup(id)
		bits[i/4] |= s.Bits() << (2 * (i % 4))
	}
}

// A companion's seat is for its companion until the accessible seat is sold.
func TestChooseKeepsCompanionsSeats(t *testing.T) {
	h, r := testVenue(t), rand.New(rand.NewPCG(1, 1))
	bits := make([]byte, (h.index.Len()+3)/4)
	var last string // every seat but this companion's is held
	for i := range h.index.Len() {
		if id := h.index.ID(i); last == "" && h.index.Seat(i).Kind == plan.Companion {
			last = id
		} else {
			take(h, bits, wire.Held, id)
		}
	}
	if ids := h.choose(bits, 1, 0, r); ids != nil {
		t.Errorf("chosen %v, the accessible seat is held", ids)
	}
	at, _ := h.index.Lookup(last)
	with := h.companionOf[at]
	bits[with/4] &^= 3 << (2 * (with % 4))
	take(h, bits, wire.Sold, h.index.ID(with))
	if ids := h.choose(bits, 1, 0, r); !slices.Equal(ids, []string{last}) {
		t.Errorf("chosen %v, not %s, whose accessible seat is sold without it", ids, last)
	}
}

// TestChooseSellsOut checks that every free seat is found, seats together as long as
// there are any, and none that the writer would refuse.
func TestChooseSellsOut(t *testing.T) {
	h, r := testVenue(t), rand.New(rand.NewPCG(1, 1))
	bits := make([]byte, (h.index.Len()+3)/4)
	sold, apart := 0, 0
	for sold < h.index.Len() {
		n := 1 + r.IntN(4)
		ids := h.choose(bits, n, r.Float64(), r)
		if len(ids) > max(n, 2) {
			t.Fatalf("%d wanted, chosen %v", n, ids)
		}
		var at []int
		for _, id := range ids {
			i, ok := h.index.Lookup(id)
			if !ok || !free(bits, i) || slices.Contains(at, i) {
				t.Fatalf("chosen %v: %s is known %v, free %v", ids, id, ok, free(bits, i))
			}
			at = append(at, i)
		}
		for _, i := range at {
			if s := h.index.Seat(i); s.Kind == plan.Companion && !slices.Contains(ids, s.With) {
				t.Fatalf("companion %s without %s", s.ID, s.With)
			}
			for _, c := range h.companions[i] {
				if free(bits, c) && !slices.Contains(at, c) {
					t.Fatalf("accessible seat %d leaves its companion behind", i)
				}
			}
		}
		if sold < h.index.Seats()/2 && (len(ids) != n || slices.Max(at)-slices.Min(at) != n-1) {
			apart++
		}
		take(h, bits, wire.Held, ids...)
		sold += len(ids)
	}
	if apart > 0 {
		t.Errorf("%d parties were seated apart while half of the venue was free", apart)
	}
	if ids := h.choose(bits, 1, 0.5, r); ids != nil {
		t.Errorf("in a full venue %v", ids)
	}
}
