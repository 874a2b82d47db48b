package seating

import (
	"math"
	"math/bits"
	"slices"

	"frontrow/plan"
	"frontrow/wire"
)

// run is a part of a row between aisles, of one price level and at most 64 seats long, so
// that its free seats are the bits of a word. Best available and the orphan rule call it a
// block.
type run struct {
	start, len int
	section    int
	row        rowAt
	level      uint8
	ordinary   uint64 // the seats for anybody: neither accessible nor kept for a companion
	accessible uint64
	middle     point   // of the seats from end to end
	reach      float64 // the farthest seat from there
}

// rowAt is the row that a run is part of.
type rowAt struct {
	row, start, len int // row 0 is the section's first
	middle          point
}

type point struct{ x, y float64 }

func (p point) to(q point) float64 {
	x, y := p.x-q.x, p.y-q.y
	return math.Sqrt(x*x + y*y) // plans are too small for the overflow that math.Hypot avoids
}

// cost of a seat: the lower the better.
func cost(w wire.BestSpec, s *plan.Seat, at point, rank int, row rowAt, focus point) float64 {
	c := w.Rank*float64(rank) + w.Distance*at.to(focus) + w.Row*float64(row.row) + w.Centre*at.to(row.middle)
	if s.Restricted {
		c += w.Restricted
	}
	return c
}

// layer has the seats open to one kind of buyer: those on general sale, or those and the
// ones blocked for a channel. A gap is a stretch of free seats of a run with nothing free
// beside it. N seats can be taken from it without leaving one alone if it is n long, or n+2
// and more.
type layer struct {
	open []uint64 // places of all kinds, one bit a place
	free []uint64 // by run: the ordinary seats, one bit a seat
	gaps []uint64 // by run: bit n-1 says that there is a gap of n

	exact [maxGroup + 1][]uint64 // by n: the runs with a gap of n, one bit a run
	fits  [maxGroup + 3][]uint64 // by n: the runs with a gap of n or more
}

const maxGroup = plan.MaxBlockSeats // who can sit together

// newLayer returns a layer with every place free.
func newLayer(runs []run, places int) *layer {
	l := &layer{open: make([]uint64, (places+63)/64), free: make([]uint64, len(runs)), gaps: make([]uint64, len(runs))}
	for i := range places {
		l.open[i/64] |= 1 << (i % 64)
	}
	for n := range l.exact {
		l.exact[n] = make([]uint64, (len(runs)+63)/64)
	}
	for n := range l.fits {
		l.fits[n] = make([]uint64, (len(runs)+63)/64)
	}
	for k, r := range runs {
		l.put(k, r.ordinary)
	}
	return l
}

func (l *layer) clone() *layer {
	c := &layer{open: slices.Clone(l.open), free: slices.Clone(l.free), gaps: slices.Clone(l.gaps)}
	for n, runs := range l.exact {
		c.exact[n] = slices.Clone(runs)
	}
	for n, runs := range l.fits {
		c.fits[n] = slices.Clone(runs)
	}
	return c
}

// put sets the free seats of run k to free.
func (l *layer) put(k int, free uint64) {
	word, bit := k/64, uint64(1)<<(k%64)
	was, is := l.gaps[k], gapLengths(free)
	l.free[k], l.gaps[k] = free, is
	for d := was ^ is; d != 0; d &= d - 1 {
		l.exact[bits.TrailingZeros64(d)+1][word] ^= bit
	}
	from, to := bits.Len64(was), bits.Len64(is)
	for n := min(from, to) + 1; n <= max(from, to); n++ {
		l.fits[n][word] ^= bit
	}
}

// anybodys sets whether a seat of run k is free for anybody.
func (l *layer) anybodys(k int, bit uint64, free bool) {
	if free {
		l.put(k, l.free[k]|bit)
	} else {
		l.put(k, l.free[k]&^bit)
	}
}

// starts returns a bit for each place of run k where n free neighbours begin; if clean,
// only for those that leave no seat alone.
func (l *layer) starts(k, n int, clean bool) uint64 {
	at := starts(l.free[k], n)
	if clean {
		at &^= orphans(l.free[k], n)
	}
	return at
}

// with returns the runs that have such starts.
func (l *layer) with(n int, clean bool, only []uint64) runSet {
	switch {
	case n > maxGroup:
		return runSet{}
	case clean:
		return runSet{l.exact[n], l.fits[n+2], only}
	}
	return runSet{l.fits[n], l.fits[n], only}
}

// runSet is the runs in one of two sets, and in only unless that is nil.
type runSet struct{ one, other, only []uint64 }

// next returns the first run of the set from k on, -1 if there is none.
func (s runSet) next(k int) int {
	skip := ^uint64(0) << (k % 64)
	for at := k / 64; at < len(s.one); at++ {
		word := (s.one[at] | s.other[at]) & skip
		if s.only != nil {
			word &= s.only[at]
		}
		if word != 0 {
			return at*64 + bits.TrailingZeros64(word)
		}
		skip = ^uint64(0)
	}
	return -1
}

// available reports whether place i is free, of whatever kind.
func (l *layer) available(i int) bool { return l.open[i/64]&(1<<(i%64)) != 0 }

// standing takes the first n free places of [start, end), or none.
func (l *layer) standing(into []int, start, end, n int) []int {
	if n > end-start {
		return nil
	}
	for w := start / 64; w*64 < end; w++ {
		for free := l.open[w]; free != 0; free &= free - 1 {
			i := w*64 + bits.TrailingZeros64(free)
			if i < start || i >= end {
				continue
			}
			if into = append(into, i); len(into) == n {
				return into
			}
		}
	}
	return nil
}

// gapLengths sets bit n-1 if there is a gap of n.
func gapLengths(free uint64) (lengths uint64) {
	for free != 0 {
		free >>= bits.TrailingZeros64(free)
		n := bits.TrailingZeros64(^free)
		lengths |= 1 << (n - 1)
		free >>= n
	}
	return lengths
}

// starts returns a bit for each place where n free neighbours begin.
func starts(free uint64, n int) uint64 {
	for left, shift := n-1, 1; left > 0; shift <<= 1 { // runs of doubling length
		s := min(shift, left)
		free &= free >> s
		left -= s
	}
	return free
}

// orphans returns a bit for each start of n seats that would leave exactly one free seat
// between them and what is taken, on either side.
func orphans(free uint64, n int) uint64 {
	left := (free << 1) &^ (free << 2)
	right := (free >> uint(n)) &^ (free >> (uint(n) + 1)) // shifts of 64 and more give 0
	return left | right
}

// alone returns the free seats without a free neighbour.
func alone(free uint64) uint64 { return free &^ (free<<1 | free>>1) }

// gapsOf returns a bit at the beginning of each stretch of exactly n free seats.
func gapsOf(free uint64, n int) uint64 {
	return starts(free, n) &^ (free << 1) &^ starts(free, n+1)
}
