package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// PretixScale is the number of plan units per pixel of a pretix plan: its editor puts seats 25 px apart, and a seat is
// 50 cm wide.
const PretixScale = 2

// ImportPretix reads a seating plan in the format of pretix (its seating-plan.schema.json) and returns it checked.
//
// Zones become sections; rows and seats stay as they are; a seat's id is its seat_guid. Areas are decoration and become
// shapes. The file may add what pretix has no field for: an area with a positive "capacity" (and a "category" and an
// "id") becomes general admission; a seat may have "kind" ("accessible", "companion") and "with", and "restricted": true
// for a restricted view. Fields of the editor that mean nothing here are ignored, and numbers may be written as strings.
// The plan may be nested under "layout", as in answers of pretix's API. The focus is the shape labelled as the stage, or
// else the middle of the upper edge; sections are ranked and rows listed by their distance to it. If seats lie outside
// the plan's size, the plan is moved and enlarged.
//
// The notes say what was taken for the stage, what was fixed, and what should be.
func ImportPretix(r io.Reader) (p *Plan, notes []string, err error) {
	data, err := readBounded(r)
	if err != nil {
		return nil, nil, err
	}
	return importPretix(data)
}

type pretixPlan struct {
	Name pretixText `json:"name"`
	Size struct {
		Width  pretixNumber `json:"width"`
		Height pretixNumber `json:"height"`
	} `json:"size"`
	Categories []struct {
		Name  pretixText `json:"name"`
		Color pretixText `json:"color"`
	} `json:"categories"`
	Zones []pretixZone `json:"zones"`
}

type pretixZone struct {
	Name     pretixText   `json:"name"`
	ID       pretixText   `json:"zone_id"`
	Position pretixPoint  `json:"position"`
	Rows     []pretixRow  `json:"rows"`
	Areas    []pretixArea `json:"areas"`
}

type pretixRow struct {
	Number    pretixText  `json:"row_number"`
	RowLabel  pretixText  `json:"row_label"`  // "Table %s", of the number
	SeatLabel pretixText  `json:"seat_label"` // the same for its seats
	Position  pretixPoint `json:"position"`
	Seats     []struct {
		GUID     pretixText  `json:"seat_guid"`
		Number   pretixText  `json:"seat_number"`
		Position pretixPoint `json:"position"`
		Category pretixText  `json:"category"`
		Kind     pretixText  `json:"kind"`
		With     pretixText  `json:"with"`

		Restricted bool `json:"restricted"`
	} `json:"seats"`
}

type pretixArea struct {
	ID        pretixText   `json:"id"`
	Shape     pretixText   `json:"shape"`
	Color     pretixText   `json:"color"`
	Position  pretixPoint  `json:"position"`
	Rotation  pretixNumber `json:"rotation"` // degrees, clockwise around Position
	Width     pretixNumber `json:"width"`    // of the first format's areas, which are rectangles without a shape
	Height    pretixNumber `json:"height"`
	Rectangle struct {
		Width  pretixNumber `json:"width"`
		Height pretixNumber `json:"height"`
	} `json:"rectangle"`
	Circle struct {
		Radius pretixNumber `json:"radius"`
	} `json:"circle"`
	Ellipse struct {
		Radius pretixPoint `json:"radius"`
	} `json:"ellipse"`
	Polygon struct {
		Points []pretixPoint `json:"points"` // relative to Position
	} `json:"polygon"`
	Text     pretixLabel  `json:"text"`
	Capacity pretixNumber `json:"capacity"`
	Category pretixText   `json:"category"`
}

type pretixPoint struct {
	X pretixNumber `json:"x"`
	Y pretixNumber `json:"y"`
}

// pretixNumber is a JSON number or a string that holds one; null and "" are 0.
type pretixNumber float64

func (n *pretixNumber) UnmarshalJSON(data []byte) error {
	s := strings.TrimSpace(strings.Trim(string(data), `"`))
	if s == "" || s == "null" {
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return fmt.Errorf("%s is not a number", show(s))
	}
	*n = pretixNumber(f)
	return nil
}

// pretixText is a JSON string, or a number read as one; null is "".
type pretixText string

func (t *pretixText) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, (*string)(t))
	}
	if s := string(data); s != "null" {
		*t = pretixText(s)
	}
	return nil
}

// line returns the text on one line, fit for a label.
func (t pretixText) line() string {
	s := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, string(t))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > MaxLabelBytes {
		s = strings.ToValidUTF8(s[:MaxLabelBytes], "")
	}
	return s
}

// pretixLabel is an area's text: {text, position, …}, or a string in the format's first version.
type pretixLabel struct {
	Text     pretixText  `json:"text"`
	Position pretixPoint `json:"position"` // relative to the area's
}

func (l *pretixLabel) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("{")) {
		type fields pretixLabel
		return json.Unmarshal(data, (*fields)(l))
	}
	return json.Unmarshal(data, &l.Text)
}

func importPretix(data []byte) (*Plan, []string, error) {
	var in pretixPlan
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, nil, fmt.Errorf("import pretix plan: %w", err)
	}
	m := &mender{categories: map[string]string{}, used: map[string]bool{}}
	p := &Plan{Name: in.Name.line(), Width: float64(in.Size.Width) * PretixScale, Height: float64(in.Size.Height) * PretixScale}
	for _, c := range in.Categories {
		color := string(c.Color)
		if !validColor(color) {
			color = ""
		}
		p.Categories = append(p.Categories, Category{Name: m.category(c.Name), Color: color})
	}
	ids := map[string]bool{}
	for i, z := range in.Zones {
		id := uniqueID(ids, labelOr(labelOr(string(z.ID), string(z.Name)), fmt.Sprintf("zone-%d", i+1)))
		if section := z.section(id, m); len(section.Rows) > 0 {
			p.Sections = append(p.Sections, section)
		}
		for k, a := range z.Areas {
			if a.Shape == "" && a.Width > 0 && a.Height > 0 {
				a.Shape, a.Rectangle.Width, a.Rectangle.Height = "rectangle", a.Width, a.Height
			}
			if a.Capacity > 0 {
				a.Category = pretixText(m.category(a.Category))
				a.ID = pretixText(uniqueID(ids, labelOr(string(a.ID), fmt.Sprintf("%s-area-%d", id, k+1))))
				p.Areas = append(p.Areas, a.standing(z.Position, len(p.Areas)))
			} else if shape, ok := a.decoration(z.Position); ok {
				p.Shapes = append(p.Shapes, shape)
			}
		}
	}
	fitSize(p)
	notes := append([]string{findStage(p)}, m.done()...)
	if err := Check(p); err != nil {
		return nil, nil, err
	}
	return p, append(notes, alike(p)...), nil
}

// uniqueID returns an id for a section or area, made from id, that is not yet used.
func uniqueID(used map[string]bool, id string) string {
	id = pretixText(id).line()
	if len(id) > maxAreaIDBytes-8 {
		id = strings.ToValidUTF8(id[:maxAreaIDBytes-8], "")
	}
	out := id
	for n := 2; used[out] || out == ""; n++ {
		out = fmt.Sprintf("%s-%d", id, n)
	}
	used[out] = true
	return out
}

func (q pretixPoint) plus(o pretixPoint) pretixPoint { return pretixPoint{q.X + o.X, q.Y + o.Y} }

func (q pretixPoint) point() Point {
	return Point{float64(q.X) * PretixScale, float64(q.Y) * PretixScale}
}

// section converts the rows of a zone; its outline is the convex hull of its seats.
func (z pretixZone) section(id string, m *mender) Section {
	const margin = 30 // around the middle of a seat
	s := Section{ID: id, Label: labelOr(z.Name.line(), id)}
	var corners []Point
	for _, r := range z.Rows {
		if len(r.Seats) == 0 {
			continue
		}
		row := Row{Label: r.Number.line(), RowText: pattern(r.RowLabel), SeatText: pattern(r.SeatLabel)}
		for _, in := range r.Seats {
			at := z.Position.plus(r.Position).plus(in.Position).point()
			guid := m.seat(string(in.GUID), id+"-"+row.Label+"-"+string(in.Number))
			row.Seats = append(row.Seats, Seat{ID: guid, Number: in.Number.line(), X: at.X, Y: at.Y,
				Category: m.category(in.Category), Kind: SeatKind(in.Kind), With: string(in.With), Restricted: in.Restricted})
			corners = append(corners, Point{at.X - margin, at.Y - margin}, Point{at.X + margin, at.Y - margin},
				Point{at.X - margin, at.Y + margin}, Point{at.X + margin, at.Y + margin})
		}
		orderSeats(row.Seats)
		s.Rows = append(s.Rows, row)
	}
	if outline := hull(corners); len(outline) <= MaxPoints {
		s.Outline = outline
	}
	return s
}

// pattern returns a row_label or seat_label that differs from the default, or "".
func pattern(t pretixText) string {
	if s := t.line(); strings.Contains(s, "%s") && s != "%s" {
		return s
	}
	return ""
}

func (a pretixArea) standing(zone pretixPoint, rank int) Area {
	capacity := MaxSeats + 1 // for what no int holds, Check reports too many places
	if a.Capacity <= MaxSeats {
		capacity = int(a.Capacity)
	}
	return Area{ID: string(a.ID), Label: labelOr(a.Text.Text.line(), string(a.ID)), Category: string(a.Category),
		Capacity: capacity, Rank: rank, Outline: a.outline(zone)}
}

// decoration converts an area without capacity to a shape; ok is false if there is nothing to draw.
func (a pretixArea) decoration(zone pretixPoint) (s Shape, ok bool) {
	s = Shape{Kind: Polygon, Label: a.Text.Text.line(), Color: string(a.Color)}
	if !validColor(s.Color) {
		s.Color = ""
	}
	at := zone.plus(a.Position)
	switch {
	case a.Shape == "text":
		s.Kind, s.Points = Text, []Point{at.plus(a.Text.Position).point()}
		return s, s.Label != ""
	case a.Shape == "circle":
		s.Kind, s.Points = Circle, []Point{at.point(), at.plus(pretixPoint{X: a.Circle.Radius}).point()}
		return s, a.Circle.Radius > 0
	case a.Shape == "rectangle" && a.Rotation == 0:
		s.Kind, s.Points = Rect, []Point{at.point(), at.plus(pretixPoint{a.Rectangle.Width, a.Rectangle.Height}).point()}
		return s, a.Rectangle.Width > 0 && a.Rectangle.Height > 0
	}
	s.Points = a.outline(zone)
	return s, len(s.Points) > 2
}

// outline returns the area's edge as a polygon, rotated as the area is.
func (a pretixArea) outline(zone pretixPoint) []Point {
	const sides = 24
	var edge []pretixPoint
	round := func(rx, ry pretixNumber) {
		for i := range sides {
			q := polar(Point{}, 1, 2*math.Pi*float64(i)/sides)
			edge = append(edge, pretixPoint{rx * pretixNumber(q.X), ry * pretixNumber(q.Y)})
		}
	}
	switch a.Shape {
	case "rectangle":
		w, h := a.Rectangle.Width, a.Rectangle.Height
		edge = []pretixPoint{{0, 0}, {w, 0}, {w, h}, {0, h}}
	case "circle":
		round(a.Circle.Radius, a.Circle.Radius)
	case "ellipse":
		round(a.Ellipse.Radius.X, a.Ellipse.Radius.Y)
	case "polygon":
		edge = a.Polygon.Points
	}
	sin, cos := math.Sincos(float64(a.Rotation) * math.Pi / 180)
	out := make([]Point, len(edge))
	for i, q := range edge {
		turned := pretixPoint{q.X*pretixNumber(cos) - q.Y*pretixNumber(sin), q.X*pretixNumber(sin) + q.Y*pretixNumber(cos)}
		out[i] = zone.plus(a.Position).plus(turned).point()
	}
	return out
}

// fitSize moves and enlarges the plan so that everything lies inside it.
func fitSize(p *Plan) {
	b := p.extent()
	left, above := max(0, -b.min.X), max(0, -b.min.Y) // how far things stick out
	if left > 0 || above > 0 {
		p.each(func(q *Point) { q.X, q.Y = q.X+left, q.Y+above })
	}
	fit := func(size, before, end float64) float64 {
		if size > 0 {
			size += before
		}
		return max(1, size, end+before)
	}
	p.Width, p.Height = fit(p.Width, left, b.max.X), fit(p.Height, above, b.max.Y)
}
