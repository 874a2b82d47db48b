package pages

import (
	"fmt"
	"strings"
	"time"
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
	span := max(now.Sub(from), points[len(points)-1].At.Sub(from), 1)
	x := func(t time.Time) float64 {
		return chartWidth * min(1, max(0, float64(t.Sub(from))/float64(span)))
	}
	y := func(total int64) float64 {
		return chartHeight * min(1, max(0, float64(ceiling-total)/float64(ceiling-floor)))
	}
	var path strings.Builder
	fmt.Fprintf(&path, "M%.1f %.1f", x(from), y(points[0].Total))
	for _, p := range points[1:] { // a price stands until the next
		fmt.Fprintf(&path, "H%.1fV%.1f", x(p.At), y(p.Total))
	}
	fmt.Fprintf(&path, "H%d", chartWidth)
	return &Chart{chartWidth, chartHeight, path.String()}
}
