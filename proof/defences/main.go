//go:build linux

// Command defences shows what the defences are worth: it sells one event to the
// same fans and bots once for each setting of them, and prints a table of what
// the bots got, and of what honest fans were put to.
//
//	go build -o .bin/frontrow ./cmd/frontrow && go run ./proof/defences [flags]      (make defences)
//
//	for each setting:   frontrow dev --defences …     with a fresh data directory
//	                    a rehearsal (in this process) until it is sold out
//	                    frontrow audit
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
	"path/filepath"
	"slices"
	"strings"
	"time"

	"frontrow/proof/harness"
	"frontrow/rehearse"
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
	harness.Sale
	botPlaces float64
	settings  []setting
}

func main() { harness.Main("defences", compare) }

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("defences", flag.ContinueOnError)
	o.Fans, o.Limit = 70_000, 30*time.Minute
	o.Flags(f)
	f.Float64Var(&o.botPlaces, "bot-places", 0.3, "the share that bots want of all places")
	var known []string
	for _, s := range settings() {
		known = append(known, s.name)
	}
	only := f.String("only", strings.Join(known, ","), "the settings to compare")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	names, err := harness.Names("only", *only, known)
	for _, name := range names {
		o.settings = append(o.settings, settings()[slices.Index(known, name)])
	}
	return o, errors.Join(err, o.MakeDir("defences"))
}

func compare(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	fmt.Printf("%d fans, and bots for %.0f %% of all places; reports and logs in %s\n", o.Fans, 100*o.botPlaces, o.Dir)
	var rows []string
	var wrong []error
	for _, s := range o.settings {
		fmt.Printf("%s …\n", s.name)
		r, err := s.play(ctx, o, filepath.Join(o.Dir, s.name))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", s.name, err))
		}
		if r != nil {
			rows = append(rows, s.row(r, err == nil))
		}
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

func (s setting) row(r *rehearse.Report, clean bool) string {
	order, verdict := "arrival", "hold, clean"
	if s.draw {
		order = "draw"
	}
	if !clean {
		verdict = "BROKEN"
	}
	bots, visitors := hindered(r)
	fans := r.Fans.Hindered
	return fmt.Sprintf("| %s | %s | %.1f %%, %.1f %% | %.1f %% | %d / %d / %d (%d) / %d of %d | %d of %d | %.1f / %.1f s | %s | %s |", s.defences, order,
		100*r.PlacesBots, 100*ahead(r), 100*r.ShareBots, bots.Limited, bots.Challenged, bots.GaveUp, bots.Unsolved, bots.Slow, visitors,
		fans.Visitors, r.Fans.Visitors, fans.Delay.P50/1000, fans.Delay.P99/1000, r.Took, verdict)
}
