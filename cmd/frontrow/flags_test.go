package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// parsed is what a command line gives in a grammar.
func parsed(grammar any, args ...string) error {
	_, _, err := terminal{io.Discard, io.Discard}.parse(grammar, args)
	return err
}

// TestRepeatedFlags: a flag that may be repeated is a list in the environment, and an
// array in a file, written either way. The command line comes before the environment,
// and that before the file.
func TestRepeatedFlags(t *testing.T) {
	want := []string{"west=west", "east=east"}
	file := filepath.Join(t.TempDir(), "config.yaml")
	parse := func(args ...string) []string {
		t.Helper()
		var cli struct {
			sources
			Region []string
		}
		must(t, parsed(&cli, args...))
		return cli.Region
	}
	for _, text := range []string{"region: [west=west, east=east]\n", "region:\n  - west=west\n  - east=east\n", "region: west=west,east=east\n"} {
		must(t, os.WriteFile(file, []byte(text), 0o600))
		if got := parse("--config", file); !slices.Equal(got, want) {
			t.Errorf("file %q: %q", text, got)
		}
	}
	for _, v := range []string{"west=west,east=east", "west=west\neast=east\n", " west=west, east=east"} {
		t.Setenv("FRONTROW_REGION", v)
		if got := parse(); !slices.Equal(got, want) {
			t.Errorf("environment %q: %q", v, got)
		}
	}
	must(t, os.WriteFile(file, []byte("region: [north=north]\n"), 0o600))
	t.Setenv("FRONTROW_CONFIG", file)
	if got := parse(); !slices.Equal(got, want) {
		t.Errorf("file before environment: %q", got)
	}
	if got := parse("--region", "south=south", "--region=a=a"); !slices.Equal(got, []string{"south=south", "a=a"}) {
		t.Errorf("environment before command line: %q", got)
	}
}

// TestNetworksOfAFile: proxies are a list in a file, and were none once.
func TestNetworksOfAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.yaml")
	for _, text := range []string{"proxy: [10.0.0.0/8, ::1]\n", "proxy:\n- 10.0.0.0/8\n- ::1\n", "proxy: 10.0.0.0/8, ::1\n"} {
		must(t, os.WriteFile(file, []byte(text), 0o600))
		var cli struct {
			sources
			edgeFlags
		}
		must(t, parsed(&cli, "--config", file))
		if got := networks(cli.Proxy); !slices.Equal(got, []string{"10.0.0.0/8", "::1"}) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestSourcesAreNamed: a value that can't be meant is refused with where it stands.
func TestSourcesAreNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	must(t, os.WriteFile(file, []byte("seats: many\n"), 0o600))
	var cli struct {
		sources
		Seats int
	}
	if err := parsed(&cli, "--config", file); err == nil || !strings.HasPrefix(err.Error(), "config "+file+":1:8: seats: ") {
		t.Errorf("file: %v", err)
	}
	t.Setenv("FRONTROW_SEATS", "many")
	if err := parsed(&cli); err == nil || !strings.HasPrefix(err.Error(), "--seats: environment FRONTROW_SEATS: ") {
		t.Errorf("environment: %v", err)
	}
	for _, args := range [][]string{{"--seats", "many"}, {"--sets", "7"}, {"seven"}} {
		if err := parsed(&cli, args...); !errors.As(err, &usageError{}) || !strings.Contains(err.Error(), "--help explains it") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// TestConfigsAreStrict: a file of flags is refused with all its faults, where they stand.
func TestConfigsAreStrict(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	for _, c := range []struct{ text, want string }{
		{"seats: 5\nseats: 6\nregoin: west\nregion:\n", `:2:1: seats: is written twice, in line 1 too
:3:1: frontrow has no flag "regoin"; did you mean region?
:4:1: region: has no value: write one, or leave the line out`},
		{"seats: 010\n", ":1:8: seats: could mean two things: write a number like 10, or put it in quotes"},
		{"seats: 1_000\n", ":1:8: seats: could mean two things: write a number like 10, or put it in quotes"},
		{"seats: {a: 1}\nregion: [{a: 1}]\n", ":1:8: seats: want a text, or a list of texts like [one, two]\n:2:10: region: want a text, or a list of texts like [one, two]"},
		{"region: &a west\n", ":1:9: region: want a text, or a list of texts like [one, two]"},
		{"- seats\n", ":1:1: want a line per setting, like name: value"},
		{"seats: [1\n", ":1:8: not YAML: sequence end token ']' not found"},
		{"seats: 1\n---\nseats: 2\n", ":3:1: a second document begins here: give it a file of its own"},
		{"seats: ' '\nregion: [west]\n", ":1:8: seats: "},
		{"", ""},
		{"# seats: 7\n", ""},
		{"seats: 7\nregion: 007\n", ":2:9: region: could mean two things"},
		{"seats: 7\nregion: '007'\n", ""},
		{"seats: -7\nregion: [1.50, on, 2027-06-19]\n", ""},
	} {
		must(t, os.WriteFile(file, []byte(c.text), 0o600))
		var cli struct {
			sources
			Seats  int
			Region []string
		}
		err := parsed(&cli, "--config", file)
		got := ""
		if err != nil {
			got = strings.ReplaceAll(strings.TrimPrefix(err.Error(), "config "), file, "")
		}
		if c.want == "" && err != nil || !strings.HasPrefix(got, c.want) {
			t.Errorf("%q:\n%s\nwant\n%s", c.text, got, c.want)
		}
		if c.text == "seats: -7\nregion: [1.50, on, 2027-06-19]\n" && (cli.Seats != -7 || !slices.Equal(cli.Region, []string{"1.50", "on", "2027-06-19"})) {
			t.Errorf("%+v", cli)
		}
	}
}

// TestPaymentsURL: what is no provider's address is refused at start.
func TestPaymentsURL(t *testing.T) {
	for _, v := range []string{"nonsense", "ftp://example.org", "http://", "localhost:80"} {
		err := run(t.Context(), []string{"inventory", "--postgres", "postgres://127.0.0.1:1/x", "--payments", v}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "--payments") {
			t.Errorf("%s: %v", v, err)
		}
	}
}
