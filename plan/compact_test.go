package plan

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"testing"
)

// checkCompact decodes the compact form by its documentation alone and compares it with the plan.
func checkCompact(t testing.TB, p *Plan) {
	t.Helper()
	x := NewIndex(p)
	data, err := Compact(p, x)
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		V, Width, Height   int
		Focus              []int
		Categories, Colors []string
		Shapes             []struct{ Points []int }
		Sections           []struct {
			ID, Label, Level     string
			Rank, Start          int
			Outline, Cats, Kinds []int
			IDs                  []string
			Rows                 []struct {
				L    string
				P, N []int
				S    []string
			}
		}
		Areas []struct {
			ID, Label           string
			Cat, Start, N, Rank int
			Outline             []int
		}
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if m.V != 1 || len(m.Sections) != len(p.Sections) || len(m.Shapes) != len(p.Shapes) || len(m.Categories) != len(m.Colors) {
		t.Fatalf("%.200s", data)
	}
	seat := 0
	for si, s := range m.Sections {
		cats := expand(s.Cats)
		kinds := map[int]int{}
		for i, at := 0, 0; i < len(s.Kinds); i += 2 {
			at += s.Kinds[i]
			kinds[at] = s.Kinds[i+1]
			at++
		}
		samePath(t, s.Outline, p.Sections[si].Outline)
		if s.Start != seat || s.Rank != p.Sections[si].Rank || s.Label != p.Sections[si].Label || s.Level != p.Sections[si].Level {
			t.Fatalf("section %s starts at %d, want %d", s.ID, s.Start, seat)
		}
		var arc [5]int
		for _, r := range s.Rows {
			var numbers []string
			for i := 0; i < len(r.N); i += 3 {
				for k := range r.N[i+2] {
					numbers = append(numbers, strconv.Itoa(r.N[i]+k*r.N[i+1]))
				}
			}
			inRow := 0
			for a := 0; a < len(r.P); a += 6 {
				for i := range arc {
					arc[i] += r.P[a+1+i]
				}
				for k := range r.P[a] {
					ref := x.Seat(seat)
					at := onArc(arc, k, r.P[a])
					number := strconv.Itoa(inRow + 1)
					if len(r.S) > 0 {
						number = r.S[inRow]
					} else if len(numbers) > 0 {
						number = numbers[inRow]
					}
					in := seat - s.Start
					id := s.ID + "-" + r.L + "-" + number
					if len(s.IDs) > 0 {
						id = s.IDs[in]
					}
					kind := map[SeatKind]int{Standard: 0, Accessible: 1, Companion: 2}[ref.Kind]
					if ref.Restricted {
						kind += 4
					}
					if math.Hypot(at.X-ref.X, at.Y-ref.Y) > 3 || id != ref.ID || number != ref.Number || r.L != ref.RowLabel ||
						m.Categories[cats[in]] != ref.Category || kinds[in] != kind {
						t.Fatalf("place %d is %s %s at %v, kind %d, %s; want %+v", seat, id, number, at, kinds[in], m.Categories[cats[in]], ref)
					}
					seat++
					inRow++
				}
			}
		}
	}
	if seat != x.Seats() {
		t.Fatalf("%d seats of %d", seat, x.Seats())
	}
	for i, a := range m.Areas {
		samePath(t, a.Outline, p.Areas[i].Outline)
		if first := x.Seat(a.Start); first.ID != a.ID+"/1" || a.N != p.Areas[i].Capacity || m.Categories[a.Cat] != first.Category {
			t.Fatalf("area %+v, first place %+v", a, first)
		}
	}
}

func expand(runs []int) (out []int) {
	for i := 0; i < len(runs); i += 2 {
		out = append(out, slices.Repeat([]int{runs[i]}, runs[i+1])...)
	}
	return out
}

// onArc follows the documentation, not the code of run.at.
func onArc(arc [5]int, k, n int) Point {
	x0, y0, x1, y1, sag := float64(arc[0]), float64(arc[1]), float64(arc[2]), float64(arc[3]), float64(arc[4])
	c := math.Hypot(x1-x0, y1-y0)
	if n == 1 || c == 0 {
		return Point{x0, y0}
	}
	u := Point{(x1 - x0) / c, (y1 - y0) / c}
	w := Point{-u.Y, u.X}
	if sag == 0 {
		d := c * float64(k) / float64(n-1)
		return Point{x0 + u.X*d, y0 + u.Y*d}
	}
	r := (c*c/4 + sag*sag) / (2 * sag)
	a := 2 * math.Atan(2*sag/c) * (2*float64(k)/float64(n-1) - 1)
	s, h := r*math.Sin(a), r*math.Cos(a)-r+sag
	return Point{(x0+x1)/2 + u.X*s + w.X*h, (y0+y1)/2 + u.Y*s + w.Y*h}
}

func samePath(t testing.TB, path []int, points []Point) {
	t.Helper()
	if len(path) != 2*len(points) {
		t.Fatalf("path of %d numbers for %d points", len(path), len(points))
	}
	x, y := 0, 0
	for i, q := range points {
		x, y = x+path[2*i], y+path[2*i+1]
		if math.Abs(float64(x)-q.X) > 0.5 || math.Abs(float64(y)-q.Y) > 0.5 {
			t.Fatalf("point %d is %d, %d, want %v", i, x, y, q)
		}
	}
}

func TestCompact(t *testing.T) {
	t.Parallel()
	odd := hall()
	// Seats not on an arc; numbers that descend, skip or are not integers; ids of another pattern.
	for i := range odd.Sections[0].Rows[0].Seats {
		s := &odd.Sections[0].Rows[0].Seats[i]
		s.Y += float64(i * i * 7 % 40)
		s.Number = strconv.Itoa(24 - 2*i)
	}
	odd.Sections[0].Rows[1].Seats[4].Number = "4a"
	odd.Sections[1].Rows[0].Seats[4].ID = "wheel chair"
	odd.Sections[1].Rows[0].Seats[4].Number = "007"
	odd.Sections[1].Rows[0].Seats[5].Category = "Silver"
	for name, p := range map[string]*Plan{"hall": hall(), "odd": odd} {
		if err := Check(p); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkCompact(t, p)
	}
}

func TestCompactSize(t *testing.T) {
	t.Parallel()
	for _, spec := range []Spec{
		{Kind: Arena, Seats: 20_000, Standing: 4_000}, {Kind: Theatre, Seats: 20_000}, {Kind: Stadium, Seats: 20_000},
		{Kind: Arena, Seats: 80_000}, {Kind: Theatre, Seats: 80_000}, {Kind: Stadium, Seats: 80_000},
	} {
		p, err := Generate(spec)
		if err != nil {
			t.Fatal(err)
		}
		checkCompact(t, p)
		data, err := Compact(p, NewIndex(p))
		if err != nil {
			t.Fatal(err)
		}
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s of %d: %d bytes, %d with gzip", spec.Kind, spec.Seats, len(data), zipped.Len())
		if most := 60_000; zipped.Len() > most {
			t.Errorf("%s of %d takes %d bytes, more than %d", spec.Kind, spec.Seats, zipped.Len(), most)
		}
	}
}
