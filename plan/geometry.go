package plan

import (
	"math"
	"slices"
)

// doublesBack reports whether the third of three seats listed in turn lies back towards the first.
func doublesBack(s []Seat) bool {
	return (s[1].X-s[0].X)*(s[2].X-s[1].X)+(s[1].Y-s[0].Y)*(s[2].Y-s[1].Y) < 0
}

func anyDoublesBack(row []Seat) bool {
	for i := 2; i < len(row); i++ {
		if doublesBack(row[i-2 : i+1]) {
			return true
		}
	}
	return false
}

// orderSeats sorts the seats of a row that is listed out of physical order (1, 3, 5, 2, 4) along its longest extent.
// Seats that don't form a line, as around a table, keep their listed order.
func orderSeats(row []Seat) {
	if !anyDoublesBack(row) {
		return
	}
	a := farthest(row, &row[0])
	b := farthest(row, a)
	from, dx, dy := *a, b.X-a.X, b.Y-a.Y
	if dx < 0 || dx == 0 && dy < 0 {
		from, dx, dy = *b, -dx, -dy
	}
	along := func(s Seat) float64 { return (s.X-from.X)*dx + (s.Y-from.Y)*dy }
	sorted := slices.Clone(row)
	slices.SortStableFunc(sorted, func(s, t Seat) int {
		switch d := along(s) - along(t); {
		case d < 0:
			return -1
		case d > 0:
			return 1
		}
		return 0
	})
	if !anyDoublesBack(sorted) {
		copy(row, sorted)
	}
}

func farthest(row []Seat, from *Seat) *Seat {
	best := from
	for i := range row {
		if distance(&row[i], from) > distance(best, from) {
			best = &row[i]
		}
	}
	return best
}

// hull returns the convex hull of points (Andrew's monotone chain).
func hull(points []Point) []Point {
	slices.SortFunc(points, func(a, b Point) int {
		switch {
		case a.X < b.X || a.X == b.X && a.Y < b.Y:
			return -1
		case a == b:
			return 0
		}
		return 1
	})
	points = slices.Compact(points)
	if len(points) < 3 {
		return points
	}
	chain := func(points []Point) []Point {
		var out []Point
		for _, q := range points {
			for len(out) > 1 && cross(out[len(out)-2], out[len(out)-1], q) <= 0 {
				out = out[:len(out)-1]
			}
			out = append(out, q)
		}
		return out[:len(out)-1]
	}
	lower := chain(points)
	slices.Reverse(points)
	return append(lower, chain(points)...)
}

func cross(o, a, b Point) float64 { return (a.X-o.X)*(b.Y-o.Y) - (a.Y-o.Y)*(b.X-o.X) }

// polar returns the point at radius and angle around centre; angles grow clockwise on the page, as y grows downwards.
func polar(centre Point, radius, angle float64) Point {
	return Point{centre.X + radius*math.Cos(angle), centre.Y + radius*math.Sin(angle)}
}

// box is the smallest upright rectangle around all points added to it.
type box struct{ min, max Point }

func emptyBox() box {
	inf := math.Inf(1)
	return box{Point{inf, inf}, Point{-inf, -inf}}
}

func (b *box) add(points ...Point) {
	for _, q := range points {
		b.min.X, b.min.Y = min(b.min.X, q.X), min(b.min.Y, q.Y)
		b.max.X, b.max.Y = max(b.max.X, q.X), max(b.max.Y, q.Y)
	}
}

// extent returns the box around everything in the plan that has a position.
func (p *Plan) extent() box {
	b := emptyBox()
	for s := range p.Sections {
		b.add(p.Sections[s].Outline...)
		for r := range p.Sections[s].Rows {
			for _, t := range p.Sections[s].Rows[r].Seats {
				b.add(Point{t.X, t.Y})
			}
		}
	}
	for i := range p.Areas {
		b.add(p.Areas[i].Outline...)
	}
	for _, s := range p.Shapes {
		b.add(s.Points...)
		if s.Kind == Circle && len(s.Points) == 2 {
			r := math.Hypot(s.Points[1].X-s.Points[0].X, s.Points[1].Y-s.Points[0].Y)
			b.add(Point{s.Points[0].X - r, s.Points[0].Y - r}, Point{s.Points[0].X + r, s.Points[0].Y + r})
		}
	}
	return b
}

// each calls move for every position in the plan.
func (p *Plan) each(move func(*Point)) {
	list := func(points []Point) {
		for i := range points {
			move(&points[i])
		}
	}
	move(&p.Focus)
	for s := range p.Sections {
		list(p.Sections[s].Outline)
		for r := range p.Sections[s].Rows {
			seats := p.Sections[s].Rows[r].Seats
			for i := range seats {
				q := Point{seats[i].X, seats[i].Y}
				move(&q)
				seats[i].X, seats[i].Y = q.X, q.Y
			}
		}
	}
	for i := range p.Areas {
		list(p.Areas[i].Outline)
	}
	for i := range p.Shapes {
		list(p.Shapes[i].Points)
	}
}
