package eventfile

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"frontrow/wire"

	"github.com/goccy/go-yaml/ast"
)

// field is a field of a record that a file can set.
type field struct {
	name     string
	value    reflect.Value
	required bool // it must be said
	amount   bool // it is money
	standard bool // zero stands for a default
}

// target returns what a pointer points to.
func target(into any) reflect.Value { return reflect.ValueOf(into).Elem() }

// fields returns the fields of a struct, including embedded ones, in their order, under
// their names in files.
func fields(v reflect.Value) (all []field) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			all = append(all, fields(v.Field(i))...)
		case name != "" && name != "-":
			wants := f.Tag.Get("file")
			has := func(what string) bool { return strings.Contains(wants, what) }
			all = append(all, field{name, v.Field(i), has("required"), has("amount"), has("default")})
		}
	}
	return all
}

func (f *File) structure(n ast.Node, into reflect.Value, path string, depth int) {
	m, ok := n.(*ast.MappingNode)
	if !ok || depth > maxDepth {
		f.fault(n, path, "want keys with values, like {key: value}")
		return
	}
	known, seen := fields(into), map[string]bool{}
	if path == "" {
		f.at[""] = start(n)
	}
	for _, kv := range m.Values {
		key, ok := textOf(kv.Key)
		if !ok {
			f.fault(kv.Key, path, "want a plain key")
			continue
		}
		name := strings.TrimPrefix(path+"."+key, ".")
		at := -1
		for i := range known {
			if known[i].name == key {
				at = i
			}
		}
		switch {
		case at < 0:
			f.unknown(kv.Key, path, key, known)
		case seen[key]:
			f.fault(kv.Key, name, "is written twice, in line %d too", f.at[name].line)
		default:
			f.at[name] = start(kv.Key)
			f.value(kv.Value, kv.Key, known[at], name, depth)
		}
		seen[key] = true
	}
	for _, k := range known {
		if name := strings.TrimPrefix(path+"."+k.name, "."); k.required && !seen[k.name] && !slices.Contains(f.misspelt, name) {
			f.fault(n, name, "is missing: it must be said, if only as 0")
		}
	}
}

// unknown reports a key that nothing reads, and which was probably meant; that one then
// isn't missing as well.
func (f *File) unknown(key ast.Node, path, name string, known []field) {
	var names []string
	for _, k := range known {
		names = append(names, k.name)
	}
	meant := Nearest(name, names)
	path = strings.TrimPrefix(path+".", ".")
	if meant == "" {
		f.fault(key, path+firstLine(name), "no such key: there are %s", strings.Join(names, ", "))
		return
	}
	f.fault(key, path+firstLine(name), "no such key: did you mean %s?", meant)
	f.misspelt = append(f.misspelt, path+meant)
}

// value reads one value. Faults of an empty one are reported at key.
func (f *File) value(n, key ast.Node, into field, name string, depth int) {
	if n == nil || n.Type() == ast.NullType {
		f.fault(key, name, "has no value: write one, or leave the key out")
		return
	}
	v := into.value
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	before := len(f.faults)
	switch u, is := v.Addr().Interface().(encoding.TextUnmarshaler); {
	case v.Type() == reflect.TypeFor[time.Time]():
		f.instant(n, v, name)
	case is:
		text, scalar := textOf(n)
		if err := u.UnmarshalText([]byte(text)); !scalar || err != nil {
			f.fault(n, name, "%v", orElse(err, "want a text"))
		}
	case v.Kind() == reflect.Struct:
		f.structure(n, v, name, depth+1)
	case v.Kind() == reflect.Slice:
		f.list(n, v, name, depth)
	case v.Kind() == reflect.String:
		f.text(n, v, name)
	case v.Kind() == reflect.Bool:
		f.boolean(n, v, name)
	case v.Kind() == reflect.Float64:
		f.float(n, v, name)
	case v.Kind() == reflect.Int64 && into.amount:
		f.amount(n, v, name)
	case v.CanInt() || v.CanUint():
		f.integer(n, v, name)
	default:
		f.fault(n, name, "can't be set here")
	}
	if into.standard && !f.sent && v.IsZero() && len(f.faults) == before {
		f.fault(n, name, "%s would stand for the default: write another value, or leave the key out", shown(n))
	}
}

// shown is a scalar as it is written in the file.
func shown(n ast.Node) string {
	text, _ := textOf(n)
	if text = firstLine(text); quoted(n) {
		return strconv.Quote(text)
	}
	return text
}

func orElse(err error, otherwise string) string {
	if err != nil {
		return err.Error()
	}
	return otherwise
}

func (f *File) list(n ast.Node, v reflect.Value, name string, depth int) {
	s, ok := n.(*ast.SequenceNode)
	if !ok || depth > maxDepth {
		f.fault(n, name, "want a list, like [one, two]")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, e := range s.Values {
		element := fmt.Sprintf("%s[%d]", name, i)
		if e != nil {
			f.at[element] = start(e)
		}
		f.value(e, n, field{value: v.Index(i)}, element, depth+1)
	}
}

func (f *File) text(n ast.Node, v reflect.Value, name string) {
	text, ok := textOf(n)
	if !ok {
		f.fault(n, name, "want a text")
		return
	}
	text, err := clean(text)
	if err != nil {
		f.fault(n, name, "%v", err)
	}
	v.SetString(text)
}

func (f *File) boolean(n ast.Node, v reflect.Value, name string) {
	b, ok := n.(*ast.BoolNode)
	if text := n.GetToken().Value; !ok || text != "true" && text != "false" {
		f.fault(n, name, "want true or false")
		return
	}
	v.SetBool(b.Value)
}

var (
	wholeNumber   = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	decimalNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?(e-?[0-9]+)?$`)
	instantText   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`) // time.Parse takes more: a comma, one digit of the hour
	localTime     = regexp.MustCompile(`^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?$`)
)

// whole reads a whole number as people write it, in digits and not in quotes.
func whole(n ast.Node) (i int64, ok bool) {
	text, _ := textOf(n)
	if _, number := n.(*ast.IntegerNode); !number || !wholeNumber.MatchString(text) {
		return 0, false
	}
	i, err := strconv.ParseInt(text, 10, 64)
	return i, err == nil
}

func (f *File) integer(n ast.Node, v reflect.Value, name string) {
	i, ok := whole(n)
	switch {
	case !ok || v.CanUint() && i < 0:
		f.fault(n, name, "want a whole number, written like 10: no leading zero, no point, no quotes")
	case v.CanUint():
		v.SetUint(uint64(i))
	default:
		v.SetInt(i)
	}
}

// amount reads money: a whole number of minor units, or an amount with its currency. A bare
// number with a point is never read, in quotes or not: 65.00 would be 65 to whoever takes
// it for minor units.
func (f *File) amount(n ast.Node, v reflect.Value, name string) {
	if i, ok := whole(n); ok {
		v.SetInt(i)
		return
	}
	text, scalar := textOf(n)
	_, word := n.(*ast.StringNode)
	known := wire.IsCurrency(f.currency)
	minor, err := wire.ParseAmount(text, f.currency)
	bare, isBare := wire.ParseAmount(f.currency+" "+text, f.currency)
	switch {
	case !scalar:
		f.fault(n, name, "want an amount: %s", f.example())
	case word && !known:
		f.fault(n, name, "%s can't be read without the currency: correct that first, or write minor units", shown(n))
	case known && isBare == nil && strings.Contains(text, "."):
		amount := wire.FormatAmount(bare, f.currency)
		f.fault(n, name, "%s could mean two things: write %q, or %d, which is %s in minor units", shown(n), amount, bare, amount)
	case !word:
		f.fault(n, name, "%s is no amount: %s", firstLine(text), f.example())
	case err != nil:
		f.fault(n, name, "%s: %v", shown(n), err)
	default:
		v.SetInt(minor)
	}
}

// example says how an amount of the file's currency is written.
func (f *File) example() string {
	if !wire.IsCurrency(f.currency) {
		return "write a whole number of minor units, like 6500"
	}
	text := wire.FormatAmount(6500, f.currency)
	return fmt.Sprintf("write a whole number of minor units, like 6500, or an amount with its currency, like %q", text)
}

func (f *File) float(n ast.Node, v reflect.Value, name string) {
	text, _ := textOf(n)
	_, word := n.(*ast.StringNode)
	x, err := strconv.ParseFloat(text, 64)
	if word || !decimalNumber.MatchString(text) || err != nil {
		f.fault(n, name, "want a number, written like 0.25")
		return
	}
	v.SetFloat(x)
}

// firstYear is before every sale: an instant of an earlier one is a typing error.
const firstYear = 2000

// instant reads RFC 3339 or, if the file has a timezone, a local time in it.
func (f *File) instant(n ast.Node, v reflect.Value, name string) {
	text, ok := textOf(n)
	if !ok {
		f.fault(n, name, "want an instant, like 2027-06-19T20:00:00+02:00")
		return
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !instantText.MatchString(text) {
		zone, noZone := wire.LoadZone(f.zone)
		if !localTime.MatchString(text) || f.zone == "" || noZone != nil {
			f.fault(n, name, "%q is no instant: write it like 2027-06-19T20:00:00+02:00, with seconds and zone; or, where the file has a timezone, as local time: 2027-06-19 20:00", firstLine(text))
			return
		}
		if t, err = local(text, zone); err != nil {
			f.fault(n, name, "%v", err)
			return
		}
	}
	if t.Year() < firstYear {
		f.fault(n, name, "%q is before the year %d", text, firstYear)
		return
	}
	v.Set(reflect.ValueOf(t.UTC()))
}

// local parses a local time that clocks in the zone show exactly once.
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
