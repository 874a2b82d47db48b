package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// SyntaxError is what is wrong with a plan's JSON, whatever it says of places.
type SyntaxError struct {
	Line, Column int // from 1
	Message      string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// strict refuses what package json lets pass: keys that are written twice, of which it
// takes the last, and, where the type is known, keys that it has not, or in another case.
// data is valid JSON. The error joins all faults, up to a bound, each a *SyntaxError.
func strict(data []byte, like reflect.Type) error {
	r := reader{data: data, json: json.NewDecoder(bytes.NewReader(data))}
	r.json.UseNumber()
	if err := r.value(like); err != nil {
		return err
	}
	return errors.Join(r.faults...)
}

type reader struct {
	data   []byte
	json   *json.Decoder
	faults []error
}

// fault adds what is wrong with the key or the delimiter before.
func (r *reader) fault(format string, a ...any) {
	if len(r.faults) == maxFaults {
		return
	}
	end := r.json.InputOffset()
	if begin := end - 1; r.data[begin] == '"' {
		for begin--; r.data[begin] != '"' || escaped(r.data[:begin]); begin-- {
		}
		end = begin + 1
	}
	r.faults = append(r.faults, positioned(r.data, end, fmt.Sprintf(format, a...)))
}

// escaped reports whether what follows data in a JSON string is.
func escaped(data []byte) bool {
	return (len(data)-len(bytes.TrimRight(data, `\`)))%2 == 1
}

// positioned says where the byte is that ends at offset.
func positioned(data []byte, offset int64, message string) error {
	before := data[:min(max(0, int(offset)), len(data))]
	line := bytes.Count(before, []byte("\n")) + 1
	return &SyntaxError{line, max(1, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])), message}
}

// value reads a value like a type, which is nil where any will do.
func (r *reader) value(like reflect.Type) error {
	t, err := r.json.Token()
	if err != nil {
		return err
	}
	for like != nil && like.Kind() == reflect.Pointer {
		like = like.Elem()
	}
	if like != nil && reflect.PointerTo(like).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		like = nil
	}
	switch t {
	case json.Delim('{'):
		return r.object(like)
	case json.Delim('['):
		var element reflect.Type
		if like != nil && like.Kind() == reflect.Slice {
			element = like.Elem()
		}
		for r.json.More() {
			if err := r.value(element); err != nil {
				return err
			}
		}
		_, err = r.json.Token()
	}
	return err
}

func (r *reader) object(like reflect.Type) error {
	var known map[string]reflect.Type
	if like != nil && like.Kind() == reflect.Struct {
		known = keysOf(like)
	}
	seen := map[string]bool{}
	for r.json.More() {
		t, err := r.json.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string) // the decoder has seen to it
		of, ok := known[key]
		switch {
		case seen[key]:
			r.fault("the key %s is written twice", show(key))
		case known != nil && !ok:
			r.fault("no such key: %s", show(key))
		}
		seen[key] = true
		if err := r.value(of); err != nil {
			return err
		}
	}
	_, err := r.json.Token()
	return err
}

// syntaxError says where an error of package json is, if that says it.
func syntaxError(data []byte, err error) error {
	var syntax *json.SyntaxError
	var other *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return positioned(data, syntax.Offset, syntax.Error())
	case errors.As(err, &other) && other.Field == "":
		return positioned(data, other.Offset, "a plan is an object, not "+other.Value)
	case errors.As(err, &other):
		return positioned(data, other.Offset, other.Field+" can't be "+other.Value)
	}
	return err
}

// keysOf returns the types of a struct's fields by their names in JSON.
func keysOf(t reflect.Type) map[string]reflect.Type {
	keys := map[string]reflect.Type{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		keys[name] = t.Field(i).Type
	}
	return keys
}
