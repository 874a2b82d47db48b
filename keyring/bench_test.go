package keyring

import (
	"crypto/ed25519"
	"net/netip"
	"testing"
	"time"

	"frontrow/wire"
)

// BenchmarkTokens is what a request pays for the tokens that it brings and is given.
func BenchmarkTokens(b *testing.B) {
	k, now, fan := New(), time.Now().UTC().Truncate(time.Second), wire.NewFan()
	place := wire.Place{Event: "demo", Lane: wire.LaneGeneral, Region: "home", Number: 7, Fan: fan, At: now}
	pass, err := k.SignPass(NewPass("demo", wire.PassRecord{ID: wire.NewFan(), Fan: fan, Lane: wire.LaneGeneral, Limit: 4, Device: wire.Hash([]byte("d")), At: now, Expires: now.Add(time.Hour)}))
	if err != nil {
		b.Fatal(err)
	}
	face, receipt := k.SignFace(Face{Fan: fan, At: now, Session: wire.NewSession()}), k.SignReceipt(place)
	network := netip.MustParsePrefix("198.51.100.0/24")
	message, sig := []byte(pass), make([]byte, ed25519.SignatureSize)
	for name, do := range map[string]func() error{
		"read a cookie":   func() error { _, err := k.VerifyFace(face); return err },
		"write a cookie":  func() error { k.SignFace(Face{Fan: fan, At: now}); return nil },
		"read a receipt":  func() error { _, err := k.VerifyReceipt(receipt); return err },
		"write a receipt": func() error { k.SignReceipt(place); return nil },
		"tag a network":   func() error { k.NetTag("demo", network); return nil },
		"read a pass":     func() error { _, err := k.Public().VerifyPass(pass, "demo", now, 0); return err },
		"its signature":   func() error { ed25519.Verify(k.Keys().Pass[0].Public(), message, sig); return nil },
		"write a pass": func() error {
			_, err := k.SignPass(NewPass("demo", wire.PassRecord{ID: "p", Fan: fan, Limit: 4, At: now, Expires: now}))
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
