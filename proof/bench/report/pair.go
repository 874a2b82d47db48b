package report

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Turn is one run of the same rows by each of two builds, as close together as can be.
type Turn struct{ Before, After []Result }

// minTurns is how many turns must agree before that means anything.
const minTurns = 3

// PrintTurns writes how the build after compares with the build before: of each figure
// the medians, the ratio of each turn's pair in the middle and at its ends, and what all
// pairs agree on.
func PrintTurns(out io.Writer, turns []Turn) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nrow\tmode\tcallers\tfigure\tbefore\tafter\tafter / before\tleast … most\t")
	for _, s := range collect(turns) {
		ratios := s.ratios()
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%.3f\t%.3f … %.3f\t%s\n", s.row, s.mode, s.callers, s.figure,
			Figure(Median(s.before)), Figure(Median(s.after)), Median(ratios), slices.Min(ratios), slices.Max(ratios), s.verdict())
	}
	return w.Flush()
}

// key tells the results of a run apart.
type key struct {
	row, mode, against string
	callers            int
}

func (r Result) key() key { return key{r.Row, r.Mode, r.Against, r.Callers} }

// series is one figure of one result over the turns in which both builds have it.
type series struct {
	key
	figure        string
	more          bool // is better
	before, after []float64
}

// collect makes the series of each result, in the order of the first turn.
func collect(turns []Turn) (all []*series) {
	for _, t := range turns {
		for _, after := range t.After {
			i := slices.IndexFunc(t.Before, func(r Result) bool { return r.key() == after.key() })
			if i < 0 {
				continue
			}
			before := t.Before[i]
			all = note(all, after.key(), after.Unit, after.more(), before.Value, after.Value)
			all = note(all, after.key(), CPU, false, before.CPU, after.CPU)
			all = note(all, after.key(), P99, false, before.P99, after.P99)
			all = note(all, after.key(), "× "+after.Against, after.more(), before.Ratio, after.Ratio)
		}
	}
	return all
}

// note adds a turn's figure to its series, unless a build doesn't have it.
func note(all []*series, of key, figure string, more bool, before, after float64) []*series {
	if before == 0 || after == 0 {
		return all
	}
	i := slices.IndexFunc(all, func(s *series) bool { return s.key == of && s.figure == figure })
	if i < 0 {
		i, all = len(all), append(all, &series{key: of, figure: figure, more: more})
	}
	all[i].before, all[i].after = append(all[i].before, before), append(all[i].after, after)
	return all
}

func (s *series) ratios() []float64 {
	ratios := make([]float64, len(s.before))
	for i := range ratios {
		ratios[i] = s.after[i] / s.before[i]
	}
	return ratios
}

// verdict says what all pairs agree on.
func (s *series) verdict() string {
	ratios := s.ratios()
	up, down := slices.Min(ratios) > 1, slices.Max(ratios) < 1
	switch {
	case len(ratios) < minTurns:
		return "too few turns"
	case up && s.more, down && !s.more:
		return "better"
	case up, down:
		return "worse"
	}
	return "as before"
}
