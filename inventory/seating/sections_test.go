package seating

import (
	"fmt"
	"testing"

	"frontrow/inventory/seating/seatingtest"
	"frontrow/plan"
	"frontrow/wire"
)

// twoSections has a category in the sections 101 and 102, ten seats each, and in a pit of 20;
// 101 and the pit have levels of their own.
func twoSections(t *testing.T) *Engine {
	t.Helper()
	p := &plan.Plan{Name: "Hall", Width: 10000, Height: 10000, Focus: plan.Point{X: 5000, Y: 100}, Categories: []plan.Category{{Name: "one"}},
		Areas: []plan.Area{{ID: "pit", Category: "one", Capacity: 20, Outline: []plan.Point{{X: 0, Y: 0}, {X: 900, Y: 0}, {X: 900, Y: 800}}}}}
	for s := range 2 {
		row := plan.Row{Label: "A"}
		for n := range 10 {
			row.Seats = append(row.Seats, plan.Seat{ID: fmt.Sprintf("%d-A-%d", 101+s, n+1), Number: fmt.Sprint(n + 1),
				X: float64(1000 + 2000*s + 50*n), Y: 1000, Category: "one"})
		}
		p.Sections = append(p.Sections, plan.Section{ID: fmt.Sprint(101 + s), Rank: s, Rows: []plan.Row{row}})
	}
	if err := plan.Check(p); err != nil {
		t.Fatal(err)
	}
	event := seatingtest.Concert()
	event.Spec.Levels = []wire.Level{{ID: "rest", Categories: []string{"one"}}, {ID: "front", Categories: []string{"one"}, Sections: []string{"101"}},
		{ID: "pit", Categories: []string{"one"}, Sections: []string{"pit"}}}
	if err := event.Spec.Validate(&wire.Layout{Categories: p.CategoryNames(), Sections: p.SectionCategories()}); err != nil {
		t.Fatal(err)
	}
	e := NewEngine(event, plan.NewIndex(p))
	for i, l := range event.Spec.Levels {
		e.SetPrice(l.ID, wire.Price{Amounts: wire.NewAmounts(int64(5000+1000*i), 0, 0), Version: 1})
	}
	return e
}

// Seats of one category cost what the level of their section does, count in it, and are the
// best of it.
func TestLevelsOfSections(t *testing.T) {
	t.Parallel()
	e := twoSections(t)
	for id, want := range map[string]int{"rest": 10, "front": 10, "pit": 20} {
		if c := e.Stock(start).Levels[id]; c.Free != want {
			t.Errorf("%s: %+v, want %d free", id, c, want)
		}
	}
	for i, c := range []struct {
		ask     wire.HoldRequest
		section string // of the seats
		level   string
		total   int64
	}{
		{wire.HoldRequest{Seats: []string{"101-A-1", "101-A-2"}}, "101", "front", 6000},
		{wire.HoldRequest{Seats: []string{"102-A-1"}}, "102", "rest", 5000},
		{wire.HoldRequest{Area: "pit", Count: 3}, "pit", "pit", 7000},
		{wire.HoldRequest{Best: &wire.Best{Count: 2, Level: "rest"}}, "102", "rest", 5000}, // though 101 sells first
		{wire.HoldRequest{Best: &wire.Best{Count: 2, Level: "front"}}, "101", "front", 6000},
	} {
		c.ask.Hold, c.ask.Claims = fmt.Sprint("h_", i), claims(fmt.Sprint("f", i))
		before := e.Stock(start).Levels[c.level]
		r := e.Hold(c.ask, start)
		if r.Problem != nil {
			t.Fatalf("%d: %v", i, r.Problem)
		}
		for _, q := range r.Seats {
			if at, ok := e.index.Lookup(q.ID); !ok || e.index.Seat(at).SectionID != c.section || q.Level != c.level || q.Price.Total != c.total {
				t.Errorf("%d: %+v, want %s at %d in %s", i, q, c.level, c.total, c.section)
			}
		}
		if after := e.Stock(start).Levels[c.level]; after.Free != before.Free-len(r.Seats) || after.Held != before.Held+len(r.Seats) {
			t.Errorf("%d: %s %+v, then %+v", i, c.level, before, after)
		}
	}
	if r := e.Hold(wire.HoldRequest{Hold: "h_x", Claims: claims("fx"), Best: &wire.Best{Count: 2, Level: "rest", Section: "101"}}, start); r.Problem == nil {
		t.Errorf("a section with no seat of the level: %+v", r)
	}
}
