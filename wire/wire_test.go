package wire

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSeatKeyRoundTrip(t *testing.T) {
	for _, id := range []string{"101-A-12", "floor/17", "Reihe 5.Platz 3", "=", "ÄÖ*>", "..", "a_b", "\x00\xff"} {
		key := SeatKey(id)
		for _, c := range []byte(key[len(SeatPrefix):]) {
			if !seatByte(c) && c != '=' {
				t.Errorf("key of %q has %q", id, c)
			}
		}
		if got, ok := SeatOfKey(key); !ok || got != id {
			t.Errorf("SeatOfKey(SeatKey(%q)) = %q, %v", id, got, ok)
		}
	}
	if _, ok := SeatOfKey("log.1"); ok {
		t.Error("a log record is no seat")
	}
	if _, ok := SeatOfKey("seat.=4"); ok {
		t.Error("half an escape is no seat")
	}
}

func TestOrderOfHold(t *testing.T) {
	h := NewHold()
	if o := OrderOfHold(h); !IsOrder(o) || HoldOfOrder(o) != h {
		t.Errorf("%s → %s", h, o)
	}
	for _, bad := range []string{"", "h_", "h_ab.cd", h + "x", "o_" + h[2:], "h_*********************>"} {
		if IsHold(bad) {
			t.Errorf("%q is no hold", bad)
		}
	}
}

func TestSpecValidate(t *testing.T) {
	good := Spec{ID: "demo", Name: "Demo", Currency: "EUR",
		Levels: []Level{{ID: "a", Name: "A", Categories: []string{"Cat 1", "Cat 2"}, Base: 5000}}}.WithDefaults()
	cats := []string{"Cat 1", "Cat 2"}
	if err := good.Validate(&Layout{Categories: cats}); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Spec){
		`id: "De mo": `:               func(s *Spec) { s.ID = "De mo" },
		"currency":                    func(s *Spec) { s.Currency = "euro" },
		`category "Cat 2" is in none`: func(s *Spec) { s.Levels[0].Categories = cats[:1] },
		`no category "X"`:             func(s *Spec) { s.Levels[0].Categories = []string{"Cat 1", "Cat 2", "X"} },
		`levels[1].categories[0]: "Cat 1" is in the level "a" already`: func(s *Spec) { s.Levels = append(s.Levels, Level{ID: "b", Categories: cats[:1]}) },
		"levels[0].service_fee: -1: ":                                  func(s *Spec) { s.Levels[0].ServiceFee = -1 },
		"limits.per_fan: 0: ":                                          func(s *Spec) { s.Limits.PerFan = 0 },
		"hold.ttl: 1ms: ":                                              func(s *Spec) { s.Hold.TTL = Duration(time.Millisecond) },
		"levels: 0 of them: write between 1 and ":                      func(s *Spec) { s.Levels = nil },
	} {
		s := good
		s.Levels = append([]Level{}, good.Levels...)
		change(&s)
		if err := s.Validate(&Layout{Categories: cats}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
	other := good
	other.ID, other.Levels = "De mo", nil
	if err := other.Validate(nil); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("two faults, and a plan that isn't known: %v", err)
	}
}

// What an event is changed to must leave what fans were told and what was counted.
func TestChange(t *testing.T) {
	opens := time.Date(2030, 6, 1, 10, 0, 0, 0, time.UTC)
	before, begun := opens.Add(-time.Hour), opens.Add(time.Hour)
	old := Event{Plan: "p", Spec: Spec{ID: "demo", Name: "Demo", Currency: "EUR", OpensAt: opens, StartsAt: opens.AddDate(0, 1, 0),
		Levels: []Level{{ID: "a", Categories: []string{"1", "2"}, Base: 5000}, {ID: "b", Categories: []string{"3"}}}}}
	old.Spec.Admission.RoomOpensAt = opens.Add(-time.Minute)
	for name, c := range map[string]struct {
		now    time.Time
		change func(*Event)
		want   []string // keys
	}{
		"nothing":        {begun, func(*Event) {}, nil},
		"price and name": {begun, func(e *Event) { e.Spec.Levels[0].Base, e.Spec.Name = 6000, "Other" }, nil},
		"order":          {begun, func(e *Event) { e.Spec.Levels = []Level{e.Spec.Levels[1], e.Spec.Levels[0]} }, nil},
		"all at once":    {begun, func(e *Event) { e.Plan, e.Spec.Currency, e.Spec.Levels = "q", "USD", e.Spec.Levels[:1] }, []string{"plan", "currency", "levels"}},
		"categories":     {begun, func(e *Event) { e.Spec.Levels[0].Categories = []string{"1"} }, []string{"levels"}},
		"sections":       {begun, func(e *Event) { e.Spec.Levels[0].Sections = []string{"101"} }, []string{"levels"}},
		"later":          {before, func(e *Event) { e.Spec.OpensAt = opens.Add(2 * time.Hour) }, nil},
		"too late":       {begun, func(e *Event) { e.Spec.OpensAt = opens.Add(2 * time.Hour) }, []string{"opens_at"}},
		"another room":   {begun, func(e *Event) { e.Spec.Admission.RoomOpensAt = opens.Add(2 * time.Hour) }, []string{"admission.room_opens_at"}},
		"a draw":         {begun, func(e *Event) { e.Spec.Admission.Lottery = true }, []string{"admission.lottery"}},
		"a draw in time": {before, func(e *Event) { e.Spec.Admission.Lottery = true }, nil},
	} {
		next := old
		next.Spec.Levels = slices.Clone(old.Spec.Levels)
		c.change(&next)
		var keys []string
		if err := old.CheckChange(next, c.now); err != nil {
			for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
				keys = append(keys, err.(*Fault).Key)
			}
		}
		if !slices.Equal(keys, c.want) {
			t.Errorf("%s: %v, want %v", name, keys, c.want)
		}
	}
	drawn := old
	drawn.Spec.Admission.Lottery = true
	other := drawn
	other.Spec.OpensAt = before
	if err := drawn.CheckChange(other, begun); err == nil || !strings.HasPrefix(err.Error(), "opens_at: ") {
		t.Errorf("after the draw: %v", err)
	}
	for _, c := range []struct {
		starts, ends, now time.Time
		want              string
	}{
		{opens, opens, before, ""}, {time.Time{}, time.Time{}, begun, ""}, {opens, opens, begun, "starts_at"},
		{opens.AddDate(1, 0, 0), opens, begun, "sale_ends_at"}, {time.Time{}, opens, begun, "sale_ends_at"}, {opens, opens.AddDate(1, 0, 0), begun, "starts_at"},
	} {
		err := Spec{StartsAt: c.starts, SaleEndsAt: c.ends}.CheckNew(c.now)
		if fault, ok := err.(*Fault); ok != (c.want != "") || ok && fault.Key != c.want {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func TestIsName(t *testing.T) {
	for _, name := range []string{"a", "0", "demo-2027", "a-", strings.Repeat("a", 48)} {
		if !IsName(name) {
			t.Errorf("%q is no name", name)
		}
	}
	for _, bad := range []string{"", "-a", "A", "a.b", "a_b", "a b", "ä", "a\n", "a*", "a>", strings.Repeat("a", 49)} {
		if IsName(bad) {
			t.Errorf("%q is a name", bad)
		}
	}
}
