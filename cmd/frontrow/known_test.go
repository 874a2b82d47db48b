package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// commands are all that take flags.
func commands() []string {
	return []string{"dev", "gateway", "admission", "inventory", "pricing", "event apply", "event list", "plan import", "plan generate", "plan check",
		"draw", "rehearse", "audit", "migrate", "codes issue", "codes check", "keys", "keys split", "keys show", "keys rotate", "keys prune"}
}

// The names that may be variables are those of all flags, and no others.
func TestKnownFlags(t *testing.T) {
	t.Parallel()
	flags := map[string]bool{}
	for _, c := range commands() {
		var help bytes.Buffer
		if err := run(t.Context(), append(strings.Fields(c), "--help"), io.Discard, &help); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%s: %v", c, err)
		}
		for _, m := range regexp.MustCompile(`(?m)^  -([a-z0-9-]+)`).FindAllStringSubmatch(help.String(), -1) {
			flags[m[1]] = true
		}
	}
	for _, name := range known() {
		if !flags[name] {
			t.Errorf("no command has a flag %q", name)
		}
		delete(flags, name)
	}
	for name := range flags {
		t.Errorf("the flag %q is not known", name)
	}
}

// A name that nothing reads is a typing error, wherever it stands.
func TestTypingErrorsAreRefused(t *testing.T) {
	for name, want := range map[string]string{
		"FRONTROW_POSTGERS":             "did you mean FRONTROW_POSTGRES?",
		"FRONTROW_CHALENGE_AT":          "did you mean FRONTROW_CHALLENGE_AT?",
		"FRONTROW_SOMETHING_ELSE_AGAIN": "no command has such a flag. ",
		"FRONTROW_SEATS":                "", // another command's
		"FRONTROW_GATEWAY_SERVICE_HOST": "",
		"FRONTROW_PORT_8080_TCP_ADDR":   "",
		"FRONTROW_FAILPOINT":            "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "1")
			err := command{stderr: io.Discard}.flags("test", "", "").parse(nil)
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	must(t, os.WriteFile(file, []byte("postgrse: dsn\n"), 0o600))
	err := run(t.Context(), []string{"audit", "show", "--config", file}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), `audit has no flag "postgrse"; did you mean postgres?`) {
		t.Errorf("config: %v", err)
	}
	if d := []int{distance("", "abc"), distance("kitten", "sitting"), distance("a", "a")}; !slices.Equal(d, []int{3, 3, 0}) {
		t.Errorf("distances %v", d)
	}
}
