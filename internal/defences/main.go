// Command defences shows what the defences are worth: it sells one event to the
// same fans and bots once for each setting of them, and prints a table of what
// the bots got, and of what honest fans were put to.
//
//	go build -o .bin/frontrow ./cmd/frontrow && go run ./internal/defences [flags]      (make defences)
//
//	for each setting:   frontrow dev --defences …     with a fresh data directory
//	                    frontrow rehearse --audit     until it is sold out
//	in the end:         a row of each, in Markdown
//
// The room is open before the sale is, as it should be: who comes first stands
// first, or, in the settings with a draw, all who are there by then are called by
// lot.
//
// Exit status 1: something went wrong, or a rehearsal or an audit found a broken
// invariant. That bots got much is a finding, and no error.
//
//	main.go     flags, the settings, the table
//	setting.go  one setting: what is started, what it reports
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
	"syscall"
	"time"
)

// setting is a row of the table.
type setting struct {
	name     string
	defences string // as for frontrow dev
	draw     bool   // who comes before the opening is called by lot
}

// settings: challenges follow from scores, so these two stand and fall together;
// the edge's bounds are for connections, which rehearsals share as a proxy's do.
func settings() []setting {
	return []setting{
		{"off", "off", false},
		{"limits", "limits", false},
		{"risk", "risk,challenges", false},
		{"on", "on", false},
		{"off-draw", "off", true},
		{"on-draw", "on", true},
	}
}

type options struct {
	binary, event, dir string
	fans, seats        int
	botPlaces          float64
	ramp, think, limit time.Duration
	seed               uint64
	settings           []setting
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := compare(ctx, os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "defences:", err)
		os.Exit(1)
	}
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("defences", flag.ContinueOnError)
	f.StringVar(&o.binary, "frontrow", ".bin/frontrow", "the program")
	f.StringVar(&o.event, "event", "deploy/demo/rush.yaml", "the event to sell")
	f.IntVar(&o.seats, "seats", 0, "instead of as many as the event has, a fifth of them standing")
	f.IntVar(&o.fans, "fans", 70_000, "honest ones")
	f.Float64Var(&o.botPlaces, "bot-places", 0.3, "the share that bots want of all places")
	f.DurationVar(&o.ramp, "ramp", 3*time.Minute, "within which all arrive, half of them at once; the sale opens in the middle of it")
	f.DurationVar(&o.think, "think", 5*time.Second, "mean time to think about seats")
	f.DurationVar(&o.limit, "for", 30*time.Minute, "end a sale after this, sold out or not")
	f.Uint64Var(&o.seed, "seed", 1, "of everybody's decisions")
	f.StringVar(&o.dir, "dir", "", "for data, logs and reports; empty: a temporary one, which stays")
	var names []string
	for _, s := range settings() {
		names = append(names, s.name)
	}
	only := f.String("only", strings.Join(names, ","), "the settings to compare")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	for _, name := range strings.Split(*only, ",") {
		at := slices.Index(names, name)
		if at < 0 {
			return o, fmt.Errorf("-only %s: there are %s", name, strings.Join(names, ", "))
		}
		o.settings = append(o.settings, settings()[at])
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "defences-*"); err != nil {
			return o, err
		}
	}
	// PostgreSQL's own user must reach what is in it.
	return o, errors.Join(os.MkdirAll(o.dir, 0o755), os.Chmod(o.dir, 0o755))
}

func compare(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	fmt.Printf("%d fans, and bots for %.0f %% of all places; reports and logs in %s\n", o.fans, 100*o.botPlaces, o.dir)
	var rows []string
	var wrong []error
	for _, s := range o.settings {
		fmt.Printf("%s …\n", s.name)
		f, err := s.play(ctx, o, filepath.Join(o.dir, s.name))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", s.name, err))
			continue
		}
		if !f.OK || !f.Audit.OK {
			wrong = append(wrong, fmt.Errorf("%s: an invariant is broken", s.name))
		}
		rows = append(rows, s.row(f))
	}
	fmt.Println(head)
	for _, r := range rows {
		fmt.Println(r)
	}
	return errors.Join(wrong...)
}

const head = `
| defences | order | bots' places, ahead of the slow lane | bots' seats | bots limited / challenged / gave up (unsolved) / slow lane | fans hindered | their delay p50 / p99 | took | invariants, audit |
|---|---|---|---|---|---|---|---|---|`

func (s setting) row(f finding) string {
	order, verdict := "arrival", "hold, clean"
	if s.draw {
		order = "draw"
	}
	if !f.OK || !f.Audit.OK {
		verdict = "BROKEN"
	}
	bots, visitors := f.bots()
	fans := f.Fans.Hindered
	return fmt.Sprintf("| %s | %s | %.1f %%, %.1f %% | %.1f %% | %d / %d / %d (%d) / %d of %d | %d of %d | %.1f / %.1f s | %s | %s |", s.defences, order,
		100*f.PlacesBots, 100*f.ahead(), 100*f.ShareBots, bots.Limited, bots.Challenged, bots.GaveUp, bots.Unsolved, bots.Slow, visitors,
		fans.Visitors, f.Fans.Visitors, fans.Delay.P50/1000, fans.Delay.P99/1000, f.Took, verdict)
}
