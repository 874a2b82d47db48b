package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// What a mark may be about: a figure of a result.
const (
	Ratio = "ratio" // to the baseline
	Value = "value" // in the row's unit
	CPU   = "CPU µs"
	P99   = "p99 ms"
)

// Mark is what a figure of a row must reach, and what it should.
type Mark struct {
	Row, Mode string
	Against   string // is in the name of the baseline; empty: any
	Figure    string // Ratio, Value, CPU or P99
	AtMost    bool   // whether less is better
	Mark, Aim float64
}

// Marks returns all of them. A mark or an aim of 0 is none. Ratios hold on any machine;
// times and CPU are meant for two cores.
func Marks() []Mark {
	const always, none = "AOF always", "without AOF"
	return []Mark{
		{Row: "hold of 2", Mode: "R1", Against: always, Figure: Ratio, Mark: 1},
		{Row: "hold of 2", Mode: "R1", Against: none, Figure: Ratio, Aim: 1},
		{Row: "hold of 2", Mode: "R1", Against: always, Figure: CPU, AtMost: true, Aim: 15},
		{Row: "hold of 2", Mode: "R1", Against: always, Figure: P99, AtMost: true, Aim: 25},
		{Row: "hold of 2", Mode: "R3", Against: always, Figure: Ratio, Mark: 0.7, Aim: 1},
		{Row: "storm", Mode: "R1", Against: always, Figure: Ratio, Mark: 0.7, Aim: 1},
		{Row: "joins", Mode: "R1", Against: always, Figure: Ratio, Mark: 0.5, Aim: 0.8},
		{Row: "join over http", Mode: "R1", Figure: Value, Aim: 40_000},
		{Row: "redeem", Mode: "R1", Figure: CPU, AtMost: true, Mark: 110, Aim: 60},
		{Row: "purchase", Mode: "R1", Figure: Ratio, Mark: 3, Aim: 4},
		{Row: "purchase with payment", Mode: "R1", Figure: Ratio, Mark: 1.5, Aim: 2.5},
		{Row: "sell-out", Mode: "R1", Figure: Ratio, AtMost: true, Mark: 0.5, Aim: 0.33},
		{Row: "expiry", Mode: "R1", Figure: Value, AtMost: true, Mark: 0.5, Aim: 0.2},
		{Row: "recovery", Mode: "R1", Figure: Value, AtMost: true, Mark: 0.4, Aim: 0.2},
		{Row: "recovery after a sell-out", Mode: "R1", Figure: Value, AtMost: true, Mark: 0.4, Aim: 0.2},
		{Row: "frames", Mode: "R1", Figure: Value, Mark: 55_000, Aim: 80_000},
		{Row: "prices", Mode: "-", Figure: Value, AtMost: true, Mark: 100},
		{Row: "prices shown", Mode: "R1", Figure: Value, AtMost: true, Mark: 1},
	}
}

// Verdict is a mark beside what a run has measured.
type Verdict struct {
	Figure  string  `json:"figure"`
	AtMost  bool    `json:"at_most"`
	Is      float64 `json:"is"`
	Mark    float64 `json:"mark,omitempty"`
	Aim     float64 `json:"aim,omitempty"`
	Reached bool    `json:"reached"`          // the mark, or the aim where there is no mark
	MarkOff float64 `json:"mark_off"`         // by what share of the mark it is missed; 0: reached, or none
	AimOff  float64 `json:"aim_off"`          // the same of the aim
	Absent  bool    `json:"absent,omitempty"` // the run did not measure it
}

// Of reports whether m is about r.
func (m Mark) Of(r Result) bool {
	return m.Row == r.Row && m.Mode == r.Mode && strings.Contains(r.Against, m.Against)
}

// counts reports whether a run of this kind says anything about m: a quick one sells a
// smaller house, so that its times are others.
func (m Mark) counts(run string) bool {
	return run == Whole || run == Quick && !(m.Figure == Value && m.AtMost)
}

func (m Mark) judge(r Result) Verdict {
	v := Verdict{Figure: m.Figure, AtMost: m.AtMost, Mark: m.Mark, Aim: m.Aim}
	switch m.Figure {
	case Ratio:
		v.Is = r.Ratio
	case Value:
		v.Is, v.Figure = r.Value, r.Unit
	case CPU:
		v.Is = r.CPU
	case P99:
		v.Is = r.P99
	}
	if v.Is == 0 { // a ratio without a baseline
		v.Absent = true
		return v
	}
	v.MarkOff, v.AimOff = m.off(v.Is, m.Mark), m.off(v.Is, m.Aim)
	v.Reached = v.MarkOff == 0 && (m.Mark > 0 || v.AimOff == 0)
	return v
}

// off returns by what share of want is misses it.
func (m Mark) off(is, want float64) float64 {
	if want == 0 || is == want || (is < want) == m.AtMost {
		return 0
	}
	return max(is-want, want-is) / want
}

// Judge gives each result its verdicts.
func Judge(results []Result) {
	for i := range results {
		r := &results[i]
		r.Marks = nil
		for _, m := range Marks() {
			if m.Of(*r) && m.counts(r.Run) {
				r.Marks = append(r.Marks, m.judge(*r))
			}
		}
	}
}

// line is a verdict and whose it is.
type line struct {
	Result
	Verdict
}

// lines returns the verdicts of judged results in the order of the marks; with all, also
// the marks that no result is about.
func lines(results []Result, all bool) (found []line) {
	for _, m := range Marks() {
		before := len(found)
		for _, r := range results {
			if m.Of(r) && m.counts(r.Run) {
				found = append(found, line{r, m.judge(r)})
			}
		}
		if all && len(found) == before {
			found = append(found, line{Result{Row: m.Row, Mode: m.Mode, Against: m.Against}, Verdict{Figure: m.Figure, AtMost: m.AtMost, Mark: m.Mark, Aim: m.Aim, Absent: true}})
		}
	}
	return found
}

// PrintMarks writes the marks of the rows that were run as a table.
func PrintMarks(out io.Writer, results []Result) error {
	all := lines(results, false)
	if len(all) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nrow\tmode\tcallers\tfigure\tis\tmark\t\taim\t")
	for _, l := range all {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Row, l.Mode, l.Callers, l.what(), Figure(l.Is),
			l.bound(l.Mark), l.standing(l.Mark, l.MarkOff), l.bound(l.Aim), l.standing(l.Aim, l.AimOff))
	}
	return w.Flush()
}

// what names the figure, and of a ratio the baseline.
func (l line) what() string {
	if l.Figure == Ratio {
		return "× " + cmp.Or(l.Against, "the baseline")
	}
	return l.Figure
}

func (v Verdict) bound(want float64) string {
	switch {
	case want == 0:
		return "–"
	case v.AtMost:
		return fmt.Sprintf("≤ %g", want)
	}
	return fmt.Sprintf("≥ %g", want)
}

func (v Verdict) standing(want, off float64) string {
	switch {
	case want == 0:
		return ""
	case v.Absent:
		return "not measured"
	case off == 0:
		return "reached"
	}
	return fmt.Sprintf("missed by %.0f %%", max(1, 100*off))
}
