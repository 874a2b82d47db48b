package eventfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"frontrow/wire"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const mark = "\ufeff" // of the byte order, with which some editors begin a file

// Bounds of a file.
const (
	MaxBytes  = 64 << 10 // the parser takes seconds for as many bytes of one-letter keys, and the square of that for more
	maxFaults = 50       // that are told
	maxKept   = 1000     // that are collected
	maxDepth  = 16
	maxNested = 500 // brackets and indents, before the parser sees them
)

// Open reads the file of a name into the struct that into points to, as Read does.
func Open(name string, into any) (*File, error) {
	raw, err := load(name)
	if err != nil {
		return nil, err
	}
	return Read(name, raw, into), nil
}

// load reads no more of a file than shows that it is too large.
func load(name string) ([]byte, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.LimitReader(in, MaxBytes+int64(len(mark))+1))
}

// Read reads a file into the struct that into points to, by the names in its json tags.
// What is in into is not to be used unless Err returns nil in the end.
func Read(name string, raw []byte, into any) *File {
	f := &File{name: name, at: map[string]position{}}
	body := f.parse(raw)
	if body == nil {
		if len(f.faults) == 0 {
			f.add(position{1, 1}, "", "the file is empty")
		}
		return f
	}
	_, f.whole = body.(*ast.MappingNode)
	of := body
	if spec := valueOf(body, "spec"); spec != nil { // a request that wraps the file
		of, f.sent = spec, true
	}
	f.zone, f.currency = scalarOf(of, "timezone"), scalarOf(of, "currency")
	f.structure(body, target(into), "", 0)
	return f
}

// parse returns the one document of a file, or nil if it is empty or can't be read.
func (f *File) parse(raw []byte) ast.Node {
	raw = bytes.TrimPrefix(raw, []byte(mark))
	if len(raw) > MaxBytes {
		f.add(position{}, "", "larger than %d bytes", MaxBytes)
		return nil
	}
	if line, ok := notUTF8(raw); ok {
		f.add(position{line, 1}, "", "not in UTF-8: save the file in that encoding")
		return nil
	}
	file, at, err := parse(raw)
	if err != nil {
		f.add(at, "", "not YAML: %v", err)
		return nil
	}
	return f.document(file)
}

// parse parses YAML and turns a panic of the parser on odd input into an error. Keys that
// are written twice are found later, with all other faults.
func parse(raw []byte) (file *ast.File, at position, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	if tooDeep(raw) {
		return nil, at, errors.New("it is nested too deeply")
	}
	file, err = parser.ParseBytes(raw, 0, parser.AllowDuplicateMapKey())
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) {
		return nil, positionOf(syntax.Token), errors.New(syntax.Message)
	}
	return file, at, err
}

// tooDeep reports whether the parser, which calls itself, could run out of stack. It looks
// at brackets wherever they stand, and at how lines begin.
func tooDeep(raw []byte) bool {
	open := 0
	for _, c := range raw {
		switch c {
		case '[', '{':
			open++
		case ']', '}':
			open--
		}
		if open > maxNested {
			return true
		}
	}
	for line := range bytes.Lines(raw) {
		if len(line)-len(bytes.TrimLeft(line, " -?:!&")) > maxNested {
			return true
		}
	}
	return false
}

// document returns the file's one document, nil if it is empty.
func (f *File) document(file *ast.File) ast.Node {
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType || d.Body.Type() == ast.CommentGroupType {
			continue
		}
		if d.Body.Type() == ast.DirectiveType {
			f.fault(d.Body, "", "leave out the line that begins with %%")
			continue
		}
		bodies = append(bodies, d.Body)
	}
	switch {
	case len(bodies) == 0:
		return nil
	case len(bodies) > 1:
		f.fault(bodies[1], "", "a second document begins here: give it a file of its own")
	}
	return bodies[0]
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

// valueOf returns the value of a key, or nil; scalarOf returns its text.
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

// textOf returns a scalar as written, without quotes.
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

// quoted reports whether a scalar stands in quotes.
func quoted(n ast.Node) bool {
	s, ok := n.(*ast.StringNode)
	return ok && (s.Token.Type == token.SingleQuoteType || s.Token.Type == token.DoubleQuoteType)
}

// clean returns text fit to be stored and shown, or an error that says why it is not.
func clean(text string) (string, error) { return wire.CleanText(text, wire.MaxText) }

// firstLine is what a fault says of a text that may be long.
func firstLine(text string) string {
	const most = 60
	text, _, _ = strings.Cut(text, "\n")
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
