package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"frontrow/inventory/audit"
	"frontrow/rehearse"

	"github.com/goccy/go-yaml"
)

const (
	readyLimit = 2 * time.Minute
	stopLimit  = 40 * time.Second
	// startTime is what the services take to start, about, before the room fills.
	startTime = 15 * time.Second
)

// finding is the report of a rehearsal, with its audit.
type finding struct {
	rehearse.Report
	Audit audit.Report `json:"audit"`
}

// bots is what the defences did to all bots.
func (f *finding) bots() (all rehearse.Hindered, visitors int) {
	for _, c := range f.Bots {
		h := c.Hindered
		visitors += c.Visitors
		all.Limited, all.Challenged, all.Slow = all.Limited+h.Limited, all.Challenged+h.Challenged, all.Slow+h.Slow
		all.GaveUp, all.Unsolved, all.Proofs = all.GaveUp+h.GaveUp, all.Unsolved+h.Unsolved, all.Proofs+h.Proofs
	}
	return all, visitors
}

// ahead is the bots' share of the places that aren't in the slow lane.
func (f *finding) ahead() float64 {
	slow, _ := f.bots()
	bots := -slow.Slow
	for _, c := range f.Bots {
		bots += c.Places
	}
	return float64(bots) / float64(max(bots+f.Fans.Places-f.Fans.Hindered.Slow, 1))
}

// play sells the event once. What it leaves is in dir.
func (s setting) play(ctx context.Context, o options, dir string) (f finding, err error) {
	if err := os.Mkdir(dir, 0o755); err != nil { // a used one would be sold out
		return f, err
	}
	file := filepath.Join(dir, "event.yaml")
	id, err := s.event(o, file)
	if err != nil {
		return f, err
	}
	logs, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return f, err
	}
	defer logs.Close()
	dev := exec.Command(o.binary, "dev", "--data", filepath.Join(dir, "data"), "--http", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--nats", "127.0.0.1:0",
		"--event", file, "--defences", s.defences)
	dev.Stderr = logs
	at, stop, err := start(ctx, dev)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	report := filepath.Join(dir, "report.json")
	cmd := exec.CommandContext(ctx, o.binary, "rehearse", "--url", at["http"], "--event", id, "--fans", fmt.Sprint(o.fans), "--bot-places", fmt.Sprint(o.botPlaces),
		"--ramp", o.ramp.String(), "--think", o.think.String(), "--seed", fmt.Sprint(o.seed), "--for", o.limit.String(),
		"--audit", "--nats", at["nats"], "--postgres", at["postgres"], "--report", report)
	cmd.Stdout, cmd.Stderr = logs, logs
	ran := cmd.Run() // status 1 is a broken invariant, which the report tells
	raw, err := os.ReadFile(report)
	if err != nil {
		return f, errors.Join(ran, err)
	}
	return f, json.Unmarshal(raw, &f)
}

// event writes the event's file as this setting has it, and returns its id.
func (s setting) event(o options, to string) (id string, err error) {
	raw, err := os.ReadFile(o.event)
	if err != nil {
		return "", err
	}
	var spec map[string]any
	if err := yaml.Unmarshal(raw, &spec); err != nil {
		return "", fmt.Errorf("%s: %w", o.event, err)
	}
	id, _ = spec["id"].(string)
	venue, ok := spec["generate"].(map[string]any)
	admission, ok2 := spec["admission"].(map[string]any)
	if id == "" || !ok || !ok2 {
		return "", fmt.Errorf("%s: write id, generate and admission", o.event)
	}
	if o.seats > 0 {
		venue["seats"], venue["standing"] = o.seats, o.seats/5
	}
	admission["lottery"], spec["opens_at"] = s.draw, time.Now().Add(startTime+o.ramp/2).UTC().Format(time.RFC3339)
	if raw, err = yaml.Marshal(spec); err != nil {
		return "", err
	}
	return id, os.WriteFile(to, raw, 0o644)
}

// start starts frontrow dev, waits for its ready line, and returns where it
// listens, and how it is stopped.
func start(ctx context.Context, dev *exec.Cmd) (at map[string]string, stop func() error, err error) {
	out, err := dev.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := dev.Start(); err != nil {
		return nil, nil, err
	}
	line, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		s, _ := bufio.NewReader(out).ReadString('\n')
		line <- s
		ended <- dev.Wait()
	}()
	stop = func() error {
		_ = dev.Process.Signal(os.Interrupt)
		select {
		case err := <-ended:
			return err
		case <-time.After(stopLimit):
			return errors.Join(errors.New("frontrow dev does not stop"), dev.Process.Kill())
		}
	}
	at = map[string]string{}
	select {
	case s := <-line:
		for _, word := range strings.Fields(s) {
			name, value, _ := strings.Cut(word, "=")
			at[name] = value
		}
	case <-ctx.Done():
	case <-time.After(readyLimit):
	}
	if at["http"] == "" {
		return nil, nil, errors.Join(errors.New("frontrow dev is not ready: its log says why"), stop())
	}
	return at, stop, nil
}
