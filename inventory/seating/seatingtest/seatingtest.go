// Package seatingtest has a small hall, and an event in it, for tests.
package seatingtest

import (
	"fmt"
	"testing"

	"frontrow/plan"
	"frontrow/wire"
)

// Hall returns a plan of straight rows before a stage, and a standing floor: seats
// "A-1" to "A-<seats>" and so on, in section 101; the first of the last row is
// accessible, the second its companion. Front rows have the category front, the
// others back, the floor's places floor.
func Hall(t testing.TB, rows, seats, floor int) *plan.Index {
	t.Helper()
	p := &plan.Plan{Name: "Hall", Width: 10000, Height: 10000, Focus: plan.Point{X: 5000, Y: 100},
		Categories: []plan.Category{{Name: "front"}, {Name: "back"}, {Name: "floor"}}}
	s := plan.Section{ID: "101", Label: "Block 101", Outline: []plan.Point{{X: 0, Y: 900}, {X: 9000, Y: 900}, {X: 9000, Y: 9000}}}
	for r := range rows {
		row := plan.Row{Label: string(rune('A' + r))}
		for n := range seats {
			c := "front"
			if r >= (rows+1)/2 {
				c = "back"
			}
			row.Seats = append(row.Seats, plan.Seat{ID: fmt.Sprintf("%s-%d", row.Label, n+1), Number: fmt.Sprint(n + 1),
				X: float64(1000 + 50*n), Y: float64(1000 + 85*r), Category: c})
		}
		s.Rows = append(s.Rows, row)
	}
	last := &s.Rows[rows-1]
	if seats > 2 {
		last.Seats[0].Kind = plan.Accessible
		last.Seats[1].Kind, last.Seats[1].With = plan.Companion, last.Seats[0].ID
	}
	p.Sections = []plan.Section{s}
	if floor > 0 {
		p.Areas = []plan.Area{{ID: "floor", Label: "Floor", Category: "floor", Capacity: floor,
			Outline: []plan.Point{{X: 0, Y: 0}, {X: 900, Y: 0}, {X: 900, Y: 800}}}}
	} else {
		p.Categories = p.Categories[:2]
	}
	if err := plan.Check(p); err != nil {
		t.Fatal(err)
	}
	return plan.NewIndex(p)
}

// Concert returns an event in a Hall, open, without dates or prices.
func Concert() wire.Event {
	return wire.Event{State: wire.EventOpen, Spec: wire.Spec{ID: "demo", Name: "Demo", Currency: "EUR",
		Levels: []wire.Level{{ID: "a", Categories: []string{"front"}}, {ID: "b", Categories: []string{"back"}}, {ID: "c", Categories: []string{"floor"}}},
		Limits: wire.Limits{PerFan: 6}}.WithDefaults()}
}
