package proof

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The example of RFC 9449, 4.1 and 7.1: its key, its thumbprint and a proof by it.
const (
	exampleX     = "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs"
	exampleY     = "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"
	exampleName  = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	exampleToken = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
	exampleProof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19" +
		".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9" +
		".2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)

func TestExampleOfTheRFC(t *testing.T) {
	t.Parallel()
	k := JWK{"EC", "P-256", exampleX, exampleY}
	if got, err := k.Thumbprint(); err != nil || got != exampleName {
		t.Fatalf("%q, %v", got, err)
	}
	at := time.Unix(1562262618, 0)
	c := New(func() time.Time { return at })
	use := Use{Method: "GET", Pass: exampleToken, Key: exampleName, Here: func(u string) bool { return u == "https://resource.example.org/protectedresource" }}
	if err := c.Check([]string{exampleProof}, use); err != nil {
		t.Fatal(err)
	}
	if err := c.Check([]string{exampleProof}, use); !errors.Is(err, ErrReplayed) {
		t.Errorf("again: %v", err)
	}
	if err := New(time.Now).Check([]string{exampleProof}, use); !errors.Is(err, ErrStale) {
		t.Errorf("years later: %v", err)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]JWK{
		"nothing": {}, "another kind": {"RSA", "P-256", exampleX, exampleY}, "another curve": {"EC", "P-384", exampleX, exampleY},
		"off the curve": {"EC", "P-256", exampleX, exampleX}, "short": {"EC", "P-256", exampleX[:40], exampleY}, "spelled otherwise": {"EC", "P-256", exampleX[:42] + "t", exampleY},
		"nowhere": {"EC", "P-256", strings.Repeat("A", 43), strings.Repeat("A", 43)}, "quotes": {"EC", "P-256", exampleX + `"`, exampleY},
	} {
		if got, err := k.Thumbprint(); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// maker makes proofs by a key of its own.
type maker struct {
	key *ecdsa.PrivateKey
	jwk JWK
}

func newMaker(t testing.TB) maker {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return maker{key, JWK{"EC", "P-256", b64(raw[1:33]), b64(raw[33:])}}
}

func (m maker) name(t testing.TB) string {
	t.Helper()
	name, err := m.jwk.Thumbprint()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func (m maker) make(t testing.TB, change func(header map[string]any, claims jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{"htm": "POST", "htu": "https://shop/v1/x", "jti": rand.Text(), "iat": time.Now().Unix(), "ath": digest([]byte("pass"))}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["typ"], token.Header["jwk"] = proofType, m.jwk
	if change != nil {
		change(token.Header, claims)
	}
	s, err := token.SignedString(m.key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestProofIsOfOneRequest(t *testing.T) {
	t.Parallel()
	m, other := newMaker(t), newMaker(t)
	c := New(time.Now)
	use := Use{Method: "POST", Pass: "pass", Key: m.name(t), Here: func(u string) bool { return u == "https://shop/v1/x" }}
	if err := c.Check([]string{m.make(t, nil)}, use); err != nil {
		t.Fatal(err)
	}
	claim := func(name string, v any) func(map[string]any, jwt.MapClaims) {
		return func(_ map[string]any, c jwt.MapClaims) { c[name] = v }
	}
	header := func(name string, v any) func(map[string]any, jwt.MapClaims) {
		return func(h map[string]any, _ jwt.MapClaims) { h[name] = v }
	}
	good := m.make(t, nil)
	for name, bad := range map[string]string{
		"nothing": "", "garbage": "a.b.c", "endless": strings.Repeat("a", 3000), "cut": good[:len(good)-4], "tampered": good[:len(good)-4] + "AAAA",
		"by another key": other.make(t, nil), "by another key in its name": other.make(t, header("jwk", m.jwk)), "another method": m.make(t, claim("htm", "DELETE")),
		"another address": m.make(t, claim("htu", "https://shop/v1/y")), "another pass": m.make(t, claim("ath", digest([]byte("other")))),
		"no pass": m.make(t, claim("ath", nil)), "no id": m.make(t, claim("jti", "")), "an endless id": m.make(t, claim("jti", strings.Repeat("x", 200))),
		"no instant": m.make(t, claim("iat", nil)), "another type": m.make(t, header("typ", "JWT")), "no key": m.make(t, header("jwk", nil)),
		"another algorithm's name": m.make(t, header("alg", "ES384")), "no algorithm": m.make(t, header("alg", "none")),
	} {
		if err := c.Check([]string{bad}, use); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, iat := range map[string]time.Time{"late": time.Now().Add(-MaxAge - 2*time.Second), "early": time.Now().Add(MaxAge + 2*time.Second)} {
		if err := c.Check([]string{m.make(t, claim("iat", iat.Unix()))}, use); !errors.Is(err, ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, header := range [][]string{nil, {good, good}} {
		if err := c.Check(header, use); !errors.Is(err, ErrNone) {
			t.Errorf("%d proofs: %v", len(header), err)
		}
	}
	if err := c.Check([]string{good}, use); err != nil {
		t.Errorf("what was refused counts as seen: %v", err)
	}
}

// TestReplaysAreRememberedLongEnough: a proof from a clock that is ahead can be shown
// for two minutes, and is remembered for them, in a bounded memory.
func TestReplaysAreRememberedLongEnough(t *testing.T) {
	t.Parallel()
	now := time.Unix(2e9, 0)
	r := newReplays(func() time.Time { return now })
	for i := range 20 {
		now = now.Add(generation / 7 * time.Duration(i%5))
		id := rand.Text()
		if err := r.note(id); err != nil {
			t.Fatal(err)
		}
		seen := now
		for now.Sub(seen) < generation {
			if now = now.Add(generation / 10); !errors.Is(r.note(id), ErrReplayed) {
				t.Fatalf("forgotten after %v", now.Sub(seen))
			}
		}
	}
	for len(r.younger) < maxSeen {
		r.younger[[16]byte([]byte(rand.Text())[:16])] = struct{}{}
	}
	if err := r.note("one more"); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	if now = now.Add(2*generation + 1); r.note("one more") != nil || r.note("another") != nil {
		t.Error("what can't be shown any more takes room")
	}
}

// Whatever is thrown at it, nothing passes for a proof but what its key has signed,
// and a proof passes once.
func FuzzProof(f *testing.F) {
	use := Use{Method: "GET", Pass: exampleToken, Key: exampleName, Here: func(u string) bool { return u == "https://resource.example.org/protectedresource" }}
	signed := exampleProof[:strings.LastIndexByte(exampleProof, '.')]
	for _, s := range []string{exampleProof, exampleProof + "=", exampleProof[:len(exampleProof)-1] + "B", exampleProof + "\r\n", " " + exampleProof,
		signed + ".", strings.Replace(exampleProof, ".", "..", 1), "e30.e30.", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := New(func() time.Time { return time.Unix(1562262618, 0) })
		err := c.Check([]string{s}, use)
		if (err == nil) != (s == exampleProof) && !(err == nil && strings.HasPrefix(s, signed+".") && len(s) == len(exampleProof)) { // ECDSA signs in many ways
			t.Fatalf("%q: %v", s, err)
		}
		if err == nil && !errors.Is(c.Check([]string{s}, use), ErrReplayed) {
			t.Fatalf("%q passes twice", s)
		}
	})
}

// A key has one spelling.
func FuzzKey(f *testing.F) {
	f.Add("EC", "P-256", exampleX, exampleY)
	f.Add("EC", "P-256", exampleX[:42]+"t", exampleY)
	f.Add("EC", "P-256", exampleX+"\r\n", exampleY+"=")
	f.Add("EC", "P-256", "", strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, kty, crv, x, y string) {
		k := JWK{kty, crv, x, y}
		name, err := k.Thumbprint()
		if err != nil {
			return
		}
		key, err := k.public()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		b64 := base64.RawURLEncoding.EncodeToString
		if again := (JWK{"EC", "P-256", b64(raw[1:33]), b64(raw[33:])}); again != k {
			t.Fatalf("%+v is %+v, named %s", k, again, name)
		}
	})
}
