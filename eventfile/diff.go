package eventfile

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"frontrow/wire"
)

// Change is a key whose value another spec changes.
type Change struct {
	Key     string // in which levels go by their ids: "levels[stalls].base"
	Was, Is string // for people; "": there is none
	Notice  string // what fans will notice of it; "": nothing
}

// instantLayout shows what a person checks, the weekday and the offset too.
const instantLayout = "Mon 2006-01-02 15:04:05.999999999 -07:00"

// Diff returns what changes from one spec to another, both with their defaults.
func Diff(was, is wire.Spec) []Change {
	d := differ{was: writer{was.Zone(), was.Currency}, is: writer{is.Zone(), is.Currency}, specs: [...]wire.Spec{was, is}}
	d.structs("", reflect.ValueOf(was), reflect.ValueOf(is))
	return d.changes
}

type differ struct {
	was, is writer
	specs   [2]wire.Spec
	changes []Change
}

func (d *differ) structs(path string, was, is reflect.Value) {
	before, after := fields(was), fields(is)
	for i, a := range after {
		key := path + a.name
		switch _, text := a.value.Interface().(encoding.TextMarshaler); {
		case a.value.Kind() == reflect.Struct && !text:
			d.structs(key+".", before[i].value, a.value)
		case a.value.Type() == reflect.TypeFor[[]wire.Level]():
			d.levels(before[i].value.Interface().([]wire.Level), a.value.Interface().([]wire.Level))
		case a.value.Type() == reflect.TypeFor[[]wire.Rails]():
			d.rails(before[i].value.Interface().([]wire.Rails), a.value.Interface().([]wire.Rails))
		default:
			d.values(key, before[i], a)
		}
	}
}

func (d *differ) values(key string, was, is field) {
	if same(was.value.Interface(), is.value.Interface()) {
		return
	}
	before, listed := d.was.list(was.value.Interface())
	if after, _ := d.is.list(is.value.Interface()); listed && before == after {
		return // the same instants, in other zones
	}
	d.changes = append(d.changes, Change{key, d.was.value(was), d.is.value(is), notice(key, was.value, is.value)})
}

// same reports whether two values mean the same: an instant in another zone does, and so
// does a list in another order.
func same(was, is any) bool {
	switch before := was.(type) {
	case time.Time:
		return before.Equal(is.(time.Time))
	case []string:
		return slices.Equal(slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(is.([]string))))
	}
	return reflect.DeepEqual(was, is)
}

// levels compares those with the same id; of their prices, fans notice the sum.
func (d *differ) levels(was, is []wire.Level) {
	byID := map[string]wire.Level{}
	for _, l := range was {
		byID[l.ID] = l
	}
	for _, l := range is {
		old, ok := byID[l.ID]
		delete(byID, l.ID)
		key := "levels[" + l.ID + "]"
		if !ok {
			d.changes = append(d.changes, Change{Key: key, Is: d.is.amount(d.specs[1].Opening(l).Total), Notice: "it is new"})
			continue
		}
		d.structs(key+".", reflect.ValueOf(old), reflect.ValueOf(l))
		if before, after := d.specs[0].Opening(old).Total, d.specs[1].Opening(l).Total; before != after {
			word, by := "rises", after-before
			if by < 0 {
				word, by = "falls", -by
			}
			d.changes = append(d.changes, Change{key + " in all", wire.FormatAmount(before, d.was.currency), wire.FormatAmount(after, d.is.currency),
				fmt.Sprintf("the price %s by %s; who holds seats pays what they were quoted", word, wire.FormatAmount(by, d.is.currency))})
		}
	}
	for _, l := range was {
		if _, gone := byID[l.ID]; gone {
			d.changes = append(d.changes, Change{Key: "levels[" + l.ID + "]", Was: d.was.amount(d.specs[0].Opening(l).Total), Notice: "it is gone"})
		}
	}
}

// writer writes values for people.
type writer struct {
	zone     *time.Location
	currency string
}

func (w writer) value(f field) string {
	v := reflect.Indirect(f.value)
	if !v.IsValid() {
		return "not said"
	}
	if text, ok := w.list(v.Interface()); ok {
		return text
	}
	switch x := v.Interface().(type) {
	case time.Time:
		if x.IsZero() {
			return "not said"
		}
		return x.In(w.zone).Format(instantLayout)
	case string:
		if x == "" {
			return "not said"
		}
	case int64:
		if f.amount {
			return wire.FormatAmount(x, w.currency)
		}
	case []string:
		return strings.Join(x, ", ")
	}
	return fmt.Sprint(v.Interface())
}
