package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/keyring"
)

func TestRedacted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"dial nats://gateway:s3cret@nats:4222,nats://gateway:s3cret@b:4222: refused": "dial nats://***@b:4222: refused",
		`parse "postgres://me:s3%cret@db/frontrow": invalid URL escape`:              `parse "postgres://***@db/frontrow": invalid URL escape`,
		"nats://s3crettoken@nats:4222":                                               "nats://***@nats:4222",
		"postgres://me:s3/c@ret@db/x?sslmode=disable":                                "postgres://***@db/x?sslmode=disable",
		"host=db password=s3cret dbname=x":                                           "host=db password=*** dbname=x",
		`host=db password = 's3 cret\'s' dbname=x`:                                   "host=db password = *** dbname=x",
		"postgres://db/x?password=s3cret&sslmode=disable":                            "postgres://db/x?password=***&sslmode=disable",
		"GET http://127.0.0.1:8080/v1/events: refused":                               "GET http://127.0.0.1:8080/v1/events: refused",
	} {
		if got := redacted(text); got != want {
			t.Errorf("%s:\n%s\n%s", text, got, want)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{ReplaceAttr: redactErrors})).Error("no connection", "err", errors.New("nats://me:s3cret@nats"))
	if strings.Contains(log.String(), "s3cret") || !strings.Contains(log.String(), "nats://***@nats") {
		t.Error(log.String())
	}
	for dsn, want := range map[string]string{
		"postgres://me:s3cret@db:5432/x?sslmode=disable":      "postgres://me@db:5432/x?sslmode=disable",
		"postgres://me@db/x?passfile=%2Ftmp%2Fp":              "postgres://me@db/x?passfile=%2Ftmp%2Fp",
		"postgres://db/x?password=s3cret&sslmode=disable":     "postgres://db/x?sslmode=disable",
		"host=db user=me password=s3cret dbname=x port=54321": "host=db user=me password=*** dbname=x port=54321",
	} {
		if got := withoutPassword(dsn); got != want {
			t.Errorf("%s: %s", dsn, got)
		}
	}
}

// Whatever fails, no password is said: neither a wrong one nor one in an address that
// can't be read.
func TestFailuresNameNoPassword(t *testing.T) {
	pg, err := url.Parse(pgtest.New(t))
	must(t, err)
	pg.User = url.UserPassword(pg.User.Username(), "wr0ng-s3cret")
	at := natstest.Run(t).URL()
	locked, err := url.Parse(natstest.RunShipped(t, "../../deploy/nats/region.conf").URL(natstest.Home, "operator"))
	must(t, err)
	locked.User = url.UserPassword("operator", "wr0ng-s3cret")
	right := pgtest.New(t)
	for name, c := range map[string]struct{ nats, postgres, want string }{
		"PostgreSQL's":                {at, pg.String(), "password authentication failed"},
		"PostgreSQL's, no URL":        {at, "postgres://me:wr0ng-s3cret%zz@127.0.0.1:1/x", "DSN"},
		"PostgreSQL's, a keyword":     {at, "host=127.0.0.1 port=1 user=me password=wr0ng-s3cret sslmode=none", "DSN"},
		"NATS's":                      {locked.String(), right, "Authorization Violation"},
		"NATS's, nobody there":        {"nats://me:wr0ng-s3cret@127.0.0.1:1,nats://wr0ng-s3cret@127.0.0.1:2", right, "NATS at nats://***@"},
		"NATS's, an address of noise": {"nats://me:wr0ng-s3cret%zz@127.0.0.1:1", right, "NATS"},
	} {
		for _, args := range [][]string{{"migrate", "--replicas", "1"}, {"audit", "show"}} {
			cmd := frontrow(append(args, "--nats", c.nats, "--postgres", c.postgres)...)
			out, err := cmd.CombinedOutput()
			if err == nil || bytes.Contains(out, []byte("s3cret")) || !bytes.Contains(out, []byte(c.want)) && args[0] == "migrate" {
				t.Errorf("%s, %s: %v: %s", name, args[0], err, out)
			}
		}
	}
}

// Secrets come from files that not everybody may read.
func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		must(t, os.Chmod(path, mode))
		return path
	}
	read := func(args ...string) (dsn string, err error) {
		var cli struct {
			sources
			Postgres     string `default:"without"`
			PostgresFile secretFile
		}
		err = parsed(&cli, args...)
		return cli.Postgres, err
	}
	if dsn, err := read("--postgres-file", file("dsn", "postgres://db/x\n", 0o600)); dsn != "postgres://db/x" || err != nil {
		t.Errorf("%q, %v", dsn, err)
	}
	if dsn, err := read(); dsn != "without" || err != nil {
		t.Errorf("%q, %v", dsn, err)
	}
	for name, args := range map[string][]string{
		"chmod 600":    {"--postgres-file", file("open", "postgres://db/x", 0o644)},
		"both set":     {"--postgres-file", file("one", "postgres://db/x", 0o600), "--postgres", "postgres://db/y"},
		"is empty":     {"--postgres-file", file("empty", "\n", 0o600)},
		"no such file": {"--postgres-file", filepath.Join(dir, "none")},
	} {
		if _, err := read(args...); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A keyring that others can read is refused, with what to do.
func TestKeyringOfOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	must(t, keyring.NewKeys().Save(path))
	for _, mode := range []os.FileMode{0o600, 0o440} {
		must(t, os.Chmod(path, mode))
		if _, _, err := keyring.ReadKeys(path); err != nil {
			t.Error(err)
		}
	}
	for _, mode := range []os.FileMode{0o604, 0o644, 0o620, 0o601} {
		must(t, os.Chmod(path, mode))
		err := run(t.Context(), []string{"keys", "show", "--keys", path}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("%#o: %v", mode, err)
		}
	}
}

// dev's line and file say how PostgreSQL is reached, psql gets there with it, and the
// password is on no terminal.
func (r *running) testSecrets(t *testing.T) {
	u, err := url.Parse(r.postgres)
	must(t, err)
	if _, set := u.User.Password(); set || u.Query().Get("passfile") == "" {
		t.Errorf("the line says %s", r.postgres)
	}
	for _, path := range []string{u.Query().Get("passfile"), filepath.Join(r.data, "env"), filepath.Join(r.data, "keys.json")} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	out, err := exec.Command("psql", "-w", "-Atc", "SELECT 7", r.postgres).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "7" {
		t.Errorf("psql: %v: %s", err, out)
	}
}
