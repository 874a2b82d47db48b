package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// A board reads as it was written, and every question that gateways and clients put
// to one has an answer, however much it is at odds with itself.
func FuzzBoard(f *testing.F) {
	board := func(secret string, lanes map[string]LaneBoard) []byte {
		return []byte(asJSON(f, Board{Event: "demo", Seq: 7, At: time.Unix(1_900_000_000, 0).UTC(), State: SaleOpen, Lanes: lanes, Rate: 12.5,
			Pace: &Pace{Low: 1, High: 2, PerFan: 2.5}, Currency: "EUR", Levels: []LevelBoard{{ID: "a", Name: "<A>", Free: 1, Total: 2, From: 100, To: 200}},
			Message: "Rain \u2028", Draw: &DrawBoard{Commitment: "c", Secret: secret}}))
	}
	f.Add(board("", map[string]LaneBoard{LaneGeneral: {Regions: map[string]Head{"home": {Head: 5, Joined: 9, Upto: 8},
		"home~2": {Head: Everybody, Joined: 3, Since: time.Unix(1_800_000_000, 0).UTC()}, "home~2~3": {}}, Waiting: 4}}), "home", uint64(6))
	f.Add(board("c2VjcmV0", map[string]LaneBoard{LaneGeneral: {Regions: map[string]Head{"home": {Joined: 9, Drawn: 9}, "home~2": {Joined: 2}}, Called: 4}}), "home", uint64(3))
	f.Add(board("c2VjcmV0", map[string]LaneBoard{LaneGeneral: {Regions: map[string]Head{"a": {Drawn: 1 << 63}, "b": {Drawn: 1 << 63}, "c": {Drawn: 5}}}}), "b", uint64(1))
	f.Add(board("c2VjcmV1", nil), "home~", uint64(0)) // another spelling of the secret
	f.Add([]byte(`{"event":"demo","seq":18446744073709551615,"at":"2027-06-19T20:00:00+02:00","lanes":{"general":null},"levels":null}`), "~2", uint64(1))
	f.Fuzz(func(t *testing.T, raw []byte, region string, number uint64) {
		b, err := Read[Board]("demo", raw)
		if err != nil {
			return
		}
		text := asJSON(t, b)
		again, err := Read[Board]("demo", []byte(text))
		if err != nil || asJSON(t, again) != text {
			t.Fatalf("%s came back as %+v, %v", text, again, err)
		}
		if line := b.Line(LaneGeneral, region, b.At); !strings.HasPrefix(line, region) || RegionOf(line) != RegionOf(region) {
			t.Fatalf("a place of %q stands in the line %q", region, line)
		}
		ahead, called, known := b.Turn(LaneGeneral, region, number)
		if called && (ahead > 0 || !known) {
			t.Fatalf("place %d of %q: called, %d ahead of it, known %v", number, region, ahead, known)
		}
		if called && number > 0 && !b.Reached(LaneGeneral, region, number) {
			t.Fatalf("place %d of %q is called, and never was", number, region)
		}
	})
}

// A key of a seat is its only one, and comes back as the seat it was made of.
func FuzzSeatKey(f *testing.F) {
	for _, s := range []string{"101-A-1", "Rang 2/7", "Loge é", "=41", "a=2", "\x00", "standing/200"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if seat, ok := SeatOfKey(SeatKey(s)); s != "" && (!ok || seat != s) {
			t.Fatalf("%q came back as %q, %v", s, seat, ok)
		}
		if seat, ok := SeatOfKey(SeatPrefix + s); ok && SeatKey(seat) != SeatPrefix+s {
			t.Fatalf("%q is another key of %q", s, seat)
		}
	})
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// An act on prices reads as it was written, whatever it says.
func FuzzPriceAct(f *testing.F) {
	at := time.Unix(2_200_000_000, 0).UTC()
	s := moving(nil).WithDefaults()
	for _, a := range []PriceAct{
		{N: 1, Kind: PriceActRules, At: at, Pricer: "p", Rules: s.PriceRules(), Levels: map[string]LevelPrice{"a": {Price: Price{Amounts: NewAmounts(1, 2, 3), Version: 1, At: at, Why: "x"}}}},
		{N: 2, Kind: PriceActSet, At: at, By: "ann", Why: "y", Level: "a", Total: 9, Rules: tiered(func(*Rails) {}).WithDefaults().PriceRules(),
			Signals: &Signals{Stock: map[string]StockSignal{"a": {1, 2}}, Sales: map[string]SalesSignal{"a": {Duration(time.Hour), 1, 2}}, Queue: &QueueSignal{1, 2, 3, 4}, Missing: map[string]string{"queue": "z"}},
			Levels:  map[string]LevelPrice{"a": {Price: Price{Amounts: NewAmounts(9, 0, 0), Version: 2, At: at, Parts: &PriceParts{Sales: -5}, Wanted: 7}, QueueAt: at, Tier: 1, Frozen: true}}},
	} {
		f.Add([]byte(asJSON(f, a)))
	}
	f.Add([]byte(`{"n":9223372036854775807,"kind":"set","levels":{"":{"version":1}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := Read[PriceAct]("", raw)
		if err != nil {
			return
		}
		text := asJSON(t, a)
		again, err := Read[PriceAct]("", []byte(text))
		if err != nil || asJSON(t, again) != text {
			t.Fatalf("%s came back as %+v, %v", text, again, err)
		}
	})
}
