package chart

import (
	"fmt"
	"html"
	"strings"
	"time"
)

// Chart is a drawing of lines over time.
type Chart struct {
	Title string
	About string        // what it shows, for those who don't see it
	To    time.Duration // the right edge
	Lines []Line
	Rails []Rail
	Label func(value int64) string // of the axis
}

// Line is a line of a chart. Those of the same Look look alike in all charts of a report.
type Line struct {
	Name   string
	Look   int
	Points []Point
	Steps  bool // each value stands until the next
}

// Rail is a level value that a line doesn't cross.
type Rail struct {
	Name  string
	Look  int
	Value int64
}

// Size of a chart, in the units of its viewBox.
const (
	width  = 720
	height = 300
	left   = 92
	top    = 34
	bottom = 46
	right  = 14
)

const (
	looks    = 6 // that differ
	mostTics = 8 // of an axis
)

// Style is the CSS of charts: a page that has any has it once.
const Style = `.chart{font:13px system-ui,sans-serif;--ink:#1b1b1f;--faint:#c9c9d2;--c0:#0b57d0;--c1:#b3261e;--c2:#146c2e;--c3:#7b3ff2;--c4:#9a5b00;--c5:#006a6a}
@media (prefers-color-scheme:dark){.chart{--ink:#e6e6ea;--faint:#4a4a55;--c0:#8ab4f8;--c1:#f2b8b5;--c2:#7fd99a;--c3:#c9b1ff;--c4:#f0bd6b;--c5:#6fd8d8}}
.chart text{fill:var(--ink)}.chart .title{font-weight:600}.chart .axis{stroke:var(--faint)}.chart .line{fill:none;stroke-width:2}.chart .rail{stroke-width:1;stroke-dasharray:2 5}
.chart .l0{stroke:var(--c0)}.chart .l1{stroke:var(--c1);stroke-dasharray:9 3}.chart .l2{stroke:var(--c2);stroke-dasharray:3 3}.chart .l3{stroke:var(--c3);stroke-dasharray:12 3 3 3}.chart .l4{stroke:var(--c4);stroke-dasharray:1 3}.chart .l5{stroke:var(--c5);stroke-dasharray:6 6}
.chart .rail.l0,.chart .rail.l1,.chart .rail.l2,.chart .rail.l3,.chart .rail.l4,.chart .rail.l5{stroke-dasharray:2 5}`

// SVG draws a chart. Alone it has its style and a background of its own: a file for a document.
func (c Chart) SVG(alone bool) string {
	var b strings.Builder
	f := c.frame()
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height, html.EscapeString(c.Title+". "+c.About))
	fmt.Fprintf(&b, "<title>%s</title><desc>%s</desc>\n", html.EscapeString(c.Title), html.EscapeString(c.About))
	if alone {
		fmt.Fprintf(&b, "<style>%s\n.ground{fill:#fff}@media (prefers-color-scheme:dark){.ground{fill:#16161a}}</style><rect class=\"ground\" width=\"%d\" height=\"%d\"/>\n", Style, width, height)
	}
	fmt.Fprintf(&b, "<text class=\"title\" x=\"8\" y=\"18\">%s</text>\n", html.EscapeString(c.Title))
	for _, v := range tics(f.Low, f.High) {
		fmt.Fprintf(&b, `<path class="axis" d="M%d %.1fH%d"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", left, f.y(v), width-right, left-6, f.y(v)+4, html.EscapeString(c.label(v)))
	}
	every := step(c.To)
	for t := time.Duration(0); t <= c.To; t += every {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", f.x(t), height-bottom+16, clock(t))
	}
	for _, r := range c.Rails {
		fmt.Fprintf(&b, `<path class="rail l%d" d="M%d %.1fH%d"><title>%s</title></path>`+"\n", r.Look%looks, left, f.y(r.Value), width-right, html.EscapeString(r.Name))
	}
	for i, l := range c.Lines {
		path := f.Line(l.Points)
		if l.Steps {
			path = f.Steps(l.Points)
		}
		fmt.Fprintf(&b, `<path class="line l%d" d="%s"><title>%s</title></path>`, l.Look%looks, path, html.EscapeString(l.Name))
		at := left + i*(width-left-right)/max(1, len(c.Lines))
		fmt.Fprintf(&b, `<path class="line l%d" d="M%d %dh26"/><text x="%d" y="%d">%s</text>`+"\n", l.Look%looks, at, height-10, at+32, height-6, html.EscapeString(l.Name))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (c Chart) label(v int64) string {
	if c.Label == nil {
		return fmt.Sprint(v)
	}
	return c.Label(v)
}

// frame holds all lines and rails, and ends at round values.
func (c Chart) frame() Frame {
	f := Frame{X: left, Y: top, Width: width - left - right, Height: height - top - bottom, To: c.To}
	var all []int64
	for _, r := range c.Rails {
		all = append(all, r.Value)
	}
	for _, l := range c.Lines {
		for _, p := range l.Points {
			all = append(all, p.Value)
		}
	}
	for i, v := range all {
		if i == 0 || v < f.Low {
			f.Low = v
		}
		f.High = max(f.High, v)
	}
	if len(c.Rails) == 0 {
		f.Low = min(0, f.Low) // what isn't held by rails is compared with nothing
	}
	unit := round(f.High - f.Low)
	f.Low = below(f.Low, unit)
	f.High = max(-below(-f.High, unit), f.Low+unit)
	return f
}

// below is the next lower multiple of a unit.
func below(v, unit int64) int64 { return v - (v%unit+unit)%unit }

// round is a round distance between some tics of a length.
func round(length int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, n := range []int64{1, 2, 5} {
			if n*unit*5 >= length {
				return n * unit
			}
		}
	}
}

func tics(low, high int64) (all []int64) {
	for v, unit := low, round(high-low); v <= high && len(all) < mostTics; v += unit {
		all = append(all, v)
	}
	return all
}

// step is the time between two labels.
func step(length time.Duration) time.Duration {
	for _, m := range []time.Duration{1, 2, 5, 10, 15, 30, 60, 120, 360, 720} {
		if length <= mostTics*m*time.Minute {
			return m * time.Minute
		}
	}
	const day = 24 * time.Hour
	return (length/mostTics/day + 1) * day
}

// clock writes a time after the beginning: "0:30", "3 d".
func clock(t time.Duration) string {
	if t >= 48*time.Hour && t%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d d", t/(24*time.Hour))
	}
	return fmt.Sprintf("%d:%02d", t/time.Hour, t%time.Hour/time.Minute)
}
