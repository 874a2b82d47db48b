package eventfile

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"frontrow/wire"
)

const sound = `id: show
name: Show
currency: EUR
starts_at: 2030-06-19T20:00:00Z
levels:
  - {id: a, name: All, categories: [A], base: 4500, service_fee: 450}
`

// read reads a file and checks it as its readers do.
func read(t *testing.T, raw string) (wire.Spec, error) {
	t.Helper()
	var s wire.Spec
	f := Read("event.yaml", []byte(raw), &s)
	f.CheckSpec("", s, &wire.Layout{Categories: []string{"A"}})
	return s, f.Err()
}

// with returns sound with line added, in place of the line with the same key if there is one.
func with(line string) string {
	key, _, _ := strings.Cut(line, ":")
	lines := strings.Split(sound, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, key+":") {
			lines[i] = line
			return strings.Join(lines, "\n")
		}
	}
	return sound + line + "\n"
}

func base(price string) string { return strings.Replace(sound, "base: 4500", price, 1) }

const (
	howInstants = `is no instant: write it like 2027-06-19T20:00:00+02:00, with seconds and zone; or, where the file has a timezone, as local time: 2027-06-19 20:00`
	howAmounts  = `write a whole number of minor units, like 6500, or an amount with its currency, like "EUR 65.00"`
	howDecimals = `write it with its currency, such as "EUR 65.00", or as a whole number of minor units`
	howNumbers  = `want a whole number, written like 10: no leading zero, no point, no quotes`
)

// TestMessages: each bad file is refused with where the fault is and what to write.
func TestMessages(t *testing.T) {
	berlin := "timezone: Europe/Berlin\n"
	for name, c := range map[string]struct{ raw, want string }{
		"no zone":            {with("opens_at: 2030-06-19T10:00:00"), `7:11: opens_at: "2030-06-19T10:00:00" ` + howInstants},
		"offset, no colon":   {with("opens_at: 2030-06-19T10:00:00+0200"), `7:11: opens_at: "2030-06-19T10:00:00+0200" ` + howInstants},
		"zone by name":       {with("opens_at: 2030-06-19 10:00:00 Europe/Berlin"), `7:11: opens_at: "2030-06-19 10:00:00 Europe/Berlin" ` + howInstants},
		"german":             {with("opens_at: 19.06.2030 10:00"), `7:11: opens_at: "19.06.2030 10:00" ` + howInstants},
		"hour 24":            {with("opens_at: 2030-06-19T24:00:00Z"), `7:11: opens_at: "2030-06-19T24:00:00Z" ` + howInstants},
		"one-digit hour":     {with("opens_at: 2030-06-19T4:00:00Z"), `7:11: opens_at: "2030-06-19T4:00:00Z" ` + howInstants},
		"decimal comma":      {with("opens_at: 2030-06-19T10:00:00,5Z"), `7:11: opens_at: "2030-06-19T10:00:00,5Z" ` + howInstants},
		"no seconds":         {with("opens_at: 2030-06-19T10:00Z"), `7:11: opens_at: "2030-06-19T10:00Z" ` + howInstants},
		"a word":             {with("opens_at: tomorrow 10:00"), `7:11: opens_at: "tomorrow 10:00" ` + howInstants},
		"skipped by clocks":  {with("opens_at: 2030-03-31 02:30") + berlin, `7:11: opens_at: "2030-03-31 02:30": clocks in Europe/Berlin skip this time; write it with its offset`},
		"shown twice":        {with("opens_at: 2029-10-28 02:30") + berlin, `7:11: opens_at: "2029-10-28 02:30": clocks in Europe/Berlin show this time twice; write it with its offset`},
		"no such day":        {with("opens_at: 2030-02-30 10:00") + berlin, `7:11: opens_at: "2030-02-30 10:00" is no time of a calendar`},
		"two digits of year": {with("opens_at: 0030-02-28T10:00:00Z"), `7:11: opens_at: "0030-02-28T10:00:00Z" is before the year 2000`},
		"opens late":         {with("opens_at: 2030-06-19T20:00:00Z"), `7:1: opens_at: Wed 19 Jun 2030, 20:00 (UTC) is not before starts_at, Wed 19 Jun 2030, 20:00 (UTC)`},
		"ends early":         {with("opens_at: 2030-06-01T00:00:00Z") + "sale_ends_at: 2030-05-01T00:00:00Z\n", `8:1: sale_ends_at: Wed 1 May 2030, 00:00 (UTC) is not after opens_at, Sat 1 Jun 2030, 00:00 (UTC)`},
		"a late room":        {with("opens_at: 2030-06-01T00:00:00Z") + "admission:\n  room_opens_at: 2030-06-02T00:00:00Z\n", `9:3: admission.room_opens_at: Sun 2 Jun 2030, 00:00 (UTC) is after opens_at, Sat 1 Jun 2030, 00:00 (UTC)`},

		"decimal price":    {base("base: 45.50"), `6:47: levels[0].base: 45.50 could mean two things: write "EUR 45.50", or 4550, which is EUR 45.50 in minor units`},
		"quoted decimals":  {base(`base: "45.50"`), `6:47: levels[0].base: "45.50" could mean two things: write "EUR 45.50", or 4550, which is EUR 45.50 in minor units`},
		"one decimal":      {base("base: 45.5"), `6:47: levels[0].base: 45.5 is no amount: ` + howAmounts},
		"octal price":      {base("base: 04500"), `6:47: levels[0].base: 04500 is no amount: ` + howAmounts},
		"hexadecimal":      {base("base: 0x1194"), `6:47: levels[0].base: 0x1194 is no amount: ` + howAmounts},
		"separated":        {base("base: 4_500"), `6:47: levels[0].base: 4_500 is no amount: ` + howAmounts},
		"exponent":         {base("base: 4.5e3"), `6:47: levels[0].base: 4.5e3 is no amount: ` + howAmounts},
		"infinite":         {base("base: .inf"), `6:47: levels[0].base: .inf is no amount: ` + howAmounts},
		"comma":            {base("base: '45,50'"), `6:47: levels[0].base: "45,50": ` + howDecimals},
		"quoted whole":     {base(`base: "45"`), `6:47: levels[0].base: "45": ` + howDecimals},
		"wrong decimals":   {base(`base: "45.5 EUR"`), `6:47: levels[0].base: "45.5 EUR": ` + howDecimals},
		"another currency": {base(`base: "45.50 USD"`), `6:47: levels[0].base: "45.50 USD": ` + howDecimals},
		"a sign":           {base("base: €45"), `6:47: levels[0].base: €45: ` + howDecimals},
		"a tag":            {base("base: !!int 4500"), `6:47: levels[0].base: want an amount: ` + howAmounts},
		"an anchor":        {base("base: &p 4500"), `6:47: levels[0].base: want an amount: ` + howAmounts},
		"yen":              {strings.Replace(base(`base: 4500.00`), "EUR", "JPY", 1), `6:47: levels[0].base: 4500.00 is no amount: write a whole number of minor units, like 6500, or an amount with its currency, like "JPY 6500"`},
		"quoted yen":       {strings.Replace(base(`base: "4500.00"`), "EUR", "JPY", 1), `6:47: levels[0].base: "4500.00": write it with its currency, such as "JPY 65", or as a whole number of minor units`},
		"dinar":            {strings.Replace(base(`base: "45.00 KWD"`), "EUR", "KWD", 1), `6:47: levels[0].base: "45.00 KWD": write it with its currency, such as "KWD 65.000", or as a whole number of minor units`},
		"no price":         {strings.Replace(sound, ", base: 4500", "", 1), `6:5: levels[0].base: is missing: it must be said, if only as 0`},
		"blank price":      {base("base: "), `6:41: levels[0].base: has no value: write one, or leave the key out`},
		"null price":       {base("base: null"), `6:41: levels[0].base: has no value: write one, or leave the key out`},
		"negative":         {base("base: -1"), `6:41: levels[0].base: -1: write between 0 and 100000000 minor units`},
		"too large":        {base("base: 100000001"), `6:41: levels[0].base: 100000001: write between 0 and 100000000 minor units`},
		"overflow":         {base("base: 99999999999999999999"), `6:47: levels[0].base: 99999999999999999999: ` + howDecimals},
		"quoted overflow":  {base(`base: "EUR 99999999999999999999.00"`), `6:47: levels[0].base: "EUR 99999999999999999999.00": it is too large`},

		"lower case":     {with("currency: eur"), `3:1: currency: "eur": use the ISO 4217 code of a currency in use, such as EUR`},
		"old currency":   {with("currency: DEM"), `3:1: currency: "DEM": use the ISO 4217 code of a currency in use, such as EUR`},
		"no currency":    {strings.Replace(sound, "currency: EUR\n", "", 1), `1:1: currency: "": use the ISO 4217 code of a currency in use, such as EUR`},
		"octal limit":    {with("limits: {per_fan: 010}"), `7:19: limits.per_fan: ` + howNumbers},
		"limit as text":  {with(`limits: {per_fan: "4"}`), `7:19: limits.per_fan: ` + howNumbers},
		"no limit":       {with(`limits: {per_fan: 0}`), `7:19: limits.per_fan: 0 would stand for the default: write another value, or leave the key out`},
		"high limit":     {with("limits:\n  per_fan: 51"), `8:3: limits.per_fan: 51: write a number between 1 and 50`},
		"no zone's name": {with(`timezone: ""`), `7:11: timezone: "" would stand for the default: write another value, or leave the key out`},
		"yes for true":   {with("admission: {lottery: yes}"), `7:22: admission.lottery: want true or false`},
		"a number":       {with("hold: {ttl: 480}"), `7:13: hold.ttl: duration "480": write it like 480s, 10m or 1h30m`},
		"long":           {with("hold: {ttl: 3h}"), `7:8: hold.ttl: 3h0m0s: write a time between 1s and 2h0m0s`},
		"short keep":     {with("hold: {keep: 1m}"), `7:8: hold.keep: 1m0s: write a time between 11m0s, which is ttl and checkout, and 24h0m0s`},
		"band":           {with("best: {band: 1.5}"), `7:8: best.band: 1.5: write a number between 0 and 1`},
		"word of three":  {with("hold: {orphans: never}"), `7:8: hold.orphans: "never": write off, lenient or strict`},

		"unknown key":       {with("open_at: 2030-06-19T10:00:00Z"), `7:1: open_at: no such key: did you mean opens_at?`},
		"unknown inside":    {strings.Replace(sound, "service_fee: 450", "price: 5", 1), `6:53: levels[0].price: no such key: there are id, name, categories, sections, base, service_fee, facility_fee`},
		"misspelt required": {base("bas: 4500"), `6:41: levels[0].bas: no such key: did you mean base?`},
		"key twice":         {sound + "name: Again\n", `7:1: name: is written twice, in line 2 too`},
		"key twice inside":  {base("base: 4500, base: 45"), `6:53: levels[0].base: is written twice, in line 6 too`},
		"merged":            {sound + "<<: {name: Again}\n", `7:1: want a plain key`},
		"second document":   {sound + "---\nid: other\n", `8:1: a second document begins here: give it a file of its own`},
		"a directive":       {"%YAML 1.1\n---\n" + sound, `1:1: leave out the line that begins with %`},
		"a list":            {"- id: show\n", `1:1: want keys with values, like {key: value}`},
		"text for list":     {strings.Replace(sound, "[A]", "A", 1), `6:36: levels[0].categories: want a list, like [one, two]`},
		"list for text":     {with("name: [Show]"), `2:7: name: want a text`},
		"zero byte":         {with(`name: "Rock\0Night"`), `2:7: name: it has the character U+0000, which is invisible: type it again`},
		"direction":         {with(`name: "Rock\u202eNight"`), `2:7: name: it has the character U+202E, which is invisible: type it again`},
		"an id twice":       {sound + "  - {id: a, name: B, categories: [], base: 1}\n", `7:6: levels[1].id: "a" is the id of levels[0] already`},
		"another category":  {strings.Replace(sound, "[A]", "[A, B]", 1), `6:40: levels[0].categories[1]: the plan has no category "B": it has A`},
		"no category":       {strings.Replace(sound, "[A]", "[]", 1), `5:1: levels: the plan's category "A" is in none of them`},
		"not YAML":          {"id: show\n\tname: x\n", `2:1: not YAML: found character '	' that cannot start any token`},
		"empty":             {"# nothing\n", `1:1: the file is empty`},
		"latin-1":           {strings.Replace(sound, "Show", "B\xfchne", 1), `2:1: not in UTF-8: save the file in that encoding`},
	} {
		_, err := read(t, c.raw)
		if c.want = "event.yaml:" + c.want; err == nil || err.Error() != c.want {
			t.Errorf("%s:\n%v\nwant\n%s", name, err, c.want)
		}
	}
}

func TestWhatMeansOneThingIsTaken(t *testing.T) {
	opens := time.Date(2030, 6, 19, 8, 0, 0, 0, time.UTC)
	costs := func(minor int64) func(wire.Spec) bool {
		return func(s wire.Spec) bool { return s.Levels[0].Base == minor }
	}
	in := func(currency, price string) string { return strings.Replace(base(price), "EUR", currency, 1) }
	for name, c := range map[string]struct {
		raw string
		ok  func(wire.Spec) bool
	}{
		"as it is":       {sound, func(s wire.Spec) bool { return s.Levels[0].Base == 4500 && s.Levels[0].ServiceFee == 450 }},
		"a mark":         {"\ufeff" + sound, func(s wire.Spec) bool { return s.ID == "show" }},
		"other ends":     {strings.ReplaceAll(sound, "\n", "\r\n"), costs(4500)},
		"text of digits": {with("name: 007"), func(s wire.Spec) bool { return s.Name == "007" }},
		"free":           {base("base: 0"), costs(0)},
		"decimals":       {base(`base: "EUR 45.50"`), costs(4550)},
		"other quotes":   {base("base: '0.05 EUR'"), costs(5)},
		"with currency":  {base(`base: "45.50 EUR"`), costs(4550)},
		"without quotes": {base(`base: EUR 45.50`), costs(4550)},
		"whole":          {base(`base: 45 EUR`), costs(4500)},
		"yen":            {in("JPY", `base: "4500 JPY"`), costs(4500)},
		"dinar":          {in("KWD", `base: KWD 4.500`), costs(4500)},
		"an offset":      {with("opens_at: 2030-06-19T10:00:00+02:00"), func(s wire.Spec) bool { return s.OpensAt.Equal(opens) }},
		"local time":     {with("opens_at: 2030-06-19 10:00") + "timezone: Europe/Berlin\n", func(s wire.Spec) bool { return s.OpensAt.Equal(opens) }},
		"joined letters": {with("name: می\u200cخواهم"), func(s wire.Spec) bool { return strings.Contains(s.Name, "\u200c") }},
		"composed":       {with("name: Bu\u0308hne"), func(s wire.Spec) bool { return s.Name == "Bühne" }},
		"a duration":     {with("hold: {ttl: 480s}"), func(s wire.Spec) bool { return s.Hold.TTL == wire.Duration(480*time.Second) }},
		"no band":        {with("best: {band: 0}"), func(s wire.Spec) bool { return *s.Best.Band == 0 }},
		"JSON":           {`{"id":"show","name":"Show","currency":"EUR","levels":[{"id":"a","name":"All","categories":["A"],"base":4500}]}`, costs(4500)},
	} {
		if s, err := read(t, c.raw); err != nil || !c.ok(s) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

// All faults are told at once, in their order; none of a value that nobody wrote.
func TestAllFaultsAreTold(t *testing.T) {
	_, err := read(t, `id: show
name:
curency: EUR
opens_at: soon
starts_at: 2030-06-19T20:00:00Z
sale_ends_at: 2030-06-19T20:00:00
limits: {per_fan: 1.5}
levels:
- {id: a, categories: [A], bas: 5}
- {id: a, categories: [A], base: -5}
`)
	want := `event.yaml:2:1: name: has no value: write one, or leave the key out
event.yaml:3:1: curency: no such key: did you mean currency?
event.yaml:4:11: opens_at: "soon" ` + howInstants + `
event.yaml:6:15: sale_ends_at: "2030-06-19T20:00:00" ` + howInstants + `
event.yaml:7:19: limits.per_fan: ` + howNumbers + `
event.yaml:9:28: levels[0].bas: no such key: did you mean base?
event.yaml:10:4: levels[1].id: "a" is the id of levels[0] already
event.yaml:10:24: levels[1].categories[0]: "A" is in the level "a" already
event.yaml:10:28: levels[1].base: -5: write between 0 and 100000000 minor units`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
	many := strings.Repeat("x: 1\n", 2*maxKept)
	_, err = read(t, many)
	if lines := strings.Split(err.Error(), "\n"); len(lines) != maxFaults+1 || lines[maxFaults] != "event.yaml: and 1955 faults more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

// A program that sends a spec writes zeros for what nobody wrote.
func TestRequestsMayHaveZeros(t *testing.T) {
	var r wire.ApplyRequest
	f := Read("request", []byte(`{"spec":{"id":"show","name":"Show","venue":"","currency":"EUR","limits":{"per_fan":0},"hold":{"ttl":"0s"},
		"admission":{"tick":"0s"},"levels":[{"id":"a","name":"All","categories":["A"],"base":-1}]},"plan":"x"}`), &r)
	f.CheckSpec("spec.", r.Spec, nil)
	const want = "request:2:81: spec.levels[0].base: -1: write between 0 and 100000000 minor units"
	if err := f.Err(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestDemoFilesAreRead(t *testing.T) {
	for _, name := range []string{"arena", "rehearsal", "rush"} {
		raw, err := os.ReadFile("../deploy/demo/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			wire.Spec
			Plan     string `json:"plan"`
			Generate struct {
				Kind     string `json:"kind"`
				Seats    int    `json:"seats"`
				Standing int    `json:"standing"`
			} `json:"generate"`
		}
		if err := Read(name, raw, &f).Err(); err != nil {
			t.Error(err)
		}
	}
}

// What the parser would take long for, or run out of stack, is refused before.
func TestLargeAndDeepFilesAreRefused(t *testing.T) {
	for name, raw := range map[string]string{
		"large": strings.Repeat("#", MaxBytes+1), "brackets": strings.Repeat("[", MaxBytes), "dashes": strings.Repeat("- ", 20_000),
		"braces": strings.Repeat(`{a: `, 10_000), "tags": strings.Repeat("! ", 20_000),
	} {
		var s wire.Spec
		if err := Read("f", []byte(raw), &s).Err(); err == nil || !strings.HasPrefix(err.Error(), "f: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"id", "name", "opens_at", "room_opens_at"}
	for name, want := range map[string]string{"nam": "name", "open_at": "opens_at", "opens-at": "opens_at", "at": "", "x": "", strings.Repeat("a", 1000): ""} {
		if got := Nearest(name, names); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if d := []int{distance("", "abc"), distance("kitten", "sitting"), distance("a", "a")}; d[0] != 3 || d[1] != 3 || d[2] != 0 {
		t.Errorf("distances %v", d)
	}
}

// Faults that are no rule's are told too.
func TestOtherErrors(t *testing.T) {
	var s wire.Spec
	f := Read("event.yaml", []byte(sound), &s)
	f.Check("", errors.Join(errors.New("the sky falls"), &wire.Fault{Key: "nowhere.at[3].all", Message: "bad"}, &wire.Fault{Key: "levels[0].name", Message: "bad"}))
	const want = "event.yaml: the sky falls\nevent.yaml:1:1: nowhere.at[3].all: bad\nevent.yaml:6:13: levels[0].name: bad"
	if err := f.Err(); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}
