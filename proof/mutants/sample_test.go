package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"testing"
	"time"
)

var day = flag.String("day", time.Now().UTC().Format(time.DateOnly), "whose sample of the mutants is run")

// CI runs a few mutants a day; make mutants runs them all.
func TestSampleOfTheDay(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the tests of other packages")
	}
	chosen, err := choose("", *day)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("go run ./proof/mutants -day %s", *day)
	out, w := io.Pipe()
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), sampleLimit)
		defer cancel()
		ok, err := run(ctx, w, chosen, false)
		if err == nil && !ok {
			err = errors.New("a mutant was not found")
		}
		if errors.Is(err, context.DeadlineExceeded) {
			fmt.Fprintln(w, "no time for the others")
			err = nil
		}
		w.CloseWithError(err)
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		t.Log(lines.Text())
	}
	if err := lines.Err(); err != nil {
		t.Error(err)
	}
}

func TestSamplesDiffer(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	seen, in := map[string]bool{}, map[string]int{}
	for i := range 120 {
		at := start.AddDate(0, 0, i)
		chosen := sample(at)
		again := sample(at.Add(23 * time.Hour))
		for k, m := range chosen {
			if seen[m.name] = true; m.name != again[k].name {
				t.Fatalf("%s and %s on the same day", m.name, again[k].name)
			}
		}
	}
	for _, m := range list {
		in[m.pkg]++
	}
	all := 0
	for _, pkg := range quick() {
		if all += in[pkg]; in[pkg] == 0 {
			t.Errorf("%s is quick, and has no mutant", pkg)
		}
	}
	if len(seen) != all {
		t.Errorf("%d of %d quick mutants within 120 days", len(seen), all)
	}
}
