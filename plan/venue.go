package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// venue is a layout without seats yet.
type venue struct {
	focus      Point
	stands     []stand
	areas      []Area
	shapes     []Shape
	areaBands  []band // price bands of the areas
	standBands []band // price bands of the seats, best first
	byRow      bool   // bands follow the rows, not whole stands
}

// band is a price band and its share of the seats.
type band struct {
	name, color string
	share       float64
}

// stand becomes a section: rows on arcs, front row first.
type stand struct {
	id, label, level string
	tier             int // 0 is the lowest, -1 the floor
	restricted       bool
	rows             []arc
}

// arc is where one row goes: on the circle around centre from the angle from to the angle to, aisles excluded.
type arc struct {
	centre           Point
	radius, from, to float64
	seats            int
}

// newArc returns an arc with as many seats as it has room for.
func newArc(centre Point, radius, from, to float64) arc {
	return arc{centre, radius, from, to, max(0, int((to-from)*radius/seatPitch+1e-9))}
}

// at returns the position of seat k, from left to right as one faces the centre, which is anticlockwise.
func (a arc) at(k int) Point {
	step := seatPitch / a.radius
	return polar(a.centre, a.radius, (a.from+a.to)/2+step*(float64(a.seats-1)/2-float64(k)))
}

func (a arc) middle() Point { return polar(a.centre, a.radius, (a.from+a.to)/2) }

func capacity(stands []stand) int {
	n := 0
	for _, s := range stands {
		for _, r := range s.rows {
			n += r.seats
		}
	}
	return n
}

// trim removes seats, evenly from all rows, until exactly the given number is left.
func trim(stands []stand, seats int) {
	for surplus := capacity(stands) - seats; surplus > 0; {
		var rows []*arc
		for s := range stands {
			for r := range stands[s].rows {
				if row := &stands[s].rows[r]; row.seats > smallestRow {
					rows = append(rows, row)
				}
			}
		}
		if len(rows) == 0 {
			return
		}
		cut := min(surplus, len(rows))
		for i, row := range rows {
			row.seats -= (i+1)*cut/len(rows) - i*cut/len(rows)
		}
		surplus -= cut
	}
}

// plan fills the layout with seats.
func (v *venue) plan(spec Spec) (*Plan, error) {
	seated := spec.Seats - spec.Standing
	trim(v.stands, seated)
	if n := capacity(v.stands); n != seated {
		return nil, fault("seats", "no %s of %d seats, the nearest has %d", spec.Kind, seated, n)
	}
	p := &Plan{Name: spec.Name, Focus: v.focus, Areas: v.areas, Shapes: v.shapes}
	if p.Name == "" {
		p.Name = fmt.Sprintf("%s of %d", strings.ToUpper(string(spec.Kind[:1]))+string(spec.Kind[1:]), spec.Seats)
	}
	categories := v.categories(seated)
	for _, b := range slices.Concat(v.areaBands, v.standBands) {
		p.Categories = append(p.Categories, Category{b.name, b.color})
	}
	for i := range v.stands {
		p.Sections = append(p.Sections, v.stands[i].section(categories[i]))
	}
	markAccessible(p, v.hosts(), max(1, (seated+50)/100))
	rankSections(p)
	p.frame()
	return p, nil
}

// section returns a stand's section with its seats. categories has one element per row.
func (s *stand) section(categories []string) Section {
	out := Section{ID: s.id, Label: s.label, Level: s.level, Outline: s.outline()}
	for r, a := range s.rows {
		row := Row{Label: rowLabel(r)}
		for k := range a.seats {
			number := strconv.Itoa(k + 1)
			at := a.at(k)
			row.Seats = append(row.Seats, Seat{ID: s.id + "-" + row.Label + "-" + number, Number: number, X: at.X, Y: at.Y,
				Category: categories[r], Restricted: s.restricted})
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// outline returns a polygon along the front row and back along the last.
func (s *stand) outline() []Point {
	const edge, side = 45.0, 15.0
	front, back := s.rows[0], s.rows[len(s.rows)-1]
	along := func(a arc, radius float64) []Point {
		from, to := a.from-side/radius, a.to+side/radius
		steps := max(1, int(math.Ceil((to-from)/(5*math.Pi/180))))
		out := make([]Point, 0, steps+1)
		for i := range steps + 1 {
			out = append(out, polar(a.centre, radius, from+(to-from)*float64(i)/float64(steps)))
		}
		return out
	}
	far := along(back, back.radius+edge)
	slices.Reverse(far)
	return append(along(front, front.radius-edge), far...)
}

// rowLabel returns the label of row i: A to Z, AA to AZ, BA …
func rowLabel(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return rowLabel(i/26-1) + rowLabel(i%26)
}

// categories gives each row of each stand a price band: the nearer to the focus and the lower, the better.
func (v *venue) categories(seated int) [][]string {
	const perTier = 1500 // what each tier counts, in centimetres of distance
	type piece struct {
		stand, row, seats int // row -1 is the whole stand
		score             float64
	}
	var pieces []piece
	out := make([][]string, len(v.stands))
	byRow := v.byRow || len(v.stands) < 8
	for i, s := range v.stands {
		out[i] = make([]string, len(s.rows))
		score := func(a arc) float64 {
			m := a.middle()
			return math.Hypot(m.X-v.focus.X, m.Y-v.focus.Y) + perTier*float64(s.tier)
		}
		if !byRow {
			pieces = append(pieces, piece{i, -1, capacity(v.stands[i : i+1]), score(s.rows[len(s.rows)/2])})
			continue
		}
		for r, a := range s.rows {
			pieces = append(pieces, piece{i, r, a.seats, score(a)})
		}
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return cmp.Compare(a.score, b.score) })
	at, until, done := 0, v.standBands[0].share, 0
	for i, piece := range pieces {
		mirrored := i > 0 && piece.score-pieces[i-1].score < 1 // the same place on the other side of the venue
		for !mirrored && at < len(v.standBands)-1 && float64(done)+float64(piece.seats)/2 > until*float64(seated) {
			at++
			until += v.standBands[at].share
		}
		done += piece.seats
		for r := range out[piece.stand] {
			if piece.row < 0 || piece.row == r {
				out[piece.stand][r] = v.standBands[at].name
			}
		}
	}
	return out
}

// hosts returns the stands with accessible seats: those of the lowest tier, not the floor, with a full view.
func (v *venue) hosts() []int {
	var out []int
	for i, s := range v.stands {
		if s.tier == 0 && !s.restricted {
			out = append(out, i)
		}
	}
	return out
}

// markAccessible makes pairs of an accessible and a companion seat, divided among the host sections. They fill a
// section's last row, beside the concourse, and then the rows before it.
func markAccessible(p *Plan, hosts []int, pairs int) {
	type cursor struct{ row, seat int }
	next := make([]cursor, len(p.Sections))
	for _, h := range hosts {
		next[h].row = len(p.Sections[h].Rows) - 1
	}
	for placed := true; placed && pairs > 0; {
		placed = false
		for _, h := range hosts {
			c := &next[h]
			for c.row >= 0 && c.seat+2 > len(p.Sections[h].Rows[c.row].Seats) {
				c.row, c.seat = c.row-1, 0
			}
			if c.row < 0 || pairs == 0 {
				continue
			}
			seats := p.Sections[h].Rows[c.row].Seats
			seats[c.seat].Kind = Accessible
			seats[c.seat+1].Kind, seats[c.seat+1].With = Companion, seats[c.seat].ID
			c.seat += 2
			pairs--
			placed = true
		}
	}
}

// rankSections ranks the sections by the mean distance of their seats to the focus.
func rankSections(p *Plan) {
	order := make([]int, len(p.Sections))
	far := make([]float64, len(p.Sections))
	for i, s := range p.Sections {
		order[i] = i
		n := 0
		for _, r := range s.Rows {
			for _, t := range r.Seats {
				far[i] += math.Hypot(t.X-p.Focus.X, t.Y-p.Focus.Y)
				n++
			}
		}
		far[i] /= float64(max(1, n))
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(far[a], far[b]) })
	for rank, i := range order {
		p.Sections[i].Rank = rank
	}
}

// frame moves the plan inside its margin and rounds positions to a millimetre.
func (p *Plan) frame() {
	b := p.extent()
	millimetre := func(v float64) float64 { return math.Round(v*10) / 10 }
	p.each(func(q *Point) {
		q.X, q.Y = millimetre(q.X-b.min.X+margin), millimetre(q.Y-b.min.Y+margin)
	})
	p.Width, p.Height = math.Ceil(b.max.X-b.min.X+2*margin), math.Ceil(b.max.Y-b.min.Y+2*margin)
}
