package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"frontrow/proof/bench/report"
)

// TestMain is also the processes that rows start.
func TestMain(m *testing.M) {
	if child, err := beChild(context.Background()); child || err != nil {
		exit(err)
	}
	os.Exit(m.Run())
}

// TestEveryRow runs each row once and as small as it goes. Its figures mean nothing, but
// every mark finds one.
func TestEveryRow(t *testing.T) {
	t.Parallel()
	root, err := os.MkdirTemp("", "frontrow-bench-*") // PostgreSQL's own user must reach it
	must(t, err)
	must(t, os.Chmod(root, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	var mu sync.Mutex
	var all []report.Result
	done := 0
	t.Run("rows", func(t *testing.T) {
		for i, r := range rows() {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				b := flags{smoke: true}.bench()
				must(t, b.runRow(t.Context(), r, filepath.Join(root, fmt.Sprint(i))))
				for _, found := range b.results {
					if found.Value <= 0 || len(found.Rounds) == 0 {
						t.Errorf("no figure in %+v", found)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				all, done = append(all, b.results...), done+1
			})
		}
	})
	if t.Failed() || done < len(rows()) { // -run may choose some
		return
	}
	for _, m := range report.Marks() {
		if !slices.ContainsFunc(all, m.Of) {
			t.Errorf("no row has a figure for %+v", m)
		}
	}
}

func TestRowsOfTurns(t *testing.T) {
	var all []row
	for _, name := range []string{"purchase", "purchase on three", "purchase with payment", "redeem", "redeem on three"} {
		all = append(all, row{name: name})
	}
	if got, want := filters(all), []string{"purchase", "redeem"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
