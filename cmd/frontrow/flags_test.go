package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRepeatedFlags: a flag that may be repeated is a list in the environment
// and an array in a file.
func TestRepeatedFlags(t *testing.T) {
	want := []string{"west=west", "east=east"}
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("region: [west=west, east=east]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	parse := func(args ...string) list {
		t.Helper()
		f := command{stderr: io.Discard}.flags("test", "", "")
		var regions list
		f.Var(&regions, "region", "")
		if err := f.parse(args); err != nil {
			t.Fatal(err)
		}
		return regions
	}
	if got := parse("--config", file); !slices.Equal(got, want) {
		t.Errorf("file: %q", got)
	}
	if got := whole([]any{"10.0.0.0/8", "::1"}); got != "10.0.0.0/8,::1" {
		t.Errorf("an array for a flag of networks: %q", got)
	}
	for _, v := range []string{"west=west,east=east", "west=west\neast=east\n", " west=west, east=east"} {
		t.Setenv("FRONTROW_REGION", v)
		if got := parse(); !slices.Equal(got, want) {
			t.Errorf("environment %q: %q", v, got)
		}
	}
}

// TestPaymentsURL: what is no provider's address is refused at start.
func TestPaymentsURL(t *testing.T) {
	for _, v := range []string{"nonsense", "ftp://example.org", "http://", "localhost:80"} {
		err := command{stderr: io.Discard}.service(t.Context(), "inventory", []string{"--postgres", "postgres://127.0.0.1:1/x", "--payments", v})
		if err == nil || !strings.Contains(err.Error(), "--payments") {
			t.Errorf("%s: %v", v, err)
		}
	}
}
