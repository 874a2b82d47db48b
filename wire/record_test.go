package wire

import (
	"encoding/json"
	"testing"
	"time"
)

// Each kind of junk has its name, under whatever key, and what is right is read.
func TestReadRecord(t *testing.T) {
	t.Parallel()
	fan, at := NewFan(), time.Unix(1_900_000_000, 0).UTC()
	quote, until := &SeatQuote{ID: "A-1"}, &at
	records := map[string]struct {
		right any
		read  func(key string, raw []byte) error
	}{
		"show":          {Event{Spec: Spec{ID: "show", Levels: []Level{{ID: "a"}}}}, reads[Event]},
		"show ":         {Board{Event: "show "}, reads[Board]},
		"show  ":        {Stock{Event: "show  "}, reads[Stock]},
		"show.a":        {Price{Amounts: NewAmounts(100, 10, 1), Version: 1}, reads[Price]},
		"seat.A-1":      {Seat{State: Held, Hold: "h", Quote: quote, Until: until}, reads[Seat]},
		"log.7":         {Flush{N: 7}, reads[Flush]},
		AdmitterKey:     {Admitter{Admitter: "one"}, reads[Admitter]},
		DrawKey:         {DrawRecord{Secret: []byte("s")}, reads[DrawRecord]},
		AllKey:          {Revocation{At: at}, reads[Revocation]},
		"code.x":        {CodeClaim{Fan: fan}, reads[CodeClaim]},
		"log.show.a":    {AdmissionAct{Kind: "call"}, reads[AdmissionAct]},
		"order.o":       {Waiting{Until: at}, reads[Waiting]},
		"payments.p":    {PaymentHealth{Provider: "p"}, reads[PaymentHealth]},
		PassKey(fan, 2): {PassRecord{ID: "p", Fan: fan, Turn: 2}, reads[PassRecord]},
		PlaceKey(fan):   {PlaceRecord{Fan: fan}, reads[PlaceRecord]},
	}
	for key, c := range records {
		right, err := json.Marshal(c.right)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.read(key, right); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		newer := append([]byte(`{"v":9,`), right[1:]...)
		for raw, kind := range map[string]string{
			"": SpoiledEmpty, string(right[:len(right)-1]): SpoiledJSON, "x": SpoiledJSON, "{": SpoiledJSON,
			"[]": SpoiledOther, `"x"`: SpoiledOther, "null": SpoiledOther, `{"text":"hello"}`: SpoiledOther, string(newer): SpoiledNewer,
		} {
			if err := c.read(key, []byte(raw)); SpoiledKind(err) != kind {
				t.Errorf("%s: %q is %v, not %s", key, raw, err, kind)
			}
		}
	}
	if _, err := Read[Event]("other", []byte(`{"spec":{"id":"show","levels":[{"id":"a"}]}}`)); SpoiledKind(err) != SpoiledOther {
		t.Errorf("the record of another event: %v", err)
	}
	// An event that was put into the bucket by hand: no version could have written it. Keys
	// that a later version writes are its own.
	for raw, kind := range map[string]string{
		`"base":6500,"floor":5000`: "", `"base":-1`: SpoiledOther, `"base":65.00`: SpoiledOther, `"base":"65.00"`: SpoiledOther, `"base":100000001`: SpoiledOther,
		`"base":6500,"service_fee":-1`: SpoiledOther, `"base":99999999999999999999`: SpoiledOther,
	} {
		if _, err := Read[Event]("show", []byte(`{"spec":{"id":"show","rails":{},"levels":[{"id":"a",`+raw+`}]}}`)); SpoiledKind(err) != kind {
			t.Errorf("%s: %v", raw, err)
		}
	}
	if _, err := Read[Event]("show", []byte(`{"spec":{"id":"show","opens_at":"tomorrow 10:00","levels":[{"id":"a"}]}}`)); SpoiledKind(err) != SpoiledOther {
		t.Errorf("opens tomorrow: %v", err)
	}
	if _, err := Read[Price]("show.a", []byte(`{"v":1,"version":1,"base":5,"total":5,"new":true}`)); err != nil {
		t.Errorf("a field that is not known yet: %v", err)
	}
	for _, bad := range []string{`{"version":1,"base":-5,"total":-5}`, `{"version":1,"base":5,"total":4}`} {
		if _, err := Read[Price]("show.a", []byte(bad)); SpoiledKind(err) != SpoiledOther {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func reads[T any, P Record[T]](key string, raw []byte) error {
	_, err := Read[T, P](key, raw)
	return err
}

func TestSplitPassKey(t *testing.T) {
	t.Parallel()
	fan := NewFan()
	for turn := range 3 {
		if f, n, ok := SplitPassKey(PassKey(fan, turn)); f != fan || n != turn || !ok {
			t.Errorf("turn %d: %s %d %t", turn, f, n, ok)
		}
	}
	for _, key := range []string{"", "pass.", "pass.x", PassKey(fan, 1) + "0x", PassKey(fan, 0) + ".0", PlaceKey(fan)} {
		if _, _, ok := SplitPassKey(key); ok {
			t.Errorf("%q is taken for a key of a fan", key)
		}
	}
}
