package eventfile

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"frontrow/wire"

	"github.com/goccy/go-yaml/ast"
)

// field is a field of a record as files name it.
type field struct {
	value            reflect.Value
	required, amount bool
}

// target is what a pointer points to.
func target(into any) reflect.Value { return reflect.ValueOf(into).Elem() }

// fields lists those of a struct by their names in files, embedded ones among them.
func fields(v reflect.Value) map[string]field {
	all := map[string]field{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			for name, inner := range fields(v.Field(i)) {
				all[name] = inner
			}
		case name != "" && name != "-":
			wants := f.Tag.Get("file")
			all[name] = field{v.Field(i), strings.Contains(wants, "required"), strings.Contains(wants, "amount")}
		}
	}
	return all
}

func (r *reader) structure(n ast.Node, into reflect.Value, path string, depth int) {
	m, ok := n.(*ast.MappingNode)
	if !ok || depth > maxDepth {
		r.fault(n, path, "want keys with values, like {key: value}")
		return
	}
	known, seen := fields(into), map[string]bool{}
	for _, kv := range m.Values {
		key, ok := textOf(kv.Key)
		if !ok {
			r.fault(kv.Key, path, "want a plain key")
			continue
		}
		f, ok := known[key]
		name := strings.TrimPrefix(path+"."+key, ".")
		switch {
		case !ok:
			r.fault(kv.Key, name, "no such key%s", nearest(key, known))
		case seen[key]:
			r.fault(kv.Key, name, "is written twice")
		default:
			r.value(kv.Value, kv.Key, f, name, depth)
		}
		seen[key] = true
	}
	for name, f := range known {
		if f.required && !seen[name] {
			r.fault(n, strings.TrimPrefix(path+"."+name, "."), "is missing: it must be said, if only as 0")
		}
	}
}

// nearest suggests a key.
func nearest(key string, known map[string]field) string {
	for name := range known {
		if strings.EqualFold(strings.ReplaceAll(key, "-", "_"), name) || len(key) > 3 && (strings.HasPrefix(name, key) || strings.HasPrefix(key, name)) {
			return fmt.Sprintf(": is %q meant?", name)
		}
	}
	return ""
}

// value reads one value. key is where faults of an empty one are told.
func (r *reader) value(n, key ast.Node, f field, name string, depth int) {
	if n == nil || n.Type() == ast.NullType {
		r.fault(key, name, "has no value: write one, or leave the key out")
		return
	}
	v := f.value
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch v.Interface().(type) {
	case time.Time:
		r.instant(n, v, name)
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		text, scalar := textOf(n)
		if err := u.UnmarshalText([]byte(text)); !scalar || err != nil {
			r.fault(n, name, "%v", cmpErr(err, "want a text"))
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		r.structure(n, v, name, depth+1)
	case reflect.Slice:
		r.list(n, v, name, depth)
	case reflect.String:
		r.text(n, v, name)
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok && (b.GetToken().Value == "true" || b.GetToken().Value == "false") {
			v.SetBool(b.Value)
		} else {
			r.fault(n, name, "want true or false")
		}
	case reflect.Float64:
		r.float(n, v, name)
	case reflect.Int, reflect.Int64, reflect.Uint64:
		r.integer(n, v, f.amount, name)
	default:
		r.fault(n, name, "can't be set here")
	}
}

func cmpErr(err error, otherwise string) string {
	if err != nil {
		return err.Error()
	}
	return otherwise
}

func (r *reader) list(n ast.Node, v reflect.Value, name string, depth int) {
	s, ok := n.(*ast.SequenceNode)
	if !ok || depth > maxDepth {
		r.fault(n, name, "want a list, like [one, two]")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, e := range s.Values {
		r.value(e, n, field{value: v.Index(i)}, fmt.Sprintf("%s[%d]", name, i), depth+1)
	}
}

func (r *reader) text(n ast.Node, v reflect.Value, name string) {
	text, ok := textOf(n)
	if !ok {
		r.fault(n, name, "want a text")
		return
	}
	text, err := clean(text)
	if err != nil {
		r.fault(n, name, "%v", err)
	}
	v.SetString(text)
}

var (
	wholeNumber   = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	decimalNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?(e-?[0-9]+)?$`)
	localTime     = regexp.MustCompile(`^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?$`)
)

// integer reads a whole number as people write it. Of an amount, minor units; or,
// with its currency, as people write money.
func (r *reader) integer(n ast.Node, v reflect.Value, amount bool, name string) {
	text, _ := textOf(n)
	_, number := n.(*ast.IntegerNode)
	bad := "want a whole number, written like 10: no leading zero, no other base"
	if amount {
		bad = fmt.Sprintf("want a whole number of minor units, like 6500 for %s", wire.FormatAmount(6500, r.currency))
		if _, quoted := n.(*ast.StringNode); quoted {
			minor, err := wire.ParseAmount(text, r.currency)
			if err != nil {
				r.fault(n, name, "%s; or %v", bad, err)
				return
			}
			v.SetInt(minor)
			return
		}
	}
	i, err := strconv.ParseInt(text, 10, 64)
	if !number || !wholeNumber.MatchString(text) || err != nil || v.Kind() == reflect.Uint64 && i < 0 {
		r.fault(n, name, "%s", bad)
		return
	}
	if v.Kind() == reflect.Uint64 {
		v.SetUint(uint64(i))
		return
	}
	v.SetInt(i)
}

func (r *reader) float(n ast.Node, v reflect.Value, name string) {
	text, _ := textOf(n)
	_, quoted := n.(*ast.StringNode)
	f, err := strconv.ParseFloat(text, 64)
	if quoted || !decimalNumber.MatchString(text) || err != nil {
		r.fault(n, name, "want a number, written like 0.25")
		return
	}
	v.SetFloat(f)
}

// instant reads RFC 3339; or, if the file has a timezone, a local time in it.
func (r *reader) instant(n ast.Node, v reflect.Value, name string) {
	text, ok := textOf(n)
	if !ok {
		r.fault(n, name, "want an instant, like 2027-06-19T20:00:00+02:00")
		return
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil && t.Year() > 0 {
		v.Set(reflect.ValueOf(t.UTC()))
		return
	}
	zone, err := wire.LoadZone(r.zone)
	if !localTime.MatchString(text) || r.zone == "" || err != nil {
		r.fault(n, name, "%q is no instant: write it like 2027-06-19T20:00:00+02:00, with seconds and zone; or, where the file has a timezone, as local time: 2027-06-19 20:00", text)
		return
	}
	t, err := local(text, zone)
	if err != nil {
		r.fault(n, name, "%v", err)
		return
	}
	v.Set(reflect.ValueOf(t.UTC()))
}

// local is a local time that clocks in the zone show once.
func local(text string, zone *time.Location) (time.Time, error) {
	layout := "2006-01-02 15:04:05"[:len(text)]
	text = strings.Replace(text, "T", " ", 1)
	t, err := time.ParseInLocation(layout, text, zone)
	if err != nil {
		return t, fmt.Errorf("%q is no time of a calendar", text)
	}
	if t.Format(layout) != text {
		return t, fmt.Errorf("%q: clocks in %s skip this time; write it with its offset", text, zone)
	}
	for _, shift := range []time.Duration{-time.Hour, time.Hour, -30 * time.Minute, 30 * time.Minute} {
		if o := t.Add(shift); o.Format(layout) == text {
			return t, fmt.Errorf("%q: clocks in %s show this time twice; write it with its offset", text, zone)
		}
	}
	return t, nil
}
