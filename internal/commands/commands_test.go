package commands

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// limit is for any one command; what hangs is worse than what fails.
const limit = 5 * time.Minute

func TestRead(t *testing.T) {
	got := Read("x.md", "Say `make bench` or `make`; `frontrow_x_total` is none.\n```\nA=b .bin/frontrow dev --data x   # here\n  nats answers\n```\n`nats kv ls`\n")
	want := []Command{{"x.md", 1, "make bench"}, {"x.md", 3, "A=b .bin/frontrow dev --data x"}, {"x.md", 4, "nats answers"}, {"x.md", 6, "nats kv ls"}}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestTargets(t *testing.T) {
	got := Targets("\ntest\n  make test    all tests\n\nrun and try\n  make run       a demo\n")
	want := []Command{{"make help", 2, "make test"}, {"make help", 5, "make run"}}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// TestCommands runs every command that people are shown, once for each form.
func TestCommands(t *testing.T) {
	root, err := filepath.Abs("../..")
	must(t, err)
	rows, used := forms(), map[int]bool{}
	var runs []string
	for _, c := range shown(t, root) {
		i := slices.IndexFunc(rows, func(f form) bool { return f.shown.MatchString(c.Text) })
		if i < 0 {
			t.Errorf("%s:%d: nothing runs %q: give it a row", c.File, c.Line, c.Text)
			continue
		}
		used[i] = true
		if run := rows[i].small(c.Text); run != "" && !slices.Contains(runs, run) {
			runs = append(runs, run)
		}
	}
	for i, f := range rows {
		if !used[i] {
			t.Errorf("the row %s matches nothing that people are shown", f.shown)
		}
	}
	if t.Failed() {
		return
	}
	h := open(t, root)
	for _, run := range runs {
		t.Run(run, func(t *testing.T) { h.run(t, run) })
	}
}

// shown is every command in README, CONTRIBUTING, docs and make help.
func shown(t *testing.T, root string) (all []Command) {
	t.Helper()
	files := []string{"README.md", "CONTRIBUTING.md"}
	must(t, filepath.WalkDir(filepath.Join(root, "docs"), func(path string, d fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			rel, _ := filepath.Rel(root, path)
			files = append(files, rel)
		}
		return err
	}))
	for _, f := range files {
		raw, err := os.ReadFile(filepath.Join(root, f))
		must(t, err)
		all = append(all, Read(f, string(raw))...)
	}
	help, err := exec.Command("make", "-s", "-C", root, "help").Output()
	must(t, err)
	return append(all, Targets(string(help))...)
}

// house is what commands are run in: the sources, with a sale going on beside them.
type house struct {
	root string
	env  []string
}

// open starts the demo as make run does, on addresses and with data of its own, and
// sells some tickets.
func open(t *testing.T, root string) *house {
	t.Helper()
	tmp, err := os.MkdirTemp("", "commands-*") // PostgreSQL's own user must reach it
	must(t, err)
	must(t, os.Chmod(tmp, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	h := &house{root: root, env: append(os.Environ(), "TMP="+tmp, "DATA="+tmp+"/data")}
	script := filepath.Join(tmp, "house")
	must(t, os.WriteFile(script, []byte(stage), 0o644))
	cmd := exec.Command("bash", "-euc", ". "+script+"; house")
	cmd.Dir, cmd.Env = root, h.env
	out, err := cmd.CombinedOutput()
	t.Cleanup(func() { h.bash("end $DATA/pid") })
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return h
}

func (h *house) run(t *testing.T, command string) {
	began := time.Now()
	out, err := h.bash(command)
	t.Logf("%s", time.Since(began).Round(100*time.Millisecond))
	if err != nil || refused.Match(out) {
		t.Errorf("%v\n%s", err, out)
	}
}

// refused is what the nats CLI prints of a refusal, with which it exits 0.
var refused = regexp.MustCompile(`Nats-Service-Error|No responders`)

// bash runs a command where the functions of stage and the addresses are known.
func (h *house) bash(command string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", `. $TMP/house; if test -e $DATA/addresses; then . $DATA/addresses; fi; `+command)
	cmd.Dir, cmd.Env, cmd.WaitDelay = h.root, h.env, 10*time.Second
	return cmd.CombinedOutput()
}

// form is how small a command may be.
type form struct {
	shown *regexp.Regexp
	as    string // with $1, … of shown; empty: as it is shown; "-": never here
}

func (f form) small(text string) string {
	switch f.as {
	case "":
		return text
	case ci:
		return ""
	}
	return f.shown.ReplaceAllString(text, f.as)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func row(shown, as string) form { return form{regexp.MustCompile("^(?:" + shown + ")$"), as} }

func TestStageIsShell(t *testing.T) {
	cmd := exec.Command("bash", "-n")
	cmd.Stdin = strings.NewReader(stage)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
