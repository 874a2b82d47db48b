package seating

import (
	"slices"
	"testing"

	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"

	"pgregory.net/rapid"
)

func TestOrphanRule(t *testing.T) {
	// A row of ten of which some are gone, and another, empty, of the same
	// section and level behind it; and two rows of another level.
	cases := []struct {
		name            string
		gone, chosen    []string
		strict, lenient []string // left alone, when refused
	}{
		{"the end of the row", nil, []string{"A-1", "A-2"}, nil, nil},
		{"the middle", nil, []string{"A-5", "A-6"}, nil, nil},
		{"all but the end", nil, []string{"A-2", "A-3"}, []string{"A-1"}, []string{"A-1"}},
		{"both ends", []string{"A-6"}, []string{"A-2", "A-3", "A-4"}, []string{"A-1", "A-5"}, []string{"A-1", "A-5"}},
		{"a hole of one's own", nil, []string{"A-1", "A-3"}, []string{"A-2"}, []string{"A-2"}},
		{"beside a sold seat", []string{"A-4"}, []string{"A-6"}, []string{"A-5"}, []string{"A-5"}},
		{"alone before", []string{"A-2"}, []string{"A-3", "A-4"}, nil, nil},
		{"not to be avoided in the block", []string{"A-4", "A-5", "A-6", "A-7", "A-8", "A-9", "A-10"}, []string{"A-1", "A-2"}, []string{"A-3"}, nil},
		{"not to be avoided at all", append(row("B"), "A-4", "A-5", "A-6", "A-7", "A-8", "A-9", "A-10"), []string{"A-1", "A-2"}, nil, nil},
		{"an accessible seat", nil, []string{"D-1"}, nil, nil},
		{"two rows", nil, []string{"A-1", "B-2"}, []string{"B-1"}, []string{"B-1"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for rule, want := range map[string][]string{wire.OrphansStrict: c.strict, wire.OrphansLenient: c.lenient, wire.OrphansOff: nil} {
				e := onSale(t, seatingtest.Hall(t, 4, 10, 0))
				e.spec.Hold.Orphans = rule
				if len(c.gone) > 0 {
					e.Block(wire.BlockRequest{Seats: c.gone}, start)
				}
				r := e.Hold(named("h", "f", c.chosen...), start)
				if want == nil && r.Problem != nil || want != nil && (code(r.Problem) != wire.CodeOrphan || !slices.Equal(r.Problem.Seats, want)) {
					t.Fatalf("%s: %+v, want %v", rule, r.Problem, want)
				}
				if want == nil || r.Problem.Instead == nil {
					continue
				}
				if r := e.Hold(named("h", "f", r.Problem.Instead...), start); r.Problem != nil || len(r.Seats) != len(c.chosen) {
					t.Errorf("%s: the seats suggested instead: %+v", rule, r.Problem)
				}
			}
		})
	}
}

func row(label string) (seats []string) {
	for _, n := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"} {
		seats = append(seats, label+"-"+n)
	}
	return seats
}

// Near the sell-out of a section, lenient lets everything pass.
func TestLenientGivesWay(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 4, 20, 0))
	e.spec.Hold.Orphans = wire.OrphansLenient
	for i := range e.index.Len() {
		if i > 3 {
			e.set(i, wire.Sold, nil)
		}
	}
	if r := e.Hold(named("h", "f", "A-2", "A-3"), start); code(r.Problem) != wire.CodeOrphan {
		t.Errorf("4 of 80 free: %+v", r)
	}
	e.set(0, wire.Sold, nil)
	if r := e.Hold(named("h", "f", "A-3"), start); r.Problem != nil {
		t.Errorf("3 of 80 free: %+v", r)
	}
}

func TestOrphansEqualBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawEngine(t)
		e, x := o.e, o.e.index
		rule := rapid.SampledFrom([]string{wire.OrphansOff, wire.OrphansLenient, wire.OrphansStrict}).Draw(t, "rule")
		e.spec.Hold.Orphans = rule
		var chosen []int
		at := rapid.IntRange(0, x.Seats()-1).Draw(t, "at")
		for i := at; i < x.Seats() && len(chosen) < 4; i++ {
			if e.forSale(i, o.channel) && rapid.IntRange(0, 3).Draw(t, "take") > 0 {
				chosen = append(chosen, i)
			}
		}
		var want []int
		for _, i := range o.leaves(chosen) {
			n := 0 // of the party, in the block of the seat left alone
			for _, c := range chosen {
				if o.sameRun(i, c) && o.free(c, nil) {
					n++
				}
			}
			section := x.Blocks()[x.BlockOf(i)].Section
			around := oracle{e: e, w: o.w, section: section, level: int(e.levelOf[i]), channel: o.channel}
			avoidable := slices.ContainsFunc(around.groups(n), func(g []int) bool {
				return len(o.leaves(g)) == 0 && (rule == wire.OrphansStrict || o.sameRun(i, g[0]))
			})
			few := e.sections[section].Free*nearSellOut < e.sections[section].Total()
			if rule != wire.OrphansOff && avoidable && !(rule == wire.OrphansLenient && few) {
				want = append(want, i)
			}
		}
		p := e.orphaned(chosen, e.finder.among(o.channel))
		if (p != nil) != (want != nil) || p != nil && !slices.Equal(slices.Sorted(slices.Values(p.Seats)), slices.Sorted(slices.Values(e.ids(want)))) {
			t.Fatalf("%s: choosing %v: %+v, want %v", rule, chosen, p, want)
		}
		if p != nil && p.Instead != nil {
			var instead []int
			for _, id := range p.Instead {
				i, _ := x.Lookup(id)
				instead = append(instead, i)
			}
			if made := o.leaves(instead); len(instead) != len(chosen) || len(made) > 0 {
				t.Fatalf("%v suggested instead of %v, leaving %v", instead, chosen, made)
			}
		}
	})
}
