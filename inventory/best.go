package inventory

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"frontrow/plan"
)

// finder answers "n together, the best there are". Seats stand in runs: parts
// of a row between aisles, of one price level, at most 64 long, so that the
// free seats of a run are the bits of a word and all its gaps are tested at
// once. Runs are sorted by a lower bound of their score, so the search stops at
// the first run that can't be better than what it has.
//
// The order of preference is the one the field documents: together without
// leaving a single seat alone; together; split into as few groups as
// possible, near each other and nobody alone if that can be helped. Among
// equals the lower score wins: the section's selling order, then the distance
// to the focal point. Accessible and companion seats are never given out
// unless asked for.
type finder struct {
	index *plan.Index
	runs  []run
	runOf []int32   // by seat: index in runs, -1 for standing places
	free  []uint64  // by run: available ordinary seats
	bound []float64 // by run, ascending: no score in it is lower
	dist  []float32 // by seat: to the focal point
	open  []uint64  // available places of all kinds, one bit a place

	areas []areaRun
}

type run struct {
	start, len int
	section    int
	level      uint8
	ordinary   uint64  // the seats that are neither accessible nor companion
	rank       float64 // of its section, as part of a score
}

type areaRun struct {
	plan.AreaRange
	level uint8
}

// rankWeight is how much farther from the focal point, in plan units, a
// section of the next selling rank counts.
const rankWeight = 1000

func newFinder(index *plan.Index, levelOf []uint8) *finder {
	n := index.Seats()
	f := &finder{index: index, runOf: make([]int32, n), dist: make([]float32, n), open: make([]uint64, (index.Len()+63)/64)}
	for i := range index.Len() {
		f.open[i/64] |= 1 << (i % 64)
	}
	focus := index.Plan().Focus
	for i := range f.dist {
		s := index.Seat(i)
		f.dist[i] = float32(math.Hypot(s.X-focus.X, s.Y-focus.Y))
	}
	for _, b := range index.Blocks() {
		f.addRuns(b, levelOf)
	}
	bound := func(r run) float64 {
		return r.rank + float64(slices.Min(f.dist[r.start:r.start+r.len]))
	}
	slices.SortStableFunc(f.runs, func(a, b run) int { return cmp.Compare(bound(a), bound(b)) })
	for k, r := range f.runs {
		f.free, f.bound = append(f.free, r.ordinary), append(f.bound, bound(r))
		for i := r.start; i < r.start+r.len; i++ {
			f.runOf[i] = int32(k)
		}
	}
	for _, a := range index.Areas() {
		f.areas = append(f.areas, areaRun{a, levelOf[a.Start]})
	}
	return f
}

// addRuns cuts a block where the price level changes.
func (f *finder) addRuns(b plan.Block, levelOf []uint8) {
	for start := b.Start; start < b.Start+b.Len; {
		r := run{start: start, section: b.Section, level: levelOf[start], rank: float64(b.Rank) * rankWeight}
		for i := start; i < b.Start+b.Len && levelOf[i] == r.level; i++ {
			if f.index.Seat(i).Kind == plan.Standard {
				r.ordinary |= 1 << r.len
			}
			r.len++
		}
		f.runs = append(f.runs, r)
		start += r.len
	}
}

// set notes whether a place is available.
func (f *finder) set(i int, free bool) {
	if bit := uint64(1) << (i % 64); free {
		f.open[i/64] |= bit
	} else {
		f.open[i/64] &^= bit
	}
	if i >= len(f.runOf) {
		return
	}
	k := f.runOf[i]
	r := &f.runs[k]
	bit := uint64(1) << (i - r.start) & r.ordinary
	if free {
		f.free[k] |= bit
	} else {
		f.free[k] &^= bit
	}
}

// available tells whether place i is free, of whatever kind.
func (f *finder) available(i int) bool { return f.open[i/64]&(1<<(i%64)) != 0 }

// wish filters a search. A section of -1 is any.
type wish struct {
	count   int
	levels  uint64 // bit per price level
	section int
	area    bool // section is an area's index
}

func (w wish) takes(r *run) bool {
	return w.levels&(1<<r.level) != 0 && (w.section < 0 || !w.area && w.section == r.section)
}

// choice is the seats found and in how many groups they are.
type choice struct {
	seats  []int
	groups int
}

func (f *finder) sectionOf(id string) (at int, area, ok bool) {
	p := f.index.Plan()
	if i := slices.IndexFunc(p.Sections, func(s plan.Section) bool { return s.ID == id }); i >= 0 {
		return i, false, true
	}
	i := slices.IndexFunc(f.areas, func(a areaRun) bool { return a.ID == id })
	return i, true, i >= 0
}

// best finds w.count places, or none.
func (f *finder) best(w wish) choice {
	if g, ok := f.together(w, w.count, nil); ok {
		return choice{g.seats(w.count), 1}
	}
	if c := f.split(w); c.seats != nil {
		return c
	}
	for k, a := range f.areas {
		if w.levels&(1<<a.level) != 0 && (w.section < 0 || w.area && w.section == k) {
			if seats := f.standing(a.Start, a.End, w.count); seats != nil {
				return choice{seats, 1}
			}
		}
	}
	return choice{}
}

// group is where neighbours start.
type group struct {
	start int
	score float64
}

func (g group) seats(n int) []int {
	s := make([]int, n)
	for k := range s {
		s[k] = g.start + k
	}
	return s
}

// together finds the best n neighbours: if there are any that leave no single
// seat alone, the best of those. With near, the best is the nearest to that seat.
func (f *finder) together(w wish, n int, near *plan.Ref) (group, bool) {
	if n > plan.MaxBlockSeats {
		return group{}, false
	}
	clean, any := group{score: math.Inf(1)}, group{score: math.Inf(1)}
	for k, free := range f.free {
		if near == nil && f.bound[k] >= clean.score {
			break
		}
		at := starts(free, n)
		if at == 0 || !w.takes(&f.runs[k]) {
			continue
		}
		if tidy := at &^ orphans(free, n); tidy != 0 {
			f.better(&clean, k, n, tidy, near)
		} else if math.IsInf(clean.score, 1) {
			f.better(&any, k, n, at, near)
		}
	}
	if !math.IsInf(clean.score, 1) {
		return clean, true
	}
	return any, !math.IsInf(any.score, 1)
}

// better replaces best by the lowest score among the starts of run k, if lower.
func (f *finder) better(best *group, k, n int, at uint64, near *plan.Ref) {
	r := &f.runs[k]
	for ; at != 0; at &= at - 1 {
		i := r.start + bits.TrailingZeros64(at)
		if s := f.score(r, i, n, near); s < best.score {
			*best = group{i, s}
		}
	}
}

func (f *finder) score(r *run, i, n int, near *plan.Ref) float64 {
	if near != nil {
		s := f.index.Seat(i)
		return math.Hypot(s.X-near.X, s.Y-near.Y)
	}
	return r.rank + float64(f.dist[i]+f.dist[i+n-1])/2
}

// starts has a bit for each place where n free neighbours begin.
func starts(free uint64, n int) uint64 {
	for left, shift := n-1, 1; left > 0; shift <<= 1 { // runs of doubling length
		s := min(shift, left)
		free &= free >> s
		left -= s
	}
	return free
}

// orphans has a bit for each start of n seats that would leave exactly one
// free seat between them and what is taken, on either side.
func orphans(free uint64, n int) uint64 {
	left := (free << 1) &^ (free << 2)
	right := (free >> uint(n)) &^ (free >> (uint(n) + 1)) // shifts of 64 and more give 0
	return left | right
}

// split finds groups that add up to w.count: the largest first, the others
// near it, and nobody alone unless nothing else is left.
func (f *finder) split(w wish) choice {
	var c choice
	var near *plan.Ref
	var taken []int
	defer func() { // a search changes nothing
		for _, i := range taken {
			f.set(i, true)
		}
	}()
	for rest := w.count; rest > 0; {
		g, n, ok := f.largest(w, rest, near)
		if !ok {
			return choice{}
		}
		for _, i := range g.seats(n) {
			f.set(i, false)
			taken = append(taken, i)
		}
		if near == nil {
			s := f.index.Seat(g.start)
			near = &s
		}
		c.seats, c.groups, rest = append(c.seats, g.seats(n)...), c.groups+1, rest-n
	}
	return c
}

// largest finds the biggest group of at most rest that leaves nobody alone, or
// failing that the biggest.
func (f *finder) largest(w wish, rest int, near *plan.Ref) (group, int, bool) {
	for _, allowAlone := range []bool{false, true} {
		for n := rest; n > 0; n-- {
			if !allowAlone && (rest-n == 1 || n == 1 && rest > 1) {
				continue
			}
			if g, ok := f.together(w, n, near); ok {
				return g, n, true
			}
		}
	}
	return group{}, 0, false
}

// accessible finds an accessible seat with its companions, and if that isn't
// enough, ordinary seats near it.
func (f *finder) accessible(w wish) choice {
	best, bestScore := []int(nil), math.Inf(1)
	var at plan.Ref
	for k := range f.runs {
		r := &f.runs[k]
		if f.bound[k] >= bestScore {
			break
		}
		if !w.takes(r) || r.ordinary == 1<<r.len-1 {
			continue
		}
		for i := r.start; i < r.start+r.len; i++ {
			ref := f.index.Seat(i)
			if ref.Kind != plan.Accessible || !f.available(i) {
				continue
			}
			if s := f.score(r, i, 1, nil); s < bestScore {
				best, bestScore, at = append([]int{i}, f.companionsOf(r, ref.ID, w.count-1)...), s, ref
			}
		}
	}
	if best == nil || len(best) == w.count {
		return choice{best, 1}
	}
	rest := w
	rest.count -= len(best)
	g, ok := f.together(rest, rest.count, &at)
	if !ok {
		return choice{}
	}
	return choice{append(best, g.seats(rest.count)...), 2}
}

// companionsOf lists up to most free companion seats of an accessible seat in its run.
func (f *finder) companionsOf(r *run, id string, most int) []int {
	var seats []int
	for i := r.start; i < r.start+r.len && len(seats) < most; i++ {
		if ref := f.index.Seat(i); ref.Kind == plan.Companion && ref.With == id && f.available(i) {
			seats = append(seats, i)
		}
	}
	return seats
}

// standing takes the first n free places of [start, end), or none.
func (f *finder) standing(start, end, n int) []int {
	if n > end-start {
		return nil
	}
	seats := make([]int, 0, n)
	for w := start / 64; w*64 < end; w++ {
		for free := f.open[w]; free != 0; free &= free - 1 {
			i := w*64 + bits.TrailingZeros64(free)
			if i < start || i >= end {
				continue
			}
			if seats = append(seats, i); len(seats) == n {
				return seats
			}
		}
	}
	return nil
}
