package report

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// The lines between which a document has the figures of a run.
const (
	beginFigures = "<!-- figures: written by make figures, not by hand -->"
	endFigures   = "<!-- end of figures -->"
)

// Renew replaces the figures in a document by those of a run.
func Renew(document string, results []Result) error {
	old, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	head, rest, begins := bytes.Cut(old, []byte(beginFigures+"\n"))
	_, tail, ends := bytes.Cut(rest, []byte(endFigures+"\n"))
	if !begins || !ends {
		return fmt.Errorf("%s: want a line %q and after it a line %q", document, beginFigures, endFigures)
	}
	figures, err := Figures(results)
	if err != nil {
		return err
	}
	renewed := slices.Concat(head, []byte(beginFigures+"\n"+figures+endFigures+"\n"), tail)
	return os.WriteFile(document, renewed, 0o644)
}

// Figures returns the results of one run in Markdown: where and when it ran, the rows, and
// the marks.
func Figures(results []Result) (string, error) {
	if len(results) == 0 {
		return "", errors.New("no results")
	}
	var b strings.Builder
	r := results[0]
	fmt.Fprintf(&b, "\nMachine: %v.\n", r.Machine)
	if r.Run != Whole {
		fmt.Fprintf(&b, "**A %s run: its figures are not those of a whole house.**\n", r.Run)
	}
	b.WriteString("\n| row | mode | callers | ours | p50 / p99 ms | CPU µs | baseline | its p50 / p99 ms | its CPU µs | ours : baseline | other cores busy |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		base := "– | | | |"
		if len(r.BaseRounds) > 0 {
			base = fmt.Sprintf("%s: %s %s | %s | %s | %.3g |", cell(r.Against), Figure(r.Baseline), r.Unit, latency(r.BaselineP50, r.BaselineP99), micros(r.BaselineCPU), r.Ratio)
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %s %s | %s | %s | %s %.1f |\n", cell(r.Row), r.Mode, r.Callers, Figure(r.Value), r.Unit, latency(r.P50, r.P99), micros(r.CPU), base, r.OtherCores)
	}
	b.WriteString("\n| mark for | mode | callers | figure | is | mark | | aim | |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, l := range lines(results, true) {
		is, callers := "–", "–"
		if !l.Absent {
			is, callers = Figure(l.Is), fmt.Sprint(l.Callers)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", cell(l.Row), l.Mode, callers, cell(l.what()), is,
			l.bound(l.Mark), l.standing(l.Mark, l.MarkOff), l.bound(l.Aim), l.standing(l.Aim, l.AimOff))
	}
	b.WriteString("\nWhat each row did:\n\n")
	for i, r := range results {
		if i == 0 || r.Note != results[i-1].Note {
			fmt.Fprintf(&b, "- %s, %s: %s.\n", r.Row, r.Mode, strings.TrimSuffix(r.Note, "."))
		}
	}
	b.WriteByte('\n')
	return b.String(), nil
}

// cell is text that doesn't end its column.
func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

// latency is empty for a row that has none.
func latency(p50, p99 float64) string {
	if p99 == 0 {
		return ""
	}
	return Figure(p50) + " / " + Figure(p99)
}

func micros(v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f", v)
}
