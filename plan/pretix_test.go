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
	p, _, err := Read(f)
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
	if got := x.Seat(i); got.Kind != Companion || got.With != "Parkett-D-1" || got.Label != "Parkett, Row D, Platz 2" || got.X != 250 || got.Y != 620 {
		t.Errorf("seat %+v", got)
	}
	// Rows of the stalls have an aisle in the middle; those of the balcony are listed by number and placed 1 3 5 … 4 2.
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
		p, _, err := ImportPretix(strings.NewReader(fmt.Sprintf(zone, seat("a", `{"x":0,"y":10}`)+","+seat("b", `{"x":"25.5","y":10}`), "")))
		if err != nil {
			t.Fatal(err)
		}
		row := p.Sections[0].Rows[0]
		if row.Label != "7" || row.Seats[0].Number != "3" || row.Seats[0].X != 30 || row.Seats[1].X != 81 || p.Width != 111 {
			t.Errorf("width %v, row %+v", p.Width, row)
		}
	})
	for name, test := range map[string]struct{ seats, areas, want string }{
		"not a number":      {seat("a", `{"x":"left"}`), "", "left is not a number"},
		"infinite":          {seat("a", `{"x":"Inf"}`), "", "plan: width"},
		"huge capacity":     {"", `{"shape":"circle","capacity":1e30,"category":"c"}`, "area z-area-1: capacity 200001"},
		"area, no category": {"", `{"shape":"circle","capacity":5}`, "area z-area-1: has no category"},
		"nothing":           {"", "", "plan: has nothing to sell"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ImportPretix(strings.NewReader(fmt.Sprintf(zone, test.seats, test.areas)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("ImportPretix = %v, want …%s…", err, test.want)
			}
		})
	}
}

// Kinds of plans that editors write and that were once refused or misread.
func TestImportPretixMends(t *testing.T) {
	t.Parallel()
	seat := func(guid, category string, x int) string {
		return fmt.Sprintf(`{"seat_guid":%q,"seat_number":"%d","category":%q,"position":{"x":%d,"y":0}}`, guid, x/25+1, category, x)
	}
	row := func(number, more, y string, seats ...string) string {
		return fmt.Sprintf(`{"row_number":%q,%s"position":{"x":50,"y":%s},"seats":[%s]}`, number, more, y, strings.Join(seats, ","))
	}
	zone := func(name, areas string, rows ...string) string {
		return fmt.Sprintf(`{"name":%q,"rows":[%s],"areas":[%s]}`, name, strings.Join(rows, ","), areas)
	}
	read := func(t *testing.T, category string, zones ...string) (*Plan, string) {
		t.Helper()
		raw := fmt.Sprintf(`{"name":"P","size":{"width":800,"height":800},"categories":[{"name":%q}],"zones":[%s]}`, category, strings.Join(zones, ","))
		p, notes, err := Read(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		for _, wrapped := range []string{`{"id":2,"name":"Main","layout":` + raw + `}`} {
			if q, _, err := Read(strings.NewReader(wrapped)); err != nil || Digest(q) != Digest(p) {
				t.Errorf("as an API answers it: %v", err)
			}
		}
		return p, strings.Join(notes, "\n")
	}
	label := func(p *Plan, id string) string {
		x := NewIndex(p)
		i, ok := x.Lookup(id)
		if !ok {
			return "no seat " + id
		}
		return x.Seat(i).Label
	}

	t.Run("blanks in category names", func(t *testing.T) {
		p, notes := read(t, "Cat\u00a01\u202f: plein ", zone("Z", "", row("A", "", "9", seat("a", "Cat 1 : plein", 0))))
		if p.Categories[0].Name != "Cat 1 : plein" || !strings.Contains(notes, "is read as") {
			t.Errorf("%q, notes %s", p.Categories[0].Name, notes)
		}
	})
	t.Run("long names", func(t *testing.T) {
		long := "Kategorie 2 – Parkett hinten, eingeschränkte Sicht durch Säulen"
		guid := strings.Repeat("Deuxième balcon, ", 9)
		p, notes := read(t, long, zone(guid, "", row("A", "", "9", seat(guid+"1", long, 0), seat(guid+"2", long, 25))))
		if n := len(p.Sections[0].Rows[0].Seats); n != 2 || p.Categories[0].Name != long || !strings.Contains(notes, "2 seats") {
			t.Errorf("%d seats, notes %s", n, notes)
		}
	})
	t.Run("copied rows", func(t *testing.T) {
		p, notes := read(t, "c", zone("G", "", row("A", "", "9", seat("G-A-1", "c", 0)), row("B", "", "40", seat("G-A-1", "c", 0)), row("C", "", "70", seat("G-A-1", "c", 0))))
		if label(p, "G-A-1") != "G, Row A, Seat 1" || label(p, "G-B-1") != "G, Row B, Seat 1" || label(p, "G-C-1") != "G, Row C, Seat 1" || !strings.Contains(notes, "2 seats") {
			t.Errorf("%s; %s; notes %s", label(p, "G-A-1"), label(p, "G-B-1"), notes)
		}
	})
	t.Run("labels as the venue writes them", func(t *testing.T) {
		p, _ := read(t, "c", zone("Saal", "", row("4", `"row_label":"Tisch %s","seat_label":"Stuhl %s",`, "9", seat("a", "c", 0))))
		if got := label(p, "a"); got != "Saal, Tisch 4, Stuhl 1" {
			t.Error(got)
		}
	})
	t.Run("two zones alike", func(t *testing.T) {
		if _, notes := read(t, "c", zone("Balkon", "", row("A", "", "9", seat("l", "c", 0))), zone("Balkon", "", row("A", "", "9", seat("r", "c", 0)))); !strings.Contains(notes, "label Balkon, Row A, Seat 1") {
			t.Error(notes)
		}
	})
	for _, word := range []string{"Stage", "S T A G E", "STAGE / BÜHNE", "Leinwand", "舞台", "Сцена", "Pódium", "Main stage"} {
		t.Run("stage "+word, func(t *testing.T) {
			for name, area := range map[string]string{
				"as a shape":          `{"shape":"rectangle","position":{"x":50,"y":700},"rectangle":{"width":200,"height":40},"text":{"text":%q}}`,
				"in the first format": `{"width":200,"height":40,"position":{"x":50,"y":700},"text":%q}`,
			} {
				p, notes := read(t, "c", zone("Saal", fmt.Sprintf(area, word), row("A", "", "50", seat("a", "c", 0)), row("B", "", "80", seat("b", "c", 0)), row("C", "", "84", seat("c", "c", 0))))
				if rows := p.Sections[0].Rows; p.Focus != (Point{300, 1440}) || rows[0].Label != "C" || rows[2].Label != "A" || !strings.Contains(notes, "stage: the shape") {
					t.Errorf("%s: focus %v, front row %s, notes %s", name, p.Focus, rows[0].Label, notes)
				}
			}
		})
	}
	for _, word := range []string{"", "Backstage", "Catering", "Bar"} {
		t.Run("no stage "+word, func(t *testing.T) {
			p, notes := read(t, "c", zone("Saal", fmt.Sprintf(`{"shape":"rectangle","position":{"x":50,"y":700},"rectangle":{"width":200,"height":40},"text":{"text":%q}}`, word), row("A", "", "50", seat("a", "c", 0)), row("B", "", "80", seat("b", "c", 0))))
			if p.Focus.Y != 0 || !strings.Contains(notes, "--stage X,Y") {
				t.Errorf("focus %v, notes %s", p.Focus, notes)
			}
			if err := Refocus(p, Point{300, 1440}); err != nil || p.Sections[0].Rows[0].Label != "B" {
				t.Errorf("set by hand: %v, front row %s", err, p.Sections[0].Rows[0].Label)
			}
			if err := Refocus(p, Point{300, -1}); err == nil {
				t.Error("set outside of the plan")
			}
		})
	}
}

// All faults are reported at once, up to a bound.
func TestCheckTellsAllFaults(t *testing.T) {
	t.Parallel()
	p := hall()
	row := p.Sections[0].Rows[0].Seats
	for i := range row {
		row[i].Category = "Tin"
	}
	p.Sections[1].Rows[0].Seats[0].ID = p.Sections[0].Rows[1].Seats[0].ID
	err := Check(p)
	if err == nil || strings.Count(err.Error(), "Tin") != len(row) || !strings.Contains(err.Error(), "already used") {
		t.Errorf("%v", err)
	}
	for s := range p.Sections {
		for r := range p.Sections[s].Rows {
			for i := range p.Sections[s].Rows[r].Seats {
				p.Sections[s].Rows[r].Seats[i].Y = -1
			}
		}
	}
	if lines := strings.Split(Check(p).Error(), "\n"); len(lines) > maxFaults+1 {
		t.Errorf("%d lines", len(lines))
	}
}
