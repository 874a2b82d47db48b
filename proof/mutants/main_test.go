package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every mutant must apply to the tree as it is, so that the list doesn't rot
// between two of its runs, which take minutes.
func TestEveryMutantApplies(t *testing.T) {
	l := lab{root: filepath.Join("..", ".."), dir: t.TempDir()}
	names := map[string]bool{}
	for _, m := range list {
		if names[m.name] || m.name == "" || len(m.edits) == 0 {
			t.Errorf("%q: no name, used twice, or nothing to do", m.name)
		}
		names[m.name] = true
		if _, err := l.seed(m); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

func TestSeed(t *testing.T) {
	l := lab{root: t.TempDir(), dir: t.TempDir()}
	path := filepath.Join(l.root, "a.go")
	const original = "one two two"
	if err := os.WriteFile(path, []byte(original), 0o644); err != nil {
		t.Fatal(err)
	}
	overlay, err := l.seed(mutant{edits: []edit{{"a.go", "one", "1"}, {"a.go", "1 two", "12"}}})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(overlay)
	var o struct{ Replace map[string]string }
	if err != nil || json.Unmarshal(raw, &o) != nil || len(o.Replace) != 1 {
		t.Fatalf("%s, %v", raw, err)
	}
	if data, _ := os.ReadFile(o.Replace[path]); string(data) != "12 two" {
		t.Errorf("%s", data)
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
