package seating

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"frontrow/plan"
	"frontrow/wire"
)

// finder answers "n together, the best there are". Its order of preference is the
// industry's (seats.io, "best available"):
//
//  1. together, leaving no single seat alone
//  2. together
//  3. in as few groups as possible, nobody alone unless unavoidable, the sizes as even as
//     possible, the others as near the first as possible
//  4. standing
//
// Within 1, 2 and the first group of 3 the lower score wins: the mean of the
// seats' costs (wire.BestSpec). All within the spec's band of the lowest are equal: the
// wish's seed decides which is taken. Accessible seats, and those kept for companions, are
// never given out unless requested.
//
// Runs are sorted by the cost of their best seat, so a search stops at the first run that
// can't beat what it has, and it looks only at runs that have what it needs. It allocates
// nothing.
type finder struct {
	index      *plan.Index
	runs       []run
	bound      []float64     // by run, ascending: the cost of its best seat
	runOf      []int32       // by seat: index in runs
	inSection  [][]uint64    // by section: its runs, one bit a run
	at         []point       // by seat
	sum        []float64     // by seat: costs of all seats before it
	companions map[int][]int // by accessible seat

	companionOf map[int]int // its accessible seat
	areas       []areaRun   // in selling order

	public   *layer
	channels map[string]*layer
	found    []int // of the last search
	parts    []int // of the last split
}

type areaRun struct {
	plan.AreaRange
	level uint8
}

func newFinder(index *plan.Index, levelOf []uint8, weights wire.BestSpec) *finder {
	n := index.Seats()
	f := &finder{index: index, runOf: make([]int32, n), at: make([]point, n), sum: make([]float64, n+1),
		companions: map[int][]int{}, companionOf: map[int]int{}, channels: map[string]*layer{}}
	f.addRuns(levelOf, weights)
	slices.SortStableFunc(f.runs, func(a, b run) int { return cmp.Compare(f.lowestCost(a), f.lowestCost(b)) })
	for range index.Plan().Sections {
		f.inSection = append(f.inSection, make([]uint64, (len(f.runs)+63)/64))
	}
	for k, r := range f.runs {
		f.bound = append(f.bound, f.lowestCost(r))
		f.inSection[r.section][k/64] |= 1 << (k % 64)
		for i := r.start; i < r.start+r.len; i++ {
			f.runOf[i] = int32(k)
		}
	}
	for _, a := range index.Areas() {
		f.areas = append(f.areas, areaRun{a, levelOf[a.Start]})
	}
	areas := index.Plan().Areas
	slices.SortStableFunc(f.areas, func(a, b areaRun) int { return cmp.Compare(areas[a.Area].Rank, areas[b.Area].Rank) })
	f.public = newLayer(f.runs, index.Len())
	return f
}

// addRuns cuts the plan's blocks where the price level changes.
func (f *finder) addRuns(levelOf []uint8, weights wire.BestSpec) {
	p := f.index.Plan()
	focus := point{p.Focus.X, p.Focus.Y}
	var at rowAt
	for _, b := range f.index.Blocks() {
		row := p.Sections[b.Section].Rows[b.Row].Seats
		if b.Start == 0 || b.Start == at.start+at.len {
			first, last := row[(len(row)-1)/2], row[len(row)/2]
			at = rowAt{b.Row, b.Start, len(row), point{(first.X + last.X) / 2, (first.Y + last.Y) / 2}}
		}
		for start := b.Start; start < b.Start+b.Len; {
			r := run{start: start, section: b.Section, row: at, level: levelOf[start]}
			for i := start; i < b.Start+b.Len && levelOf[i] == r.level; i++ {
				s := &row[i-at.start]
				f.at[i] = point{s.X, s.Y}
				f.sum[i+1] = f.sum[i] + cost(weights, s, f.at[i], b.Rank, at, focus)
				f.addSeat(&r, i, s)
			}
			first, last := f.at[start], f.at[start+r.len-1]
			r.middle = point{(first.x + last.x) / 2, (first.y + last.y) / 2}
			for i := start; i < start+r.len; i++ {
				r.reach = max(r.reach, r.middle.to(f.at[i]))
			}
			f.runs = append(f.runs, r)
			start += r.len
		}
	}
}

func (f *finder) lowestCost(r run) float64 {
	lowest := math.Inf(1)
	for i := r.start; i < r.start+r.len; i++ {
		lowest = min(lowest, f.score(i, 1))
	}
	return lowest
}

func (f *finder) addSeat(r *run, i int, s *plan.Seat) {
	switch s.Kind {
	case plan.Standard:
		r.ordinary |= 1 << r.len
	case plan.Accessible:
		r.accessible |= 1 << r.len
	case plan.Companion:
		if with, ok := f.index.Lookup(s.With); ok {
			f.companions[with], f.companionOf[i] = append(f.companions[with], i), with
		}
	}
	r.len++
}

// set notes whether a place is available, to everybody or only to a channel's buyers.
func (f *finder) set(i int, free bool, channel string) {
	f.put(f.public, i, free)
	for name, l := range f.channels {
		f.put(l, i, free || name == channel)
	}
}

// keep says whether an accessible seat's companion seats are kept for companions. They are
// until it is sold; those it is sold without are then anybody's, since they would otherwise
// count as free but could never be had.
func (f *finder) keep(accessible int, kept bool) {
	for _, i := range f.companions[accessible] {
		k := int(f.runOf[i])
		r := &f.runs[k]
		bit := uint64(1) << (i - r.start)
		if kept {
			r.ordinary &^= bit
		} else {
			r.ordinary |= bit
		}
		f.public.anybodys(k, bit, !kept && f.public.available(i))
		for _, l := range f.channels {
			l.anybodys(k, bit, !kept && l.available(i))
		}
	}
}

// openChannel makes a layer for a channel that has none, before its first seat is set.
func (f *finder) openChannel(name string) {
	if f.channels[name] == nil {
		f.channels[name] = f.public.clone()
	}
}

// among returns the layer of a channel's buyers.
func (f *finder) among(channel string) *layer {
	if l := f.channels[channel]; l != nil {
		return l
	}
	return f.public
}

func (f *finder) put(l *layer, i int, free bool) {
	if bit := uint64(1) << (i % 64); free {
		l.open[i/64] |= bit
	} else {
		l.open[i/64] &^= bit
	}
	if i >= len(f.runOf) {
		return
	}
	k := int(f.runOf[i])
	r := &f.runs[k]
	if bit := uint64(1) << (i - r.start) & r.ordinary; bit != 0 {
		l.anybodys(k, bit, free)
	}
}

// wish is what a search looks for. A section of -1 is any.
type wish struct {
	count   int
	levels  uint64 // bit per price level
	section int
	area    bool // section is an area's index
	among   *layer
	seed    uint64
	band    float64
}

// having returns the runs with n neighbours, in the sections that w allows.
func (f *finder) having(w *wish, n int, clean bool) runSet {
	if w.section < 0 {
		return w.among.with(n, clean, nil)
	}
	return w.among.with(n, clean, f.inSection[w.section])
}

func (w *wish) takes(level uint8) bool { return w.levels&(1<<level) != 0 }

// choice is the seats found, valid until the next search, and the number of groups.
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
func (f *finder) best(w *wish) choice {
	f.found = f.found[:0]
	if !w.area {
		if g := f.together(w, w.count); g.ok() {
			f.take(g, w.count)
			return choice{f.found, 1}
		}
		if groups := f.split(w); groups > 0 {
			return choice{f.found, groups}
		}
	}
	for k, a := range f.areas {
		if w.takes(a.level) && (w.section < 0 || w.area && w.section == k) {
			if seats := w.among.standing(f.found, a.Start, a.End, w.count); seats != nil {
				f.found = seats
				return choice{seats, 1}
			}
		}
	}
	return choice{}
}

// group is where neighbours start, and whether they leave no seat alone.
type group struct {
	start int
	score float64
	clean bool
}

var nowhere = group{start: -1, score: math.Inf(1)}

func (g group) ok() bool { return g.start >= 0 }

func (f *finder) take(g group, n int) {
	for i := g.start; i < g.start+n; i++ {
		f.found = append(f.found, i)
	}
}

// side says where in its row a group sits, facing the focal point.
func (f *finder) side(seats []int) string {
	row := f.runs[f.runOf[seats[0]]].row
	off := seats[0] + seats[len(seats)-1] - 2*row.start - (row.len - 1) // twice the distance in seats from the middle
	switch {
	case 3*off < -row.len:
		return "left"
	case 3*off > row.len:
		return "right"
	}
	return "centre"
}

func (f *finder) score(i, n int) float64 { return (f.sum[i+n] - f.sum[i]) / float64(n) }

// together finds the best n neighbours: if there are any that leave no single
// seat alone, the best of those.
func (f *finder) together(w *wish, n int) group {
	best := f.lowest(w, n, true)
	if !best.ok() {
		best = f.lowest(w, n, false)
	}
	if !best.ok() || w.band == 0 {
		return best
	}
	return f.spread(w, n, best)
}

// lowest finds the n neighbours of the lowest score.
func (f *finder) lowest(w *wish, n int, clean bool) group {
	best := nowhere
	runs := f.having(w, n, clean)
	for k := runs.next(0); k >= 0 && f.bound[k] < best.score; k = runs.next(k + 1) {
		r := &f.runs[k]
		if !w.takes(r.level) {
			continue
		}
		for at := w.among.starts(k, n, clean); at != 0; at &= at - 1 {
			i := r.start + bits.TrailingZeros64(at)
			if s := f.score(i, n); s < best.score {
				best = group{i, s, clean}
			}
		}
	}
	return best
}

// maxSpread bounds the runs among which a choice is spread.
const maxSpread = 32

// spread chooses among the groups that are as clean as best and within its band: the run,
// and in it the start, whose hash with the seed is lowest.
func (f *finder) spread(w *wish, n int, best group) group {
	limit := best.score * (1 + w.band)
	pick, lowest, looked := best, uint64(math.MaxUint64), 0
	runs := f.having(w, n, best.clean)
	for k := runs.next(0); k >= 0 && f.bound[k] <= limit && looked < maxSpread; k = runs.next(k + 1) {
		r := &f.runs[k]
		if !w.takes(r.level) {
			continue
		}
		looked++
		if h := mix(w.seed, uint64(r.start)); h < lowest {
			if g := f.within(r, w.among.starts(k, n, best.clean), n, limit, w.seed); g.ok() {
				pick, lowest = group{g.start, g.score, best.clean}, h
			}
		}
	}
	return pick
}

func (f *finder) within(r *run, at uint64, n int, limit float64, seed uint64) group {
	pick, lowest := nowhere, uint64(math.MaxUint64)
	for ; at != 0; at &= at - 1 {
		i := r.start + bits.TrailingZeros64(at)
		s := f.score(i, n)
		if h := mix(seed, ^uint64(i)); s <= limit && h < lowest {
			pick, lowest = group{start: i, score: s}, h
		}
	}
	return pick
}

// mix hashes a number under a seed (splitmix64).
func mix(seed, v uint64) uint64 {
	v = (seed ^ v) + 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}
