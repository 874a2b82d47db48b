package main

import (
	"testing"

	"frontrow/plan"
	"frontrow/wire"
)

// A simulated sale has the places of a level of sections there, and the others where they are.
func TestLevelsOfSectionsAreSimulated(t *testing.T) {
	t.Parallel()
	p, err := plan.Generate(plan.Spec{Kind: plan.Arena, Seats: 2000, Standing: 100})
	must(t, err)
	section := p.Sections[0]
	want := 0
	for _, r := range section.Rows {
		want += len(r.Seats)
	}
	levels := levelsOf(wire.Spec{Levels: []wire.Level{{ID: "all", Categories: p.CategoryNames()},
		{ID: "one", Categories: p.CategoryNames(), Sections: []string{section.ID}}}}, p)
	if all := plan.NewIndex(p).Len(); len(levels) != 2 || levels[1].Places != want || levels[0].Places != all-want || want == 0 {
		t.Errorf("%+v, want %d of %d in the section", levels, want, all)
	}
}
