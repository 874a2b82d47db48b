//go:build linux

package harness

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"frontrow/inventory/audit"
	"frontrow/rehearse"

	"github.com/goccy/go-yaml"
)

const (
	auditLimit = 10 * time.Minute // until no order waits any more
	auditEvery = 2 * time.Second
)

// Main runs a program until it returns or is told to end, and exits with its status.
func Main(name string, run func(ctx context.Context, args []string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

// Sale is how an event is sold. What Flags finds in it are the defaults.
type Sale struct {
	Binary, Spec, Dir  string
	Fans, Seats        int
	Ramp, Think, Limit time.Duration
	Seed               uint64
}

// Flags defines those that every program has.
func (s *Sale) Flags(f *flag.FlagSet) {
	f.StringVar(&s.Binary, "frontrow", ".bin/frontrow", "the program")
	f.StringVar(&s.Spec, "event", "deploy/demo/rush.yaml", "the event to sell")
	f.StringVar(&s.Dir, "dir", "", "for data, logs and reports; empty: a temporary one")
	f.IntVar(&s.Fans, "fans", s.Fans, "honest ones, who want tickets")
	f.IntVar(&s.Seats, "seats", s.Seats, "of the event, a fifth of them standing; 0: as many as it has")
	f.DurationVar(&s.Ramp, "ramp", 3*time.Minute, "within which all arrive, half of them at once")
	f.DurationVar(&s.Think, "think", 5*time.Second, "mean time to think about seats")
	f.DurationVar(&s.Limit, "for", s.Limit, "end a sale after this, sold out or not")
	f.Uint64Var(&s.Seed, "seed", 1, "of everybody's decisions")
}

// Names splits the list that a flag was given, each of which must be known.
func Names(flag, list string, known []string) ([]string, error) {
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("-%s %s: there are %s", flag, name, strings.Join(known, ", "))
		}
	}
	return names, nil
}

// MakeDir makes the directory, a temporary one if none was named.
func (s *Sale) MakeDir(program string) (err error) {
	if s.Dir == "" {
		if s.Dir, err = os.MkdirTemp("", program+"-*"); err != nil {
			return err
		}
	}
	// PostgreSQL's own user must reach what is in it.
	return errors.Join(os.MkdirAll(s.Dir, 0o755), os.Chmod(s.Dir, 0o755))
}

// WriteEvent writes the event's file as change has it, and returns its id.
func (s *Sale) WriteEvent(to string, change func(spec, admission map[string]any)) (id string, err error) {
	raw, err := os.ReadFile(s.Spec)
	if err != nil {
		return "", err
	}
	var spec map[string]any
	if err := yaml.Unmarshal(raw, &spec); err != nil {
		return "", fmt.Errorf("%s: %w", s.Spec, err)
	}
	id, _ = spec["id"].(string)
	venue, ok := spec["generate"].(map[string]any)
	admission, ok2 := spec["admission"].(map[string]any)
	if id == "" || !ok || !ok2 {
		return "", fmt.Errorf("%s: write id, generate and admission", s.Spec)
	}
	if s.Seats > 0 {
		venue["seats"], venue["standing"] = s.Seats, s.Seats/5
	}
	change(spec, admission)
	if raw, err = yaml.Marshal(spec); err != nil {
		return "", err
	}
	return id, os.WriteFile(to, raw, 0o644)
}

// Rehearse sells the event to the sale's fans, and to what else c says.
func (s *Sale) Rehearse(ctx context.Context, c rehearse.Config) (*rehearse.Report, error) {
	c.Fans, c.Ramp, c.Think, c.Seed = s.Fans, s.Ramp, s.Think, s.Seed
	ctx, cancel := context.WithTimeout(ctx, s.Limit)
	defer cancel()
	return rehearse.Run(ctx, c)
}

// Audit runs frontrow audit in an environment until no order waits any more.
func (s *Sale) Audit(ctx context.Context, env []string, event string) (a audit.Report, err error) {
	ctx, cancel := context.WithTimeout(ctx, auditLimit)
	defer cancel()
	for {
		cmd := exec.CommandContext(ctx, s.Binary, "audit", event)
		cmd.Env, cmd.Stderr = env, os.Stderr
		out, runErr := cmd.Output() // status 1 is a broken invariant, which the report tells
		a = audit.Report{}
		if err := json.Unmarshal(out, &a); err != nil {
			return a, fmt.Errorf("audit: %w", errors.Join(runErr, err))
		}
		if a.Waits == 0 && a.Ledger.Undone == 0 || !Pause(ctx, auditEvery) {
			return a, nil
		}
	}
}

// Judge puts the audit into the report, saves it (if there is a file), and returns what
// is broken.
func Judge(file string, r *rehearse.Report, a audit.Report) error {
	r.Audit = a
	var wrong []error
	if file != "" {
		raw, err := json.MarshalIndent(r, "", "  ")
		if err == nil {
			err = os.WriteFile(file, raw, 0o644)
		}
		wrong = append(wrong, err)
	}
	if !r.OK {
		wrong = append(wrong, errors.New("fans were told what can't be true"))
	}
	for _, c := range a.Checks {
		if c.Broken > 0 {
			wrong = append(wrong, fmt.Errorf("audit: %s %s: %d broken, such as %v", c.Invariant, c.Rule, c.Broken, c.Samples))
		}
	}
	return errors.Join(wrong...)
}
