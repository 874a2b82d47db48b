package plan

import (
	"fmt"
	"math"
	"slices"
)

// oval is a closed smooth curve of eight arcs: a flat one on each side, a tight one at each corner. A row at some
// distance outside it consists of the same eight arcs with larger radii, so the rows of stands around it are true arcs.
type oval struct{ a, b float64 } // half width, half height

// side is one of the arcs of an oval. Angles grow clockwise on the page from the right: 0 right, π/2 bottom.
type side struct {
	centre           Point
	radius, from, to float64
}

// sides returns the arcs clockwise from the upper right corner; the upper side is last.
func (o oval) sides() []side {
	corner := 0.45 * min(o.a, o.b)
	long, high := 4*o.a, 4*o.b // radii of the bottom and of the right side
	bottom, right := Point{0, o.b - long}, Point{o.a - high, 0}
	// The corner's circle touches both sides from within: its centre is this far from the centres of theirs.
	r1, r2 := long-corner, high-corner
	dx, dy := right.X-bottom.X, right.Y-bottom.Y
	d := math.Hypot(dx, dy)
	along := (r1*r1 - r2*r2 + d*d) / (2 * d)
	height := math.Sqrt(r1*r1 - along*along)
	c := Point{bottom.X + (dx*along+dy*height)/d, bottom.Y + (dy*along-dx*height)/d}
	low := math.Atan2(c.Y-right.Y, c.X-right.X)     // the right side ends here
	steep := math.Atan2(c.Y-bottom.Y, c.X-bottom.X) // the bottom starts here
	const half = math.Pi
	return []side{
		{Point{c.X, -c.Y}, corner, -steep, -low},
		{right, high, -low, low},
		{c, corner, low, steep},
		{bottom, long, steep, half - steep},
		{Point{-c.X, c.Y}, corner, half - steep, half - low},
		{Point{-right.X, 0}, high, half - low, half + low},
		{Point{-c.X, -c.Y}, corner, half + low, half + steep},
		{Point{0, -bottom.Y}, long, half + steep, 2*half - steep},
	}
}

// edge returns a polygon along the oval, the given distance outside it.
func (o oval) edge(outside float64) []Point {
	const steps = 8 // per arc
	var out []Point
	for _, s := range o.sides() {
		for i := range steps {
			out = append(out, polar(s.centre, s.radius+outside, s.from+(s.to-s.from)*float64(i)/steps))
		}
	}
	return out
}

// clip returns the part of a convex polygon between two heights.
func clip(polygon []Point, top, bottom float64) []Point {
	cut := func(polygon []Point, inside func(y float64) bool, y float64) []Point {
		var out []Point
		for i, q := range polygon {
			p := polygon[(i+len(polygon)-1)%len(polygon)]
			if inside(p.Y) != inside(q.Y) {
				out = append(out, Point{p.X + (q.X-p.X)*(y-p.Y)/(q.Y-p.Y), y})
			}
			if inside(q.Y) {
				out = append(out, q)
			}
		}
		return out
	}
	polygon = cut(polygon, func(y float64) bool { return y >= top }, top)
	return cut(polygon, func(y float64) bool { return y <= bottom }, bottom)
}

// bowl is tiers of stands around an oval.
type bowl struct {
	oval
	levels []string
	shares []float64                // of the rows, by level
	sides  []int                    // which sides of the oval have stands
	keep   func(angle float64) bool // which stands to build, by the angle of their middle
	hidden func(at int) bool        // sides with a restricted view
}

// stands lays out the given number of rows in all.
func (b bowl) stands(rows int) []stand {
	var out []stand
	outside := 0.0
	for tier, n := range tierRows(rows, b.shares) {
		number := 1
		for _, at := range b.sides {
			s := b.oval.sides()[at]
			middle := s.radius + outside + rowDepth*float64(n)/2
			blocks := max(1, int(math.Ceil(middle*(s.to-s.from)/widestBlock-0.2)))
			if b.keep != nil {
				blocks |= 1 // odd, so that one is in the middle of the main stand
			}
			width := (s.to - s.from) / float64(blocks)
			for i := range blocks {
				from := s.from + width*float64(i)
				if b.keep != nil && !b.keep(from+width/2) {
					continue
				}
				id := fmt.Sprintf("%d%02d", tier+1, number)
				stand := stand{id: id, label: "Block " + id, level: b.levels[tier], tier: tier, restricted: b.hidden != nil && b.hidden(at)}
				for r := range n {
					radius := s.radius + outside + rowDepth*float64(r)
					row := newArc(s.centre, radius, from+aisle/2/radius, from+width-aisle/2/radius)
					if row.seats >= smallestRow {
						stand.rows = append(stand.rows, row)
					}
				}
				if len(stand.rows) > 0 {
					out = append(out, stand)
					number++
				}
			}
		}
		outside += rowDepth*float64(n-1) + concourse
	}
	return out
}

// tiers returns the names of a bowl's n levels and each one's share of the rows.
func tiers(n int) ([]string, []float64) {
	switch n {
	case 1:
		return []string{"lower"}, []float64{1}
	case 2:
		return []string{"lower", "upper"}, []float64{0.55, 0.45}
	}
	return []string{"lower", "club", "upper"}, []float64{0.42, 0.16, 0.42}
}

// arena lays out a stage at the upper end of a floor and stands around the other three sides.
func arena(spec Spec) *venue {
	seated := float64(spec.Seats - spec.Standing)
	const halfWidth, halfLength, usual = 1900, 3300, 16000 // the floor of an arena of usual seats
	scale := math.Sqrt(seated / usual)
	const perSquareMetre = 3 // people standing; half of the oval is for them
	scale = max(0.3, scale, math.Sqrt(float64(spec.Standing)/perSquareMetre*10_000/(2*halfWidth*halfLength)))
	floor := oval{halfWidth * scale, halfLength * scale}

	front := -0.55 * floor.b // of the stage
	stage := []Point{{-0.5 * floor.a, -0.92 * floor.b}, {0.5 * floor.a, front}}
	v := &venue{focus: Point{0, front}, standBands: bowlBands(), shapes: []Shape{
		{Kind: Polygon, Points: floor.edge(-60), Color: "#f3f4f6"},
		{Kind: Rect, Label: "Stage", Points: stage, Color: "#374151"},
	}}
	b := bowl{oval: floor, sides: []int{0, 1, 2, 3, 4, 5, 6}, hidden: func(at int) bool { return at == 0 || at == 6 }}
	b.levels, b.shares = tiers(spec.levels(2500, 9000))
	var parterre []stand
	if spec.Standing > 0 {
		v.standing(spec.Standing, clip(floor.edge(-250), front+200, floor.b))
	} else {
		parterre = floorSeats(floor, front, seated*0.25)
	}
	v.stands = growRows(spec.Seats-spec.Standing, func(rows int) []stand { return append(slices.Clone(parterre), b.stands(rows)...) })
	return v
}

// standing splits a floor into the standing places near the stage and those behind.
func (v *venue) standing(places int, floor []Point) {
	const barrier = 150
	b := emptyBox()
	b.add(floor...)
	split := b.min.Y + 0.4*(b.max.Y-b.min.Y)
	near := places * 2 / 5
	v.areaBands = []band{{"Front standing", "#be123c", 0}, {"Rear standing", "#ea580c", 0}}
	v.areas = []Area{
		{ID: "front", Label: "Front standing", Category: "Front standing", Capacity: near, Rank: 0, Outline: clip(floor, b.min.Y, split-barrier/2)},
		{ID: "rear", Label: "Rear standing", Category: "Rear standing", Capacity: places - near, Rank: 1, Outline: clip(floor, split+barrier/2, b.max.Y)},
	}
	if near == 0 {
		v.areas = v.areas[1:]
	}
}

// floorSeats sets rows on the floor of an arena, gently curved towards the stage, until they have most seats or the
// floor is full.
func floorSeats(floor oval, front, most float64) []stand {
	half := 0.72 * floor.a
	blocks := max(1, int(math.Ceil(2*half/widestBlock)))
	width := 2 * half / float64(blocks)
	centre := Point{0, front - 3*half}
	out := make([]stand, blocks)
	seats := 0.0
	for radius := 3*half + 350; centre.Y+radius < 0.88*floor.b && seats < most; radius += rowDepth * 1.1 {
		for i := range out {
			right := half - width*float64(i)
			out[i].id, out[i].label, out[i].level, out[i].tier = fmt.Sprintf("F%d", i+1), fmt.Sprintf("Floor %d", i+1), "floor", -1
			row := newArc(centre, radius, math.Acos((right-aisle/2)/radius), math.Acos((right-width+aisle/2)/radius))
			if row.seats >= smallestRow {
				out[i].rows = append(out[i].rows, row)
				seats += float64(row.seats)
			}
		}
	}
	return slices.DeleteFunc(out, func(s stand) bool { return len(s.rows) == 0 })
}

// stadium lays out stands around a pitch; a small one has them on only one or two sides.
func stadium(spec Spec) *venue {
	const length, width = 10_500.0, 6_800.0 // of the pitch
	around := oval{length/2 + 1200, width/2 + 1200}
	line := "#ffffff"
	v := &venue{standBands: bowlBands(), shapes: []Shape{
		{Kind: Rect, Points: []Point{{-length / 2, -width / 2}, {length / 2, width / 2}}, Color: "#3f9142"},
		{Kind: Rect, Points: []Point{{-10, -width / 2}, {10, width / 2}}, Color: line},
		{Kind: Circle, Points: []Point{{0, 0}, {915, 0}}, Color: "#4fa653"},
		{Kind: Rect, Points: []Point{{-length / 2, -2016}, {-length/2 + 1650, 2016}}, Color: "#4fa653"},
		{Kind: Rect, Points: []Point{{length/2 - 1650, -2016}, {length / 2, 2016}}, Color: "#4fa653"},
		{Kind: Text, Label: "Pitch", Points: []Point{{0, 0}}, Color: line},
	}}
	seated := spec.Seats - spec.Standing
	b := bowl{oval: around, sides: []int{7, 0, 1, 2, 3, 4, 5, 6}}
	b.levels, b.shares = tiers(spec.levels(8000, 30_000))
	const usualRow, half = 190, math.Pi / 2            // seats in a row along one long side; the angle of its middle
	switch reach := float64(seated) / 10 / usualRow; { // ten rows
	case reach < 1: // the main stand, as long as its rows need
		first := b.oval.sides()[3]
		reach = max(0.02, reach*(first.to-first.from)/2)
		b.sides = []int{3}
		b.keep = func(angle float64) bool { return math.Abs(angle-half) <= reach }
	case reach < 2.5:
		b.sides = []int{7, 3}
	case reach < 5:
		b.sides = []int{7, 1, 3, 5}
	}
	if spec.Standing > 0 {
		v.areaBands = []band{{"Standing", "#be123c", 0}}
		v.areas = []Area{{ID: "pitch", Label: "Pitch standing", Category: "Standing", Capacity: spec.Standing,
			Outline: []Point{{-length/2 + 200, -width/2 + 200}, {length/2 - 200, -width/2 + 200}, {length/2 - 200, width/2 - 200}, {-length/2 + 200, width/2 - 200}}}}
	}
	v.stands = growRows(seated, b.stands)
	return v
}

func bowlBands() []band {
	return []band{{"Category 1", "#7c3aed", 0.15}, {"Category 2", "#2563eb", 0.25}, {"Category 3", "#0891b2", 0.3}, {"Category 4", "#16a34a", 0.3}}
}
