package seating

import "math/bits"

// split finds the fewest groups that add up to w.count: the first the best of
// its size, the others near it. It returns how many, 0 for none.
//
// Each group fills a stretch of free neighbours ("gap") or part of one. The
// fewest that suffice are the longest ones; if the shortest of those is a
// single seat, all longer gaps together don't suffice, so somebody sits alone
// in any split. No gap takes two groups, or fewer would do.
func (f *finder) split(w *wish) (groups int) {
	if !f.gaps(w) {
		return 0
	}
	// As even as the gaps allow: starting with the shortest, each takes its gap or its
	// share.
	rest := w.count
	for k := len(f.parts); k > 0; k-- {
		f.parts[k-1] = min(f.parts[k-1], rest/k)
		rest -= f.parts[k-1]
	}
	first := nowhere
	for _, n := range f.parts {
		g := nowhere
		if !first.ok() {
			g = f.together(w, n)
			first = g
		} else {
			g = f.nearest(w, n, first.start)
		}
		for i := g.start; i < g.start+n; i++ {
			f.put(w.among, i, false)
		}
		f.take(g, n)
	}
	for _, i := range f.found { // a search changes nothing
		f.put(w.among, i, true)
	}
	return len(f.parts)
}

// gaps puts the lengths of the longest gaps that together hold w.count seats into f.parts,
// longest first; ok is false if all gaps together don't.
func (f *finder) gaps(w *wish) (ok bool) {
	f.parts = f.parts[:0]
	rest := w.count
	for n := min(w.count, maxGroup); n > 0; n-- {
		runs := f.having(w, n, false)
		runs.one, runs.other = w.among.exact[n], w.among.exact[n]
		for k := runs.next(0); k >= 0; k = runs.next(k + 1) {
			if !w.takes(f.runs[k].level) {
				continue
			}
			for at := gapsOf(w.among.free[k], n); at != 0; at &= at - 1 {
				f.parts = append(f.parts, n)
				if rest -= n; rest <= 0 {
					return true
				}
			}
		}
	}
	return false
}

// nearest finds the n neighbours that start nearest to a seat: in its section if possible,
// and either way leaving no seat alone if possible.
func (f *finder) nearest(w *wish, n, to int) group {
	section := f.inSection[f.runs[f.runOf[to]].section]
	for _, only := range [...][]uint64{section, nil} {
		for _, clean := range [...]bool{true, false} {
			runs := f.having(w, n, clean)
			if runs.only == nil {
				runs.only = only
			}
			if g := f.closest(w, runs, n, clean, f.at[to]); g.ok() {
				return g
			}
		}
	}
	return nowhere
}

func (f *finder) closest(w *wish, runs runSet, n int, clean bool, to point) group {
	best := nowhere
	for k := runs.next(0); k >= 0; k = runs.next(k + 1) {
		r := &f.runs[k]
		if r.middle.to(to)-r.reach >= best.score || !w.takes(r.level) {
			continue
		}
		for at := w.among.starts(k, n, clean); at != 0; at &= at - 1 {
			i := r.start + bits.TrailingZeros64(at)
			if s := f.at[i].to(to); s < best.score {
				best = group{i, s, clean}
			}
		}
	}
	return best
}

// accessible finds an accessible seat with its companions for the whole party,
// the best there is; failing that, one with fewer and ordinary seats near it.
func (f *finder) accessible(w *wish) choice {
	f.found = f.found[:0]
	if w.area { // nobody can sit there
		return choice{}
	}
	complete, partly := nowhere, nowhere
	for k := range f.runs {
		r := &f.runs[k]
		if f.bound[k] >= complete.score {
			break
		}
		if !w.takes(r.level) || w.section >= 0 && w.section != r.section {
			continue
		}
		for at := r.accessible; at != 0; at &= at - 1 {
			i := r.start + bits.TrailingZeros64(at)
			if !w.among.available(i) {
				continue
			}
			g := group{start: i, score: f.score(i, 1)}
			if have := 1 + f.companionsOf(w, i); have >= w.count {
				complete = better(complete, g)
			} else if !complete.ok() && g.score < partly.score && f.together(w, w.count-have).ok() {
				partly = g
			}
		}
	}
	if complete.ok() {
		f.takeAccessible(w, complete.start)
		return choice{f.found, 1}
	}
	if !partly.ok() {
		return choice{}
	}
	f.takeAccessible(w, partly.start)
	rest := w.count - len(f.found)
	f.take(f.nearest(w, rest, partly.start), rest)
	return choice{f.found, 2}
}

func better(a, b group) group {
	if b.score < a.score {
		return b
	}
	return a
}

func (f *finder) companionsOf(w *wish, seat int) (n int) {
	for _, i := range f.companions[seat] {
		if w.among.available(i) {
			n++
		}
	}
	return n
}

func (f *finder) takeAccessible(w *wish, seat int) {
	f.found = append(f.found, seat)
	for _, i := range f.companions[seat] {
		if len(f.found) < w.count && w.among.available(i) {
			f.found = append(f.found, i)
		}
	}
}
