package eventfile

import (
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

func read(t *testing.T, raw string) (wire.Spec, error) {
	t.Helper()
	var s wire.Spec
	err := Decode("event.yaml", []byte(raw), &s)
	return s, err
}

// with is sound with a line in place of the one that begins with the same key, or added.
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

func TestWhatCanNotBeReadIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ raw, want string }{
		"no zone":             {with("opens_at: 2030-06-19T10:00:00"), "event.yaml:7:11: opens_at:"},
		"offset, no colon":    {with("opens_at: 2030-06-19T10:00:00+0200"), "opens_at:"},
		"zone by name":        {with("opens_at: 2030-06-19 10:00:00 Europe/Berlin"), "opens_at:"},
		"german":              {with("opens_at: 19.06.2030 10:00"), "opens_at:"},
		"hour 24":             {with("opens_at: 2030-06-19T24:00:00Z"), "opens_at:"},
		"no seconds":          {with("opens_at: 2030-06-19T10:00Z"), "opens_at:"},
		"a word":              {with("opens_at: tomorrow 10:00"), "opens_at:"},
		"skipped by clocks":   {with("opens_at: 2030-03-31 02:30") + "timezone: Europe/Berlin\n", "skip this time"},
		"shown twice":         {with("opens_at: 2030-10-27 02:30") + "timezone: Europe/Berlin\n", "twice"},
		"no such day":         {with("opens_at: 2030-02-30 10:00") + "timezone: Europe/Berlin\n", "no time of a calendar"},
		"decimal price":       {base("base: 45.50"), "event.yaml:6:47: levels[0].base: want a whole number of minor units, like 6500 for EUR 65.00"},
		"quoted decimal":      {base(`base: "45.50"`), "base"},
		"octal price":         {base("base: 04500"), "base"},
		"hexadecimal price":   {base("base: 0x1194"), "base"},
		"separated price":     {base("base: 4_500"), "base"},
		"no price":            {base("min: 1"), "levels[0].base: is missing"},
		"blank price":         {base("base: "), "levels[0].base: has no value"},
		"null price":          {base("base: null"), "levels[0].base: has no value"},
		"too large":           {base("base: 99999999999999999999"), "base"},
		"wrong decimals":      {base(`base: "45.5 EUR"`), "base"},
		"another currency":    {base(`base: "45.50 USD"`), "base"},
		"octal limit":         {with("limits: {per_fan: 010}"), "limits.per_fan: want a whole number"},
		"limit as text":       {with(`limits: {per_fan: "4"}`), "limits.per_fan"},
		"yes for true":        {with("admission: {lottery: yes}"), "admission.lottery: want true or false"},
		"unknown key":         {with("open_at: 1"), "open_at: no such key"},
		"key twice":           {sound + "name: Again\n", "name"},
		"second document":     {sound + "---\nid: other\n", "second document"},
		"zero byte":           {with(`name: "Rock\0Night"`), "name: it has the character U+0000"},
		"direction":           {with(`name: "Rock\u202eNight"`), "name: it has the character U+202E"},
		"nothing to be seen":  {with(`name: "\u200b"`), "name:"},
		"latin-1":             {strings.Replace(sound, "Show", "B\xfchne", 1), "event.yaml:2: not in UTF-8"},
		"list for text":       {with("name: [Show]"), "name: want a text"},
		"text for list":       {strings.Replace(sound, "[A]", "A", 1), "categories: want a list"},
		"empty":               {"# nothing\n", "the file is empty"},
		"a list":              {"- id: show\n", "want keys with values"},
		"duration of numbers": {with("hold: {ttl: 480}"), "hold.ttl"},
	} {
		if _, err := read(t, c.raw); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want …%s…", name, err, c.want)
		}
	}
}

func TestWhatMeansOneThingIsTaken(t *testing.T) {
	opens := time.Date(2030, 6, 19, 8, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		raw string
		ok  func(wire.Spec) bool
	}{
		"as it is":       {sound, func(s wire.Spec) bool { return s.Levels[0].Base == 4500 && s.Levels[0].ServiceFee == 450 }},
		"a mark":         {"\ufeff" + sound, func(s wire.Spec) bool { return s.ID == "show" }},
		"text of digits": {with("name: 007"), func(s wire.Spec) bool { return s.Name == "007" }},
		"free":           {base("base: 0"), func(s wire.Spec) bool { return s.Levels[0].Base == 0 }},
		"with currency":  {base(`base: "45.50 EUR"`), func(s wire.Spec) bool { return s.Levels[0].Base == 4550 }},
		"an offset":      {with("opens_at: 2030-06-19T10:00:00+02:00"), func(s wire.Spec) bool { return s.OpensAt.Equal(opens) }},
		"local time":     {with("opens_at: 2030-06-19 10:00") + "timezone: Europe/Berlin\n", func(s wire.Spec) bool { return s.OpensAt.Equal(opens) }},
		"joined letters": {with("name: می\u200cخواهم"), func(s wire.Spec) bool { return strings.Contains(s.Name, "\u200c") }},
		"composed":       {with("name: Bu\u0308hne"), func(s wire.Spec) bool { return s.Name == "Bühne" }},
		"a duration":     {with("hold: {ttl: 480s}"), func(s wire.Spec) bool { return s.Hold.TTL == wire.Duration(480*time.Second) }},
		"JSON":           {`{"id":"show","name":"Show","currency":"EUR","levels":[{"id":"a","name":"All","categories":["A"],"base":4500}]}`, func(s wire.Spec) bool { return s.Levels[0].Base == 4500 }},
	} {
		if s, err := read(t, c.raw); err != nil || !c.ok(s) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

// Each fault has its line, and all are told.
func TestAllFaultsAreTold(t *testing.T) {
	_, err := read(t, "id: show\nname:\ncurency: EUR\nopens_at: soon\nlimits: {per_fan: 1.5}\n")
	for _, want := range []string{":2:1: name:", ":3:1: curency:", ":4:11: opens_at:", ":5:19: limits.per_fan:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
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
		if err := Decode(name, raw, &f); err != nil {
			t.Error(err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{sound, with("opens_at: 2030-06-19 10:00"), base("base: 04500"), "{", "a: &a [*a]\n", "? x\n: y\n", "<<: {}\n", "!!int x\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s wire.Spec
		if err := Decode("f", raw, &s); err == nil {
			for _, l := range s.Levels {
				if l.Base != 0 && !strings.Contains(string(raw), "base") {
					t.Fatalf("a price out of nothing: %+v", l)
				}
			}
		}
	})
}
