package web_test

import (
	"fmt"
	"math"

	"frontrow/plan"
	"frontrow/wire"
)

// hall is a small house with all that the map must draw: curved and straight
// rows, an aisle, odd numbers, wheelchair places, a standing area, a stage.
func hall() *plan.Plan {
	p := &plan.Plan{Name: "The Long Hall", Width: 4200, Height: 3400, Focus: plan.Point{X: 2100, Y: 200},
		Categories: []plan.Category{{Name: "gold"}, {Name: "silver"}, {Name: "bronze"}, {Name: "floor"}},
		Shapes:     []plan.Shape{{Kind: plan.Rect, Label: "Stage", Points: []plan.Point{{X: 1400, Y: 100}, {X: 2800, Y: 400}}}},
		Areas: []plan.Area{{ID: "floor", Label: "Standing floor", Category: "floor", Capacity: 120,
			Outline: []plan.Point{{X: 1500, Y: 500}, {X: 2700, Y: 500}, {X: 2700, Y: 900}, {X: 1500, Y: 900}}}},
	}
	// Three blocks of curved rows around the stage, then two straight ones behind.
	for b, middle := range []float64{0.86 * math.Pi, 0.5 * math.Pi, 0.14 * math.Pi} {
		s := plan.Section{ID: fmt.Sprint(101 + b), Label: fmt.Sprintf("Block %d", 101+b), Rank: b}
		for r := range 10 {
			radius := 950 + 85*float64(r)
			row := plan.Row{Label: string(rune('A' + r))}
			n := 20 + r
			for k := range n {
				angle := middle - (float64(k)-float64(n-1)/2)*50/radius
				row.Seats = append(row.Seats, plan.Seat{ID: fmt.Sprintf("%s-%s-%d", s.ID, row.Label, k+1), Number: fmt.Sprint(k + 1),
					X: 2100 + radius*math.Cos(angle), Y: 500 + radius*math.Sin(angle), Category: []string{"gold", "silver"}[min(1, r/5)]})
			}
			if r == 9 {
				row.Seats[0].Kind = plan.Accessible
				row.Seats[1].Kind, row.Seats[1].With = plan.Companion, row.Seats[0].ID
			}
			s.Rows = append(s.Rows, row)
		}
		p.Sections = append(p.Sections, s)
	}
	for b := range 2 {
		s := plan.Section{ID: fmt.Sprintf("balcony-%d", b+1), Label: fmt.Sprintf("Balcony %d", b+1), Rank: 10 + b}
		for r := range 8 {
			row := plan.Row{Label: fmt.Sprint(r + 1)}
			for k := range 30 {
				x := 400 + 1750*float64(b) + 50*float64(k)
				if k >= 15 {
					x += 120 // the aisle
				}
				row.Seats = append(row.Seats, plan.Seat{ID: fmt.Sprintf("B%d/%d/%d", b, r, 2*k+1), Number: fmt.Sprint(2*k + 1),
					X: x, Y: 2560 + 85*float64(r), Category: "bronze"})
			}
			s.Rows = append(s.Rows, row)
		}
		p.Sections = append(p.Sections, s)
	}
	return p
}

func fakeLevels() []wire.Level {
	return []wire.Level{
		{ID: "gold", Name: "Gold", Categories: []string{"gold"}, Base: 8500, ServiceFee: 950, FacilityFee: 300},
		{ID: "silver", Name: "Silver", Categories: []string{"silver"}, Base: 6000, ServiceFee: 700, FacilityFee: 300},
		{ID: "bronze", Name: "Bronze", Categories: []string{"bronze"}, Base: 3500, ServiceFee: 450, FacilityFee: 300},
		{ID: "floor", Name: "Standing", Categories: []string{"floor"}, Base: 3500, ServiceFee: 400, FacilityFee: 300},
	}
}
