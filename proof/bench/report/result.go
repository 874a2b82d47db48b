package report

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// The kinds of run, by what their figures are good for.
const (
	Whole = "whole" // full plans and rounds
	Quick = "quick" // smaller plans: times for a whole house mean nothing
	Smoke = "smoke" // shows that the rows run: no figure means anything
)

// Result is one line of the output and one element of the file.
type Result struct {
	Row      string  `json:"row"`
	Mode     string  `json:"mode"` // R1: one nats-server; R3: three
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	Baseline float64 `json:"baseline"` // in the same unit
	Ratio    float64 `json:"ratio"`    // value / baseline

	Against     string    `json:"against"` // the baseline, or empty
	BaselineP50 float64   `json:"baseline_p50_ms"`
	BaselineP99 float64   `json:"baseline_p99_ms"`
	CPU         float64   `json:"cpu_us"` // for one operation, servers and clients; hardly depends on what else the machine does
	BaselineCPU float64   `json:"baseline_cpu_us"`
	Callers     int       `json:"callers"` // in a closed loop, the baseline's too
	Rounds      []Sample  `json:"rounds"`
	BaseRounds  []Sample  `json:"baseline_rounds"`
	OtherCores  float64   `json:"other_cores"` // used by other processes while the row ran
	Note        string    `json:"note"`
	Run         string    `json:"run"` // Whole, Quick or Smoke
	Machine     Machine   `json:"machine"`
	Marks       []Verdict `json:"marks,omitempty"`
}

// Sample is what one round of one side measured.
type Sample struct {
	Rate float64 `json:"rate"` // operations a second, or the row's own figure
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	CPU  float64 `json:"cpu_us"` // of all cores, servers and clients, for one operation
	N    int     `json:"n"`
}

// Machine is what the figures depend on.
type Machine struct {
	Cores     int     `json:"cores"`
	Processor string  `json:"processor"`
	Memory    float64 `json:"memory_gib"`
	FsyncMS   float64 `json:"fsync_ms"`
	Go        string  `json:"go"`
	NATS      string  `json:"nats"`
	Postgres  string  `json:"postgresql"`
	Redis     string  `json:"redis"`
	Load      string  `json:"load_before"` // 1, 5 and 15 minutes
	Version   string  `json:"version"`     // of frontrow: a commit
	Date      string  `json:"date"`
}

// String returns m in one line.
func (m Machine) String() string {
	return fmt.Sprintf("%d cores (%s), %.0f GiB, fsync of 4 KiB %.2f ms, %s, nats-server %s, %s, Redis %s, load before %s; frontrow %s, %s",
		m.Cores, m.Processor, m.Memory, m.FsyncMS, m.Go, m.NATS, m.Postgres, m.Redis, m.Load, m.Version, m.Date)
}

// Fill sets the figures of r from the rounds of ours and of the baseline, which may
// have none.
func (r *Result) Fill(ours, base []Sample) {
	o, t := Middle(ours), Middle(base)
	r.Value, r.P50, r.P99, r.CPU, r.Rounds = o.Rate, o.P50, o.P99, o.CPU, ours
	r.Baseline, r.BaselineP50, r.BaselineP99, r.BaselineCPU, r.BaseRounds = t.Rate, t.P50, t.P99, t.CPU, base
	if r.Ratio = 0; t.Rate > 0 {
		r.Ratio = o.Rate / t.Rate
	}
}

// String returns r in one line.
func (r Result) String() string {
	beside := "nothing"
	if len(r.BaseRounds) > 0 {
		beside = fmt.Sprintf("%s  p50 %s  p99 %s  cpu %.0f  %s | ratio %.3g", Figure(r.Baseline), Figure(r.BaselineP50), Figure(r.BaselineP99), r.BaselineCPU, r.Against, r.Ratio)
	}
	return fmt.Sprintf("%-26s %s %9s %-9s p50 %s ms  p99 %s ms  cpu %.0f us | %s | %d callers, others used %.1f cores",
		r.Row, r.Mode, Figure(r.Value), r.Unit, Figure(r.P50), Figure(r.P99), r.CPU, beside, r.Callers, r.OtherCores)
}

// more reports whether more of the unit is better.
func (r Result) more() bool { return strings.Contains(r.Unit, "/s") }

// Figure returns v with three digits or more, whatever its size.
func Figure(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 1:
		return fmt.Sprintf("%.4f", v)
	case v < 100:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// Middle returns the median of each figure over the rounds.
func Middle(rounds []Sample) Sample {
	of := func(get func(Sample) float64) float64 {
		v := make([]float64, len(rounds))
		for i, s := range rounds {
			v[i] = get(s)
		}
		return Median(v)
	}
	m := Sample{Rate: of(func(s Sample) float64 { return s.Rate }),
		P50: of(func(s Sample) float64 { return s.P50 }), P99: of(func(s Sample) float64 { return s.P99 }), CPU: of(func(s Sample) float64 { return s.CPU })}
	for _, s := range rounds {
		m.N += s.N
	}
	return m
}

// Median returns the median of v, or 0 if there is nothing in it.
func Median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// Write puts the results of a run into a file.
func Write(file string, results []Result) error {
	raw, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(raw, '\n'), 0o644)
}

// Read returns the results in a file.
func Read(file string) (results []Result, err error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &results); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return results, nil
}
