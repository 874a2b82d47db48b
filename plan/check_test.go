package plan

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

// hall returns a small valid plan: two sections of two rows, a companion seat, an area, one shape of each kind.
func hall() *Plan {
	p := &Plan{Name: "Hall", Width: 2000, Height: 1000, Focus: Point{1000, 0},
		Categories: []Category{{"Gold", "#fc0"}, {"Silver", "silver"}},
		Areas: []Area{{ID: "floor", Label: "Standing floor", Category: "Silver", Capacity: 20,
			Outline: []Point{{0, 800}, {2000, 800}, {2000, 1000}}}},
		Shapes: []Shape{
			{Kind: Rect, Label: "Stage", Points: []Point{{500, 0}, {1500, 100}}, Color: "#333333"},
			{Kind: Circle, Points: []Point{{50, 50}, {70, 50}}},
			{Kind: Polygon, Points: []Point{{0, 0}, {10, 0}, {10, 10}}},
			{Kind: Text, Label: "Exit", Points: []Point{{1900, 500}}},
		},
	}
	for i, id := range []string{"101", "102"} {
		s := Section{ID: id, Label: "Block " + id, Level: "lower", Rank: i, Outline: []Point{{0, 0}, {900, 0}, {900, 300}}}
		for r, label := range []string{"A", "B"} {
			row := Row{Label: label}
			for n := range 12 {
				number := fmt.Sprint(n + 1)
				row.Seats = append(row.Seats, Seat{ID: id + "-" + label + "-" + number, Number: number,
					X: float64(100 + 1000*i + 50*n), Y: float64(300 + 85*r), Category: "Gold"})
			}
			s.Rows = append(s.Rows, row)
		}
		p.Sections = append(p.Sections, s)
	}
	row := p.Sections[0].Rows[1].Seats
	row[0].Kind = Accessible
	row[1].Kind, row[1].With = Companion, row[0].ID
	row[11].Restricted = true
	return p
}

func TestCheckNamesThePlace(t *testing.T) {
	t.Parallel()
	seat := func(p *Plan) *Seat { return &p.Sections[0].Rows[0].Seats[11] }
	for name, test := range map[string]struct {
		spoil func(p *Plan)
		want  string
	}{
		"duplicate seat": {func(p *Plan) { p.Sections[1].Rows[1].Seats[3].ID = "101-A-12" },
			"section 102, row B, seat 4 (id 101-A-12): id already used in section 101, row A"},
		"seat is a standing place": {func(p *Plan) { seat(p).ID = "floor/20" },
			"section 101, row A, seat 12 (id floor/20): id already used by place 20 of area floor"},
		"empty id": {func(p *Plan) { seat(p).ID = "" }, `section 101, row A, seat 12 (id ""): id is empty`},
		"long id": {func(p *Plan) { seat(p).ID = strings.Repeat("x", 129) },
			"section 101, row A, seat 12 (id " + strings.Repeat("x", 80) + "…): id is longer than 128 bytes"},
		"unprintable id": {func(p *Plan) { seat(p).ID = "a\nb" },
			`section 101, row A, seat 12 (id "a\nb"): id has characters that cannot be printed`},
		"bad UTF-8": {func(p *Plan) { seat(p).ID = "a\xff" },
			`section 101, row A, seat 12 (id "a\xff"): id has characters that cannot be printed`},
		"no category": {func(p *Plan) { seat(p).Category = "" }, "section 101, row A, seat 12 (id 101-A-12): has no category"},
		"unknown category": {func(p *Plan) { seat(p).Category = "Bronze" },
			"section 101, row A, seat 12 (id 101-A-12): category Bronze is not one of the plan's"},
		"NaN": {func(p *Plan) { seat(p).X = math.NaN() },
			"section 101, row A, seat 12 (id 101-A-12): position (NaN, 300) is outside the plan of 2000 × 1000"},
		"outside": {func(p *Plan) { seat(p).Y = 1e9 },
			"section 101, row A, seat 12 (id 101-A-12): position (650, 1e+09) is outside the plan of 2000 × 1000"},
		"unknown kind": {func(p *Plan) { seat(p).Kind = "vip" },
			"section 101, row A, seat 12 (id 101-A-12): kind vip is not accessible or companion"},
		"companion of nobody": {func(p *Plan) { seat(p).Kind = Companion },
			`section 101, row A, seat 12 (id 101-A-12): companion of "", which is no accessible seat of the plan`},
		"companion of a standard seat": {func(p *Plan) { seat(p).Kind = Companion; seat(p).With = "101-A-11" },
			"section 101, row A, seat 12 (id 101-A-12): companion of 101-A-11, which is no accessible seat of the plan"},
		"standard seat with another": {func(p *Plan) { seat(p).With = "101-B-1" },
			"section 101, row A, seat 12 (id 101-A-12): only a companion seat is with another seat"},
		"seat without number or row": {func(p *Plan) { seat(p).Number, p.Sections[0].Rows[0].Label, seat(p).Category = "", "", "" },
			"section 101, row #1, seat #12 (id 101-A-12): has no category"},
		"same section twice":      {func(p *Plan) { p.Sections[1].ID = "101" }, "section 101: id already used by another section"},
		"section named as area":   {func(p *Plan) { p.Sections[1].ID = "floor" }, "section floor: id already used by an area"},
		"section without id":      {func(p *Plan) { p.Sections[1].ID = "" }, "section #2: id is empty"},
		"outline to infinity":     {func(p *Plan) { p.Sections[1].Outline[0].X = math.Inf(1) }, "section 102: outline (+Inf, 0) is outlandish"},
		"long row":                {func(p *Plan) { p.Sections[1].Rows[0].Seats = make([]Seat, MaxRowSeats+1) }, "section 102, row A: has 1001 seats, more than 1000"},
		"too many rows":           {func(p *Plan) { p.Sections[1].Rows = make([]Row, MaxRows) }, "section 102: plan has more than 40000 rows"},
		"too many sections":       {func(p *Plan) { p.Sections = make([]Section, MaxSections+1) }, "plan: has 2001 sections, more than 2000"},
		"too many places":         {func(p *Plan) { p.Areas[0].Capacity = MaxSeats }, "section 101, row A: plan has more than 200000 seats and standing places"},
		"negative capacity":       {func(p *Plan) { p.Areas[0].Capacity = -5 }, "area floor: capacity -5 is not between 1 and 200000"},
		"area without category":   {func(p *Plan) { p.Areas[0].Category = "" }, "area floor: has no category"},
		"area of no category":     {func(p *Plan) { p.Areas[0].Category = "Iron" }, "area floor: category Iron is not one of the plan's"},
		"same area twice":         {func(p *Plan) { p.Areas = append(p.Areas, p.Areas[0]) }, "area floor: id already used by another area"},
		"area id too long":        {func(p *Plan) { p.Areas[0].ID = strings.Repeat("f", 122) }, "area " + strings.Repeat("f", 80) + "…: id is longer than 121 bytes"},
		"zero size":               {func(p *Plan) { p.Width = 0 }, "plan: width 0 is not between 0 and 1000000"},
		"NaN size":                {func(p *Plan) { p.Height = math.NaN() }, "plan: height NaN is not between 0 and 1000000"},
		"outlandish focus":        {func(p *Plan) { p.Focus.Y = -1e7 }, "plan: focus (1000, -1e+07) is outlandish"},
		"no categories":           {func(p *Plan) { p.Categories = nil }, "plan: has 0 categories, not 1 to 64"},
		"same category twice":     {func(p *Plan) { p.Categories[1].Name = "Gold" }, "category Gold: name already used by another category"},
		"colour that is markup":   {func(p *Plan) { p.Categories[0].Color = `red;"` }, `category Gold: color red;" is not #rgb, #rrggbb or a colour's name`},
		"nothing to sell":         {func(p *Plan) { p.Sections, p.Areas = nil, nil }, "plan: has nothing to sell: no seats and no areas"},
		"unknown shape":           {func(p *Plan) { p.Shapes[0].Kind = "star" }, "shape Stage: kind star is not rect, circle, polygon or text"},
		"circle without a radius": {func(p *Plan) { p.Shapes[1].Points = nil }, "shape #2: a circle has 2 points, not 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := hall()
			if err := Check(p); err != nil {
				t.Fatalf("before it is spoilt: %v", err)
			}
			test.spoil(p)
			err := Check(p)
			var fault *Error
			if !errors.As(err, &fault) || err.Error() != test.want {
				t.Errorf("Check = %v\nwant    %s", err, test.want)
			} else if !strings.HasPrefix(test.want, fault.Place+": ") {
				t.Errorf("Place = %q", fault.Place)
			}
		})
	}
}
