package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"frontrow/proof/bench/report"
)

// takeTurns runs the chosen rows of another build and of this one by turns, one row after
// the other, so that what is compared was measured in the same minutes.
func (f flags) takeTurns(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "frontrow-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	turns := make([]report.Turn, f.turns)
	for _, row := range filters(choose(f.row)) {
		for i := range turns {
			for _, build := range []struct {
				program string
				results *[]report.Result
			}{{f.pair, &turns[i].Before}, {self, &turns[i].After}} {
				fmt.Printf("turn %d of %d: %s -row %q\n", i+1, f.turns, build.program, row)
				found, err := f.runOther(ctx, build.program, row, filepath.Join(dir, "results.json"))
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil { // the rows that it has are compared
					fmt.Fprintf(os.Stderr, "%s: %v\n", build.program, err)
				}
				*build.results = append(*build.results, found...)
			}
		}
	}
	return report.PrintTurns(os.Stdout, turns)
}

// filters returns as few values of -row as choose all rows, none of which contains another:
// "hold of 2" also chooses "hold of 2 on three".
func filters(rows []row) (names []string) {
	for _, r := range rows {
		if !slices.ContainsFunc(rows, func(o row) bool { return o.name != r.name && strings.Contains(r.name, o.name) }) {
			names = append(names, r.name)
		}
	}
	return names
}

// runOther runs rows of a build, this one or another, and returns their results.
func (f flags) runOther(ctx context.Context, program, row, out string) ([]report.Result, error) {
	args := []string{"-row", row, "-o", out}
	if f.quick {
		args = append(args, "-quick")
	}
	if f.smoke {
		args = append(args, "-smoke")
	}
	_ = os.Remove(out)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends what it has started
	failed := cmd.Run()
	results, err := report.Read(out)
	if failed != nil {
		return results, failed
	}
	return results, err
}
