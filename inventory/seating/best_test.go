package seating

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"frontrow/inventory/seating/seatingtest"
	"frontrow/plan"
	"frontrow/wire"

	"pgregory.net/rapid"
)

// checkLayers recounts what the layers keep of each run.
func checkLayers(t *rapid.T, e *Engine) {
	f := e.finder
	for _, l := range []*layer{f.public, f.among("presale"), f.among("sponsor")} {
		for k, r := range f.runs {
			var free uint64
			for i := range r.len {
				if l.available(r.start+i) && anybodys(e, r.start+i) {
					free |= 1 << i
				}
			}
			if free != l.free[k] {
				t.Fatalf("run %d: free %b, kept %b", k, free, l.free[k])
			}
			for n := 1; n <= maxGroup; n++ {
				has := func(runs []uint64) bool { return runs[k/64]&(1<<(k%64)) != 0 }
				if has(l.fits[n]) != (starts(free, n) != 0) || has(l.exact[n]) != (gapsOf(free, n) != 0) ||
					(has(l.exact[n]) || has(l.fits[n+2])) != (l.starts(k, n, true) != 0) {
					t.Fatalf("run %d of %b: wrong about %d neighbours", k, free, n)
				}
			}
		}
	}
}

// anybodys: is a seat for anybody, by its kind?
func anybodys(e *Engine, i int) bool {
	ref := e.index.Seat(i)
	if ref.Kind == plan.Companion {
		with, _ := e.index.Lookup(ref.With)
		return e.state[with] == wire.Sold
	}
	return ref.Kind == plan.Standard
}

// venue draws a plan: sections of uneven rows with aisles, two price levels,
// seats of all kinds, and perhaps a floor.
func venue(t *rapid.T) *plan.Index {
	p := &plan.Plan{Name: "Venue", Width: 20000, Height: 20000, Focus: plan.Point{X: 3000, Y: 100},
		Categories: []plan.Category{{Name: "front"}, {Name: "back"}}}
	category := func(i int) string { return p.Categories[i].Name }
	for s := range rapid.IntRange(1, 3).Draw(t, "sections") {
		sec := plan.Section{ID: fmt.Sprint(s + 1), Label: fmt.Sprint("Block ", s+1), Rank: rapid.IntRange(0, 2).Draw(t, "rank")}
		for r := range rapid.IntRange(1, 4).Draw(t, "rows") {
			row := plan.Row{Label: string(rune('A' + r))}
			n := rapid.IntRange(4, 12).Draw(t, "seats")
			aisle := rapid.IntRange(0, n).Draw(t, "aisle")
			turn := rapid.IntRange(0, n).Draw(t, "turn") // of the level
			x := float64(500 + 3000*s + rapid.IntRange(0, 200).Draw(t, "x"))
			for i := range n {
				if x += 50; i == aisle {
					x += 100
				}
				seat := plan.Seat{ID: fmt.Sprintf("%s-%s-%d", sec.ID, row.Label, i+1), Number: fmt.Sprint(i + 1), X: x, Y: float64(1000 + 85*r),
					Category: category(min(1, i/max(turn, 1))), Restricted: rapid.IntRange(0, 9).Draw(t, "restricted") == 0}
				if rapid.IntRange(0, 7).Draw(t, "accessible") == 0 {
					seat.Kind = plan.Accessible
				} else if i > 0 && row.Seats[i-1].Kind == plan.Accessible && rapid.Bool().Draw(t, "companion") {
					seat.Kind, seat.With = plan.Companion, row.Seats[i-1].ID
				}
				row.Seats = append(row.Seats, seat)
			}
			sec.Rows = append(sec.Rows, row)
		}
		p.Sections = append(p.Sections, sec)
	}
	p.Sections[0].Rows[0].Seats[0].Category = "front"
	p.Sections[0].Rows[0].Seats[3].Category = "back"
	return plan.NewIndex(p)
}

// oracle knows the rules and tries everything.
type oracle struct {
	e       *Engine
	w       wire.BestSpec
	section int // -1: any
	level   int // -1: any
	channel string
}

func (o oracle) cost(i int) float64 {
	p := o.e.index.Plan()
	b := o.e.index.Blocks()[o.e.index.BlockOf(i)]
	ref, row := o.e.index.Seat(i), p.Sections[b.Section].Rows[b.Row].Seats
	mid := func(get func(plan.Seat) float64) float64 {
		return (get(row[(len(row)-1)/2]) + get(row[len(row)/2])) / 2
	}
	c := o.w.Rank*float64(b.Rank) + o.w.Row*float64(b.Row) + o.w.Distance*math.Hypot(ref.X-p.Focus.X, ref.Y-p.Focus.Y) +
		o.w.Centre*math.Hypot(ref.X-mid(func(s plan.Seat) float64 { return s.X }), ref.Y-mid(func(s plan.Seat) float64 { return s.Y }))
	if ref.Restricted {
		c += o.w.Restricted
	}
	return c
}

func (o oracle) score(seats []int) (s float64) {
	for _, i := range seats {
		s += o.cost(i) / float64(len(seats))
	}
	return s
}

// sameRun reports whether two seats and all between them are of one block and level.
func (o oracle) sameRun(i, j int) bool {
	x := o.e.index
	if j < 0 || j >= x.Seats() || x.BlockOf(i) != x.BlockOf(j) {
		return false
	}
	for k := min(i, j); k < max(i, j); k++ {
		if o.e.levelOf[k] != o.e.levelOf[k+1] {
			return false
		}
	}
	return true
}

// free: may an ordinary buyer have seat i, given those already taken?
func (o oracle) free(i int, taken []int) bool {
	return o.e.forSale(i, o.channel) && anybodys(o.e, i) && !slices.Contains(taken, i)
}

func (o oracle) wished(i int) bool {
	b := o.e.index.Blocks()[o.e.index.BlockOf(i)]
	return (o.section < 0 || b.Section == o.section) && (o.level < 0 || int(o.e.levelOf[i]) == o.level)
}

// alone lists the free seats of i's neighbourhood without a free neighbour.
func (o oracle) alone(i int, taken []int) bool {
	if !o.free(i, taken) {
		return false
	}
	for _, j := range []int{i - 1, i + 1} {
		if o.sameRun(i, j) && o.free(j, taken) {
			return false
		}
	}
	return true
}

// leaves reports whether taking seats makes a seat stand alone that didn't.
func (o oracle) leaves(seats []int) (made []int) {
	for i := range o.e.index.Seats() {
		if o.alone(i, seats) && !o.alone(i, nil) {
			made = append(made, i)
		}
	}
	return made
}

// groups lists all n neighbours to be had.
func (o oracle) groups(n int) (all [][]int) {
	for i := range o.e.index.Seats() {
		var g []int
		for k := i; k < i+n && (k == i || o.sameRun(i, k)) && o.free(k, nil) && o.wished(k); k++ {
			g = append(g, k)
		}
		if len(g) == n {
			all = append(all, g)
		}
	}
	return all
}

// together is the score of the best n neighbours, clean ones if there are any.
func (o oracle) together(n int) (score float64, clean, ok bool) {
	score = math.Inf(1)
	for _, g := range o.groups(n) {
		if tidy := len(o.leaves(g)) == 0; tidy && !clean {
			score, clean = o.score(g), true
		} else if tidy == clean {
			score = min(score, o.score(g))
		}
	}
	return score, clean, !math.IsInf(score, 1)
}

// split is the fewest groups, and how few alone in so many; fewest is how few
// alone in any number of groups.
func (o oracle) split(n int) (groups, alone, fewest int, ok bool) {
	const never = 1 << 20
	best := make([]int, n+1) // by seats placed: groups*100 + alone
	least := make([]int, n+1)
	for c := 1; c <= n; c++ {
		best[c], least[c] = never, never
	}
	for i := range o.e.index.Seats() {
		if !o.free(i, nil) || !o.wished(i) || o.sameRun(i, i-1) && o.free(i-1, nil) {
			continue
		}
		gap := 1
		for o.sameRun(i, i+gap) && o.free(i+gap, nil) {
			gap++
		}
		for c := n; c > 0; c-- {
			for take := 1; take <= min(gap, c); take++ {
				single := 0
				if take == 1 {
					single = 1
				}
				best[c] = min(best[c], best[c-take]+100+single)
				least[c] = min(least[c], least[c-take]+single)
			}
		}
	}
	return best[n] / 100, best[n] % 100, least[n], best[n] < never
}

// stretches counts groups of neighbours and how many of them are single seats.
func (o oracle) stretches(seats []int) (groups, alone int) {
	seats = slices.Sorted(slices.Values(seats))
	size := 0
	for k, i := range seats {
		if size++; k+1 == len(seats) || seats[k+1] != i+1 || !o.sameRun(i, i+1) {
			if groups++; size == 1 {
				alone++
			}
			size = 0
		}
	}
	return groups, alone
}

// drawEngine is an engine over a random map some of whose seats are gone.
func drawEngine(t *rapid.T) oracle {
	event := seatingtest.Concert()
	event.Spec.Levels = event.Spec.Levels[:2]
	weight := rapid.Float64Range(0, 2000)
	band := rapid.SampledFrom([]float64{0, 0, 0.03, 0.3}).Draw(t, "band")
	event.Spec.Best = wire.BestSpec{Band: &band}
	if rapid.Bool().Draw(t, "weights") {
		event.Spec.Best = wire.BestSpec{Rank: weight.Draw(t, "rank"), Distance: weight.Draw(t, "distance"), Row: weight.Draw(t, "row"),
			Centre: weight.Draw(t, "centre"), Restricted: weight.Draw(t, "restricted"), Band: &band}
	}
	e := NewEngine(event, venue(t))
	for i, l := range event.Spec.Levels {
		e.SetPrice(l.ID, wire.Price{Amounts: wire.NewAmounts(int64(9000-1000*i), 900, 300), Version: 1})
	}
	full := rapid.IntRange(0, 10).Draw(t, "full")
	for i := range e.index.Len() {
		if rapid.IntRange(0, 9).Draw(t, "state") < full {
			if rapid.Bool().Draw(t, "sold") {
				e.set(i, wire.Sold, nil)
				continue
			}
			e.mark(i, &block{channel: rapid.SampledFrom([]string{"", "presale"}).Draw(t, "block")})
			e.set(i, wire.Blocked, nil)
		}
	}
	return oracle{e: e, w: e.spec.Best, section: rapid.IntRange(-1, len(e.index.Plan().Sections)-1).Draw(t, "section"),
		level: rapid.IntRange(-1, 1).Draw(t, "level"), channel: rapid.SampledFrom([]string{"", "presale"}).Draw(t, "channel")}
}

func (o oracle) wish(n int, seed uint64) *wish {
	w := &wish{count: n, levels: ^uint64(0), section: o.section, among: o.e.finder.among(o.channel), seed: seed, band: *o.w.Band}
	if o.level >= 0 {
		w.levels = 1 << o.level
	}
	return w
}

func TestBestEqualsBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawEngine(t)
		n := rapid.IntRange(1, 8).Draw(t, "n")
		w := o.wish(n, rapid.Uint64().Draw(t, "seed"))
		got := o.e.finder.best(w)
		seats := slices.Clone(got.seats)
		if again := o.e.finder.best(w); !slices.Equal(again.seats, seats) {
			t.Fatalf("asked again, %v became %v", seats, again.seats)
		}
		checkLayers(t, o.e)
		for k, i := range seats {
			if !o.free(i, seats[:k]) || !o.wished(i) {
				t.Fatalf("seat %d is not to be had", i)
			}
		}
		if score, clean, ok := o.together(n); ok {
			groups, _ := o.stretches(seats)
			if len(seats) != n || groups != 1 || got.groups != 1 || clean != (len(o.leaves(seats)) == 0) {
				t.Fatalf("found %v, leaving %v; clean ones exist: %v", seats, o.leaves(seats), clean)
			}
			if s := o.score(seats); s > score*(1+w.band)+1e-6 {
				t.Fatalf("found %v of score %v, the best has %v", seats, s, score)
			}
			if rules := o.e.spec.Hold; clean {
				o.e.spec.Hold.Orphans = wire.OrphansStrict
				if p := o.e.orphaned(seats, w.among); p != nil {
					t.Fatalf("best available breaks the strict orphan rule: %v", p)
				}
				o.e.spec.Hold = rules
			}
			return
		}
		groups, alone, fewest, ok := o.split(n)
		if g, a := o.stretches(seats); ok != (len(seats) == n) || ok && (g != groups || g != got.groups || a != alone || a != fewest) {
			t.Fatalf("found %v in %d groups with %d alone; %v: %d groups, %d alone will do, %d in more groups", seats, g, a, ok, groups, alone, fewest)
		}
	})
}

func TestAccessibleEqualsBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawEngine(t)
		n := rapid.IntRange(1, 4).Draw(t, "n")
		got := slices.Clone(o.e.finder.accessible(o.wish(n, 0)).seats)
		x := o.e.index
		complete, partly := math.Inf(1), math.Inf(1)
		for i := range x.Seats() {
			if x.Seat(i).Kind != plan.Accessible || !o.e.forSale(i, o.channel) || !o.wished(i) {
				continue
			}
			have := 1
			for j := range x.Seats() {
				if ref := x.Seat(j); ref.Kind == plan.Companion && ref.With == x.ID(i) && o.e.forSale(j, o.channel) {
					have++
				}
			}
			if have >= n {
				complete = min(complete, o.cost(i))
			} else if len(o.groups(n-have)) > 0 {
				partly = min(partly, o.cost(i))
			}
		}
		want := complete
		if math.IsInf(want, 1) {
			want = partly
		}
		if math.IsInf(want, 1) != (got == nil) || got != nil && (len(got) != n || math.Abs(o.cost(got[0])-want) > 1e-6) {
			t.Fatalf("found %v, an accessible seat of cost %v is to be had", got, want)
		}
		for k, i := range got {
			ref := x.Seat(i)
			if !o.e.forSale(i, o.channel) || slices.Contains(got[:k], i) ||
				k > 0 && !(anybodys(o.e, i) || ref.Kind == plan.Companion && ref.With == x.ID(got[0])) {
				t.Fatalf("seat %d is not to be had", i)
			}
		}
	})
}

// Buyers who ask one after the other with the same wish are spread over the
// band; each, asking again, gets the same.
func TestBestSpreads(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 8, 20, 0))
	first := map[int]bool{}
	for i := range 50 {
		w := &wish{count: 2, levels: ^uint64(0), section: -1, among: e.finder.public, seed: seedOf(fmt.Sprint("h_", i)), band: 0.03}
		first[e.finder.best(w).seats[0]] = true
	}
	if len(first) < 3 {
		t.Errorf("50 buyers would get %v", first)
	}
}

func TestBestExplains(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 3, 10, 10))
	strictly := 0.0
	e.spec.Best.Band = &strictly
	for _, c := range []struct {
		ask  wire.Best
		why  []string
		seat string
	}{
		{wire.Best{Count: 4}, []string{"Block 101, Row A, 4 together, right"}, ""},
		{wire.Best{Count: 2, Level: "c"}, []string{"Floor, 2 places"}, "floor/1"},
		{wire.Best{Count: 2, Accessible: true}, []string{"Row C, 2 together, left"}, "C-1"},
		{wire.Best{Count: 6, Level: "b"}, []string{"Row C", "together"}, ""},
		{wire.Best{Count: 2, Level: "b"}, []string{"Row C"}, ""},
	} {
		ask := wire.HoldRequest{Hold: wire.NewHold(), Claims: claims(wire.NewFan()), Best: &c.ask}
		r := e.Hold(ask, start)
		if r.Problem != nil || c.seat != "" && r.Seats[0].ID != c.seat {
			t.Errorf("%+v: %+v", c.ask, r)
		}
		for _, s := range c.why {
			if !strings.Contains(r.Why, s) {
				t.Errorf("%+v: %q has no %q", c.ask, r.Why, s)
			}
		}
	}
	for side, seats := range map[string][]int{"left": {0, 1}, "centre": {3, 4, 5}, "right": {8, 9}} {
		if got := e.finder.side(seats); got != side {
			t.Errorf("%v are %s, not %s", seats, got, side)
		}
	}
	split := onSale(t, seatingtest.Hall(t, 3, 10, 0))
	split.Block(wire.BlockRequest{Seats: []string{"A-4", "A-8", "B-4", "B-8", "C-6"}, By: "op"}, start)
	r := split.Hold(wire.HoldRequest{Hold: "h", Claims: claims("f"), Best: &wire.Best{Count: 6}}, start)
	if !strings.Contains(r.Why, "6 seats in 2 groups") {
		t.Errorf("%q %+v", r.Why, r.Problem)
	}
}

// Weights may change during the sale; what is gone stays gone.
func TestWeightsChange(t *testing.T) {
	e := onSale(t, seatingtest.Hall(t, 4, 10, 0))
	e.Block(wire.BlockRequest{Seats: []string{"A-1"}, Channel: "presale"}, start)
	e.Hold(named("x", "g", "A-5", "A-6"), start)
	sell(e, "y", "g", "D-1") // accessible
	event := seatingtest.Concert()
	zero := 0.0
	event.Spec.Best = wire.BestSpec{Centre: 1, Band: &zero} // rows and distance count nothing
	e.SetEvent(event)
	rapid.Check(t, func(t *rapid.T) { checkEngine(t, e) })
	r := e.Hold(wire.HoldRequest{Hold: "h", Claims: claims("f"), Best: &wire.Best{Count: 2}}, start)
	if r.Problem != nil || r.Seats[0].ID != "B-5" || r.Seats[1].ID != "B-6" {
		t.Errorf("%+v", r)
	}
}

func BenchmarkBest(b *testing.B) {
	p, err := plan.Generate(plan.Spec{Kind: plan.Stadium, Seats: 80_000})
	if err != nil {
		b.Fatal(err)
	}
	index := plan.NewIndex(p)
	// In each run n free seats, one sold, n free, …: and no other gap.
	gaps := func(n int) func(int, *run, int) bool {
		return func(_ int, r *run, at int) bool { return at%(n+1) == n || at >= r.len/(n+1)*(n+1) }
	}
	sold := func(percent uint64) func(int, *run, int) bool {
		return func(i int, _ *run, _ int) bool { return mix(1, uint64(i))%100 < percent }
	}
	gone := map[string]func(i int, r *run, at int) bool{ // by seat, its run and its number there
		"empty": sold(0), "sold=50%": sold(50), "sold=90%": sold(90), "sold=97%": sold(97),
		"no clean": gaps(5), // 4 always leave one alone
		"split":    gaps(3), // 4 only in two groups
	}
	for _, name := range []string{"empty", "sold=50%", "sold=90%", "sold=97%", "no clean", "split"} {
		b.Run(name, func(b *testing.B) {
			f := newFinder(index, make([]uint8, index.Len()), seatingtest.Concert().Spec.Best)
			for i := range index.Seats() {
				if r := &f.runs[f.runOf[i]]; gone[name](i, r, i-r.start) {
					f.set(i, false, "")
				}
			}
			w := &wish{count: 4, levels: ^uint64(0), section: -1, among: f.public, band: 0.03}
			f.best(w) // the buffers have grown
			b.ReportAllocs()
			for b.Loop() {
				w.seed++
				f.best(w)
			}
		})
	}
}

// BenchmarkExpire80k is the engine's side of 80,000 seats whose holds end in
// the same instant: each round holds nothing before, and frees them all.
func BenchmarkExpire80k(b *testing.B) {
	p, err := plan.Generate(plan.Spec{Kind: plan.Stadium, Seats: 80_000})
	if err != nil {
		b.Fatal(err)
	}
	index := plan.NewIndex(p)
	event := seatingtest.Concert()
	event.Spec.Levels = []wire.Level{{ID: "a", Categories: p.CategoryNames()}}
	for b.Loop() {
		b.StopTimer()
		e := NewEngine(event, index)
		e.SetPrice("a", wire.Price{Version: 1})
		for i := range index.Len() {
			id := fmt.Sprint("h_", i)
			if r := e.Hold(wire.HoldRequest{Hold: id, Claims: claims(id), Seats: []string{index.ID(i)}}, start); r.Problem != nil && index.Seat(i).Kind != plan.Companion {
				b.Fatal(r.Problem)
			}
		}
		e.Take()
		b.StartTimer()
		for due, ok := e.Due(); ok; _, ok = e.Due() {
			e.Expire(due.Add(time.Millisecond), MaxFlush/2)
			e.Take()
		}
	}
}
