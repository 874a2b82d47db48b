package wire

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Layout is what levels are compared with: the categories of a plan, in its order, and
// those that the places of each of its sections and areas have, by id.
type Layout struct {
	Categories []string
	Sections   map[string][]string
}

// LevelIndex says which level a place belongs to: the one that names its category and its
// section or, if none does, the one that names its category and no sections. An area is a
// section of its own.
type LevelIndex struct{ at map[levelKey]int }

// levelKey is a category in a section; "": in all that no other level of the category names.
type levelKey struct{ category, section string }

// LevelIndex returns the index of the spec's levels, which must be valid.
func (s Spec) LevelIndex() LevelIndex {
	x := LevelIndex{map[levelKey]int{}}
	for i, l := range s.Levels {
		for _, c := range l.Categories {
			for _, section := range l.sections() {
				x.at[levelKey{c, section}] = i
			}
		}
	}
	return x
}

// Of returns the index in Spec.Levels of the level of places of a category in a section.
// A checked event has one for each place of its plan.
func (x LevelIndex) Of(category, section string) (level int, ok bool) {
	if level, ok = x.at[levelKey{category, section}]; !ok {
		level, ok = x.at[levelKey{category, ""}]
	}
	return level, ok
}

// sections are those of the level's keys.
func (l Level) sections() []string {
	if len(l.Sections) == 0 {
		return []string{""}
	}
	return l.Sections
}

// checkLayout compares the levels with the plan: each place must be in one, and in one only.
func (s Spec) checkLayout(f *faults, layout *Layout) {
	in := map[levelKey]int{}   // the first level
	named := map[string]bool{} // categories
	for i, l := range s.Levels {
		for j, c := range l.Categories {
			key := fmt.Sprintf("levels[%d].categories[%d]", i, j)
			everywhere := levelKey{c, ""}
			other, taken := in[everywhere]
			switch {
			case slices.Contains(l.Categories[:j], c):
				f.add(key, "%q is in the level %q already", c, cmp.Or(l.ID, "?"))
				continue
			case taken && len(l.Sections) == 0:
				f.add(key, "%q is in the level %q already", c, cmp.Or(s.Levels[other].ID, "?"))
				continue
			case !slices.Contains(layout.Categories, c):
				f.add(key, "the plan has no category %q: it has %s", c, strings.Join(layout.Categories, ", "))
			}
			named[c] = true
			if len(l.Sections) == 0 {
				in[everywhere] = i
			}
		}
		s.checkSections(f, i, layout, in)
	}
	s.checkPlaced(f, layout, named)
}

// checkSections compares the sections of level i with the plan, and with those of the levels before.
func (s Spec) checkSections(f *faults, i int, layout *Layout, in map[levelKey]int) {
	l := s.Levels[i]
	for k, section := range l.Sections {
		key := fmt.Sprintf("levels[%d].sections[%d]", i, k)
		has, known := layout.Sections[section]
		switch {
		case slices.Contains(l.Sections[:k], section):
			f.add(key, "%q is in the list already", section)
			continue
		case !known:
			f.add(key, "the plan has no section or area %q: write its id", section)
			continue
		case !slices.ContainsFunc(l.Categories, func(c string) bool { return slices.Contains(has, c) }):
			f.add(key, "no place in %q has a category of the level: they have %s", section, strings.Join(has, ", "))
		}
		for _, c := range l.Categories {
			at := levelKey{c, section}
			if other, taken := in[at]; !taken {
				in[at] = i
			} else if other != i {
				f.add(key, "%q in %q is in the level %q already", c, section, cmp.Or(s.Levels[other].ID, "?"))
				break // the others are likely to be there too
			}
		}
	}
}

// checkPlaced finds categories that no level names, and those whose levels all name sections
// though some of their places are in others.
func (s Spec) checkPlaced(f *faults, layout *Layout, named map[string]bool) {
	var none []string
	index := s.LevelIndex()
	for _, c := range layout.Categories {
		if !named[c] {
			none = append(none, strconv.Quote(c))
			continue
		}
		for _, section := range slices.Sorted(maps.Keys(layout.Sections)) {
			if _, ok := index.Of(c, section); !ok && slices.Contains(layout.Sections[section], c) {
				f.add("levels", "the places of category %q in section %q are in none of them: name it in one, or write one of the category without sections", c, section)
				break // one is enough to see what is wrong
			}
		}
	}
	switch len(none) {
	case 0:
	case 1:
		f.add("levels", "the plan's category %s is in none of them", none[0])
	default:
		f.add("levels", "the plan's categories %s are in none of them", strings.Join(none, ", "))
	}
}
