//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"frontrow/inventory/audit"
	"frontrow/rehearse"
)

const (
	auditLimit = 10 * time.Minute // until no order waits any more
	auditEvery = 2 * time.Second
)

type options struct {
	binary                string
	dir                   string
	fans, seats, rate     int
	bots, sockets         float64
	ramp, think, limit    time.Duration
	seed                  uint64
	killEvery, stepDown   time.Duration
	kinds                 []string
	down, full, mostQuiet time.Duration
	disk                  int // MB
	report                string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if len(os.Args) > 1 && slices.Contains([]string{roleNATS, rolePostgres, rolePayments}, os.Args[1]) {
		err = role(ctx, os.Args[1], os.Args[2:])
	} else {
		err = endure(ctx, os.Args[1:])
	}
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "endurance:", err)
		os.Exit(1)
	}
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("endurance", flag.ContinueOnError)
	f.StringVar(&o.binary, "frontrow", ".bin/frontrow", "the program")
	f.StringVar(&o.dir, "dir", "", "for data and logs; empty: a temporary one, removed if all went well")
	f.IntVar(&o.fans, "fans", 50_000, "who want tickets")
	f.IntVar(&o.seats, "seats", 20_000, "of the event")
	f.IntVar(&o.rate, "rate", 0, "fans called in a minute; 0: an eighth of the seats")
	f.Float64Var(&o.bots, "bots", 0.005, "bots for each fan")
	f.Float64Var(&o.sockets, "sockets", 0.02, "share of the fans with a live socket")
	f.DurationVar(&o.ramp, "ramp", 3*time.Minute, "within which all fans arrive")
	f.DurationVar(&o.think, "think", 5*time.Second, "mean time to think about seats")
	f.DurationVar(&o.limit, "for", time.Hour, "end after this, sold out or not")
	f.Uint64Var(&o.seed, "seed", 1, "of the fans' decisions")
	f.DurationVar(&o.killEvery, "kill-every", 20*time.Second, "kill the next component; 0: never")
	only := f.String("only", strings.Join(kinds(), ","), "kinds of components to kill, in this order")
	f.DurationVar(&o.stepDown, "step-down-every", 0, "make the leader of the seats' stream step down; 0: never")
	f.DurationVar(&o.down, "postgres-down", 0, "stop PostgreSQL for so long in mid-sale")
	f.DurationVar(&o.full, "postgres-full", 0, "leave no room on PostgreSQL's disk for so long in mid-sale")
	f.IntVar(&o.disk, "postgres-disk", 1024, "MB of the disk that -postgres-full fills; in memory")
	f.DurationVar(&o.mostQuiet, "most-silent", 30*time.Second, "longest time in which nobody may be able to join, to redeem or to hold, though some try")
	f.StringVar(&o.report, "report", "", "file for the rehearsal's report in JSON")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	for _, k := range strings.Split(*only, ",") {
		if !slices.Contains(kinds(), k) {
			return o, fmt.Errorf("-only %s: there are %s", k, strings.Join(kinds(), ", "))
		}
		o.kinds = append(o.kinds, k)
	}
	if o.rate == 0 {
		o.rate = max(o.seats/8, 60)
	}
	if o.full == 0 {
		o.disk = 0
	}
	return o, nil
}

func endure(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir := o.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "endurance-*"); err != nil {
			return err
		}
		defer func() {
			if err == nil {
				err = os.RemoveAll(dir)
			}
		}()
	}
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755)); err != nil { // PostgreSQL's own user must reach it
		return err
	}
	line := newTimeline(os.Stdout, o.seats)
	line.say("%d fans, %d seats; logs in %s", o.fans, o.seats, filepath.Join(dir, "log"))
	s, err := put(ctx, o, dir, line.say)
	if err != nil {
		return err
	}
	defer s.stop()
	line.say("everything is up")
	report, faulty := play(ctx, o, s, line)
	if report == nil {
		return faulty
	}
	report.Write(os.Stdout)
	if err := s.allReady(ctx); err != nil {
		return errors.Join(faulty, err)
	}
	found, err := s.audit(ctx)
	if err != nil {
		return errors.Join(faulty, err)
	}
	return errors.Join(faulty, verdict(o, line, report, found))
}

// play rehearses while the faults happen.
func play(ctx context.Context, o options, s *stage, line *timeline) (*rehearse.Report, error) {
	f, err := newFaults(s, line)
	if err != nil {
		return nil, err
	}
	defer f.js.Conn().Close()
	selling, soldOut := context.WithCancel(ctx)
	defer soldOut()
	var going sync.WaitGroup
	var mu sync.Mutex
	var broken error
	once := func(o outage, seats int) {
		if o.lasts > 0 {
			going.Go(func() {
				if err := f.during(selling, o, seats); err != nil {
					mu.Lock()
					defer mu.Unlock()
					broken = errors.Join(broken, err)
				}
			})
		}
	}
	once(outage{what: "PostgreSQL is stopped", begin: sayStop, end: sayStart, lasts: o.down}, o.seats)
	once(outage{what: "PostgreSQL's disk is full", begin: sayFill, end: sayFree, lasts: o.full}, o.seats)
	if o.killEvery > 0 {
		going.Go(func() { f.killEvery(selling, o.killEvery, o.kinds) })
	}
	if o.stepDown > 0 {
		going.Go(func() { f.stepDownEvery(selling, o.stepDown) })
	}
	c := rehearse.Config{URL: s.balancer.url(), Event: event, Fans: o.fans, Bots: o.bots, Ramp: o.ramp, Seed: o.seed, Think: o.think,
		Shares: rehearse.DefaultShares(), Progress: func(p rehearse.Progress) {
			line.progress(p)
			if p.State == "sold_out" {
				soldOut()
			}
		}}
	c.Shares.Sockets = o.sockets
	playing, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	report, err := rehearse.Run(playing, c)
	soldOut()
	going.Wait()
	line.summary()
	line.say("killed: %v", f.kills)
	return report, errors.Join(err, broken)
}

// audit runs frontrow audit until no order waits any more.
func (s *stage) audit(ctx context.Context) (a audit.Report, err error) {
	ctx, cancel := context.WithTimeout(ctx, auditLimit)
	defer cancel()
	for {
		cmd := exec.CommandContext(ctx, s.binary, "audit", event)
		cmd.Env = s.env
		out, runErr := cmd.Output() // status 1 is a broken invariant, which the report tells
		a = audit.Report{}
		if err := json.Unmarshal(out, &a); err != nil {
			return a, fmt.Errorf("audit: %w", errors.Join(runErr, err))
		}
		if a.Waits == 0 && a.Ledger.Undone == 0 || !pause(ctx, auditEvery) {
			return a, nil
		}
	}
}

// verdict is what is wrong in the end; nil: nothing.
func verdict(o options, line *timeline, r *rehearse.Report, a audit.Report) error {
	r.Audit = a
	fmt.Printf("\naudit: ok %v, %d sold, %d held, %d free, %d orders waiting\n", a.OK, a.Stock.Sold, a.Stock.Held, a.Stock.Free, a.Waits)
	var wrong []error
	fails := func(is bool, format string, args ...any) {
		if is {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	if o.report != "" {
		raw, err := json.MarshalIndent(r, "", "  ")
		if err == nil {
			err = os.WriteFile(o.report, raw, 0o644)
		}
		fails(err != nil, "report: %w", err)
	}
	fails(!r.OK, "fans were told what can't be true")
	for _, c := range a.Checks {
		fails(c.Broken > 0, "audit: %s %s: %d broken, such as %v", c.Invariant, c.Rule, c.Broken, c.Samples)
	}
	fails(a.Waits > 0 || a.Ledger.Undone > 0, "%d orders still wait, and %d tasks of the outbox", a.Waits, a.Ledger.Undone)
	fails(a.Stock.Sold != o.seats, "%d of %d seats are sold", a.Stock.Sold, o.seats)
	fails(a.Stock.Sold != r.Seats, "%d seats are sold, fans have %d", a.Stock.Sold, r.Seats)
	for step, s := range line.worst {
		fails(s.length() > o.mostQuiet, "nobody could %s for %s", step, s.length().Round(time.Second))
	}
	return errors.Join(wrong...)
}
