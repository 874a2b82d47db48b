//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"frontrow/inventory/audit"
	"frontrow/proof/harness"
	"frontrow/rehearse"
)

type options struct {
	harness.Sale
	rate                  int
	bots, sockets         float64
	killEvery, stepDown   time.Duration
	kinds                 []string
	down, full, mostQuiet time.Duration
	disk                  int // MB
	report                string
}

func main() {
	harness.Main("endurance", func(ctx context.Context, args []string) error {
		if len(args) > 0 && slices.Contains([]string{roleNATS, rolePostgres, rolePayments}, args[0]) {
			return role(ctx, args[0], args[1:])
		}
		return endure(ctx, args)
	})
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("endurance", flag.ContinueOnError)
	o.Fans, o.Seats, o.Limit = 50_000, 20_000, time.Hour
	o.Flags(f)
	f.IntVar(&o.rate, "rate", 0, "fans called in a minute; 0: an eighth of the seats")
	f.Float64Var(&o.bots, "bots", 0.005, "bots for each fan")
	f.Float64Var(&o.sockets, "sockets", 0.02, "share of the fans with a live socket")
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
	o.rate = cmp.Or(o.rate, max(o.Seats/8, 60))
	if o.full == 0 {
		o.disk = 0
	}
	o.kinds, err = harness.Names("only", *only, kinds())
	return o, err
}

func endure(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	temporary := o.Dir == ""
	if err := o.MakeDir("endurance"); err != nil {
		return err
	}
	defer func() {
		if temporary && err == nil {
			err = os.RemoveAll(o.Dir)
		}
	}()
	line := newTimeline(os.Stdout, o.Seats)
	line.say("%d fans, %d seats; logs in %s", o.Fans, o.Seats, filepath.Join(o.Dir, "log"))
	s, err := put(ctx, o, line.say)
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
	found, err := o.Audit(ctx, s.env, event)
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
	once(outage{what: "PostgreSQL is stopped", begin: sayStop, end: sayStart, lasts: o.down}, o.Seats)
	once(outage{what: "PostgreSQL's disk is full", begin: sayFill, end: sayFree, lasts: o.full}, o.Seats)
	if o.killEvery > 0 {
		going.Go(func() { f.killEvery(selling, o.killEvery, o.kinds) })
	}
	if o.stepDown > 0 {
		going.Go(func() { f.stepDownEvery(selling, o.stepDown) })
	}
	c := rehearse.Config{URL: s.balancer.url(), Event: event, Bots: o.bots, Shares: rehearse.DefaultShares(), Progress: func(p rehearse.Progress) {
		line.progress(p)
		if p.State == "sold_out" {
			soldOut()
		}
	}}
	c.Shares.Sockets = o.sockets
	report, err := o.Rehearse(ctx, c)
	soldOut()
	going.Wait()
	line.summary()
	line.say("killed: %v", f.kills)
	return report, errors.Join(err, broken)
}

// verdict is what is wrong in the end; nil: nothing.
func verdict(o options, line *timeline, r *rehearse.Report, a audit.Report) error {
	fmt.Printf("\naudit: ok %v, %d sold, %d held, %d free, %d orders waiting\n", a.OK, a.Stock.Sold, a.Stock.Held, a.Stock.Free, a.Waits)
	wrong := []error{harness.Judge(o.report, r, a)}
	fails := func(is bool, format string, args ...any) {
		if is {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	fails(a.Waits > 0 || a.Ledger.Undone > 0, "%d orders still wait, and %d tasks of the outbox", a.Waits, a.Ledger.Undone)
	fails(a.Stock.Sold != o.Seats, "%d of %d seats are sold", a.Stock.Sold, o.Seats)
	fails(a.Stock.Sold != r.Seats, "%d seats are sold, fans have %d", a.Stock.Sold, r.Seats)
	for step, s := range line.worst {
		fails(s.length() > o.mostQuiet, "nobody could %s for %s", step, s.length().Round(time.Second))
	}
	return errors.Join(wrong...)
}
