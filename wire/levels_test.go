package wire

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// cinema has two categories in three sections, and a standing area.
func cinema() *Layout {
	return &Layout{[]string{"1", "2", "floor"}, map[string][]string{"101": {"1"}, "102": {"1", "2"}, "103": {"2"}, "pit": {"floor"}}}
}

func TestLevelsBySection(t *testing.T) {
	level := func(id string, categories, sections string) Level {
		return Level{ID: id, Categories: strings.Fields(categories), Sections: strings.Fields(sections)}
	}
	rest := level("rest", "2 floor", "")
	for name, c := range map[string]struct {
		levels []Level
		want   string // faults, by line
	}{
		"none":                {[]Level{level("all", "1 2 floor", "")}, ""},
		"front and rest":      {[]Level{level("front", "1", "101"), level("one", "1", ""), rest}, ""},
		"rest before front":   {[]Level{level("one", "1", ""), rest, level("front", "1", "101")}, ""},
		"all named":           {[]Level{level("a", "1", "101"), level("b", "1", "102"), rest}, ""},
		"an area":             {[]Level{level("pit", "floor", "pit"), level("seats", "1 2", "")}, ""},
		"a section in two":    {[]Level{level("a", "1", "102"), level("b", "2", "102"), level("rest", "1 2 floor", "")}, ""},
		"more than it has":    {[]Level{level("a", "1 2", "101"), level("rest", "1 2 floor", "")}, ""},
		"no such section":     {[]Level{level("a", "1", "101 10l"), level("one", "1", ""), rest}, `levels[0].sections[1]: the plan has no section or area "10l": write its id`},
		"no place of it":      {[]Level{level("a", "1", "101 103"), level("one", "1", ""), rest}, `levels[0].sections[1]: no place in "103" has a category of the level: they have 2`},
		"twice in the list":   {[]Level{level("a", "1", "101 101"), level("one", "1", ""), rest}, `levels[0].sections[1]: "101" is in the list already`},
		"in two levels":       {[]Level{level("a", "1", "101"), level("b", "1", "102 101"), level("one", "1", ""), rest}, `levels[1].sections[1]: "1" in "101" is in the level "a" already`},
		"in two without ids":  {[]Level{level("", "1", "101"), level("", "1", "102 101"), level("one", "1", ""), rest}, `levels[1].sections[1]: "1" in "101" is in the level "?" already`},
		"two have the rest":   {[]Level{level("a", "1", "101"), level("one", "1", ""), level("two", "1", ""), rest}, `levels[2].categories[0]: "1" is in the level "one" already`},
		"twice in one":        {[]Level{level("a", "1 1", "101"), level("one", "1", ""), rest}, `levels[0].categories[1]: "1" is in the level "a" already`},
		"some have none":      {[]Level{level("a", "1", "101"), rest}, `levels: the places of category "1" in section "102" are in none of them: name it in one, or write one of the category without sections`},
		"a category has none": {[]Level{level("a", "1", "101 102"), level("b", "2", "")}, `levels: the plan's category "floor" is in none of them`},
		"a category of none":  {[]Level{level("a", "1 X", "101"), level("one", "1", ""), rest}, `levels[0].categories[1]: the plan has no category "X": it has 1, 2, floor`},
	} {
		var f faults
		Spec{Levels: c.levels}.checkLayout(&f, cinema())
		var got []string
		for _, err := range f {
			got = append(got, err.Error())
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Of levels that pass the check, exactly one has each place, whatever their order; and of
// those without sections it is the one that names the category.
func TestEachPlaceHasOneLevel(t *testing.T) {
	passed, divided := 0, 0
	for seed := range uint64(20_000) {
		r := rand.New(rand.NewPCG(seed, 1))
		layout := cinema()
		some := func(of []string, odds int) (list []string) {
			for _, s := range of {
				if r.IntN(odds) == 0 {
					list = append(list, s)
				}
			}
			return list
		}
		var s Spec
		for i := range 1 + r.IntN(5) {
			l := Level{ID: fmt.Sprint("l", i), Categories: some(layout.Categories, 2)}
			if r.IntN(2) == 0 {
				l.Sections = some([]string{"101", "102", "103", "pit"}, 3)
			}
			s.Levels = append(s.Levels, l)
		}
		var f faults
		s.checkLayout(&f, layout)
		x := s.LevelIndex()
		for section, categories := range layout.Sections {
			for _, c := range categories {
				var own, rest []int
				for i, l := range s.Levels {
					switch {
					case !slices.Contains(l.Categories, c):
					case slices.Contains(l.Sections, section):
						own = append(own, i)
					case len(l.Sections) == 0:
						rest = append(rest, i)
					}
				}
				level, ok := x.Of(c, section)
				if want := append(own, rest...); len(f) == 0 && (len(own) > 1 || len(rest) > 1 || !ok || level != want[0]) {
					t.Fatalf("seed %d: %+v: %s in %s is in %d, %v; named by %v", seed, s.Levels, c, section, level, ok, want)
				}
				if len(f) == 0 && len(own) > 0 && len(rest) > 0 {
					divided++
				}
			}
		}
		if len(f) == 0 {
			passed++
		}
	}
	if passed < 100 || divided < 50 {
		t.Errorf("only %d specs passed, %d categories divided", passed, divided)
	}
}

// Without sections, a level's record is what it was before there were any.
func TestLevelsWithoutSectionsAreWrittenAsBefore(t *testing.T) {
	data, err := json.Marshal(Level{ID: "a", Name: "A", Categories: []string{"1"}, Base: 5})
	if want := `{"id":"a","name":"A","categories":["1"],"base":5,"service_fee":0,"facility_fee":0}`; err != nil || string(data) != want {
		t.Errorf("%s, %v, want %s", data, err, want)
	}
}
