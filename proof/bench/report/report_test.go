package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFill(t *testing.T) {
	var r Result
	r.Fill([]Sample{{Rate: 30, P99: 3}, {Rate: 10, P99: 9}, {Rate: 20, P99: 6}}, []Sample{{Rate: 4}, {Rate: 6}})
	if r.Value != 20 || r.P99 != 6 || r.Baseline != 5 || r.Ratio != 4 {
		t.Errorf("%+v", r)
	}
	if r.Fill([]Sample{{Rate: 7}}, nil); r.Value != 7 || r.Ratio != 0 {
		t.Errorf("without a baseline: %+v", r)
	}
}

func TestJudge(t *testing.T) {
	least := Mark{Figure: Ratio, Mark: 1, Aim: 2}
	most := Mark{Figure: Value, AtMost: true, Mark: 0.5, Aim: 0.25}
	aim := Mark{Figure: P99, AtMost: true, Aim: 25}
	for _, c := range []struct {
		mark            Mark
		result          Result
		reached         bool
		markOff, aimOff float64
	}{
		{least, Result{Ratio: 0.75}, false, 0.25, 0.625},
		{least, Result{Ratio: 1}, true, 0, 0.5},
		{least, Result{Ratio: 2}, true, 0, 0},
		{most, Result{Value: 1}, false, 1, 3},
		{most, Result{Value: 0.5}, true, 0, 1},
		{most, Result{Value: 0.2}, true, 0, 0},
		{aim, Result{P99: 50}, false, 0, 1},
		{aim, Result{P99: 20}, true, 0, 0},
		{least, Result{}, false, 0, 0}, // no baseline
	} {
		v := c.mark.judge(c.result)
		if v.Reached != c.reached || v.MarkOff != c.markOff || v.AimOff != c.aimOff {
			t.Errorf("%+v of %+v: %+v", c.mark, c.result, v)
		}
	}
}

// results are one of each kind of figure.
func results(run string) []Result {
	return []Result{
		{Row: "hold of 2", Mode: "R1", Value: 50, Unit: "holds/s", Baseline: 100, Ratio: 0.5, CPU: 10, P99: 30, Callers: 512, Against: "Redis, AOF always", BaseRounds: []Sample{{}}, Note: "n", Run: run},
		{Row: "expiry", Mode: "R1", Value: 0.3, Unit: "s late", Callers: 1, Note: "m", Run: run},
	}
}

func TestPrintMarks(t *testing.T) {
	var b strings.Builder
	if err := PrintMarks(&b, results(Whole)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"hold of 2 R1 512 × Redis, AOF always 0.5000 ≥ 1 missed by 50 % – ",
		"hold of 2 R1 512 CPU µs 10.00 – ≤ 15 reached ",
		"hold of 2 R1 512 p99 ms 30.00 – ≤ 25 missed by 20 % ",
		"expiry R1 1 s late 0.3000 ≤ 0.5 reached ≤ 0.2 missed by 50 % ",
	} {
		if got := strings.Join(strings.Fields(b.String()), " ") + " "; !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}

// A small house says nothing of the time that a whole one takes; a smoke run of nothing.
func TestMarksOfSmallRuns(t *testing.T) {
	for run, want := range map[string]int{Whole: 4, Quick: 3, Smoke: 0} {
		all, n := results(run), 0
		Judge(all)
		for _, r := range all {
			n += len(r.Marks)
		}
		if n != want {
			t.Errorf("%s: %d verdicts, want %d", run, n, want)
		}
	}
}

func TestPrintTurns(t *testing.T) {
	run := func(rate, cpu float64) []Result {
		return []Result{{Row: "joins", Mode: "R1", Unit: "places/s", Value: rate, CPU: cpu, Against: "Redis"}}
	}
	other := []Result{{Row: "new", Mode: "R1", Unit: "s", Value: 1}}
	turns := []Turn{
		{run(100, 10), append(run(110, 12), other...)},
		{run(100, 10), append(run(120, 9), other...)},
		{run(200, 10), append(run(260, 11), other...)},
	}
	var b strings.Builder
	if err := PrintTurns(&b, turns); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"joins R1 0 places/s 100 120 1.200 1.100 … 1.300 better",
		"joins R1 0 CPU µs 10.00 11.00 1.100 0.900 … 1.200 as before",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if strings.Contains(got, "new") {
		t.Errorf("a row that one build doesn't have is compared:\n%s", b.String())
	}
}

func TestVerdictOfTurns(t *testing.T) {
	three := []float64{10, 10, 10}
	for _, c := range []struct {
		more  bool
		after []float64
		want  string
	}{
		{true, []float64{11, 12, 13}, "better"}, {false, []float64{11, 12, 13}, "worse"},
		{true, []float64{9, 8, 7}, "worse"}, {false, []float64{9, 8, 7}, "better"},
		{true, []float64{11, 9, 12}, "as before"}, {true, three, "as before"},
		{true, []float64{11, 12}, "too few turns"},
	} {
		s := series{more: c.more, before: three[:len(c.after)], after: c.after}
		if got := s.verdict(); got != c.want {
			t.Errorf("%v, more is better %t: %s, want %s", c.after, c.more, got, c.want)
		}
	}
}

func TestRenew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "capacity.md")
	text := "before\n" + beginFigures + "\n" + strings.Repeat("stale\n", 1000) + endFigures + "\nafter\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // once more changes nothing
		if err := Renew(file, results(Quick)); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := string(raw)
	for _, want := range []string{
		"before\n" + beginFigures + "\n", "\n" + endFigures + "\nafter\n", "**A quick run",
		"| hold of 2 | R1 | 512 | 50.00 holds/s | 0 / 30.00 | 10 | Redis, AOF always: 100 holds/s |",
		"| storm | R1 | – |", "not measured", "- expiry, R1: m.\n",
	} {
		if strings.Count(got, want) == 0 {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "stale") || strings.Count(got, beginFigures) != 1 {
		t.Errorf("old figures are left:\n%s", got)
	}
	if err := os.WriteFile(file, []byte("no figures\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Renew(file, results(Whole)); err == nil {
		t.Error("figures are put where nobody has marked a place for them")
	}
}
