package keyring

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"frontrow/wire"
)

// sealedKind is a kind of token, with what it says: open reads it, and signs what it
// read again. Former versions spelled the same content differently, so the content must
// come back, not the spelling.
type sealedKind struct {
	name, context string
	says          []string // payloads that are ours
	open          func(token string) (said any, again string, err error)
}

func sealedKinds(k *Keyring, now time.Time) []sealedKind {
	fan := "f_" + strings.Repeat("a", 22)
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
	k, now := New(), time.Date(2027, 6, 19, 18, 0, 0, 0, time.UTC)
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

// FuzzPass: a pass that is read without the library is what the library finds, whatever was
// signed.
func FuzzPass(f *testing.F) {
	k := New()
	fan := "f_" + strings.Repeat("a", 22)
	for _, claims := range []string{
		`{"iss":"frontrow","sub":"` + fan + `","aud":["demo"],"exp":1900000100,"nbf":1900000000,"iat":1900000000,"jti":"p","lane":"general","limit":4,"channel":"c","dev":"d","cnf":{"jkt":"k"}}`,
		`{"iss":"frontrow","sub":"` + fan + `","aud":"demo","exp":1900000100.5,"nbf":19e8,"iat":1900000000,"jti":"p","lane":"general","limit":4}`,
		`{"iss":"frontrow","sub":"` + fan + `","aud":["demo"],"exp":1900000100,"nbf":1900000000,"iat":1900000000,"jti":"p","limit":4,"limit":9}`,
		`{"iss":"frontrow","sub":"` + fan + `","aud":["demo"],"exp":999999999999999999,"nbf":0,"iat":-1,"jti":"p","lane":"general","limit":4}`,
		`{"aud":[]}`, `{"aud":null}`, `null`, `{"lane":"a","limit":1} `,
	} {
		f.Add(claims)
	}
	f.Fuzz(func(t *testing.T, claims string) {
		token := signRaw(k, header(k), []byte(claims))
		if !compact(token) {
			return
		}
		pass, plain, err := k.Public().plain(token)
		if !plain {
			return
		}
		want, wrong := k.Public().parse(token)
		if err != nil || wrong != nil || !reflect.DeepEqual(pass, want) {
			t.Fatalf("%q is %+v, %v, not %+v, %v", claims, pass, err, want, wrong)
		}
	})
}

// What SignPass signs is read without the library, if the signature is good and only then.
func TestOwnPassesArePlain(t *testing.T) {
	k, now := New(), time.Unix(1_900_000_000, 0)
	for _, r := range []wire.PassRecord{{ID: "p", Limit: 1}, {ID: "p", Fan: wire.NewFan(), Lane: wire.LaneSlow, Limit: 4, Channel: "c", Device: "d", Key: "k", Priced: 1 << 50}} {
		r.At, r.Expires = now, now.Add(time.Hour)
		token := mustSign(t, k, r)
		pass, plain, err := k.Public().plain(token)
		want, _ := k.Public().parse(token)
		if !plain || err != nil || !reflect.DeepEqual(pass, want) {
			t.Errorf("%+v: %+v, %v, %v", r, pass, plain, err)
		}
		other := mustSign(t, k, wire.PassRecord{ID: "q", Limit: 1, At: now, Expires: now.Add(time.Hour)})
		forged := token[:strings.LastIndexByte(token, '.')] + other[strings.LastIndexByte(other, '.'):]
		if pass, _, err := k.Public().plain(forged); pass != nil || err == nil {
			t.Errorf("%+v: another's signature is good for %+v", r, pass)
		}
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}
