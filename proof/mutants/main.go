package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Bounds of the tests: without a mutant, and with one, which may make them hang.
const (
	healthyLimit = 5 * time.Minute
	spareTime    = 15 * time.Second // beyond twice what they took without
)

func main() {
	only := flag.String("only", "", "run the mutants whose names match this regular expression")
	day := flag.String("day", "", "run the sample of this day (2006-01-02), as CI does")
	verbose := flag.Bool("v", false, "show what the tests print")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	chosen, err := choose(*only, *day)
	ok := false
	if err == nil {
		ok, err = run(ctx, os.Stdout, chosen, *verbose)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// choose is the mutants that match only, of a day's sample or of all.
func choose(only, day string) ([]mutant, error) {
	from := list
	if day != "" {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return nil, err
		}
		from = sample(at)
	}
	pattern, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	var chosen []mutant
	for _, m := range from {
		if pattern.MatchString(m.name) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no mutant's name matches %q", only)
	}
	return chosen, nil
}

// run prints to w and reports whether every one of the chosen was found.
func run(ctx context.Context, w io.Writer, chosen []mutant, verbose bool) (bool, error) {
	dir, err := os.MkdirTemp("", "mutants-*")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	if err := copyModule(ctx, dir); err != nil {
		return false, fmt.Errorf("copy the module: %w", err)
	}
	l := lab{dir: dir, out: io.Discard, limits: map[suite]time.Duration{}}
	if verbose {
		l.out = w
	}
	found := 0
	for _, m := range chosen {
		started := time.Now()
		by, err := l.try(ctx, m)
		switch took := time.Since(started).Seconds(); {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case err != nil:
			fmt.Fprintf(w, "ERROR     %s: %v\n", m.name, err)
		case by == "":
			fmt.Fprintf(w, "SURVIVED  %s (%s of ./%s) in %.1f s\n", m.name, m.tests, m.pkg, took)
		default:
			found++
			fmt.Fprintf(w, "found     %s by %s in %.1f s\n", m.name, by, took)
		}
	}
	fmt.Fprintf(w, "%d of %d mutants found\n", found, len(chosen))
	return found == len(chosen), nil
}

// copyModule copies what git lists, and what it doesn't know yet, to dir.
func copyModule(ctx context.Context, dir string) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return err
	}
	from := strings.TrimSpace(string(root))
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = from
	out, err := list.Output()
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) { // removed, but not yet in git
			continue
		}
		if err != nil {
			return err
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// lab is the copy in which the mutants live and die.
type lab struct {
	dir    string
	out    io.Writer
	limits map[suite]time.Duration // of the tests with a mutant
}

// suite is the tests of a package whose names match a pattern.
type suite struct{ pkg, tests string }

// healthy runs tests without any mutant, once: if they failed, their failure
// with one would tell nothing. It returns how long they may take with one.
func (l lab) healthy(ctx context.Context, s suite) (time.Duration, error) {
	if limit, ok := l.limits[s]; ok {
		return limit, nil
	}
	out, failed := l.test(ctx, s, healthyLimit)
	took := passed.FindStringSubmatch(out)
	if failed || took == nil {
		return 0, fmt.Errorf("without any mutant, %s of ./%s: %s", s.tests, s.pkg, out)
	}
	d, err := time.ParseDuration(took[1])
	if err != nil {
		return 0, err
	}
	l.limits[s] = 2*d + spareTime
	return l.limits[s], nil
}

// try returns the test that found m, or "" if none did.
func (l lab) try(ctx context.Context, m mutant) (by string, err error) {
	s := suite{m.pkg, m.tests}
	limit, err := l.healthy(ctx, s)
	if err != nil {
		return "", err
	}
	undo, err := l.seed(m)
	if err != nil {
		return "", err
	}
	defer func() { err = cmp.Or(undo(), err) }()
	out, failed := l.test(ctx, s, limit)
	if !failed {
		return "", nil
	}
	if by = firstFailure(out); by == "" {
		return "", fmt.Errorf("no test failed:\n%s", out)
	}
	return by, nil
}

// seed makes the mistake, and returns how to undo it.
func (l lab) seed(m mutant) (undo func() error, err error) {
	before := map[string][]byte{}
	undo = func() (err error) {
		for path, data := range before {
			err = errors.Join(err, os.WriteFile(path, data, 0o644))
		}
		return err
	}
	for _, e := range m.edits {
		path := filepath.Join(l.dir, e.file)
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, errors.Join(err, undo())
		}
		if n := bytes.Count(data, []byte(e.old)); n != 1 {
			return nil, errors.Join(fmt.Errorf("no longer applies: %q occurs %d times in %s", e.old, n, e.file), undo())
		}
		if _, ok := before[path]; !ok {
			before[path] = data
		}
		if err := os.WriteFile(path, bytes.Replace(data, []byte(e.old), []byte(e.new), 1), 0o644); err != nil {
			return nil, errors.Join(err, undo())
		}
	}
	return undo, nil
}

func (l lab) test(ctx context.Context, s suite, limit time.Duration) (out string, failed bool) {
	cmd := exec.CommandContext(ctx, "go", "test", "-trimpath", "-vet=off", "-failfast", "-count=1",
		"-timeout", limit.String(), "-run", s.tests, "./"+s.pkg)
	cmd.Dir = l.dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it stops its tests
	cmd.WaitDelay = spareTime
	raw, err := cmd.CombinedOutput()
	_, _ = l.out.Write(raw)
	return string(raw), err != nil
}

var (
	passed  = regexp.MustCompile(`(?m)^ok\s+\S+\s+(\S+s)$`) // not if there were no tests to run
	failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	hanging = regexp.MustCompile(`(?m)^\s*running tests:\n\s*(\S+)`)
)

// firstFailure is the innermost of the first test that failed, or the one that
// hung until its time was over.
func firstFailure(out string) (name string) {
	if m := hanging.FindStringSubmatch(out); m != nil {
		return m[1]
	}
	for _, m := range failure.FindAllStringSubmatch(out, -1) {
		if name == "" || strings.HasPrefix(m[1], name+"/") {
			name = m[1]
		}
	}
	return name
}
