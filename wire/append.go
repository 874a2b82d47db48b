package wire

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The records and answers of a hold are encoded thousands of times a second by one
// goroutine. These encoders write exactly what encoding/json writes for the same values,
// at a tenth of its cost.

// AppendJSON appends the record to b.
func (s *Seat) AppendJSON(b []byte) []byte {
	o := object{b: b}
	s.appendTo(&o)
	return o.end()
}

func (s *Seat) appendTo(o *object) {
	if s.V != 0 {
		o.number("v", int64(s.V))
	}
	o.text("state", string(s.State))
	o.time("at", s.At)
	o.some("hold", s.Hold)
	o.some("fan", s.Fan)
	if s.Until != nil {
		o.time("until", *s.Until)
	}
	if s.Quote != nil {
		o.key("quote")
		o.b = s.Quote.appendJSON(o.b)
	}
	o.some("order", s.Order)
	o.some("key", s.Key)
	o.some("body", s.Body)
	if s.HeldUntil != nil {
		o.time("held_until", *s.HeldUntil)
	}
	if len(s.Tried) > 0 {
		o.key("tried")
		o.b = appendAny(o.b, s.Tried)
	}
	if s.Extended {
		o.key("extended")
		o.b = append(o.b, "true"...)
	}
	o.some("net", s.Net)
	if k := s.Kept; k != nil {
		o.key("kept")
		o.b = k.appendJSON(o.b)
	}
	o.some("channel", s.Channel)
	o.some("why", s.Why)
	if s.Flush != 0 {
		o.number("flush", int64(s.Flush))
	}
	if s.Revision != 0 {
		o.number("revision", int64(s.Revision))
	}
}

// AppendJSON appends the log record to b.
func (f *Flush) AppendJSON(b []byte) []byte {
	o := object{b: b}
	if f.V != 0 {
		o.number("v", int64(f.V))
	}
	o.number("n", int64(f.N))
	o.number("term", int64(f.Term))
	o.text("writer", f.Writer)
	o.time("at", f.At)
	o.some("prev", f.Prev)
	o.key("acts")
	if f.Acts == nil {
		o.b = append(o.b, "null"...)
	} else {
		o.b = appendAll(o.b, f.Acts, (*Act).appendJSON)
	}
	if len(f.Seats) > 0 {
		o.key("seats")
		o.b = appendAll(o.b, f.Seats, (*Change).appendJSON)
	}
	return o.end()
}

// appendAll appends a list.
func appendAll[T any](b []byte, list []T, one func(*T, []byte) []byte) []byte {
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(&list[i], b)
	}
	return append(b, ']')
}

func (a *Act) appendJSON(b []byte) []byte {
	o := object{b: b}
	o.text("kind", a.Kind)
	o.some("hold", a.Hold)
	o.some("order", a.Order)
	o.some("fan", a.Fan)
	if len(a.Seats) > 0 {
		o.key("seats")
		o.b = appendTexts(o.b, a.Seats)
	}
	if len(a.Prices) > 0 {
		o.key("prices")
		o.b = appendAll(o.b, a.Prices, (*Amounts).appendJSON)
	}
	if a.Until != nil {
		o.time("until", *a.Until)
	}
	o.some("by", a.By)
	o.some("why", a.Why)
	o.some("channel", a.Channel)
	if a.Count != 0 {
		o.number("count", int64(a.Count))
	}
	return o.end()
}

func (k *Kept) appendJSON(b []byte) []byte {
	o := object{b: b}
	o.some("fan", k.Fan)
	o.some("net", k.Net)
	o.time("since", k.Since)
	o.time("until", k.Until)
	o.text("spent", k.Spent.String())
	return o.end()
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
	if texts == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, t := range texts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, t)
	}
	return append(b, ']')
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
