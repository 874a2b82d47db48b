package chart

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPaths(t *testing.T) {
	t.Parallel()
	f := Frame{X: 10, Y: 20, Width: 100, Height: 50, To: 10 * time.Second, Low: 0, High: 100}
	points := []Point{{0, 0}, {5 * time.Second, 50}, {8 * time.Second, 200}, {10 * time.Second, -7}}
	for want, got := range map[string]string{
		"M10.0 70.0H60.0V45.0H90.0V20.0H110.0V70.0H110": f.Steps(points),
		"M10.0 70.0L60.0 45.0L90.0 20.0L110.0 70.0":     f.Line(points),
		"M10.0 70.0L60.0 45.0":                          f.Line([]Point{{0, 0}, {time.Second, 10}, {2 * time.Second, 20}, {5 * time.Second, 50}}),
		"M10.0 20.0H110":                                Frame{X: 10, Y: 20, Width: 100, Height: 50}.Steps([]Point{{time.Hour, 9}}),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if f.Steps(nil) != "" || f.Line(nil) != "" {
		t.Error("nothing is drawn as something")
	}
}

// Whatever is drawn is XML, stays inside, and is told in words.
func TestCharts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := Chart{Title: "Price <of> \"A\"", About: "a & b", To: time.Duration(rapid.Int64Range(0, int64(400*24*time.Hour)).Draw(t, "to"))}
		for i := range rapid.IntRange(0, 9).Draw(t, "lines") {
			l := Line{Name: "<i>", Look: i, Steps: rapid.Bool().Draw(t, "steps")}
			for range rapid.IntRange(0, 9).Draw(t, "points") {
				l.Points = append(l.Points, Point{time.Duration(rapid.Int64Range(0, int64(c.To)).Draw(t, "after")), rapid.Int64Range(-1<<53, 1<<53).Draw(t, "value")})
			}
			c.Lines = append(c.Lines, l)
		}
		if rapid.Bool().Draw(t, "rails") {
			c.Rails, c.Label = []Rail{{"floor", 0, 5}, {"ceiling", 1, 500}}, func(v int64) string { return fmt.Sprint("<", v) }
		}
		f := c.frame()
		for _, l := range c.Lines {
			for _, p := range l.Points {
				if p.Value < f.Low || p.Value > f.High {
					t.Fatalf("%d is outside of %d to %d", p.Value, f.Low, f.High)
				}
			}
		}
		svg := c.SVG(rapid.Bool().Draw(t, "alone"))
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") || !strings.Contains(svg, `role="img" aria-label="Price &lt;of&gt; &#34;A&#34;. a &amp; b"`) {
			t.Fatal(svg)
		}
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatalf("%v\n%s", err, svg)
			}
		}
	})
}

// Axes have a few round values.
func TestAxes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		low, high int64
		want      string
	}{{0, 100, "[0 20 40 60 80 100]"}, {0, 0, "[0]"}, {9500, 18_000, "[9500 11500 13500 15500 17500]"}, {0, 773_040_040, "[0 200000000 400000000 600000000]"}} {
		if got := fmt.Sprint(tics(c.low, c.high)); got != c.want {
			t.Errorf("%d to %d: %s", c.low, c.high, got)
		}
	}
	for length, want := range map[time.Duration]string{0: "1m0s", 2 * time.Hour: "15m0s", 90 * time.Minute: "15m0s", 24 * time.Hour: "6h0m0s", 40 * 24 * time.Hour: "144h0m0s"} {
		if got := step(length).String(); got != want {
			t.Errorf("%v: %s, want %s", length, got, want)
		}
	}
	for at, want := range map[time.Duration]string{0: "0:00", 90 * time.Minute: "1:30", 48 * time.Hour: "2 d", 49 * time.Hour: "49:00"} {
		if got := clock(at); got != want {
			t.Errorf("%v: %s, want %s", at, got, want)
		}
	}
}
