package wire

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// The records on the path of a hold and a checkout are written and read without
// reflection, each by two methods beside each other:
//
//	AppendJSON  appends exactly what encoding/json writes for the same value; instants
//	            are of the years 0 to 9999, as ours are
//	parse       reads what is spelled so: members in the order of their fields, each at
//	            most once, no space between them, no escapes
//
// What is spelled in any other way, as by hand or by another version of frontrow, is read
// by encoding/json. So every text is accepted or refused as encoding/json does, and has the
// value that it finds; parse only has to be right about the texts that it accepts.

type appender interface{ AppendJSON(b []byte) []byte }

// parser reads a value from the beginning of a text, and returns what follows it. If the
// text is spelled in another way, ok is false and what was read means nothing.
type parser interface {
	parse(text string) (rest string, ok bool)
}

// usual is room for most of what is written here: to grow there by doubling would copy it
// several times.
const usual = 256

// Append appends the JSON of v to b.
func Append(b []byte, v any) ([]byte, error) {
	if a, ok := v.(appender); ok {
		if b == nil {
			b = make([]byte, 0, usual)
		}
		return a.AppendJSON(b), nil
	}
	raw, err := json.Marshal(v)
	return append(b, raw...), err
}

// Unmarshal reads exactly one JSON value into what into points to, which must be zero. It
// keeps no part of raw.
func Unmarshal(raw []byte, into any) error {
	if Plain(raw, into) {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// Plain is Unmarshal for a text that is spelled as this package spells it, so that no member
// is unknown and none comes twice. It reports whether the text is; if not, into stays zero.
func Plain(raw []byte, into any) bool {
	p, ok := into.(parser)
	if !ok {
		return false
	}
	if rest, ok := p.parse(string(raw)); ok && rest == "" {
		return true
	}
	reflect.ValueOf(into).Elem().SetZero()
	return false
}

// members reads the members of one JSON object. The first that is odd ends it.
type members struct {
	rest  string
	begun bool // one was read
	odd   bool // it is spelled in another way
}

// membersOf begins an object.
func membersOf(text string) members {
	rest, ok := strings.CutPrefix(text, "{")
	return members{rest: rest, odd: !ok}
}

// end returns what follows the object.
func (m *members) end() (rest string, ok bool) {
	m.take('}')
	return m.rest, !m.odd
}

func (m *members) spoil() {
	m.rest, m.odd = "", true
}

// take skips one byte, which must be c.
func (m *members) take(c byte) {
	if m.rest == "" || m.rest[0] != c {
		m.spoil()
		return
	}
	m.rest = m.rest[1:]
}

// took notes what follows a value that was read from rest.
func (m *members) took(rest string, ok bool) {
	if m.rest = rest; !ok {
		m.spoil()
	}
}

// next reports whether the next member has the name; if so, its value is next.
func (m *members) next(name string) bool {
	s := m.rest
	if m.begun {
		if s == "" || s[0] != ',' {
			return false
		}
		s = s[1:]
	}
	n := len(name)
	if len(s) < n+3 || s[0] != '"' || s[1:n+1] != name || s[n+1] != '"' || s[n+2] != ':' {
		return false
	}
	m.rest, m.begun = s[n+3:], true
	return true
}

// text reads a string.
func (m *members) text() string {
	s, wide := m.rest, false
	for i := 1; i < len(s) && s[0] == '"'; i++ {
		switch c := s[i]; {
		case c == '"':
			if wide && !utf8.ValidString(s[1:i]) {
				m.spoil()
				return ""
			}
			m.rest = s[i+1:]
			return s[1:i]
		case c < ' ' || c == '\\':
			m.spoil()
			return ""
		case c >= utf8.RuneSelf:
			wide = true
		}
	}
	m.spoil()
	return ""
}

// maxDigits is of how many every number fits an int64.
const maxDigits = 18

func (m *members) number() (n int64) {
	s, i := m.rest, 0
	minus := strings.HasPrefix(s, "-")
	if minus {
		i = 1
	}
	first := i
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		if i-first == maxDigits {
			m.spoil()
			return 0
		}
		n = 10*n + int64(s[i]-'0')
	}
	if digits := i - first; digits == 0 || s[first] == '0' && digits > 1 {
		m.spoil()
		return 0
	}
	m.rest = s[i:] // a fraction or an exponent is no member's beginning
	if minus {
		n = -n
	}
	return n
}

func (m *members) count() int {
	n := m.number()
	if int64(int(n)) != n {
		m.spoil()
	}
	return int(n)
}

func (m *members) unsigned() uint64 {
	if strings.HasPrefix(m.rest, "-") {
		m.spoil()
	}
	return uint64(m.number())
}

func (m *members) truth() bool {
	if rest, ok := strings.CutPrefix(m.rest, "true"); ok {
		m.rest = rest
		return true
	}
	rest, ok := strings.CutPrefix(m.rest, "false")
	m.took(rest, ok)
	return false
}

// time reads an instant as encoding/json does.
func (m *members) time() (t time.Time) {
	s := m.rest
	if text := m.text(); !m.odd && t.UnmarshalJSON([]byte(s[:len(text)+2])) != nil {
		m.spoil()
	}
	return t
}

// instant is time for a field that points to one.
func (m *members) instant() *time.Time {
	t := m.time()
	return &t
}

func (m *members) texts() []string {
	return listOf(m, `","`, (*members).text)
}

// Bounds of the room made for a list before it is read, and of the text that is looked at
// for it: a log record has hundreds of lists.
const (
	maxRoom  = 16
	roomText = 512
)

// listOf reads a list. Sep stands between its elements, and may stand elsewhere.
func listOf[T any](m *members, sep string, element func(*members) T) []T {
	m.take('[')
	if strings.HasPrefix(m.rest, "]") {
		m.take(']')
		return []T{}
	}
	list := make([]T, 0, min(1+strings.Count(m.rest[:min(len(m.rest), roomText)], sep), maxRoom))
	for !m.odd {
		list = append(list, element(m))
		if strings.HasPrefix(m.rest, "]") {
			m.take(']')
			return list
		}
		m.take(',')
	}
	return nil
}

// objects reads a list of objects.
func objects[T any, P interface {
	*T
	parser
}](m *members) []T {
	return listOf(m, "},{", func(m *members) (one T) {
		m.took(P(&one).parse(m.rest))
		return one
	})
}
