package wire

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The records and answers of a hold are encoded thousands of times a second by one
// goroutine. What is appended here is exactly what encoding/json writes for the same values,
// at a tenth of its cost.

// appendAll appends a list, null if there is none.
func appendAll[T any](b []byte, list []T, one func(*T, []byte) []byte) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(&list[i], b)
	}
	return append(b, ']')
}

// object appends the members of one JSON object; keys need no escaping.
type object struct {
	b     []byte
	begun bool
}

func (o *object) key(k string) {
	if o.begun {
		o.b = append(o.b, `,"`...)
	} else {
		o.b, o.begun = append(o.b, `{"`...), true
	}
	o.b = append(append(o.b, k...), `":`...)
}

func (o *object) end() []byte {
	if !o.begun {
		o.b = append(o.b, '{')
	}
	return append(o.b, '}')
}

func (o *object) text(k, v string) {
	o.key(k)
	o.b = appendText(o.b, v)
}

// some appends a member that is not empty.
func (o *object) some(k, v string) {
	if v != "" {
		o.text(k, v)
	}
}

func (o *object) number(k string, v int64) {
	o.key(k)
	o.b = strconv.AppendInt(o.b, v, 10)
}

func (o *object) unsigned(k string, v uint64) {
	o.key(k)
	o.b = strconv.AppendUint(o.b, v, 10)
}

// nonzero, truth and list append a member that is not zero, false or empty.
func (o *object) nonzero(k string, v int64) {
	if v != 0 {
		o.number(k, v)
	}
}

func (o *object) truth(k string, v bool) {
	if v {
		o.key(k)
		o.b = append(o.b, "true"...)
	}
}

func (o *object) list(k string, texts []string) {
	if len(texts) > 0 {
		o.key(k)
		o.b = appendTexts(o.b, texts)
	}
}

func (o *object) time(k string, t time.Time) {
	o.key(k)
	o.b = append(t.AppendFormat(append(o.b, '"'), time.RFC3339Nano), '"')
}

func appendTexts(b []byte, texts []string) []byte {
	return appendAll(b, texts, func(t *string, b []byte) []byte { return appendText(b, *t) })
}

func appendNumbers(b []byte, numbers []uint64) []byte {
	return appendAll(b, numbers, func(n *uint64, b []byte) []byte { return strconv.AppendUint(b, *n, 10) })
}

// appendText quotes s; what needs escaping is left to encoding/json.
func appendText(b []byte, s string) []byte {
	wide := false
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&':
			return appendAny(b, s)
		case c >= utf8.RuneSelf:
			wide = true
		}
	}
	if wide && (!utf8.ValidString(s) || strings.Contains(s, "\u2028") || strings.Contains(s, "\u2029")) {
		return appendAny(b, s)
	}
	return append(append(append(b, '"'), s...), '"')
}

func appendAny(b []byte, v any) []byte {
	raw, _ := json.Marshal(v) // strings and numbers: can't fail
	return append(b, raw...)
}
