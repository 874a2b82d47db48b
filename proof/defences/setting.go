//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"frontrow/proof/harness"
	"frontrow/rehearse"
)

// startTime is what the services take to start, about, before the room fills.
const startTime = 15 * time.Second

// hindered is what the defences did to all bots, and how many these are.
func hindered(r *rehearse.Report) (all rehearse.Hindered, visitors int) {
	for _, c := range r.Bots {
		h := c.Hindered
		visitors += c.Visitors
		all.Limited, all.Challenged, all.Slow = all.Limited+h.Limited, all.Challenged+h.Challenged, all.Slow+h.Slow
		all.GaveUp, all.Unsolved, all.Proofs = all.GaveUp+h.GaveUp, all.Unsolved+h.Unsolved, all.Proofs+h.Proofs
	}
	return all, visitors
}

// ahead is the bots' share of the places that aren't in the slow lane.
func ahead(r *rehearse.Report) float64 {
	slow, _ := hindered(r)
	bots := -slow.Slow
	for _, c := range r.Bots {
		bots += c.Places
	}
	return float64(bots) / float64(max(bots+r.Fans.Places-r.Fans.Hindered.Slow, 1))
}

// play sells the event once, and returns the report, with what is wrong. What it leaves
// is in dir.
func (s setting) play(ctx context.Context, o options, dir string) (r *rehearse.Report, err error) {
	if err := os.Mkdir(dir, 0o755); err != nil { // a used one would be sold out
		return nil, err
	}
	file := filepath.Join(dir, "event.yaml")
	id, err := s.event(o, file)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	var at map[string]string
	dev := &harness.Process{Name: "frontrow dev", Log: log, Command: func() *exec.Cmd {
		return exec.Command(o.Binary, "dev", "--data", filepath.Join(dir, "data"), "--http", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--nats", "127.0.0.1:0",
			"--event", file, "--defences", s.defences)
	}, Ready: func(context.Context) (err error) {
		at, err = addresses(log.Name())
		return err
	}}
	defer func() { err = errors.Join(err, dev.Stop()) }()
	if err := dev.Start(ctx); err != nil {
		return nil, err
	}
	if r, err = o.Rehearse(ctx, rehearse.Config{URL: at["http"], Event: id, BotPlaces: o.botPlaces, Shares: rehearse.DefaultShares()}); err != nil {
		return nil, err
	}
	r.Write(log)
	found, err := o.Audit(ctx, append(os.Environ(), "FRONTROW_NATS="+at["nats"], "FRONTROW_POSTGRES="+at["postgres"]), id)
	if err != nil {
		return nil, err
	}
	return r, harness.Judge(filepath.Join(dir, "report.json"), r, found)
}

// event writes the event's file as this setting has it, and returns its id.
func (s setting) event(o options, to string) (id string, err error) {
	return o.WriteEvent(to, func(spec, admission map[string]any) {
		admission["lottery"], spec["opens_at"] = s.draw, time.Now().Add(startTime+o.Ramp/2).UTC().Format(time.RFC3339)
	})
}

// addresses are those of frontrow dev's ready line, in its log.
func addresses(log string) (map[string]string, error) {
	raw, err := os.ReadFile(log)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(raw) {
		if words, ready := strings.CutPrefix(string(line), "ready "); ready && strings.HasSuffix(words, "\n") {
			at := map[string]string{}
			for _, word := range strings.Fields(words) {
				name, value, _ := strings.Cut(word, "=")
				at[name] = value
			}
			return at, nil
		}
	}
	return nil, errors.New("no ready line")
}
