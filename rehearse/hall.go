package rehearse

import (
	"math/rand/v2"

	"frontrow/plan"
	"frontrow/wire"
)

// hall is the seating plan, as the map shows it.
type hall struct {
	index *plan.Index
	areas []string
	// An accessible seat goes with its companions, a companion alone only once the
	// accessible seat is sold.
	companions  map[int][]int // by accessible seat
	companionOf map[int]int   // its accessible seat
}

func newHall(raw []byte) (*hall, error) {
	p, err := plan.Decode(raw)
	if err != nil {
		return nil, err
	}
	h := &hall{index: plan.NewIndex(p), companions: map[int][]int{}, companionOf: map[int]int{}}
	for _, a := range p.Areas {
		h.areas = append(h.areas, a.ID)
	}
	for i := range h.index.Seats() {
		switch s := h.index.Seat(i); s.Kind {
		case plan.Accessible:
			if h.companions[i] == nil {
				h.companions[i] = []int{}
			}
		case plan.Companion:
			if with, ok := h.index.Lookup(s.With); ok {
				h.companions[with], h.companionOf[i] = append(h.companions[with], i), with
			}
		}
	}
	return h, nil
}

// shows reports whether place i has a state in a snapshot: two bits a place.
func shows(bits []byte, i int, s wire.State) bool {
	return i/4 < len(bits) && bits[i/4]>>(2*(i%4))&3 == s.Bits()
}

func free(bits []byte, i int) bool { return shows(bits, i, wire.Available) }

// kept reports whether place i is for the companion of a seat that is not sold yet.
func (h *hall) kept(bits []byte, i int) bool {
	with, ok := h.companionOf[i]
	return ok && !shows(bits, with, wire.Sold)
}

// choose finds n free seats side by side, looking from a part of the map on:
// eager is 0 in front, 1 at the back. It settles for any free seats and, if
// there are none of the usual kind, for whatever is left. Nil: nothing fits.
func (h *hall) choose(bits []byte, n int, eager float64, r *rand.Rand) []string {
	from := int(eager * float64(h.index.Seats()))
	if ids := h.together(bits, n, from); ids != nil {
		return ids
	}
	return h.leftovers(bits, n, r)
}

func (h *hall) together(bits []byte, n, from int) []string {
	run, block := 0, -1
	for k := range h.index.Seats() {
		i := (from + k) % h.index.Seats()
		if b := h.index.BlockOf(i); b != block {
			run, block = 0, b
		}
		if _, accessible := h.companions[i]; accessible || h.kept(bits, i) || !free(bits, i) {
			run = 0
			continue
		}
		if run++; run == n {
			ids := make([]string, n)
			for j := range ids {
				ids[j] = h.index.ID(i - n + 1 + j)
			}
			return ids
		}
	}
	return nil
}

// leftovers takes up to n free places from anywhere, accessible seats with their
// companions (then it may be two for one), so that in the end nothing stays unsold.
func (h *hall) leftovers(bits []byte, n int, r *rand.Rand) []string {
	var ids []string
	from := r.IntN(h.index.Len())
	for k := range h.index.Len() {
		i := (from + k) % h.index.Len()
		if h.kept(bits, i) || !free(bits, i) {
			continue
		}
		party := []int{i}
		for _, c := range h.companions[i] {
			if free(bits, c) {
				party = append(party, c)
			}
		}
		if len(ids)+len(party) > max(n, 2) {
			continue
		}
		for _, p := range party {
			ids = append(ids, h.index.ID(p))
		}
		if len(ids) >= n {
			break
		}
	}
	return ids
}
