package eventfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// errStyle means that a file is not written a key a line, indented.
var errStyle = errors.New("it is not written with each key in a line of its own: paste it yourself")

// Splice returns a file's text with a block put under a key, where it takes the place of the
// one that is there: all else stays as it is, comments too. The block's lines are indented
// from zero, and its first has the name of what it is. Read the result before you keep it.
func (f *File) Splice(raw []byte, under, name string, block []string) ([]byte, error) {
	lines := strings.SplitAfter(string(raw), "\n")
	at, there := f.at[under+"."+name]
	for key, child := range f.at {
		if sub, ok := strings.CutPrefix(key, under+"."); ok && !there && !strings.ContainsAny(sub, ".[") && child.line > at.line {
			at = child // behind the last
		}
	}
	if at.line == 0 {
		return nil, fmt.Errorf("%s: there is no %s", f.name, under)
	}
	indent := lines[at.line-1][:min(at.column-1, len(lines[at.line-1]))]
	if strings.Trim(indent, " ") != "" {
		return nil, errStyle
	}
	from, to := at.line-1, at.line-1+length(lines[at.line-1:], at.column)
	if !there {
		from = to
	}
	return spliced(lines[:from], indent, block, lines[to:]), nil
}

// spliced puts the lines of a block between others, each of which has its end.
func spliced(before []string, indent string, block, after []string) []byte {
	var text bytes.Buffer
	end := "\n"
	for _, line := range before {
		text.WriteString(line)
	}
	if raw := text.String(); strings.Contains(raw, "\r\n") {
		end = "\r\n"
	}
	if n := len(before); n > 0 && !strings.HasSuffix(before[n-1], "\n") {
		text.WriteString(end)
	}
	for _, line := range block {
		text.WriteString(indent + line + end)
	}
	for _, line := range after {
		text.WriteString(line)
	}
	return text.Bytes()
}

// length is how many lines a key takes that stands in a column, with its value: those that
// are indented further or are items of its list, and the empty ones between them.
func length(lines []string, column int) int {
	n := 1
	for i, line := range lines[1:] {
		text := strings.TrimLeft(line, " ")
		indent := len(line) - len(text)
		if text = strings.TrimRight(text, " \r\n"); text == "" {
			continue
		}
		if indent < column-1 || indent == column-1 && !strings.HasPrefix(text, "- ") {
			break
		}
		n = i + 2
	}
	return n
}
