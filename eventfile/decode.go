package eventfile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"frontrow/wire"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Bounds of a file.
const (
	MaxBytes  = 1 << 20
	maxFaults = 50
	maxDepth  = 16
)

// fault is one, at its place.
type fault struct {
	line, column int
	message      string
}

// reader reads one file.
type reader struct {
	name     string
	zone     string // the file's timezone, which local times are read in
	currency string // the file's
	faults   []fault
}

// Decode reads a file into a pointer to a struct, by the names of its json tags.
// The error names every fault, a line each.
func Decode(name string, raw []byte, into any) error {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if len(raw) > MaxBytes {
		return fmt.Errorf("%s: larger than %d bytes", name, MaxBytes)
	}
	if line, ok := notUTF8(raw); ok {
		return fmt.Errorf("%s:%d: not in UTF-8: save the file in that encoding", name, line)
	}
	file, err := parse(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r := &reader{name: name}
	body := r.document(file)
	if body != nil {
		r.zone, r.currency = scalarOf(body, "timezone"), scalarOf(body, "currency")
		if spec := valueOf(body, "spec"); spec != nil { // a request that wraps the file
			r.zone, r.currency = scalarOf(spec, "timezone"), scalarOf(spec, "currency")
		}
		r.structure(body, target(into), "", 0)
	}
	return r.err()
}

// parse guards against a parser that panics on what nobody would write.
func parse(raw []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not YAML: %v", p)
		}
	}()
	file, err = parser.ParseBytes(raw, 0)
	if err != nil {
		return nil, fmt.Errorf("not YAML: %s", strings.TrimSpace(err.Error()))
	}
	return file, nil
}

// document is the one document of a file, a mapping.
func (r *reader) document(file *ast.File) ast.Node {
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType && d.Body.Type() != ast.CommentGroupType {
			bodies = append(bodies, d.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		r.faults = append(r.faults, fault{1, 1, "the file is empty"})
		return nil
	case len(bodies) > 1:
		r.fault(bodies[1], "", "a second document begins here: an event has a file of its own")
	}
	return bodies[0]
}

func (r *reader) fault(at ast.Node, key, format string, a ...any) {
	line, column := 1, 1
	if t := at.GetToken(); t != nil && t.Position != nil {
		line, column = t.Position.Line, t.Position.Column
	}
	message := fmt.Sprintf(format, a...)
	if key != "" {
		message = key + ": " + message
	}
	r.faults = append(r.faults, fault{line, column, message})
}

func (r *reader) err() error {
	slices.SortStableFunc(r.faults, func(a, b fault) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	var errs []error
	for i, f := range r.faults {
		if i == maxFaults {
			errs = append(errs, fmt.Errorf("and %d faults more", len(r.faults)-i))
			break
		}
		errs = append(errs, fmt.Errorf("%s:%d:%d: %s", r.name, f.line, f.column, f.message))
	}
	return errors.Join(errs...)
}

func notUTF8(raw []byte) (line int, bad bool) {
	for i := 0; i < len(raw); {
		c, size := utf8.DecodeRune(raw[i:])
		if c == utf8.RuneError && size < 2 {
			return 1 + bytes.Count(raw[:i], []byte("\n")), true
		}
		i += size
	}
	return 0, false
}

// valueOf is the value of a key, or nil; scalarOf is its text.
func valueOf(body ast.Node, key string) ast.Node {
	m, ok := body.(*ast.MappingNode)
	if !ok {
		return nil
	}
	for _, v := range m.Values {
		if v.Key.GetToken().Value == key {
			return v.Value
		}
	}
	return nil
}

func scalarOf(body ast.Node, key string) string {
	if v := valueOf(body, key); v != nil {
		if text, ok := textOf(v); ok {
			return text
		}
	}
	return ""
}

// textOf is a scalar as it is written, without its quotes.
func textOf(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// clean is a text that can be stored and shown, or why it can't.
func clean(text string) (string, error) { return wire.CleanText(text, wire.MaxText) }
