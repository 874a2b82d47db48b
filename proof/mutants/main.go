package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
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
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "mutants-*")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	l := lab{root: strings.TrimSpace(string(root)), dir: dir, out: io.Discard, limits: map[suite]time.Duration{}}
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

// lab is where mutants live and die: the module at root, with files of dir in place of some.
type lab struct {
	root, dir string
	out       io.Writer
	limits    map[suite]time.Duration // of the tests with a mutant
}

// suite is the tests of a package whose names match a pattern.
type suite struct{ pkg, tests string }

// healthy runs tests without any mutant, once: if they failed, their failure
// with one would tell nothing. It returns how long they may take with one.
func (l lab) healthy(ctx context.Context, s suite) (time.Duration, error) {
	if limit, ok := l.limits[s]; ok {
		return limit, nil
	}
	out, failed := l.test(ctx, s, healthyLimit, "")
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
	overlay, err := l.seed(m)
	if err != nil {
		return "", err
	}
	before := l.failures(s)
	out, failed := l.test(ctx, s, limit, "-overlay="+overlay)
	for _, f := range l.failures(s) {
		if !slices.Contains(before, f) { // of the mutant: our own tests must not play it again
			err = errors.Join(err, os.Remove(f))
		}
	}
	if err != nil {
		return "", err
	}
	if !failed {
		return "", nil
	}
	if by = firstFailure(out); by == "" {
		return "", fmt.Errorf("no test failed:\n%s", out)
	}
	return by, nil
}

// failures are the files in which rapid keeps draws that failed.
func (l lab) failures(s suite) []string {
	files, _ := filepath.Glob(filepath.Join(l.root, s.pkg, "testdata", "rapid", "*", "*")) // the pattern is well-formed
	return files
}

// seed writes the files that have the mistake, and returns the file that tells go build of
// them (its flag -overlay).
func (l lab) seed(m mutant) (overlay string, err error) {
	instead := map[string]string{}
	for _, e := range m.edits {
		path := filepath.Join(l.root, e.file)
		to, again := instead[path]
		if !again {
			to = filepath.Join(l.dir, fmt.Sprint(len(instead), "-", filepath.Base(path)))
			instead[path] = to
		} else {
			path = to
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		if n := bytes.Count(data, []byte(e.old)); n != 1 {
			return "", fmt.Errorf("no longer applies: %q occurs %d times in %s", e.old, n, e.file)
		}
		if err := os.WriteFile(to, bytes.Replace(data, []byte(e.old), []byte(e.new), 1), 0o644); err != nil {
			return "", err
		}
	}
	raw, err := json.Marshal(map[string]any{"Replace": instead})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(l.dir, "overlay.json")
	return overlay, os.WriteFile(overlay, raw, 0o644)
}

// test runs s with flags that also hold for what its tests build themselves.
func (l lab) test(ctx context.Context, s suite, limit time.Duration, flags string) (out string, failed bool) {
	cmd := exec.CommandContext(ctx, "go", "test", "-vet=off", "-failfast", "-count=1",
		"-timeout", limit.String(), "-run", s.tests, "./"+s.pkg)
	cmd.Dir, cmd.Env = l.root, append(os.Environ(), strings.TrimSpace("GOFLAGS="+os.Getenv("GOFLAGS")+" "+flags))
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
