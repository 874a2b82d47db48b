package plan

import (
	"fmt"
	"math"
	"testing"
)

func TestGenerate(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{Arena, Theatre, Stadium} {
		for _, seats := range []int{200, 1_000, 5_000, 20_000, 80_000} {
			for levels := range 4 {
				for _, standing := range []int{0, seats / 5} {
					if seats == 80_000 && levels != 0 {
						continue // only the size matters here
					}
					spec := Spec{Kind: kind, Seats: seats, Standing: standing, Levels: levels}
					t.Run(fmt.Sprintf("%s-%d-%d-%d", kind, seats, standing, levels), func(t *testing.T) {
						t.Parallel()
						checkGenerated(t, spec)
					})
				}
			}
		}
	}
	// Odd sizes leave odd remainders to trim.
	for seats := 201; seats < 3000; seats += 37 {
		for _, kind := range []Kind{Arena, Theatre, Stadium} {
			checkGenerated(t, Spec{Kind: kind, Seats: seats})
		}
	}
}

func checkGenerated(t *testing.T, spec Spec) {
	t.Helper()
	p, err := Generate(spec)
	if err != nil {
		t.Fatal(err)
	}
	x := NewIndex(p)
	if x.Len() != spec.Seats || x.Len()-x.Seats() != spec.Standing {
		t.Fatalf("%+v: %d places, %d of them seats", spec, x.Len(), x.Seats())
	}
	if n := len(p.Categories); n < 3 || n > 6 {
		t.Errorf("%+v: %d categories", spec, n)
	}
	levels := map[string]bool{}
	for _, s := range p.Sections {
		if s.Level != "floor" {
			levels[s.Level] = true
		}
		if len(s.Outline) < 4 || len(s.Rows) == 0 {
			t.Errorf("%+v: section %s has %d rows, %d points", spec, s.ID, len(s.Rows), len(s.Outline))
		}
		for _, q := range s.Outline {
			if q.X < 0 || q.X > p.Width || q.Y < 0 || q.Y > p.Height {
				t.Fatalf("%+v: outline of %s leaves the plan: %v", spec, s.ID, q)
			}
		}
		for _, r := range s.Rows {
			for _, seat := range r.Seats {
				if !contains(s.Outline, seat) {
					t.Fatalf("%+v: seat %s is outside the outline of its section", spec, seat.ID)
				}
			}
		}
	}
	if spec.Levels > 0 && len(levels) != spec.Levels {
		t.Errorf("%+v: levels %v", spec, levels)
	}
	for i, a := range p.Areas {
		if len(a.Outline) < 3 || x.Areas()[i].End <= x.Areas()[i].Start {
			t.Errorf("%+v: area %+v", spec, a)
		}
	}
	checkApart(t, spec, x, 40, func(a, b Ref) bool { return true })
	checkApart(t, spec, x, 100, func(a, b Ref) bool { return a.SectionID != b.SectionID })
	checkAccessible(t, spec, x)
	used := map[string]bool{}
	for i := range x.Len() {
		used[x.Seat(i).Category] = true
	}
	if len(used) != len(p.Categories) {
		t.Errorf("%+v: categories %v, used %v", spec, p.Categories, used)
	}
}

// checkApart checks that seats are at least so far apart, for the pairs that compare accepts. It looks at each seat's
// cell of a grid and the cells around it.
func checkApart(t *testing.T, spec Spec, x *Index, least float64, compare func(a, b Ref) bool) {
	t.Helper()
	seats := make([]Ref, x.Seats())
	grid := make(map[[2]int][]int, x.Seats())
	for i := range x.Seats() {
		a := x.Seat(i)
		seats[i] = a
		cell := [2]int{int(a.X / least), int(a.Y / least)}
		for dx := -1; dx <= 1; dx++ {
			for dy := -1; dy <= 1; dy++ {
				for _, k := range grid[[2]int{cell[0] + dx, cell[1] + dy}] {
					if b := seats[k]; math.Hypot(a.X-b.X, a.Y-b.Y) < least && compare(a, b) {
						t.Fatalf("%+v: seats %s and %s are %.1f apart", spec, a.ID, b.ID, math.Hypot(a.X-b.X, a.Y-b.Y))
					}
				}
			}
		}
		grid[cell] = append(grid[cell], i)
	}
}

func checkAccessible(t *testing.T, spec Spec, x *Index) {
	t.Helper()
	accessible, companions := 0, 0
	for i := range x.Seats() {
		switch s := x.Seat(i); s.Kind {
		case Accessible:
			accessible++
		case Companion:
			companions++
			k, ok := x.Lookup(s.With)
			if !ok || k != i-1 && k != i+1 || x.BlockOf(i) != x.BlockOf(k) {
				t.Fatalf("%+v: companion %s is not beside %s", spec, s.ID, s.With)
			}
		}
	}
	if want := float64(x.Seats()) / 100; math.Abs(float64(accessible)-want) > 1 || accessible != companions {
		t.Errorf("%+v: %d accessible seats, %d companions, want %.1f", spec, accessible, companions, want)
	}
}

func contains(outline []Point, s Seat) bool {
	in := false
	for i, a := range outline {
		b := outline[(i+1)%len(outline)]
		if (a.Y > s.Y) != (b.Y > s.Y) && s.X < a.X+(b.X-a.X)*(s.Y-a.Y)/(b.Y-a.Y) {
			in = !in
		}
	}
	return in
}

func TestGenerateIsDeterministic(t *testing.T) {
	t.Parallel()
	spec := Spec{Kind: Arena, Seats: 20_000, Standing: 4_000}
	a, err := Generate(spec)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Generate(spec)
	if err != nil {
		t.Fatal(err)
	}
	if Digest(a) != Digest(b) {
		t.Error("two plans of one spec differ")
	}
	x := NewIndex(a)
	if ref := x.Seat(0); ref.ID != "101-A-1" || ref.Label != "Block 101, Row A, Seat 1" {
		t.Errorf("first seat %+v", ref)
	}
	if len(x.Areas()) != 2 || x.Seat(x.Len()-1).Label != "Rear standing, place 2400" {
		t.Errorf("areas %+v", x.Areas())
	}
}

// Both halves of a venue cost the same: a section and its mirror image have the same category.
func TestGenerateIsSymmetric(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{Arena, Stadium} {
		p, err := Generate(Spec{Kind: kind, Seats: 20_000})
		if err != nil {
			t.Fatal(err)
		}
		centre := func(s Section) Point {
			b := emptyBox()
			b.add(s.Outline...)
			return Point{(b.min.X + b.max.X) / 2, (b.min.Y + b.max.Y) / 2}
		}
		for _, a := range p.Sections {
			at, mirrored := centre(a), false
			for _, b := range p.Sections {
				if to := centre(b); math.Hypot(p.Width-to.X-at.X, to.Y-at.Y) < 10 {
					mirrored = true
					if b.Rows[0].Seats[0].Category != a.Rows[0].Seats[0].Category {
						t.Errorf("%s: sections %s and %s differ in category", kind, a.ID, b.ID)
					}
				}
			}
			if !mirrored {
				t.Errorf("%s: section %s has no mirror image", kind, a.ID)
			}
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	t.Parallel()
	for _, spec := range []Spec{
		{Kind: Arena, Seats: 199}, {Kind: Arena, Seats: 80_001}, {Kind: Arena, Seats: 500, Standing: 401}, {Kind: Arena, Seats: 500, Standing: -1},
		{Kind: Arena, Seats: 500, Levels: 4}, {Kind: "circus", Seats: 500}, {Seats: 500},
	} {
		if _, err := Generate(spec); err == nil {
			t.Errorf("Generate(%+v) succeeds", spec)
		}
	}
}
