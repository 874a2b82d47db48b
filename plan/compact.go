package plan

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// CompactTolerance is how far, in plan units, a seat in the compact map may lie from its position in the plan.
const CompactTolerance = 2.5

// Compact returns the map of a checked plan for browsers: JSON with all coordinates rounded to whole plan units, and
// sections, rows, seats and areas in plan order, so that place i of the availability is place i here.
//
//	{v:1, name, width, height, focus:[x,y],
//	 categories:[name…], colors:[color…],
//	 shapes:[{kind, label, color, points:PATH}…],
//	 sections:[{id, label, level, rank, start, outline:PATH, cats:[c,n, …], kinds:[gap,k, …], ids:[…],
//	            rows:[{l:label, p:[…], n:[…], s:[…], rt:"Table %s", st:"Chair %s"}…]}…],
//	 areas:[{id, label, cat, start, n, rank, outline:PATH}…]}
//
// PATH is x, y of the first point, then dx, dy from each point to the next.
//
// start is the index of the first place. cats covers the seats of the section: n seats of category c, and so on. kinds
// lists the special seats: gap ordinary seats, then one of kind k, and so on; k is 1 for accessible, 2 for companion,
// plus 4 if the view is restricted. An area has n places with the ids "<id>/1" to "<id>/n".
//
// p is the row's seats as arcs, six numbers each: n, x0, y0, x1, y1, sag. n seats lie evenly from (x0, y0) to (x1, y1)
// on the circle through both whose arc's middle is sag to the right of the way from first to last (right on the page,
// y downwards; negative: left). Each number but n is the difference from the arc before it in the section, or from 0
// for the first arc. With chord c, unit vector u along it and w = (-u.y, u.x): if sag is 0, seat k is at
// first + u·c·k/(n-1). Otherwise r = (c²/4 + sag²)/(2·sag), h = 2·atan(2·sag/c), t = h·(2k/(n-1) - 1), and seat k is
// at middle of chord + u·r·sin t + w·(r·cos t - r + sag).
//
// n is the seats' numbers as runs: first, step, count, and so on; without n the seats are numbered 1, 2, 3…
// Where numbers are not plain integers, s lists them all. A seat's id is "<section id>-<row label>-<number>", except
// in a section with ids, which lists them all.
func Compact(p *Plan, x *Index) ([]byte, error) {
	m := compactMap{V: 1, Name: p.Name, Width: round(p.Width), Height: round(p.Height), Focus: path([]Point{p.Focus})}
	cats := make(map[string]int, len(p.Categories))
	for i, c := range p.Categories {
		cats[c.Name] = i
		m.Categories, m.Colors = append(m.Categories, c.Name), append(m.Colors, c.Color)
	}
	for _, s := range p.Shapes {
		m.Shapes = append(m.Shapes, compactShape{s.Kind, s.Label, s.Color, path(s.Points)})
	}
	for i := range p.Sections {
		m.Sections = append(m.Sections, compactSectionOf(&p.Sections[i], x.Sections()[i].Start, cats))
	}
	for i, a := range p.Areas {
		m.Areas = append(m.Areas, compactArea{a.ID, a.Label, cats[a.Category], x.Areas()[i].Start, a.Capacity, a.Rank, path(a.Outline)})
	}
	data, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode compact map: %w", err)
	}
	return data, nil
}

type compactMap struct {
	V          int              `json:"v"`
	Name       string           `json:"name"`
	Width      int              `json:"width"`
	Height     int              `json:"height"`
	Focus      []int            `json:"focus"`
	Categories []string         `json:"categories"`
	Colors     []string         `json:"colors"`
	Shapes     []compactShape   `json:"shapes,omitempty"`
	Sections   []compactSection `json:"sections"`
	Areas      []compactArea    `json:"areas,omitempty"`
}

type compactShape struct {
	Kind   ShapeKind `json:"kind"`
	Label  string    `json:"label,omitempty"`
	Color  string    `json:"color,omitempty"`
	Points []int     `json:"points"`
}

type compactSection struct {
	ID      string       `json:"id"`
	Label   string       `json:"label"`
	Level   string       `json:"level,omitempty"`
	Rank    int          `json:"rank"`
	Start   int          `json:"start"`
	Outline []int        `json:"outline"`
	Cats    []int        `json:"cats"`
	Kinds   []int        `json:"kinds,omitempty"`
	IDs     []string     `json:"ids,omitempty"`
	Rows    []compactRow `json:"rows"`
}

type compactRow struct {
	Label   string   `json:"l"`
	Arcs    []int    `json:"p"`
	Numbers []int    `json:"n,omitempty"`
	Literal []string `json:"s,omitempty"`

	RowText  string `json:"rt,omitempty"`
	SeatText string `json:"st,omitempty"`
}

type compactArea struct {
	ID      string `json:"id"`
	Label   string `json:"label"`
	Cat     int    `json:"cat"`
	Start   int    `json:"start"`
	N       int    `json:"n"`
	Rank    int    `json:"rank"`
	Outline []int  `json:"outline"`
}

func compactSectionOf(s *Section, start int, cats map[string]int) compactSection {
	out := compactSection{ID: s.ID, Label: s.Label, Level: s.Level, Rank: s.Rank, Start: start, Outline: path(s.Outline),
		Cats: []int{}, Rows: []compactRow{}}
	var before run
	gap, ids, usualIDs := 0, []string(nil), true
	for r := range s.Rows {
		row := &s.Rows[r]
		for _, t := range row.Seats {
			if n := len(out.Cats); n > 0 && out.Cats[n-2] == cats[t.Category] {
				out.Cats[n-1]++
			} else {
				out.Cats = append(out.Cats, cats[t.Category], 1)
			}
			if k := kindCode(t); k != 0 {
				out.Kinds, gap = append(out.Kinds, gap, k), 0
			} else {
				gap++
			}
			ids = append(ids, t.ID)
			usualIDs = usualIDs && t.ID == s.ID+"-"+row.Label+"-"+t.Number
		}
		c := compactRow{Label: row.Label, RowText: row.RowText, SeatText: row.SeatText, Arcs: []int{}}
		for left := row.Seats; len(left) > 0; {
			n, a := longestArc(left)
			c.Arcs = append(c.Arcs, n, a.x0-before.x0, a.y0-before.y0, a.x1-before.x1, a.y1-before.y1, a.sag-before.sag)
			before, left = a, left[n:]
		}
		c.Numbers, c.Literal = numbers(row.Seats)
		out.Rows = append(out.Rows, c)
	}
	if !usualIDs {
		out.IDs = ids
	}
	return out
}

func kindCode(s Seat) int {
	k := 0
	switch s.Kind {
	case Accessible:
		k = 1
	case Companion:
		k = 2
	}
	if s.Restricted {
		k += 4
	}
	return k
}

// numbers encodes a row's numbers as runs (nil, nil means 1, 2, 3…), or literally if one is not a plain integer.
func numbers(row []Seat) (runs []int, literal []string) {
	for _, s := range row {
		if n, err := strconv.Atoi(s.Number); err != nil || strconv.Itoa(n) != s.Number || n > 1<<30 || n < -1<<30 {
			for _, s := range row {
				literal = append(literal, s.Number)
			}
			return nil, literal
		}
	}
	for i := range row {
		n, _ := strconv.Atoi(row[i].Number)
		if k := len(runs); k > 0 {
			first, step, count := runs[k-3], runs[k-2], runs[k-1]
			if count == 1 {
				runs[k-2], runs[k-1] = n-first, 2
				continue
			}
			if n == first+step*count {
				runs[k-1]++
				continue
			}
		}
		runs = append(runs, n, 1, 1)
	}
	if len(runs) == 0 || len(runs) == 3 && runs[0] == 1 && runs[1] == 1 {
		return nil, nil
	}
	return runs, nil
}

// run is a run of evenly spaced seats on an arc of a circle, or on a line.
type run struct{ x0, y0, x1, y1, sag int }

// longestArc returns how many of the first seats lie within CompactTolerance of one arc, and that arc; one or two
// always do.
func longestArc(row []Seat) (int, run) {
	if a := arcThrough(row); a.fits(row) {
		return len(row), a
	}
	// In most rows that are not one arc as a whole, the seats up to an aisle are.
	low, high := 1, len(row)
	for high-low > 1 {
		if middle := (low + high) / 2; arcThrough(row[:middle]).fits(row[:middle]) {
			low = middle
		} else {
			high = middle
		}
	}
	return low, arcThrough(row[:low])
}

// arcThrough returns the arc through the first, last and middle seats.
func arcThrough(row []Seat) run {
	first, last := row[0], row[len(row)-1]
	a := run{x0: round(first.X), y0: round(first.Y), x1: round(last.X), y1: round(last.Y)}
	if len(row) < 3 {
		return a
	}
	// The height of the arc over the chord, from a seat off its middle: h = sag - r + sqrt(r² - d²), solved for sag
	// by the circle through three points.
	m := row[len(row)/2]
	dx, dy := last.X-first.X, last.Y-first.Y
	c := math.Hypot(dx, dy)
	if c == 0 {
		return a
	}
	along := ((m.X-first.X)*dx + (m.Y-first.Y)*dy) / c
	height := ((m.Y-first.Y)*dx - (m.X-first.X)*dy) / c
	if math.Abs(height) < 0.25 {
		return a
	}
	// The centre lies on the chord's bisector at height k: (c/2)² + k² = (along-c/2)² + (height-k)².
	k := ((along-c/2)*(along-c/2) + height*height - c*c/4) / (2 * height)
	r := math.Hypot(c/2, k)
	if height < 0 {
		r = -r
	}
	if sag := k + r; math.Abs(sag) <= MaxExtent {
		a.sag = round(sag)
	}
	return a
}

// at returns the position of seat k of n, as a browser computes it.
func (a run) at(k, n int) Point {
	x0, y0 := float64(a.x0), float64(a.y0)
	dx, dy := float64(a.x1)-x0, float64(a.y1)-y0
	c := math.Hypot(dx, dy)
	if n < 2 || c == 0 {
		return Point{x0, y0}
	}
	f := float64(k) / float64(n-1)
	if a.sag == 0 {
		return Point{x0 + dx*f, y0 + dy*f}
	}
	sag := float64(a.sag)
	r := (c*c/4 + sag*sag) / (2 * sag)
	t := 2 * math.Atan(2*sag/c) * (2*f - 1)
	along, height := r*math.Sin(t), r*math.Cos(t)-r+sag
	return Point{x0 + dx/2 + (dx*along-dy*height)/c, y0 + dy/2 + (dy*along+dx*height)/c}
}

func (a run) fits(row []Seat) bool {
	for k, s := range row {
		q := a.at(k, len(row))
		if !(math.Hypot(q.X-s.X, q.Y-s.Y) <= CompactTolerance) {
			return false
		}
	}
	return true
}

func path(points []Point) []int {
	out := make([]int, 0, 2*len(points))
	var before [2]int
	for _, q := range points {
		at := [2]int{round(q.X), round(q.Y)}
		out = append(out, at[0]-before[0], at[1]-before[1])
		before = at
	}
	return slices.Clip(out)
}

func round(v float64) int { return int(math.Round(v)) }
