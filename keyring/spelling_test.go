package keyring

import (
	"strings"
	"testing"
	"time"

	"frontrow/wire"
)

// tokenKind is a kind of token: one that verifies, and whether another does.
type tokenKind struct {
	name  string
	token string
	opens func(string) bool
}

func tokenKinds(t testing.TB) []tokenKind {
	k, now, fan := New(), time.Now().UTC().Truncate(time.Second), wire.NewFan()
	place := wire.Place{Event: "demo", Lane: wire.LaneGeneral, Region: "home", Number: 7, Fan: fan, At: now}
	pass, err := k.SignPass(NewPass("demo", wire.PassRecord{ID: "p_1", Fan: fan, Lane: wire.LaneGeneral, Limit: 4, At: now, Expires: now.Add(time.Hour)}))
	if err != nil {
		t.Fatal(err)
	}
	return []tokenKind{
		{"barcode", k.SignBarcode(Barcode{Event: "demo", Ticket: "t_1", Seat: "101-A-1", Generation: 2}),
			func(s string) bool { _, err := k.Public().VerifyBarcode(s); return err == nil }},
		{"receipt", k.SignReceipt(place), func(s string) bool { _, err := k.VerifyReceipt(s); return err == nil }},
		{"device", k.SignDevice(NewDevice()), func(s string) bool { _, err := k.VerifyDevice(s); return err == nil }},
		{"cookie", k.SignFan(fan, now), func(s string) bool { _, _, err := k.VerifyFan(s); return err == nil }},
		{"link", k.SignCarry(place, now.Add(time.Hour)), func(s string) bool { _, _, err := k.OpenCarry(s, now); return err == nil }},
		{"code", k.SignCode(wire.AccessCode{ID: "c1", Event: "demo", Fan: fan, Lane: wire.LanePriority, Expires: now.Add(time.Hour)}),
			func(s string) bool { _, err := k.CheckCode(s, "demo", fan, "", now); return err == nil }},
		{"pass", pass, func(s string) bool { _, err := k.Public().VerifyPass(s, "demo", now, 0); return err == nil }},
	}
}

// A token has one spelling: no other last characters, no line breaks, no padding
// and nothing around it stand for the same.
func TestTokensHaveOneSpelling(t *testing.T) {
	for _, k := range tokenKinds(t) {
		if !k.opens(k.token) {
			t.Fatalf("%s: %s does not open", k.name, k.token)
		}
		other := func(s string) {
			if s != k.token && k.opens(s) {
				t.Errorf("%s: %q opens as %q does", k.name, s, k.token)
			}
		}
		for i := range len(k.token) + 1 {
			for _, extra := range []string{"\r\n", "\n", "\r", " ", "\t", "=", "\x00", "\u200b"} {
				other(k.token[:i] + extra + k.token[i:])
			}
			if end := i == len(k.token) || strings.IndexByte(".:", k.token[i]) >= 0; end && i > 0 {
				for c := range 256 {
					other(k.token[:i-1] + string([]byte{byte(c)}) + k.token[i:])
				}
			}
		}
		other(strings.ToLower(k.token))
		other(strings.ToUpper(k.token))
		other(strings.NewReplacer("-", "+", "_", "/").Replace(k.token))
		other(k.token + "==")
	}
}

// Whatever is thrown at them, nothing but what was signed opens.
func FuzzTokens(f *testing.F) {
	kinds := tokenKinds(f)
	for _, k := range kinds {
		f.Add(k.token)
		f.Add(k.token[:len(k.token)-1])
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, k := range kinds {
			if s != k.token && k.opens(s) {
				t.Fatalf("%s: %q opens", k.name, s)
			}
		}
	})
}
