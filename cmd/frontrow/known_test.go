package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestEveryCommandExplainsItself: the help of each has its flags, and each flag a word
// on what it is.
func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	k, err := kong.New(&cli{}, defaults())
	must(t, err)
	all := k.Model.Leaves(true)
	if len(all) < 20 {
		t.Errorf("%d commands", len(all))
	}
	for _, command := range all {
		var help bytes.Buffer
		if err := run(t.Context(), append(strings.Fields(command.Path()), "--help"), &help, io.Discard); err != nil {
			t.Errorf("%s: %v", command.Path(), err)
		}
		for _, f := range command.Flags {
			if !strings.Contains(help.String(), "--"+f.Name) || f.Help == "" || !f.IsBool() && f.PlaceHolder == "" {
				t.Errorf("%s --%s is not explained", command.Path(), f.Name)
			}
		}
	}
}

// A name that nothing reads is a typing error, wherever it stands.
func TestTypingErrorsAreRefused(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.json")
	must(t, makeKeyring(keys))
	for name, want := range map[string]string{
		"FRONTROW_POSTGERS":             "did you mean FRONTROW_POSTGRES?",
		"FRONTROW_CHALENGE_AT":          "did you mean FRONTROW_CHALLENGE_AT?",
		"FRONTROW_SOMETHING_ELSE_AGAIN": "correct or unset it: no command has such a flag",
		"FRONTROW_SEATS":                "", // another command's
		"FRONTROW_GATEWAY_SERVICE_HOST": "",
		"FRONTROW_PORT_8080_TCP_ADDR":   "",
		"FRONTROW_FAILPOINT":            "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "1")
			err := run(t.Context(), []string{"keys", "show", "--keys", keys}, io.Discard, io.Discard)
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
}
