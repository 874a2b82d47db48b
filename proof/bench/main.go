package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"frontrow/internal/ops"
	"frontrow/proof/bench/report"
)

const (
	smallest  = 200 // seats, for rows that sell none
	unbounded = 1 << 30
)

// flags of the command line.
type flags struct {
	out, row, profile, pair, doc string
	quick, smoke                 bool
	turns                        int
}

func main() {
	var f flags
	flag.StringVar(&f.out, "o", "results.json", "file for the results")
	flag.StringVar(&f.row, "row", "", "only rows whose name contains this")
	flag.BoolVar(&f.quick, "quick", false, "short rounds and smaller plans: a few minutes, noisier")
	flag.BoolVar(&f.smoke, "smoke", false, "each row once and as small as it goes: shows that it runs; its figures mean nothing")
	flag.StringVar(&f.profile, "profile", "", "directory for a CPU profile of each of our rounds")
	flag.StringVar(&f.pair, "pair", "", "the bench of another build, to run by turns with this one")
	flag.IntVar(&f.turns, "turns", 5, "with -pair: how often each has its turn")
	flag.StringVar(&f.doc, "doc", "", "run nothing: put the figures of -o into this document")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := ops.GrowHeap(); err != nil { // as the services do
		exit(err)
	}
	if child, err := beChild(ctx); child || err != nil {
		exit(err)
	}
	exit(f.run(ctx))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// beChild does what a process that a row has started is for, if this is one.
func beChild(ctx context.Context) (child bool, err error) {
	if spec := os.Getenv(viewersEnv); spec != "" {
		return true, be(ctx, spec)
	}
	if dir := os.Getenv(serverEnv); dir != "" {
		return true, serve(ctx, dir)
	}
	return false, nil
}

func (f flags) run(ctx context.Context) error {
	switch {
	case f.doc != "":
		results, err := report.Read(f.out)
		if err != nil {
			return err
		}
		return report.Renew(f.doc, results)
	case f.pair != "":
		return f.takeTurns(ctx)
	}
	b := f.bench()
	err := b.run(ctx, f.row)
	if len(b.results) == 0 {
		return err // the file keeps what it has
	}
	report.Judge(b.results)
	return errors.Join(err, report.PrintMarks(os.Stdout, b.results), report.Write(f.out, b.results))
}

// bench is one run.
type bench struct {
	kind       string // report.Whole, Quick or Smoke
	seats      int    // of the plans on sale
	rounds     int
	limit      time.Duration // of a round
	rowLimit   time.Duration
	share      int           // of fans, sockets and places one in so many comes
	sweepEvery time.Duration // of the classic job that looks for holds that are over
	profile    string        // directory; empty: none
	machine    report.Machine
	results    []report.Result

	// Of the row that is running.
	row      string
	dir      string
	replicas int // nats-servers it runs on
	meter    meter
	ends     []func()
}

func (f flags) bench() *bench {
	b := &bench{kind: report.Whole, seats: 80_000, rounds: 3, limit: 3 * time.Second, rowLimit: rowLimit, share: 1, sweepEvery: 30 * time.Second, profile: f.profile}
	switch {
	case f.smoke:
		b.kind, b.seats, b.rounds, b.limit, b.rowLimit, b.share, b.sweepEvery = report.Smoke, 600, 1, 50*time.Millisecond, smokeLimit, 50, time.Second
	case f.quick:
		b.kind, b.seats, b.limit = report.Quick, 12_000, 700*time.Millisecond
	}
	return b
}

// run runs the rows whose names contain filter. One that fails doesn't keep the others
// from running.
func (b *bench) run(ctx context.Context, filter string) error {
	root, err := os.MkdirTemp("", "frontrow-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	if err := os.Chmod(root, 0o755); err != nil { // PostgreSQL runs as its own user
		return err
	}
	if b.machine, err = describe(root); err != nil {
		return err
	}
	fmt.Println(b.machine)
	chosen := choose(filter)
	if len(chosen) == 0 {
		return fmt.Errorf("no row's name contains %q", filter)
	}
	var failed []error
	for _, r := range chosen {
		if err := b.runRow(ctx, r, filepath.Join(root, "row")); err != nil {
			fmt.Printf("%-26s R%d failed: %v\n", r.title(), r.replicas, err)
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

// Bounds of a row, which would else wait for ever for what doesn't come.
const (
	rowLimit   = 40 * time.Minute
	smokeLimit = 6 * time.Minute
)

// runRow runs a row in a directory of its own, which must not exist.
func (b *bench) runRow(ctx context.Context, r row, dir string) (err error) {
	// A deadline would be that of each request, too: a cluster without a leader never answers one.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer time.AfterFunc(b.rowLimit, func() { cancel(fmt.Errorf("not done after %v", b.rowLimit)) }).Stop()
	b.row, b.replicas, b.dir = r.title(), r.replicas, dir
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	defer func() {
		for _, end := range slices.Backward(b.ends) {
			end()
		}
		b.ends = nil
	}()
	if err := r.run(ctx, b); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
		return fmt.Errorf("row %q: %w", r.name, err)
	}
	return nil
}

// end has f called when the row has ended, before whatever was asked for earlier.
func (b *bench) end(f func()) { b.ends = append(b.ends, f) }

// few is n, or so much less of it as comes.
func (b *bench) few(n int) int { return n / b.share }

// row is one line of the table, with its baseline.
type row struct {
	name     string
	replicas int // nats-servers
	run      func(context.Context, *bench) error
}

// onThree is how the names of rows end that are run on a cluster.
const onThree = " on three"

// title is how the row is called in the results.
func (r row) title() string { return strings.TrimSuffix(r.name, onThree) }

// alone is a row that runs only when it is asked for: it takes minutes.
const alone = "14 million"

func rows() (all []row) {
	for _, r := range []row{
		{"hold of 2", 3, benchHold},
		{"ceiling", 3, benchCeiling},
		{"storm", 3, benchStorm},
		{"best available", 1, benchBest},
		{"expiry", 3, benchExpiry},
		{"joins", 3, benchJoins},
		{"join over http", 1, benchJoinHTTP},
		{"hold over http", 1, benchHoldHTTP},
		{"purchase", 3, benchPurchase},
		{"purchase with payment", 1, benchPurchasePaid},
		{"sell-out", 3, benchSellOut},
		{"recovery", 3, benchRecovery},
		{"redeem", 3, benchRedeem},
		{"position", 1, benchPosition},
		{"prices", 1, benchPrices},
		{alone, 1, benchMillions},
	} {
		all = append(all, row{r.name, 1, r.run})
		if r.replicas > 1 {
			all = append(all, row{r.name + onThree, r.replicas, r.run})
		}
	}
	return all
}

// choose returns the rows whose names contain filter.
func choose(filter string) []row {
	return slices.DeleteFunc(rows(), func(r row) bool { return !strings.Contains(r.name, filter) || r.name == alone && filter != alone })
}
