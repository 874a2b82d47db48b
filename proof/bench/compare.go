package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"

	"frontrow/proof/bench/report"
)

// side is ours or a baseline. prepare readies a round, which is not measured,
// and returns the operation and how often it can be done.
type side struct {
	name    string // of a baseline, what results say that it is
	prepare func(ctx context.Context, round int) (do operation, ops int, err error)
	callers int                         // 0: as many as of the others
	after   func(context.Context) error // see load
}

// compare lets ours and the baselines take turns and reports ours beside each.
func (b *bench) compare(ctx context.Context, r report.Result, ours side, bases ...side) error {
	sides := append([]side{ours}, bases...)
	rounds, err := b.alternate(ctx, b.rounds, load{callers: r.Callers, limit: b.limit}, sides...)
	if err == nil {
		b.report(r, rounds, bases...)
	}
	return err
}

// alternate lets the sides take turns and returns the rounds of each; the first side is
// ours.
func (b *bench) alternate(ctx context.Context, times int, l load, sides ...side) ([][]report.Sample, error) {
	b.meter = startMeter()
	rounds := make([][]report.Sample, len(sides))
	for round := range times {
		for k, s := range sides {
			do, ops, err := s.prepare(ctx, round)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			runtime.GC() // the other side's garbage is not this one's
			done := func() {}
			if k == 0 {
				if done, err = b.startProfile(l.callers, round); err != nil {
					return nil, err
				}
			}
			sample, err := b.drive(ctx, load{callers: cmp.Or(s.callers, l.callers), limit: l.limit, ops: ops, after: s.after}, do)
			done()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			rounds[k] = append(rounds[k], sample)
		}
	}
	return rounds, nil
}

func (b *bench) startProfile(callers, round int) (stop func(), err error) {
	if b.profile == "" {
		return func() {}, nil
	}
	name := fmt.Sprintf("%s-R%d-%d-%d.pprof", strings.ReplaceAll(b.row, " ", "-"), b.replicas, callers, round)
	f, err := os.Create(filepath.Join(b.profile, name))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}

// report adds r, filled from the rounds of ours and of each baseline, and prints it.
func (b *bench) report(r report.Result, rounds [][]report.Sample, bases ...side) {
	if r.Row == "" {
		r.Row = b.row
	}
	if r.Mode == "" {
		r.Mode = fmt.Sprint("R", b.replicas)
	}
	r.Run, r.OtherCores, r.Machine = b.kind, b.meter.others(), b.machine
	add := func(base []report.Sample) {
		r.Fill(rounds[0], base)
		b.results = append(b.results, r)
		fmt.Println(r)
	}
	for i, s := range bases {
		r.Against = s.name
		add(rounds[i+1])
	}
	if len(bases) == 0 {
		add(nil)
	}
}

// once is the rounds of something that is measured once.
func once(s report.Sample) []report.Sample { return []report.Sample{s} }
