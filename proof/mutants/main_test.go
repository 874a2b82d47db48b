package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every mutant must apply to the tree as it is, so that the list doesn't rot
// between two of its runs, which take minutes.
func TestEveryMutantApplies(t *testing.T) {
	l := lab{dir: t.TempDir()}
	names := map[string]bool{}
	for _, m := range list {
		if names[m.name] || m.name == "" || len(m.edits) == 0 {
			t.Errorf("%q: no name, used twice, or nothing to do", m.name)
		}
		names[m.name] = true
		for _, e := range m.edits {
			data, err := os.ReadFile(filepath.Join("..", "..", e.file))
			if err != nil {
				t.Fatal(err)
			}
			to := filepath.Join(l.dir, e.file)
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		undo, err := l.seed(m)
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if err := undo(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSeedIsUndone(t *testing.T) {
	l := lab{dir: t.TempDir()}
	path := filepath.Join(l.dir, "a.go")
	const original = "one two two"
	if err := os.WriteFile(path, []byte(original), 0o644); err != nil {
		t.Fatal(err)
	}
	undo, err := l.seed(mutant{edits: []edit{{"a.go", "one", "1"}, {"a.go", "1 two", "12"}}})
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(path); string(data) != "12 two" {
		t.Errorf("%s", data)
	}
	if err := undo(); err != nil {
		t.Fatal(err)
	}
	_, err = l.seed(mutant{edits: []edit{{"a.go", "one", "1"}, {"a.go", "two", "2"}}})
	if err == nil || !strings.Contains(err.Error(), "no longer applies") {
		t.Errorf("an edit that is not unique: %v", err)
	}
	if data, _ := os.ReadFile(path); string(data) != original {
		t.Errorf("%s", data)
	}
}

func TestFirstFailure(t *testing.T) {
	for out, want := range map[string]string{
		"--- FAIL: TestA (0.1s)\n    --- FAIL: TestA/R1 (0.1s)\n        --- FAIL: TestA/R1/x (0.1s)\n    --- FAIL: TestA/R3 (0.1s)\n": "TestA/R1/x",
		"panic: test timed out after 1m0s\n\trunning tests:\n\t\tTestB (1m0s)\n":                                                      "TestB",
		"# frontrow/kv\nkv/kv.go:1:1: syntax error\nFAIL\tfrontrow/kv [build failed]\n":                                               "",
	} {
		if got := firstFailure(out); got != want {
			t.Errorf("%q in\n%s", got, out)
		}
	}
}

// The tests a mutant names must exist.
func TestEveryTestExists(t *testing.T) {
	name := regexp.MustCompile(`Test\w+`)
	for _, m := range list {
		files, err := filepath.Glob(filepath.Join("..", "..", m.pkg, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(data)
		}
		for _, test := range name.FindAllString(m.tests, -1) {
			if !strings.Contains(all.String(), "func "+test) {
				t.Errorf("%s: ./%s has no %s", m.name, m.pkg, test)
			}
		}
	}
}
