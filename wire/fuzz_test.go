package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// sealedKind is a kind of token by what it says: open reads it, and tells what
// signing that again makes of it. Former versions said the same in other texts, so
// what it says must come back, not how.
type sealedKind struct {
	name, context string
	says          []string // payloads that are ours
	open          func(token string) (said any, again string, err error)
}

func sealedKinds(k *Keyring, now time.Time) []sealedKind {
	fan := "f_" + strings.Repeat("a", idLength)
	return []sealedKind{
		{"link", carryContext, []string{
			"1900000000.demo.general.home~2.7." + fan + ".1800000000000.c1.presale.4.1",
			"1900000000.demo.general.home.7." + fan + ".1800000000000...0", // before fans had turns
			"+1.demo.slow..18446744073709551615." + fan + ".-1.~.\r\n.-9.+0"},
			func(s string) (any, string, error) {
				p, made, err := k.OpenCarry(s, now)
				return []any{p, made}, k.SignCarry(p, made.Add(CarryTTL)), err
			}},
		{"device", deviceContext, []string{"ABCDEFGHIJ", "\x00", "\r\n"}, func(s string) (any, string, error) {
			id, err := k.VerifyDevice(s)
			return []byte(id), k.SignDevice(id), err
		}},
		{"cookie", cookieContext, []string{fan, fan + "@0", fan + "@sy8qo0@10.1@uoc@SESSION", fan + "@-1@@", fan + "@+1@\r\n@x@~"}, func(s string) (any, string, error) {
			f, err := k.VerifyFace(s)
			return f, k.SignFace(f), err
		}},
		{"receipt", receiptContext, []string{`{"event":"demo","lane":"general","region":"home~2","number":7,"fan":"` + fan + `","turn":1,"at":"2027-06-19T20:00:00.5+02:00","code":"c"}`,
			`{"EVENT":"<demo>","number":18446744073709551615}`, `null`, `{}`, ` {"fan":"\ud800"}`},
			func(s string) (any, string, error) {
				p, err := k.VerifyReceipt(s)
				return p, k.SignReceipt(p), err
			}},
		{"code", codeContext, []string{`{"id":"c1","event":"demo","fan":"` + fan + `","lane":"priority","channel":"<x>","limit":4,"expires":"2099-01-01T00:00:00Z"}`,
			`{"id":"~","event":"demo","fan":"` + fan + `"}`, `{"id":"c1","event":"demo","email":"AAAA"}`},
			func(s string) (any, string, error) {
				c, err := k.CheckCode(s, "demo", fan, "", now)
				return c, k.SignCode(c), err
			}},
	}
}

// Whatever stands in a token of ours, reading it does not panic, and what it says
// comes back when it is signed again.
func FuzzSealed(f *testing.F) {
	k, now := NewKeyring(), time.Date(2027, 6, 19, 18, 0, 0, 0, time.UTC)
	kinds := sealedKinds(k, now)
	for i, kind := range kinds {
		for _, s := range kind.says {
			f.Add(uint8(i), s)
		}
		if _, _, err := kind.open(k.seal(kind.context, []byte(kind.says[0]))); err != nil {
			f.Fatalf("%s: %v: %q is not ours", kind.name, err, kind.says[0])
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, payload string) {
		kind := kinds[int(i)%len(kinds)]
		said, token, err := kind.open(k.seal(kind.context, []byte(payload)))
		if err != nil || len(token) > maxToken {
			return
		}
		again, same, err := kind.open(token)
		if err != nil || same != token || asJSON(t, said) != asJSON(t, again) {
			t.Fatalf("%s of %q says %+v, and signed again %+v, %v", kind.name, payload, said, again, err)
		}
	})
}

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

func asJSON(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}
