package pages

import (
	"time"

	"frontrow/internal/chart"
)

// Size of a chart, in the units of its viewBox.
const (
	chartWidth  = 600
	chartHeight = 120
)

// Point is what a price became, and when.
type Point struct {
	At    time.Time
	Total int64
}

// Chart is a price over time, as the path of an SVG. Its upper edge is the highest price
// that the rules allow, its lower edge the lowest.
type Chart struct {
	Width, Height int
	Path          string // d
}

// ChartOf draws prices, the oldest first, from the first to now; nil if there is nothing to
// see: fewer than two, or none that could be another.
func ChartOf(points []Point, floor, ceiling int64, now time.Time) *Chart {
	if len(points) < 2 || ceiling <= floor {
		return nil
	}
	from := points[0].At
	f := chart.Frame{Width: chartWidth, Height: chartHeight, To: max(now.Sub(from), points[len(points)-1].At.Sub(from), 1), Low: floor, High: ceiling}
	var drawn []chart.Point
	for _, p := range points {
		drawn = append(drawn, chart.Point{After: p.At.Sub(from), Value: p.Total})
	}
	return &Chart{chartWidth, chartHeight, f.Steps(drawn)}
}
