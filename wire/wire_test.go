package wire

import (
	"errors"
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

func TestBarcodes(t *testing.T) {
	k := NewKeyring()
	b := Barcode{Event: "demo", Ticket: NewTicket(), Seat: "101:A:12", Generation: 3}
	code := k.SignBarcode(b)
	if got, err := k.Public().VerifyBarcode(code); err != nil || got != b {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "FR1", strings.Replace(code, ":3:", ":4:", 1), code[:len(code)-3], NewKeyring().SignBarcode(b)} {
		if _, err := k.Public().VerifyBarcode(bad); !errors.Is(err, ErrBarcode) {
			t.Errorf("%q: %v", bad, err)
		}
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
	if err := good.Validate(cats); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Spec){
		`id "De mo"`:             func(s *Spec) { s.ID = "De mo" },
		"currency":               func(s *Spec) { s.Currency = "euro" },
		"is in no level":         func(s *Spec) { s.Levels[0].Categories = cats[:1] },
		`no category "X"`:        func(s *Spec) { s.Levels[0].Categories = []string{"Cat 1", "Cat 2", "X"} },
		"is in the levels":       func(s *Spec) { s.Levels = append(s.Levels, Level{ID: "b", Categories: cats[:1]}) },
		"amount -1":              func(s *Spec) { s.Levels[0].ServiceFee = -1 },
		"limits.per_fan 0":       func(s *Spec) { s.Limits.PerFan = 0 },
		"hold.ttl 1ms":           func(s *Spec) { s.Hold.TTL = Duration(time.Millisecond) },
		"levels: between 1 and ": func(s *Spec) { s.Levels = nil },
	} {
		s := good
		s.Levels = append([]Level{}, good.Levels...)
		change(&s)
		if err := s.Validate(cats); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
}
