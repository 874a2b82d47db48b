package eventfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// errStyle means that a file is not written a key a line, indented.
var errStyle = errors.New("it is not written with each key in a line of its own: paste it yourself")

// Splice returns a file's text with a block put under a key, where it takes the place of the
// one that is there: all else stays as it is, comments too. The block's lines are indented
// from zero, and its first has the name of what it is. Read the result before you keep it.
func (f *File) Splice(raw []byte, under, name string, block []string) ([]byte, error) {
	lines := strings.SplitAfter(string(raw), "\n")
	if at, ok := f.at[under+"."+name]; ok {
		return spliced(lines, at, at.line-1+length(lines[at.line-1:], at.column), block)
	}
	first := position{}
	for key, at := range f.at {
		if child, ok := strings.CutPrefix(key, under+"."); ok && !strings.ContainsAny(child, ".[") && (first.line == 0 || at.line < first.line) {
			first = at
		}
	}
	if first.line == 0 {
		return nil, fmt.Errorf("%s: there is no %s", f.name, under)
	}
	return spliced(lines, first, first.line-1, block)
}

// spliced puts a block where a key stands, before the line numbered until, from zero.
func spliced(lines []string, at position, until int, block []string) ([]byte, error) {
	indent, end := lines[at.line-1][:min(at.column-1, len(lines[at.line-1]))], "\n"
	if strings.Trim(indent, " ") != "" {
		return nil, errStyle
	}
	if strings.HasSuffix(lines[0], "\r\n") {
		end = "\r\n"
	}
	var text bytes.Buffer
	for i, line := range slices.Concat(lines[:at.line-1], make([]string, len(block)), lines[until:]) {
		if k := i - (at.line - 1); k >= 0 && k < len(block) {
			line = indent + block[k] + end
		}
		text.WriteString(line)
	}
	return text.Bytes(), nil
}

// length is how many lines a key's value takes that stands in a column: those that are
// indented further, and the empty ones between them.
func length(lines []string, column int) int {
	n := 1
	for i, line := range lines[1:] {
		text := strings.TrimRight(line, " \r\n")
		if text == "" {
			continue
		}
		if len(text)-len(strings.TrimLeft(text, " ")) < column {
			break
		}
		n = i + 2
	}
	return n
}
