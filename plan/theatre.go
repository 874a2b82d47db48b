package plan

import (
	"fmt"
	"math"
	"strings"
)

// theatre fans rows out in front of a stage at the upper edge: stalls, circle and balcony, one behind another.
func theatre(spec Spec) *venue {
	const spread = 0.55 // radians either side of the middle
	seated := float64(spec.Seats - spec.Standing)
	// This ratio of rows to seats per row looks like a theatre; the mean radius gives rows of that length.
	rows := 0.75 * math.Sqrt(seated)
	mean := seated / rows * seatPitch * 1.12 / (2 * spread)
	first := max(450, mean-rows*rowDepth/2)
	stage := first - 300 // the stage's front edge, from the centre of the rows

	names := []string{"Stalls", "Circle", "Balcony"}[:spec.levels(600, 1500)]
	shares := [][]float64{{1}, {0.6, 0.4}, {0.48, 0.3, 0.22}}[len(names)-1]
	layout := func(rows int) []stand {
		var out []stand
		radius := first
		for tier, n := range tierRows(rows, shares) {
			out = append(out, fan(names[tier], tier, n, radius, spread+0.04*float64(tier))...)
			radius += rowDepth*float64(n-1) + concourse
		}
		return out
	}
	v := &venue{focus: Point{0, stage}, byRow: true, stands: growRows(int(seated), layout), standBands: []band{
		{"Premium", "#be123c", 0.1}, {"Band A", "#7c3aed", 0.2}, {"Band B", "#2563eb", 0.3}, {"Band C", "#0891b2", 0.25}, {"Band D", "#16a34a", 0.15},
	}}
	half := max(300, first*math.Sin(spread)*0.85)
	depth := max(400, half*0.55)
	v.shapes = []Shape{{Kind: Polygon, Label: "Stage", Color: "#374151", Points: []Point{
		{-half * 0.8, stage - depth}, {half * 0.8, stage - depth}, {half, stage - 60}, {half / 2, stage - 15}, {0, stage}, {-half / 2, stage - 15}, {-half, stage - 60},
	}}}
	if spec.Standing > 0 {
		v.areaBands = []band{{"Standing", "#ea580c", 0}}
		v.areas = []Area{{ID: "standing", Label: "Standing", Category: "Standing", Capacity: spec.Standing, Outline: v.behind(spec.Standing)}}
	}
	return v
}

// fan is one tier: rows on arcs around a centre behind the stage, cut by radial aisles.
func fan(name string, tier, rows int, first, spread float64) []stand {
	const middle = math.Pi / 2
	back := first + rowDepth*float64(rows-1)
	blocks := max(1, int(math.Ceil((first+back)*spread/widestBlock-0.2)))
	if blocks > 2 {
		blocks |= 1
	}
	width := 2 * spread / float64(blocks)
	var out []stand
	for i := range blocks {
		to := middle + spread - width*float64(i) // from the left of the page
		s := stand{id: name[:1], label: name, level: strings.ToLower(name), tier: tier}
		if blocks == 3 {
			word := []string{"Left", "Centre", "Right"}[i]
			s.id, s.label = name[:1]+word[:1], name+" "+word
		} else if blocks > 1 {
			s.id, s.label = fmt.Sprintf("%s%d", name[:1], i+1), fmt.Sprintf("%s %d", name, i+1)
		}
		for r := range rows {
			radius := first + rowDepth*float64(r)
			if row := newArc(Point{}, radius, to-width+aisle/2/radius, to-aisle/2/radius); row.seats >= smallestRow {
				s.rows = append(s.rows, row)
			}
		}
		if len(s.rows) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// behind returns the outline of the ground for standing places behind the last row.
func (v *venue) behind(places int) []Point {
	const perSquareMetre = 3
	last := v.stands[len(v.stands)-1].rows
	radius := last[len(last)-1].radius + 200
	spread := math.Pi/2 - last[0].from
	depth := max(150, float64(places)/perSquareMetre*10_000/(2*spread*radius))
	s := stand{rows: []arc{{radius: radius, from: math.Pi/2 - spread, to: math.Pi/2 + spread}, {radius: radius + depth, from: math.Pi/2 - spread, to: math.Pi/2 + spread}}}
	return s.outline()
}
