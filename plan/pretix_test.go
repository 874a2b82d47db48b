package plan

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestImportPretix(t *testing.T) {
	t.Parallel()
	f, err := os.Open("testdata/pretix.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	checkIndex(t, p)
	checkCompact(t, p)
	x := NewIndex(p)
	if p.Name != "Stadthalle, großer Saal" || x.Seats() != 68 || x.Len() != 218 || p.Width != 1100 || p.Height != 1200 {
		t.Errorf("%s: %d seats, %d places, %v × %v", p.Name, x.Seats(), x.Len(), p.Width, p.Height)
	}
	if want := []Category{{"Premium", "#8b1a9b"}, {"Standard", ""}, {"Balkon", "green"}, {"Stehplatz", "#F80"}}; !reflect.DeepEqual(p.Categories, want) {
		t.Errorf("categories %v", p.Categories)
	}
	var sections, shapes []string
	for _, s := range p.Sections {
		sections = append(sections, fmt.Sprint(s.ID, " ", s.Label, " ", len(s.Rows), " ", s.Rank))
	}
	for _, s := range p.Shapes {
		shapes = append(shapes, fmt.Sprint(s.Kind, " ", s.Label, " ", len(s.Points)))
	}
	if want := []string{"parkett Parkett 4 0", "Balkon Balkon 2 1"}; !reflect.DeepEqual(sections, want) {
		t.Errorf("sections %q", sections)
	}
	if want := []string{"rect Bühne 2", "circle  2", "text Ausgang Ost 1", "polygon Bar 24", "polygon Technik 3"}; !reflect.DeepEqual(shapes, want) {
		t.Errorf("shapes %q", shapes)
	}
	// The middle of the stage: zone 100, 220 + area 20, -170 + half of 310 × 100, all times PretixScale.
	if p.Focus != (Point{550, 200}) {
		t.Errorf("focus %v", p.Focus)
	}
	if area := p.Areas[0]; area.ID != "stehplatz" || area.Label != "Stehplätze" || area.Capacity != 150 || area.Outline[2] != (Point{950, 880}) {
		t.Errorf("area %+v", area)
	}
	i, _ := x.Lookup("Parkett-D-2")
	if got := x.Seat(i); got.Kind != Companion || got.With != "Parkett-D-1" || got.Label != "Parkett, Row D, Seat 2" || got.X != 250 || got.Y != 620 {
		t.Errorf("seat %+v", got)
	}
	// Rows of the stalls have an aisle in the middle; those of the balcony are listed by number and stand 1 3 5 … 4 2.
	if got := x.Blocks()[1]; got.Start != 6 || got.Len != 6 {
		t.Errorf("second block %+v", got)
	}
	var numbers []string
	for _, s := range p.Sections[1].Rows[0].Seats {
		numbers = append(numbers, s.Number)
	}
	if got := strings.Join(numbers, " "); got != "1 3 5 7 9 10 8 6 4 2" {
		t.Errorf("row of the balcony: %s", got)
	}
}

func TestImportPretixOddities(t *testing.T) {
	t.Parallel()
	const zone = `{"categories":[{"name":"c"}],"zones":[{"name":"z","position":{"x":-100,"y":0},"rows":[{"row_number":7,"seats":[%s]}],"areas":[%s]}]}`
	seat := func(guid, position string) string {
		return `{"seat_guid":"` + guid + `","seat_number":3,"category":"c","position":` + position + `}`
	}
	t.Run("no size, position left of the page", func(t *testing.T) {
		p, err := ImportPretix(strings.NewReader(fmt.Sprintf(zone, seat("a", `{"x":0,"y":10}`)+","+seat("b", `{"x":"25.5","y":10}`), "")))
		if err != nil {
			t.Fatal(err)
		}
		row := p.Sections[0].Rows[0]
		if row.Label != "7" || row.Seats[0].Number != "3" || row.Seats[0].X != 30 || row.Seats[1].X != 81 || p.Width != 111 {
			t.Errorf("width %v, row %+v", p.Width, row)
		}
	})
	for name, test := range map[string]struct{ seats, areas, want string }{
		"duplicate guid":    {seat("a", `{}`) + "," + seat("a", `{}`), "", "section z, row 7, seat 3 (id a): id already used in section z, row 7"},
		"not a number":      {seat("a", `{"x":"left"}`), "", "left is not a number"},
		"infinite":          {seat("a", `{"x":"Inf"}`), "", "plan: width"},
		"huge capacity":     {"", `{"shape":"circle","capacity":1e30,"category":"c"}`, "area z-area-1: capacity 200001"},
		"area, no category": {"", `{"shape":"circle","capacity":5}`, "area z-area-1: has no category"},
		"nothing":           {"", "", "plan: has nothing to sell"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ImportPretix(strings.NewReader(fmt.Sprintf(zone, test.seats, test.areas)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("ImportPretix = %v, want …%s…", err, test.want)
			}
		})
	}
}
