package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
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

// What rapid keeps of a mutant's failure goes, what was there stays.
func TestFailuresOfMutantsGo(t *testing.T) {
	l := lab{root: t.TempDir(), dir: t.TempDir(), out: t.Output(), limits: map[suite]time.Duration{}}
	kept := filepath.Join("a", "testdata", "rapid", "TestA", "kept.fail")
	for name, text := range map[string]string{
		"go.mod": "module x\n",
		"a/a.go": "package a\n\nconst right = true\n",
		"a/a_test.go": "package a\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestA(t *testing.T) {\n" +
			"\tif !right {\n\t\tt.Error(os.WriteFile(\"testdata/rapid/TestA/new.fail\", nil, 0o644))\n\t}\n}\n",
		kept: "",
	} {
		path := filepath.Join(l.root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	by, err := l.try(t.Context(), mutant{name: "wrong", pkg: "a", tests: "TestA", edits: []edit{{"a/a.go", "true", "false"}}})
	if err != nil || by != "TestA" {
		t.Errorf("found by %q, %v", by, err)
	}
	if left := l.failures(suite{pkg: "a"}); !slices.Equal(left, []string{filepath.Join(l.root, kept)}) {
		t.Errorf("left are %q", left)
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
