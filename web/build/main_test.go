package main

import (
	"bytes"
	"compress/gzip"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestDistIsFresh(t *testing.T) {
	t.Parallel()
	want := build(t)
	entries, err := os.ReadDir("../dist")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		got, err := os.ReadFile(filepath.Join("../dist", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want[e.Name()]) {
			t.Errorf("dist/%s is not what src builds to: go run ./web/build", e.Name())
		}
	}
	if built := slices.Sorted(maps.Keys(want)); !slices.Equal(names, built) {
		t.Errorf("dist has %v, src builds to %v: go run ./web/build", names, built)
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	files := build(t)
	for name, most := range map[string]int{"app.js": 25_000, "pages.js": 8_000, "pay.js": 3_000, "solver.js": 4_000, "reductions.js": 2_000, "app.css": 6_000} {
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		_, _ = z.Write(files[name])
		_ = z.Close()
		t.Logf("%s: %d bytes, %d compressed", name, len(files[name]), b.Len())
		if len(files[name]) == 0 || b.Len() > most {
			t.Errorf("%s is %d bytes compressed, want 1 to %d", name, b.Len(), most)
		}
	}
}

func build(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := bundle("..")
	if err != nil {
		t.Fatal(err)
	}
	return files
}
