package eventfile

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"frontrow/wire"

	"github.com/goccy/go-yaml"
)

// FuzzRead: nothing panics, and what is taken means what it says: as another reader
// understands each amount, number, switch and instant of the file, and as the spec says
// when it is written down and read again.
func FuzzRead(f *testing.F) {
	for _, s := range []string{sound, with("opens_at: 2030-06-19 10:00") + "timezone: Europe/Berlin\n", with("opens_at: 2030-06-19T10:00:00+02:00"),
		base("base: 04500"), base("base: 45.00"), base(`base: "45.00"`), base(`base: EUR 45`), base("base: !!int 45"), base("base: 4_5"),
		strings.Replace(base(`base: "45.000"`), "EUR", "KWD", 1), strings.Replace(base(`base: '45'`), "EUR", "JPY", 1),
		with("limits: {per_fan: 7}"), with("admission: {lottery: true, ceiling: 10}"), with("best: {band: 0.5}"),
		with("pricing: {mode: demand, every: 2m, spread: true, rails: [{level: a, ceiling: EUR 90.00, step: 100, round: .50, direction: up}]}"),
		with("pricing: {mode: tiers, rails: [{level: a, tiers: [{from: 2030-06-19T10:00:00+02:00, total: EUR 50.00}, {sold: 50, total: 6000}]}]}"),
		with("pricing: {mode: demand, curve: [{at: 2030-06-19T10:00:00Z, sold: 0}], weights: {sales: 100}}"),
		sound + "name: Again\n", "{", "a: &a [*a]\n", "? x\n: y\n", "<<: {}\n", "!!int x\n", "%YAML 1.1\n---\nid: x\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := read(t, string(raw))
		if err != nil {
			if strings.Count(err.Error(), "\n") > maxFaults+maxKept { // a parser's message has lines of its own
				t.Fatalf("%d lines", strings.Count(err.Error(), "\n"))
			}
			return
		}
		var other map[string]any
		if err := yaml.Unmarshal([]byte(strings.TrimPrefix(string(raw), mark)), &other); err != nil {
			t.Skip("the other reader doesn't read it")
		}
		sameStructs(t, s, reflect.ValueOf(s), other)
		written, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var plain wire.Spec
		if err := json.Unmarshal(written, &plain); err != nil || !reflect.DeepEqual(plain, s) {
			t.Fatalf("%+v, written and read: %+v, %v", s, plain, err)
		}
	})
}

// sameStructs compares a struct with what another reader took the same keys for.
func sameStructs(t *testing.T, s wire.Spec, v reflect.Value, other map[string]any) {
	t.Helper()
	for _, f := range fields(v) {
		raw, said := other[f.name]
		if !said {
			if !f.value.IsZero() {
				t.Fatalf("%s is %v out of nothing", f.name, f.value)
			}
			continue
		}
		sameValues(t, s, f, raw)
	}
}

func sameValues(t *testing.T, s wire.Spec, f field, raw any) {
	t.Helper()
	wrong := func() { t.Fatalf("%s: %v (%T) was read as %v", f.name, raw, raw, f.value) }
	v := reflect.Indirect(f.value)
	switch x := v.Interface().(type) {
	case time.Time:
		if !sameInstant(x, fmt.Sprint(raw), s.WithDefaults().Zone()) {
			wrong()
		}
		return
	case wire.Duration:
		if d, err := time.ParseDuration(fmt.Sprint(raw)); err != nil || d != time.Duration(x) {
			wrong()
		}
		return
	case bool:
		if raw != x {
			wrong()
		}
		return
	}
	switch {
	case f.amount:
		if !sameAmount(v.Int(), s.Currency, raw) {
			wrong()
		}
	case v.CanInt():
		if fmt.Sprint(raw) != fmt.Sprint(v.Int()) {
			wrong()
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		all, ok := raw.([]any)
		if !ok || len(all) != v.Len() {
			wrong()
		}
		for i := range all {
			inner, _ := all[i].(map[string]any)
			sameStructs(t, s, v.Index(i), inner)
		}
	case v.Kind() == reflect.Struct:
		inner, _ := raw.(map[string]any)
		sameStructs(t, s, v, inner)
	}
}

// sameAmount computes an amount in another way: a number is of minor units, a text of the
// currency.
func sameAmount(minor int64, currency string, raw any) bool {
	text, ok := raw.(string)
	if !ok {
		return fmt.Sprint(raw) == fmt.Sprint(minor)
	}
	r, ok := new(big.Rat).SetString(strings.TrimSpace(strings.ReplaceAll(text, currency, "")))
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(wire.CurrencyDigits(currency))), nil)
	return ok && r.Mul(r, new(big.Rat).SetInt(scale)).Cmp(new(big.Rat).SetInt64(minor)) == 0
}

// sameInstant compares an instant with the digits that stand in the file: those of the
// zone or, with an offset, of that.
func sameInstant(at time.Time, text string, zone *time.Location) bool {
	digits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, s)
	}
	if len(text) < 16 {
		return false
	}
	if len(text) > 19 {
		rest := strings.TrimLeft(text[19:], ".0123456789")
		zone = time.UTC
		var h, m int
		if n, _ := fmt.Sscanf(rest[1:], "%02d:%02d", &h, &m); n == 2 {
			offset := h*3600 + m*60
			if rest[0] == '-' {
				offset = -offset
			}
			zone = time.FixedZone("", offset)
		}
	}
	return strings.HasPrefix(digits(text), digits(at.In(zone).Format("200601021504")))
}
