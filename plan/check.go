package plan

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a plan. The largest venues on earth sell about 120,000 places.
const (
	MaxPlanBytes  = 64 << 20
	MaxSeats      = 200_000 // sellable places: seats and standing places
	MaxSections   = 2_000
	MaxAreas      = 200
	MaxRows       = 40_000 // in all sections
	MaxRowSeats   = 1_000
	MaxCategories = 64
	MaxShapes     = 5_000
	MaxPoints     = 1_000     // of one outline or shape
	MaxExtent     = 1_000_000 // plan units: 10 km
	MaxIDBytes    = 128       // of a place's id, and of a section's
	MaxLabelBytes = 200       // of names, labels and numbers

	maxAreaIDBytes = MaxIDBytes - len("/200000")
	maxElements    = 6 * MaxSeats // arrays, objects and array elements of a document: pretix needs four per seat
	maxDepth       = 32
)

// Error is a fault found by Check and the place that has it.
type Error struct {
	Place   string // "section 101, row A, seat 12 (id 101-A-12)"
	Message string // "id already used in section 102, row C"
}

func (e *Error) Error() string { return e.Place + ": " + e.Message }

// maxFaults bounds the faults of a plan that are reported at once.
const maxFaults = 50

// Check returns nil if p has the properties listed in the package comment, or else its faults, up to maxFaults, each an
// *Error, joined.
func Check(p *Plan) error {
	if p == nil {
		return fault("plan", "is missing")
	}
	c := checker{plan: p, categories: map[string]bool{}, sections: map[string]bool{}, areas: map[string]int{}, seats: map[string]seatAt{}}
	if c.head(); c.faults == 0 { // otherwise every place might have a fault because of these
		c.checkAreas()
		c.checkSections()
		c.checkCompanions()
		c.checkShapes()
	}
	if c.places == 0 && c.faults == 0 {
		c.add(fault("plan", "has nothing to sell: no seats and no areas"))
	}
	if more := c.faults - len(c.found); more > 0 {
		c.found = append(c.found, fmt.Errorf("and %d faults more", more))
	}
	return errors.Join(c.found...)
}

type checker struct {
	plan         *Plan
	categories   map[string]bool
	sections     map[string]bool
	areas        map[string]int // area id → capacity
	seats        map[string]seatAt
	places, rows int

	found  []error
	faults int // how many, including those not reported
}

// add records a fault, unless err is nil.
func (c *checker) add(err error) {
	if err == nil {
		return
	}
	if c.faults++; len(c.found) < maxFaults {
		c.found = append(c.found, err)
	}
}

type seatAt struct {
	section, row int
	kind         SeatKind
}

func (c *checker) head() {
	p := c.plan
	c.add(checkLabel("plan", "name", p.Name))
	for _, size := range []struct {
		name  string
		value float64
	}{{"width", p.Width}, {"height", p.Height}} {
		if !(size.value > 0 && size.value <= MaxExtent) {
			c.add(fault("plan", "%s %v is not between 0 and %d", size.name, size.value, MaxExtent))
		}
	}
	c.add(checkPoints("plan", "focus", []Point{p.Focus}))
	if len(p.Categories) == 0 || len(p.Categories) > MaxCategories {
		c.add(fault("plan", "has %d categories, not 1 to %d", len(p.Categories), MaxCategories))
		return
	}
	for i, cat := range p.Categories {
		at := fmt.Sprintf("category %s", nameOr(cat.Name, i))
		c.add(checkID(at, "name", cat.Name, MaxLabelBytes))
		if c.categories[cat.Name] {
			c.add(fault(at, "name already used by another category"))
		}
		c.categories[cat.Name] = true
		c.add(checkColor(at, cat.Color))
	}
}

func (c *checker) checkAreas() {
	if n := len(c.plan.Areas); n > MaxAreas {
		c.add(fault("plan", "has %d areas, more than %d", n, MaxAreas))
		return
	}
	for i := range c.plan.Areas {
		a := &c.plan.Areas[i]
		at := "area " + nameOr(a.ID, i)
		c.add(checkID(at, "id", a.ID, maxAreaIDBytes))
		if _, used := c.areas[a.ID]; used {
			c.add(fault(at, "id already used by another area"))
			continue
		}
		if a.Capacity < 1 || a.Capacity > MaxSeats {
			c.add(fault(at, "capacity %d is not between 1 and %d", a.Capacity, MaxSeats))
			continue
		}
		c.areas[a.ID] = a.Capacity
		c.add(c.count(at, a.Capacity))
		c.add(c.checkCategory(at, a.Category))
		c.add(checkLabel(at, "label", a.Label))
		c.add(checkPoints(at, "outline", a.Outline))
	}
}

func (c *checker) checkSections() {
	if n := len(c.plan.Sections); n > MaxSections {
		c.add(fault("plan", "has %d sections, more than %d", n, MaxSections))
		return
	}
	for i := range c.plan.Sections {
		s := &c.plan.Sections[i]
		at := "section " + nameOr(s.ID, i)
		c.add(checkID(at, "id", s.ID, MaxIDBytes))
		if c.sections[s.ID] {
			c.add(fault(at, "id already used by another section"))
		}
		c.sections[s.ID] = true
		if _, used := c.areas[s.ID]; used {
			c.add(fault(at, "id already used by an area"))
		}
		c.add(checkLabel(at, "label", s.Label))
		c.add(checkLabel(at, "level", s.Level))
		c.add(checkPoints(at, "outline", s.Outline))
		if c.rows += len(s.Rows); c.rows > MaxRows {
			c.add(fault(at, "plan has more than %d rows", MaxRows))
			return
		}
		for r := range s.Rows {
			c.checkRow(i, r)
		}
	}
}

func (c *checker) checkRow(section, row int) {
	r := &c.plan.Sections[section].Rows[row]
	at := c.rowName(section, row)
	c.add(checkLabel(at, "label", r.Label))
	for _, text := range []string{r.RowText, r.SeatText} {
		if c.add(checkLabel(at, "text", text)); text != "" && !strings.Contains(text, "%s") {
			c.add(fault(at, "text %s has no %%s for the label", show(text)))
		}
	}
	if len(r.Seats) > MaxRowSeats {
		c.add(fault(at, "has %d seats, more than %d", len(r.Seats), MaxRowSeats))
		return
	}
	c.add(c.count(at, len(r.Seats)))
	for i := range r.Seats {
		if message := c.checkSeat(section, row, &r.Seats[i]); message != "" {
			c.add(&Error{Place: c.seatName(section, row, i), Message: message})
		}
	}
}

func (c *checker) checkSeat(section, row int, s *Seat) string {
	if problem := idProblem(s.ID, MaxIDBytes); problem != "" {
		return "id " + problem
	}
	if at, used := c.seats[s.ID]; used {
		return "id already used in " + c.rowName(at.section, at.row)
	}
	if area, n, ok := splitPlaceID(s.ID); ok && n <= c.areas[area] {
		return fmt.Sprintf("id already used by place %d of area %s", n, area)
	}
	c.seats[s.ID] = seatAt{section, row, s.Kind}
	if problem := labelProblem(s.Number); problem != "" {
		return "number " + problem
	}
	if s.Category == "" {
		return "has no category"
	}
	if !c.categories[s.Category] {
		return "category " + show(s.Category) + " is not one of the plan's"
	}
	// Written so that NaN fails.
	if !(s.X >= 0 && s.X <= c.plan.Width && s.Y >= 0 && s.Y <= c.plan.Height) {
		return fmt.Sprintf("position (%v, %v) is outside the plan of %v × %v", s.X, s.Y, c.plan.Width, c.plan.Height)
	}
	switch s.Kind {
	case Standard, Accessible, Companion:
	default:
		return "kind " + show(string(s.Kind)) + " is not accessible or companion"
	}
	if s.Kind != Companion && s.With != "" {
		return "only a companion seat is with another seat"
	}
	return ""
}

func (c *checker) checkCompanions() {
	for i := range c.plan.Sections {
		for r := range c.plan.Sections[i].Rows {
			for k, s := range c.plan.Sections[i].Rows[r].Seats {
				if s.Kind == Companion && c.seats[s.With].kind != Accessible {
					c.add(fault(c.seatName(i, r, k), "companion of %s, which is no accessible seat of the plan", show(s.With)))
				}
			}
		}
	}
}

func (c *checker) checkShapes() {
	if n := len(c.plan.Shapes); n > MaxShapes {
		c.add(fault("plan", "has %d shapes, more than %d", n, MaxShapes))
		return
	}
	for i, s := range c.plan.Shapes {
		at := "shape " + nameOr(s.Label, i)
		c.add(checkLabel(at, "label", s.Label))
		c.add(checkPoints(at, "points", s.Points))
		c.add(checkColor(at, s.Color))
		n, want := len(s.Points), 0
		switch s.Kind {
		case Rect, Circle:
			want = 2
		case Text:
			want = 1
		case Polygon:
			want = max(3, n)
		default:
			c.add(fault(at, "kind %s is not rect, circle, polygon or text", show(string(s.Kind))))
			continue
		}
		if n != want {
			c.add(fault(at, "a %s has %d points, not %d", s.Kind, want, n))
		}
	}
}

func (c *checker) count(at string, places int) error {
	before := c.places
	if c.places += places; before <= MaxSeats && c.places > MaxSeats { // reported once
		return fault(at, "plan has more than %d seats and standing places", MaxSeats)
	}
	return nil
}

func (c *checker) checkCategory(at, category string) error {
	if category == "" {
		return fault(at, "has no category")
	}
	if !c.categories[category] {
		return fault(at, "category %s is not one of the plan's", show(category))
	}
	return nil
}

func (c *checker) rowName(section, row int) string {
	s := &c.plan.Sections[section]
	return "section " + nameOr(s.ID, section) + ", row " + nameOr(s.Rows[row].Label, row)
}

func (c *checker) seatName(section, row, seat int) string {
	s := &c.plan.Sections[section].Rows[row].Seats[seat]
	return fmt.Sprintf("%s, seat %s (id %s)", c.rowName(section, row), nameOr(s.Number, seat), show(s.ID))
}

func fault(place, format string, args ...any) error {
	return &Error{Place: place, Message: fmt.Sprintf(format, args...)}
}

func checkID(at, field, id string, limit int) error {
	if problem := idProblem(id, limit); problem != "" {
		return fault(at, "%s %s", field, problem)
	}
	return nil
}

func checkLabel(at, field, label string) error {
	if problem := labelProblem(label); problem != "" {
		return fault(at, "%s %s", field, problem)
	}
	return nil
}

func idProblem(id string, limit int) string {
	switch {
	case id == "":
		return "is empty"
	case len(id) > limit:
		return fmt.Sprintf("is longer than %d bytes", limit)
	}
	return labelProblem(id)
}

func labelProblem(label string) string {
	if len(label) > MaxLabelBytes {
		return fmt.Sprintf("is longer than %d bytes", MaxLabelBytes)
	}
	if !printable(label) {
		return "has characters that cannot be printed"
	}
	return ""
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

func checkPoints(at, field string, points []Point) error {
	if len(points) > MaxPoints {
		return fault(at, "%s has %d points, more than %d", field, len(points), MaxPoints)
	}
	for _, q := range points {
		if !(math.Abs(q.X) <= MaxExtent && math.Abs(q.Y) <= MaxExtent) {
			return fault(at, "%s (%v, %v) is outlandish", field, q.X, q.Y)
		}
	}
	return nil
}

// checkColor accepts only colours that can be put into a style attribute as they are.
func checkColor(at, color string) error {
	if !validColor(color) {
		return fault(at, "color %s is not #rgb, #rrggbb or a colour's name", show(color))
	}
	return nil
}

func validColor(color string) bool {
	digits, hex := strings.CutPrefix(color, "#")
	if hex && len(digits) != 3 && len(digits) != 6 || len(digits) > 32 {
		return false
	}
	return strings.IndexFunc(digits, func(r rune) bool {
		return !(r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' || hex && r >= '0' && r <= '9' ||
			!hex && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'))
	}) < 0
}

// nameOr returns how a message refers to the i-th element of a list, which may have no name.
func nameOr(name string, i int) string {
	if name == "" {
		return fmt.Sprintf("#%d", i+1)
	}
	return show(name)
}

// show makes a string from a file fit for a message.
func show(s string) string {
	const most = 80
	switch {
	case s == "":
		return `""`
	case !printable(s) && len(s) > most:
		return strconv.Quote(s[:most]) + "…"
	case !printable(s):
		return strconv.Quote(s)
	case len(s) > most:
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
