package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"frontrow/eventfile"
	"frontrow/plan"
	"frontrow/pricing/simulate"
	"frontrow/pricing/simulate/report"
	"frontrow/wire"
)

type pricingSimulateCmd struct {
	File       []string      `short:"f" required:"" sep:"none" placeholder:"FILE" help:"Event file with rules (may be repeated: the same crowd comes to each)."`
	Curve      string        `xor:"crowd" required:"" placeholder:"FILE" help:"Past sale, as \"frontrow pricing export\" writes it: whoever bought then comes again."`
	Synthetic  string        `xor:"crowd" required:"" placeholder:"KIND" help:"Invented crowd: hot, warm or cold."`
	Elasticity elasticity    `default:"1" placeholder:"N" help:"By how many percent fewer would have bought a percent dearer, with --curve: 0.1 to 10."`
	For        time.Duration `default:"2h" placeholder:"TIME" help:"Time within which a synthetic crowd comes."`
	Seed       uint64        `default:"1" placeholder:"N" help:"Seed of the crowd: the same gives the same sale."`
	Out        string        `short:"o" default:"simulation" placeholder:"NAME" help:"Name of the report, without .html and .csv."`
	SVG        string        `name:"svg" placeholder:"DIR" help:"Folder for the charts, each as a file of its own."`
}

func (*pricingSimulateCmd) Help() string {
	return `It plays a sale against the rules of event files, with the engine that moves prices in production, and writes one HTML
document (prices with their rails, sold, revenue, queue, who paid more than at the opening, every change with its reason) and
the same as CSV. Several files are compared side by side. It needs no server; "go doc ./pricing/simulate" says how fans decide.`
}

// elasticity is a decimal of two digits at most, times a hundred.
type elasticity simulate.Elasticity

func (e *elasticity) UnmarshalText(text []byte) error {
	whole, part, _ := strings.Cut(string(text), ".")
	n, err := strconv.ParseUint(whole+(part + "00")[:2], 10, 16)
	if *e = elasticity(n); err != nil || len(part) > 2 || simulate.Elasticity(n) < simulate.MinElasticity || simulate.Elasticity(n) > simulate.MaxElasticity {
		return fmt.Errorf("%q: write a number from 0.1 to 10, like 1.5", text)
	}
	return nil
}

func (s *pricingSimulateCmd) Run(ctx context.Context, c terminal) error {
	played, levels, err := s.rules(c)
	if err != nil {
		return err
	}
	crowd, err := s.crowd(levels, played[0].Spec.Limits.PerFan)
	if err != nil {
		return err
	}
	r := report.Report{Crowd: &crowd}
	for i, cfg := range played {
		cfg.Crowd, cfg.Progress = &crowd, c.progress(cfg.Name, i, len(played))
		result, err := simulate.Run(ctx, cfg)
		if err != nil {
			return err
		}
		r.Results, r.Rules = append(r.Results, result), append(r.Rules, eventfile.Explain(cfg.Spec))
	}
	if err := s.write(r); err != nil {
		return err
	}
	if err := r.Text(c.stdout); err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "%s.html and %s.csv have all of it.\n", s.Out, s.Out)
	if slices.ContainsFunc(r.Results, func(r simulate.Result) bool { return len(r.Wrong) > 0 }) {
		return errPrices
	}
	return nil
}

// rules reads the event files, and the levels that all of them must have.
func (s *pricingSimulateCmd) rules(c terminal) (played []simulate.Config, levels []simulate.Level, err error) {
	names := map[string]int{}
	for i, file := range s.File {
		f, err := c.readEvent(file)
		if err != nil {
			return nil, nil, err
		}
		spec := f.Spec.WithDefaults()
		is := levelsOf(spec, f.plan)
		if i == 0 {
			levels = is
		}
		if first := played; i > 0 && (spec.Currency != first[0].Spec.Currency || !slices.EqualFunc(is, levels, func(a, b simulate.Level) bool { return a.ID == b.ID && a.Places == b.Places })) {
			return nil, nil, fmt.Errorf("%s: its levels, places or currency are not those of %s, so no crowd wants the same of both", file, s.File[0])
		}
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		if names[name]++; names[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, names[name])
		}
		played = append(played, simulate.Config{Name: name, Spec: spec})
	}
	return played, levels, nil
}

// levelsOf counts the places of each level.
func levelsOf(spec wire.Spec, p *plan.Plan) (levels []simulate.Level) {
	for _, l := range spec.Levels {
		levels = append(levels, simulate.Level{ID: l.ID, Opening: spec.Opening(l).Total})
	}
	of, x := spec.LevelIndex(), plan.NewIndex(p)
	for i := range x.Len() {
		ref := x.Seat(i)
		if level, ok := of.Of(ref.Category, ref.SectionID); ok {
			levels[level].Places++
		}
	}
	return levels
}

func (s *pricingSimulateCmd) crowd(levels []simulate.Level, perFan int) (simulate.Crowd, error) {
	if s.Curve != "" {
		past, err := readCurve(s.Curve)
		if err != nil {
			return simulate.Crowd{}, err
		}
		return simulate.Recorded(past, levels, simulate.Elasticity(s.Elasticity), s.Seed)
	}
	kind, err := simulate.KindOf(s.Synthetic)
	if err != nil {
		return simulate.Crowd{}, usageError{fmt.Errorf("--synthetic: %w", err)}
	}
	if s.For < time.Minute || s.For > simulate.MaxLength {
		return simulate.Crowd{}, usageError{fmt.Errorf("--for %v: write a time from 1m to %v", s.For, simulate.MaxLength)}
	}
	return simulate.Synthetic(kind, levels, perFan, s.For, s.Seed), nil
}

// write writes the report's files.
func (s *pricingSimulateCmd) write(r report.Report) error {
	for ending, write := range map[string]func(io.Writer) error{".html": r.HTML, ".csv": r.CSV} {
		var text bytes.Buffer
		if err := write(&text); err != nil {
			return err
		}
		if err := os.WriteFile(s.Out+ending, text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if s.SVG == "" {
		return nil
	}
	if err := os.MkdirAll(s.SVG, 0o755); err != nil {
		return err
	}
	for _, d := range r.Drawings() {
		if err := os.WriteFile(filepath.Join(s.SVG, d.Name+".svg"), []byte(d.SVG(true)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// progress returns what shows on a terminal how far the nth of some sales is; nil if nobody
// looks.
func (c terminal) progress(name string, n, of int) func(done, all int) {
	f, ok := c.stderr.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	const width = 40
	shown := -1
	return func(done, all int) {
		full := width * done / max(1, all)
		if full != shown {
			shown = full
			fmt.Fprintf(c.stderr, "\r[%s%s] %3d %%  %d of %d: %s", strings.Repeat("#", full), strings.Repeat(".", width-full), 100*done/max(1, all), n+1, of, name)
		}
		if done == all {
			fmt.Fprintln(c.stderr)
		}
	}
}
