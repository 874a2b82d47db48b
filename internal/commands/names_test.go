package commands

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	stop     = regexp.MustCompile(`^(?:.{9})(\S+/\S+\.(?:go|ts)) +((?:\w+, )*\w+) `) // of the tour
	testName = regexp.MustCompile("`(Test\\w+)`")
	filePath = regexp.MustCompile("`([\\w./-]+/[\\w.-]+\\.(?:go|ts|md|yaml))`")
)

// TestTour reads the tour of docs/architecture.md: each function is in its file.
func TestTour(t *testing.T) {
	stops := 0
	for _, line := range strings.Split(read(t, "docs/architecture.md"), "\n") {
		found := stop.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		stops++
		source := read(t, found[1])
		for _, name := range strings.Split(found[2], ", ") {
			declared := `(?m)^func (?:\([^)]*\) )?` + name + `[\[(]`
			if filepath.Ext(found[1]) == ".ts" {
				declared = `(?m)^ +(?:private )?(?:async )?` + name + `\(.*\{`
			}
			if !regexp.MustCompile(declared).MatchString(source) {
				t.Errorf("%s has no function %s", found[1], name)
			}
		}
	}
	if stops < 15 {
		t.Errorf("the tour has %d stops", stops)
	}
}

// TestContributing: the files and tests that CONTRIBUTING.md names are there.
func TestContributing(t *testing.T) {
	text := read(t, "CONTRIBUTING.md")
	for _, found := range filePath.FindAllStringSubmatch(text, -1) {
		read(t, found[1])
	}
	tests := allTests(t)
	for _, found := range testName.FindAllStringSubmatch(text, -1) {
		if !strings.Contains(tests, "func "+found[1]+"(") {
			t.Errorf("there is no %s", found[1])
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../..", path))
	must(t, err)
	return string(raw)
}

// allTests is the text of every test file of the module.
func allTests(t *testing.T) string {
	var all strings.Builder
	must(t, filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if err == nil && strings.HasSuffix(path, "_test.go") {
			raw, err := os.ReadFile(path)
			all.Write(raw)
			return err
		}
		return err
	}))
	return all.String()
}
