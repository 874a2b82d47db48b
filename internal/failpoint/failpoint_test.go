package failpoint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root of the module.
const root = "../.."

func TestParse(t *testing.T) {
	for value, want := range map[string]struct {
		p Point
		n int64
	}{
		"":                  {"", 0},
		"flush-stored":      {FlushStored, 1},
		"flush-stored:3":    {FlushStored, 3},
		"order-committed:1": {OrderCommitted, 1},
	} {
		if p, n, err := parse(value); p != want.p || n != want.n || err != nil {
			t.Errorf("%q: %s, %d, %v", value, p, n, err)
		}
	}
	for _, value := range []string{"flush", "flush-stored:0", "flush-stored:-1", "flush-stored:x", "flush-stored:", ":1", "flush-stored,decided"} {
		if p, n, err := parse(value); err == nil || p != "" || n != 0 {
			t.Errorf("%q: %s, %d, %v", value, p, n, err)
		}
	}
}

// Every constant is in All, in the program once, and in the table of crashes.
func TestEveryPointIsPlacedOnceAndExplained(t *testing.T) {
	names := declared(t)
	listed := map[Point]bool{}
	for _, p := range All() {
		if listed[p] {
			t.Errorf("All has %s twice", p)
		}
		listed[p] = true
	}
	if len(listed) != len(names) {
		t.Errorf("All has %d points, %d are declared", len(listed), len(names))
	}
	places := placed(t)
	doc, err := os.ReadFile(filepath.Join(root, "docs", "correctness.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range names {
		if !listed[p] {
			t.Errorf("All does not have %s", name)
		}
		if at := places[name]; len(at) != 1 {
			t.Errorf("%s is to be in one place, and is at %v", name, at)
		}
		if !strings.Contains(string(doc), "`"+string(p)+"`") {
			t.Errorf("docs/correctness.md has no %s", p)
		}
	}
}

// declared is the points by the names of their constants.
func declared(t *testing.T) map[string]Point {
	file, err := parser.ParseFile(token.NewFileSet(), "points.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]Point{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Names) == 1 {
			if kind, ok := v.Type.(*ast.Ident); ok && kind.Name == "Point" {
				names[v.Names[0].Name] = Point(strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`))
			}
		}
		return true
	})
	return names
}

// placed is where the program comes to each point, by the name of its constant.
func placed(t *testing.T) map[string][]string {
	files := token.NewFileSet()
	places := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "node_modules", "bench", ".data"}, d.Name()) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 1 && is(call.Fun, "Here") {
				point, ok := call.Args[0].(*ast.SelectorExpr)
				if !ok {
					t.Errorf("%s: name the point", files.Position(call.Pos()))
					return false
				}
				places[point.Sel.Name] = append(places[point.Sel.Name], files.Position(call.Pos()).String())
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return places
}

// is reports whether e is failpoint.name.
func is(e ast.Expr, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	pkg, ok := s.X.(*ast.Ident)
	return ok && pkg.Name == "failpoint"
}

// Without the tag, the compiler puts the nothing that Here does in place of
// the call.
func TestHereCostsNothing(t *testing.T) {
	out, err := exec.Command("go", "build", "-tags=", "-gcflags=-m", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !strings.Contains(string(out), "can inline Here") {
		t.Errorf("the compiler says %q", out)
	}
}
