package eventfile

import (
	"regexp"

	"github.com/goccy/go-yaml/ast"
)

// Setting is a line of a file of settings: a name with a text, or with a list of texts.
type Setting struct {
	Name  string
	Texts []string
	List  bool

	file *File
	at   position // of the value
}

// plainNumber is a number as people write it; any other may be read in two ways.
var plainNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// Settings reads a file of settings, whatever they are called; one without any is fine.
// Values are texts as they are written: what they must be is for whoever knows the names,
// and told by Unknown and Wrong.
func Settings(name string) (*File, []Setting, error) {
	raw, err := load(name)
	if err != nil {
		return nil, nil, err
	}
	f := &File{name: name, at: map[string]position{}}
	body := f.parse(raw)
	if body == nil {
		return f, nil, nil
	}
	m, ok := body.(*ast.MappingNode)
	if !ok {
		f.fault(body, "", "want a line per setting, like name: value")
		return f, nil, nil
	}
	f.whole = true
	var all []Setting
	for _, kv := range m.Values {
		key, ok := textOf(kv.Key)
		before, twice := f.at[key]
		switch {
		case !ok:
			f.fault(kv.Key, "", "want a plain key")
		case twice:
			f.fault(kv.Key, firstLine(key), "is written twice, in line %d too", before.line)
		default:
			f.at[key] = start(kv.Key)
			all = append(all, f.setting(key, kv))
		}
	}
	return f, all, nil
}

func (f *File) setting(key string, kv *ast.MappingValueNode) Setting {
	s := Setting{Name: key, file: f, at: start(kv.Key)}
	if kv.Value == nil || kv.Value.Type() == ast.NullType {
		f.add(s.at, firstLine(key), "has no value: write one, or leave the line out")
		return s
	}
	s.at = start(kv.Value)
	values := []ast.Node{kv.Value}
	if list, ok := kv.Value.(*ast.SequenceNode); ok {
		s.List, values = true, list.Values
	}
	for _, n := range values {
		text, ok := textOf(n)
		switch n.(type) {
		case *ast.IntegerNode, *ast.FloatNode:
			if !plainNumber.MatchString(text) {
				f.fault(n, firstLine(key), "could mean two things: write a number like 10, or put it in quotes")
			}
		}
		if !ok {
			f.fault(n, firstLine(key), "want a text, or a list of texts like [one, two]")
		}
		s.Texts = append(s.Texts, text)
	}
	return s
}

// Unknown tells that nothing reads a setting; names are those that there are.
func (s Setting) Unknown(of string, names []string) {
	meant := ""
	if n := Nearest(s.Name, names); n != "" {
		meant = "; did you mean " + n + "?"
	}
	s.file.add(s.file.at[s.Name], "", "%s has no flag %q%s", of, firstLine(s.Name), meant)
}

// Wrong tells that the value of a setting can't be meant.
func (s Setting) Wrong(err error) { s.file.add(s.at, s.Name, "%v", err) }
