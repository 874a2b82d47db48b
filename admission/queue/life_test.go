package queue

import (
	"testing"
	"time"

	"frontrow/wire"

	"pgregory.net/rapid"
)

func TestAnotherLifeIsKnown(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_900_000_000, 7)
	mark := func(n uint64, after time.Duration) wire.Mark { return wire.Mark{Number: n, At: at.Add(after)} }
	for name, c := range map[string]struct {
		noted, now, again wire.Mark
		want              bool
	}{
		"nobody came since":         {mark(9, 0), mark(9, 0), mark(9, 0), false},
		"others came":               {mark(9, 0), mark(12, time.Minute), mark(9, 0), false},
		"empty":                     {mark(9, 0), wire.Mark{}, wire.Mark{}, true},
		"fewer":                     {mark(9, 0), mark(4, time.Minute), mark(4, time.Minute), true},
		"an old backup":             {mark(9, 0), mark(4, -time.Minute), mark(4, -time.Minute), true},
		"as many anew":              {mark(9, 0), mark(9, time.Minute), mark(9, time.Minute), true},
		"more anew":                 {mark(9, 0), mark(12, time.Minute), mark(9, time.Second), true},
		"noted before there was it": {wire.Mark{Number: 9}, mark(12, 0), mark(9, 0), false},
		"and fewer than that":       {wire.Mark{Number: 9}, mark(8, 0), mark(8, 0), true},
		"the record is purged":      {mark(9, 0), mark(12, 0), wire.Mark{Number: 9}, false},
	} {
		if got := another(c.noted, c.now, c.again); got != c.want {
			t.Errorf("%s: another life: %t", name, got)
		}
	}
}

// A place without a record is of the life in which its number was given out as late
// as it came.
func TestPlacesThatWereLost(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_900_000_000, 0)
	lives := []wire.Life{
		{Region: "home", Marks: []wire.Mark{{Number: 20, At: at}}},
		{Region: "home~2", Marks: []wire.Mark{{Number: 10, At: at.Add(time.Hour)}}},
		{Region: "home~3"},
	}
	for _, c := range []struct {
		says  string
		n     uint64
		after time.Duration
		want  string
	}{
		{"home", 5, -time.Minute, "home"}, {"home", 20, clockSkew, "home"}, {"home", 25, time.Minute, "home"},
		{"home", 5, time.Minute, "home~2"}, {"home", 5, 2 * time.Hour, "home~3"}, {"home~2", 5, time.Minute, "home~2"}, {"home~3", 5, 0, "home~3"},
	} {
		if got := lost(lives, wire.Place{Region: c.says, Number: c.n, At: at.Add(c.after)}); got != c.want {
			t.Errorf("place %d of %s, %s after: %s, want %s", c.n, c.says, c.after, got, c.want)
		}
	}
}

// The marks of a life stay few, and the last is always the last that was seen. What
// they say of the places between agrees with itself, and is right at the marks.
func TestMarksTellWhenPlacesWereStored(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := wire.Mark{Number: 1, At: time.Unix(1_900_000_000, 0)}
		l := grown(wire.Life{}, m)
		for _, by := range rapid.SliceOfN(rapid.IntRange(0, 20), 0, 100).Draw(t, "joined") {
			m.Number, m.At = m.Number+uint64(by), m.At.Add(time.Duration(by)*time.Second)
			if l = grown(l, m); l.Joined() != m.Number || len(l.Marks) > maxMarks {
				t.Fatalf("%d marks up to %d after %d places", len(l.Marks), l.Joined(), m.Number)
			}
		}
		e := ended(l.Marks)
		for _, m := range l.Marks {
			if !e.at(m.Number).Equal(m.At) {
				t.Fatalf("place %d at %v, noted at %v", m.Number, e.at(m.Number), m.At)
			}
		}
		for n := uint64(1); n <= l.Joined(); n++ {
			before, err := e.Until(t.Context(), e.at(n))
			if err != nil || before >= n || n > 1 && e.at(n).Before(e.at(n-1)) {
				t.Fatalf("place %d at %v, %d places before that: %v", n, e.at(n), before, err)
			}
		}
		if all, _ := e.Until(t.Context(), m.At.Add(1)); all != l.Joined() {
			t.Fatalf("%d of %d places in the end", all, l.Joined())
		}
	})
}
