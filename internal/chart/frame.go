package chart

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Point is a value at a time after the beginning.
type Point struct {
	After time.Duration
	Value int64
}

// Frame maps times and values to the plane: from left to right, and from the top down. What
// lies outside is drawn at its edge.
type Frame struct {
	X, Y, Width, Height float64
	To                  time.Duration // at the right edge; 0 is at the left
	Low, High           int64         // at the lower and the upper edge
}

func (f Frame) x(t time.Duration) float64 { return f.X + f.Width*part(float64(t), float64(f.To)) }

func (f Frame) y(value int64) float64 {
	return f.Y + f.Height*part(float64(f.High-value), float64(f.High-f.Low))
}

// part is a share of a whole, between 0 and 1.
func part(of, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(1, max(0, of/whole))
}

// Steps is the path of values each of which stands until the next, and the last to the right
// edge.
func (f Frame) Steps(points []Point) string {
	if len(points) == 0 {
		return ""
	}
	var path strings.Builder
	fmt.Fprintf(&path, "M%.1f %.1f", f.x(points[0].After), f.y(points[0].Value))
	for _, p := range points[1:] {
		fmt.Fprintf(&path, "H%.1fV%.1f", f.x(p.After), f.y(p.Value))
	}
	fmt.Fprintf(&path, "H%g", f.X+f.Width)
	return path.String()
}

// unseen is how far from a line a point lies that doesn't show.
const unseen = 0.2

// Line is the path of values that go over into each other. Points that lie on it anyway are
// left out.
func (f Frame) Line(points []Point) string {
	var path strings.Builder
	verb, drawn := "M", 0
	for i, p := range points {
		if i > 0 && i < len(points)-1 && f.off(points[drawn], p, points[i+1]) < unseen {
			continue
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", verb, f.x(p.After), f.y(p.Value))
		verb, drawn = "L", i
	}
	return path.String()
}

// off is how far a point lies from the line between two others.
func (f Frame) off(a, p, b Point) float64 {
	x, y := f.x(b.After)-f.x(a.After), f.y(b.Value)-f.y(a.Value)
	return math.Abs(x*(f.y(p.Value)-f.y(a.Value))-y*(f.x(p.After)-f.x(a.After))) / math.Hypot(x, y)
}
