package rehearse

import (
	"math/rand/v2"

	"frontrow/plan"
	"frontrow/wire"
)

// venue is the seating plan as the map shows it.
type venue struct {
	index *plan.Index
	areas []string
	// An accessible seat is taken with its companion seats; a companion seat alone only
	// once the accessible seat is sold.
	companions  map[int][]int // by accessible seat
	companionOf map[int]int   // the accessible seat, by companion seat
}

func newVenue(raw []byte) (*venue, error) {
	p, err := plan.Decode(raw)
	if err != nil {
		return nil, err
	}
	h := &venue{index: plan.NewIndex(p), companions: map[int][]int{}, companionOf: map[int]int{}}
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

// shows reports whether place i has state s in a snapshot of two bits per place.
func shows(bits []byte, i int, s wire.State) bool {
	return i/4 < len(bits) && bits[i/4]>>(2*(i%4))&3 == s.Bits()
}

func free(bits []byte, i int) bool { return shows(bits, i, wire.Available) }

// kept reports whether place i is kept for the companion of a seat not sold yet.
func (h *venue) kept(bits []byte, i int) bool {
	with, ok := h.companionOf[i]
	return ok && !shows(bits, with, wire.Sold)
}

// choose finds n free seats side by side, looking from one part of the map on: eager
// is 0 in front, 1 at the back. If there are none it settles for up to n free places
// of any kind. It returns nil if nothing fits.
func (h *venue) choose(bits []byte, n int, eager float64, r *rand.Rand) []string {
	from := int(eager * float64(h.index.Seats()))
	if ids := h.together(bits, n, from); ids != nil {
		return ids
	}
	return h.leftovers(bits, n, r)
}

func (h *venue) together(bits []byte, n, from int) []string {
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

// leftovers takes up to n free places from anywhere, so that in the end nothing stays
// unsold. Accessible seats come with their companions, so it may return two for n = 1.
func (h *venue) leftovers(bits []byte, n int, r *rand.Rand) []string {
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
