package eventfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"frontrow/wire"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// File is a file as it was read: where each of its keys stands, and what is wrong.
type File struct {
	name     string
	whole    bool   // it could be read as YAML, so its faults can be told key by key
	sent     bool   // it is a request, in which a program writes zeros for what nobody wrote
	zone     string // the file's timezone, for local times
	currency string // the file's

	at       map[string]position // of the keys
	misspelt []string            // keys that were probably meant by unknown ones
	faults   []fault
	more     int // faults beyond maxKept
}

// position is a line and a column, from 1, or nowhere.
type position struct{ line, column int }

func positionOf(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{}
	}
	return position{t.Position.Line, t.Position.Column}
}

// fault is a fault, where it is, and the key that couldn't be read because of it.
type fault struct {
	position
	key, message string
}

// Check adds what the rules say of the values that were read: an error that joins faults,
// each a *wire.Fault, or nil. prefix is put before their keys. Of a key that couldn't be
// read, nothing is added: its value is none that anybody wrote.
func (f *File) Check(prefix string, err error) {
	if err == nil || !f.whole {
		return
	}
	unread := slices.Clone(f.misspelt)
	for _, r := range f.faults {
		unread = append(unread, r.key)
	}
	for _, err := range split(err) {
		var rule *wire.Fault
		if !errors.As(err, &rule) {
			f.add(position{}, "", "%v", err)
			continue
		}
		key := prefix + rule.Key
		if !slices.ContainsFunc(unread, func(r string) bool { return r != "" && (r == key || within(key, r)) }) {
			f.add(f.where(key), key, "%s", rule.Message)
		}
	}
}

// CheckSpec adds what the rules say of a spec, whose keys begin with prefix; the
// layout is that of its plan, nil if it isn't known.
func (f *File) CheckSpec(prefix string, s wire.Spec, layout *wire.Layout) {
	for i := range s.Levels {
		if level := fmt.Sprintf("%slevels[%d]", prefix, i); !f.Sound(level+".categories") || !f.Sound(level+".sections") {
			layout = nil // what a level has isn't known, so neither is what none has
		}
	}
	if !f.Sound(prefix + "tax") {
		s.Tax = wire.TaxSpec{}
	}
	if !f.Sound(prefix+"levels") || !f.Sound(prefix+"tax") || !f.Sound(prefix+"opens_at") || !f.Sound(prefix+"pricing.mode") || !f.Sound(prefix+"currency") {
		s.Pricing = wire.PricingSpec{} // its rules compare with these
	}
	if !f.Sound(prefix+"venue") || !f.Sound(prefix+"starts_at") || !f.Sound(prefix+"timezone") {
		s.Pricing.Comparable = wire.Comparable{} // likewise
	}
	f.Check(prefix, s.WithDefaults().Validate(layout))
}

// Sound reports whether a key, and all that stands under it, could be read.
func (f *File) Sound(key string) bool {
	return f.whole && !slices.ContainsFunc(f.faults, func(r fault) bool { return r.key == key || within(r.key, key) })
}

// Err returns all faults, up to a bound, one per line and in their order, or nil.
func (f *File) Err() error {
	slices.SortStableFunc(f.faults, func(a, b fault) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	f.faults = slices.Compact(f.faults)
	var errs []error
	for i, at := range f.faults {
		if i == maxFaults {
			errs = append(errs, fmt.Errorf("%s: and %d faults more", f.name, len(f.faults)-i+f.more))
			break
		}
		errs = append(errs, errors.New(f.name+at.String()))
	}
	return errors.Join(errs...)
}

func (f fault) String() string {
	message := f.message
	if f.key != "" {
		message = f.key + ": " + message
	}
	if f.line == 0 {
		return ": " + message
	}
	return fmt.Sprintf(":%d:%d: %s", f.line, f.column, message)
}

// where is the position of a key, or of what it would stand in.
func (f *File) where(key string) position {
	for {
		if at, ok := f.at[key]; ok || key == "" {
			return at
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
}

func (f *File) add(at position, key, format string, a ...any) {
	if len(f.faults) == maxKept {
		f.more++
		return
	}
	f.faults = append(f.faults, fault{at, key, fmt.Sprintf(format, a...)})
}

// fault adds what is wrong with a node.
func (f *File) fault(n ast.Node, key, format string, a ...any) {
	f.add(start(n), key, format, a...)
}

// start is where a node begins. The parser has a mapping begin at its first colon.
func start(n ast.Node) position {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	return positionOf(n.GetToken())
}

// within reports whether a key stands under another.
func within(key, under string) bool {
	rest, ok := strings.CutPrefix(key, under)
	return ok && rest != "" && (rest[0] == '.' || rest[0] == '[')
}

// split returns what an error joins, itself if nothing.
func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, split(e)...)
		}
		return all
	}
	return []error{err}
}
