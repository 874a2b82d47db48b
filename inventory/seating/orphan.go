package seating

import (
	"fmt"
	"slices"
	"strings"

	"frontrow/wire"
)

// nearSellOut says when the lenient orphan rule no longer applies: once fewer than one in
// so many of a section's seats are free.
const nearSellOut = 20

// orphaned refuses a choice of named seats that breaks the orphan rule: it leaves a free
// seat alone although as many seats could be had together without that. See
// wire.OrphansLenient and wire.OrphansStrict.
func (e *Engine) orphaned(seats []int, among *layer) *wire.Problem {
	rule := e.spec.Hold.Orphans
	if rule == wire.OrphansOff {
		return nil
	}
	f := e.finder
	var left []int
	var at *run
	looked := make([]int32, 0, 4)
	for _, seat := range seats {
		if seat >= len(f.runOf) || slices.Contains(looked, f.runOf[seat]) {
			continue
		}
		k := f.runOf[seat]
		looked = append(looked, k)
		r := &f.runs[k]
		if made := e.makesAlone(r, among.free[k], seats); len(made) > 0 && e.avoidable(rule, r, among, f.inRun(r, seats)) {
			left, at = append(left, made...), r
		}
	}
	if left == nil {
		return nil
	}
	return e.orphanProblem(seats, left, at, among)
}

// makesAlone lists the seats of a run that have a free neighbour now and would have none
// once chosen are taken.
func (e *Engine) makesAlone(r *run, free uint64, chosen []int) (made []int) {
	after := free
	for _, i := range chosen {
		if i >= r.start && i < r.start+r.len {
			after &^= 1 << (i - r.start)
		}
	}
	for i := range r.len {
		if bit := uint64(1) << i; alone(after)&^alone(free)&bit != 0 {
			made = append(made, r.start+i)
		}
	}
	return made
}

// inRun counts the ordinary seats chosen in a run.
func (f *finder) inRun(r *run, chosen []int) (n int) {
	for _, i := range chosen {
		if i >= r.start && i < r.start+r.len && r.ordinary&(1<<(i-r.start)) != 0 {
			n++
		}
	}
	return n
}

// avoidable reports whether, where the rule looks for them, n seats can be had together
// without leaving a seat alone.
func (e *Engine) avoidable(rule string, r *run, among *layer, n int) bool {
	f := e.finder
	free := among.free[f.runOf[r.start]]
	if n == 0 {
		return false
	}
	here := starts(free, n)&^orphans(free, n) != 0
	if rule == wire.OrphansLenient {
		section := e.sections[r.section]
		return here && section.Free*nearSellOut >= section.Total()
	}
	return here || f.lowest(&wish{levels: 1 << r.level, section: r.section, among: among}, n, true).ok()
}

// orphanProblem names the seats left alone and, for a choice within one run, the nearest
// choice that leaves none.
func (e *Engine) orphanProblem(chosen, left []int, r *run, among *layer) *wire.Problem {
	f := e.finder
	p := wire.Refuse(wire.CodeOrphan, fmt.Sprintf("Your choice would leave %s isolated.", e.places(left)))
	p.Seats = e.ids(left)
	instead := nowhere
	if f.inRun(r, chosen) == len(chosen) {
		instead = f.nearest(&wish{levels: 1 << r.level, section: r.section, among: among}, len(chosen), chosen[0])
	}
	if !instead.clean {
		p.Detail += " Leave no free seat, or at least two beside each other."
		return p
	}
	f.found = f.found[:0]
	f.take(instead, len(chosen))
	p.Instead = e.ids(f.found)
	p.Detail += fmt.Sprintf(" Take %s instead, or leave at least two free seats beside each other.", e.places(f.found))
	return p
}

// places names seats for a fan: "Row D, Seat 4 and Row D, Seat 9".
func (e *Engine) places(seats []int) string {
	names := make([]string, len(seats))
	for k, i := range seats {
		label := e.index.Seat(i).Label
		if _, short, ok := strings.Cut(label, ", "); ok { // without the section
			label = short
		}
		names[k] = label
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return names[0]
}
