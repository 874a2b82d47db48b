package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"
)

// result is one line of the output and one element of the file.
type result struct {
	Row      string  `json:"row"`
	Mode     string  `json:"mode"` // R1: one nats-server; R3: three
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	Baseline float64 `json:"baseline"` // in the same unit
	Ratio    float64 `json:"ratio"`    // value / baseline

	Against     string   `json:"against"`
	BaselineP50 float64  `json:"baseline_p50_ms"`
	BaselineP99 float64  `json:"baseline_p99_ms"`
	CPU         float64  `json:"cpu_us"` // for one operation, servers and clients; hardly depends on what else the machine does
	BaselineCPU float64  `json:"baseline_cpu_us"`
	Callers     int      `json:"callers"` // in a closed loop, the baseline's too
	Rounds      []sample `json:"rounds"`
	BaseRounds  []sample `json:"baseline_rounds"`
	OtherCores  float64  `json:"other_cores"` // used by other processes while the row ran
	Note        string   `json:"note"`
	Machine     machine  `json:"machine"`
}

const (
	smallest  = 200 // seats, for rows that sell none
	unbounded = 1 << 30
)

// alone is a row that runs only when it is asked for: it takes minutes.
const alone = "14 million"

// bench is one run.
type bench struct {
	dir        string
	seats      int // of the plans on sale
	rounds     int
	limit      time.Duration // of a round
	share      int           // of fans, sockets and places one in so many comes
	sweepEvery time.Duration // of the classic job that looks for holds that are over
	profile    string        // directory; empty: none
	row        string        // the one running
	replicas   int           // nats-servers it runs on
	meter      meter
	machine    machine
	results    []result
}

// side is ours or a baseline. prepare readies a round, which is not measured,
// and returns the operation and how often it can be done.
type side struct {
	name    string
	prepare func(ctx context.Context, round int) (do func(context.Context, int) error, ops int, err error)
}

func main() {
	out := flag.String("o", "results.json", "file for the results")
	quick := flag.Bool("quick", false, "short rounds and smaller plans: a few minutes, noisier")
	smoke := flag.Bool("smoke", false, "each row once and as small as it goes: shows that it runs; its figures mean nothing")
	filter := flag.String("row", "", "only rows whose name contains this")
	profile := flag.String("profile", "", "directory for a CPU profile of each of our rounds")
	flag.Parse()
	b := &bench{seats: 80_000, rounds: 3, limit: 3 * time.Second, share: 1, sweepEvery: 30 * time.Second, profile: *profile}
	switch {
	case *smoke:
		b.seats, b.rounds, b.limit, b.share, b.sweepEvery = 2000, 1, 50*time.Millisecond, 50, time.Second
	case *quick:
		b.seats, b.limit = 12_000, 700*time.Millisecond
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if spec := os.Getenv(viewersEnv); spec != "" {
		if err := be(ctx, spec); err != nil {
			fmt.Fprintln(os.Stderr, "viewers:", err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(serverEnv); dir != "" {
		if err := serve(ctx, dir); err != nil {
			fmt.Fprintln(os.Stderr, "nats-server:", err)
			os.Exit(1)
		}
		return
	}
	if err := b.run(ctx, *filter, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, filter, out string) (err error) {
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
	for i, r := range rows() {
		if !strings.Contains(r.name, filter) || r.name == alone && filter != alone {
			continue
		}
		b.row, b.replicas, b.dir = strings.TrimSuffix(r.name, onThree), r.replicas, filepath.Join(root, fmt.Sprint(i))
		if err := os.Mkdir(b.dir, 0o755); err != nil {
			return err
		}
		if err := r.run(ctx, b); err != nil {
			return fmt.Errorf("row %q: %w", r.name, err)
		}
		os.RemoveAll(b.dir)
	}
	return b.save(out)
}

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

func rows() (all []row) {
	for _, r := range []row{
		{"hold of 2", 3, benchHold},
		{"storm", 3, benchStorm},
		{"best available", 1, benchBest},
		{"expiry", 3, benchExpiry},
		{"joins", 3, benchJoins},
		{"join over http", 1, benchJoinHTTP},
		{"purchase", 3, benchPurchase},
		{"purchase with payment", 1, benchPurchasePaid},
		{"sell-out", 3, benchSellOut},
		{"redeem", 3, benchRedeem},
		{"position", 1, benchPosition},
		{alone, 1, benchMillions},
	} {
		all = append(all, row{r.name, 1, r.run})
		if r.replicas > 1 {
			all = append(all, row{r.name + onThree, r.replicas, r.run})
		}
	}
	return all
}

func (b *bench) save(out string) error {
	raw, err := json.MarshalIndent(b.results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(raw, '\n'), 0o644)
}

// alternate lets the sides take turns and returns the rounds of each; the
// first side is ours.
func (b *bench) alternate(ctx context.Context, callers int, sides ...side) ([][]sample, error) {
	b.meter = startMeter()
	rounds := make([][]sample, len(sides))
	for round := range b.rounds {
		for k, s := range sides {
			do, ops, err := s.prepare(ctx, round)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			runtime.GC() // the other side's garbage is not this one's
			done := func() {}
			if k == 0 {
				if done, err = b.startProfile(round); err != nil {
					return nil, err
				}
			}
			sample, err := drive(ctx, load{callers: callers, limit: b.limit, ops: ops}, do)
			done()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			rounds[k] = append(rounds[k], sample)
		}
	}
	return rounds, nil
}

func (b *bench) startProfile(round int) (stop func(), err error) {
	if b.profile == "" {
		return func() {}, nil
	}
	f, err := os.Create(filepath.Join(b.profile, fmt.Sprintf("%s-R%d-%d.pprof", strings.ReplaceAll(b.row, " ", "-"), b.replicas, round)))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}

// report adds r, filled from the rounds of both sides, and prints it.
func (b *bench) report(r result, ours, base []sample, against string) {
	o, t := middle(ours), middle(base) // base may be nothing
	r.Value, r.P50, r.P99, r.CPU, r.Rounds = o.Rate, o.P50, o.P99, o.CPU, ours
	r.Baseline, r.BaselineP50, r.BaselineP99, r.BaselineCPU, r.BaseRounds = t.Rate, t.P50, t.P99, t.CPU, base
	if r.Against = against; t.Rate > 0 {
		r.Ratio = o.Rate / t.Rate
	}
	r.OtherCores, r.Machine = b.meter.others(), b.machine
	b.results = append(b.results, r)
	beside := "nothing"
	if len(base) > 0 {
		beside = fmt.Sprintf("%s  p50 %s  p99 %s  cpu %.0f  %s | ratio %.3g", figure(r.Baseline), figure(r.BaselineP50), figure(r.BaselineP99), r.BaselineCPU, against, r.Ratio)
	}
	fmt.Printf("%-22s %s %9s %-9s p50 %s ms  p99 %s ms  cpu %.0f us | %s | %d callers, others used %.1f cores\n",
		r.Row, r.Mode, figure(r.Value), r.Unit, figure(r.P50), figure(r.P99), r.CPU, beside, r.Callers, r.OtherCores)
}

// figure is three digits or more, whatever the size.
func figure(v float64) string {
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
