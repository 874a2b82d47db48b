package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"frontrow/gateway/visitor/proof"
	"frontrow/keyring"
	"frontrow/wire"

	"github.com/golang-jwt/jwt/v5"
	"github.com/nats-io/nats.go"
)

// browserKey is the key of a browser.
type browserKey struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	jwk  proof.JWK
	name string // thumbprint
}

func newBrowserKey(t testing.TB) browserKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	raw, err := key.PublicKey.Bytes()
	must(t, err)
	jwk := proof.JWK{Kty: "EC", Crv: "P-256", X: base64.RawURLEncoding.EncodeToString(raw[1:33]), Y: base64.RawURLEncoding.EncodeToString(raw[33:])}
	name, err := jwk.Thumbprint()
	must(t, err)
	return browserKey{t, key, jwk, name}
}

// proves makes the proof of a request; change spoils it.
func (k browserKey) proves(method, url, pass string, change ...func(jwt.MapClaims)) string {
	k.t.Helper()
	ath := sha256.Sum256([]byte(pass))
	claims := jwt.MapClaims{"htm": method, "htu": url, "jti": rand.Text(), "iat": time.Now().Unix(), "ath": base64.RawURLEncoding.EncodeToString(ath[:])}
	for _, c := range change {
		c(claims)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["typ"], token.Header["jwk"] = "dpop+jwt", k.jwk
	s, err := token.SignedString(k.key)
	must(k.t, err)
	return s
}

// TestStolenPassIsOfNoUse runs over the route table: of a pass that names a key, every
// step after the queue asks for a proof by it. Pass and cookies alone open nothing.
func TestStolenPassIsOfNoUse(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.writer()
	f, mine, theirs := s.fan(), newBrowserKey(t), newBrowserKey(t)
	f.device = s.device("mine")
	now := time.Now()
	pass, err := s.cfg.Keys.SignPass(keyring.NewPass(show, wire.PassRecord{ID: "p", Fan: f.id, Lane: wire.LaneGeneral, Limit: 4, Device: s.hashOf(f.device), Key: mine.name,
		At: now.Add(-time.Minute), Expires: now.Add(time.Hour)}))
	must(t, err)
	other := f.pass
	f.pass = pass
	path := strings.NewReplacer("{event}", show, "{hold}", wire.NewHold())
	body := map[string]string{"POST /v1/events/{event}/holds": `{"best":{"count":1}}`, "POST /v1/holds/{hold}/checkout": goodCheckout}
	n := 0
	for _, rt := range s.table() {
		if steps()[rt.pattern] != afterTheQueue {
			continue
		}
		n++
		method, pattern, _ := strings.Cut(rt.pattern, " ")
		at := path.Replace(pattern)
		url := s.url + at
		send := func(proofs ...string) answered {
			header := []string{"Idempotency-Key", rand.Text()}
			for _, p := range proofs {
				header = append(header, proof.Header, p)
			}
			return f.send(method, at, body[rt.pattern], header...)
		}
		claim := func(name string, v any) func(jwt.MapClaims) { return func(c jwt.MapClaims) { c[name] = v } }
		once := mine.proves(method, url, pass)
		if r := send(once); r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden {
			t.Fatalf("%s, proven: %d %s", rt.pattern, r.StatusCode, r.body)
		}
		put := "PUT"
		if method == put {
			put = "POST"
		}
		for name, p := range map[string]string{
			"again": once, "garbage": "x", "another key": theirs.proves(method, url, pass), "another method": mine.proves(put, url, pass),
			"another path": mine.proves(method, url+"x", pass), "another host": mine.proves(method, "http://elsewhere"+at, pass),
			"another pass": mine.proves(method, url, other), "of a minute ago": mine.proves(method, url, pass, claim("iat", now.Add(-2*time.Minute).Unix())),
			"of the day after": mine.proves(method, url, pass, claim("iat", now.Add(24*time.Hour).Unix())), "no instant": mine.proves(method, url, pass, claim("iat", nil)),
		} {
			r := send(p)
			if q := r.problem(t); q.Status != http.StatusUnauthorized || q.Type != "/problems/proof" || !strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "DPoP ") || r.Header.Get("Date") == "" {
				t.Errorf("%s, %s: %+v", rt.pattern, name, q)
			}
		}
		if q := send().problem(t); q.Status != http.StatusUnauthorized || q.Type != "/problems/proof" {
			t.Errorf("%s without a proof: %+v", rt.pattern, q)
		}
		if r := send(mine.proves(method, url+"?x=y", pass)); r.StatusCode == http.StatusUnauthorized { // RFC 9449, 4.3: without query
			t.Errorf("%s: the query counts: %s", rt.pattern, r.body)
		}
	}
	if n < 4 {
		t.Errorf("%d steps", n)
	}
	// Of a pass that names no key a proof is not looked at.
	f.pass = other
	if r := f.send("POST", "/v1/events/show/holds", `{"best":{"count":1}}`, proof.Header, "x"); r.StatusCode != http.StatusCreated {
		t.Errorf("a pass without a key: %d %s", r.StatusCode, r.body)
	}
}

// TestProofBehindAProxy: a proof names the address that its page knows.
func TestProofBehindAProxy(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *Config) { c.PublicURL = "https://tickets.example.com" })
	s.writer()
	f, mine := s.fan(), newBrowserKey(t)
	now := time.Now()
	var err error
	f.pass, err = s.cfg.Keys.SignPass(keyring.NewPass(show, wire.PassRecord{ID: "p", Fan: f.id, Limit: 4, Key: mine.name, At: now, Expires: now.Add(time.Hour)}))
	must(t, err)
	for url, want := range map[string]int{"https://tickets.example.com": 201, "https://TICKETS.example.com:443": 201, "http://tickets.example.com": 401, "https://evil.example": 401, s.url: 401} {
		r := f.send("POST", "/v1/events/show/holds", `{"best":{"count":1}}`, "Host", "tickets.example.com", proof.Header, mine.proves("POST", url+"/v1/events/show/holds", f.pass))
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d: %s", url, r.StatusCode, want, r.body)
		}
	}
}

// TestRedeemWithAKey: the admitter is told the key's thumbprint, and the session.
func TestRedeemWithAKey(t *testing.T) {
	t.Parallel()
	s := open(t)
	f := s.fan().session(time.Now().Add(-time.Hour))
	place := into[joinReply](t, f.send("POST", places, ""), http.StatusCreated)
	s.setHead(5)
	asked := make(chan wire.RedeemRequest, 1)
	s.answer(wire.PassesSubject(show, wire.ActRedeem), func(m *nats.Msg) any {
		var r wire.RedeemRequest
		_ = json.Unmarshal(m.Data, &r)
		asked <- r
		return wire.RedeemReply{Pass: "the-pass", Expires: time.Now().Add(time.Hour)}
	})
	mine := newBrowserKey(t)
	jwk, err := json.Marshal(mine.jwk)
	must(t, err)
	face, err := s.cfg.Keys.VerifyFace(f.cookie)
	must(t, err)
	for name, c := range map[string]struct{ key, want string }{"a key": {`,"key":` + string(jwk), mine.name}, "none": {"", ""}} {
		r := f.send("POST", "/v1/events/show/passes", fmt.Sprintf(`{"place":%q%s}`, place.Place, c.key))
		if got := <-asked; r.StatusCode != http.StatusCreated || got.Key != c.want || got.Session != face.Session || got.Session == "" {
			t.Errorf("%s: %d, %+v", name, r.StatusCode, got)
		}
	}
	for name, key := range map[string]string{"empty": `{}`, "of another kind": `{"kty":"oct","x":"a"}`, "off the curve": strings.Replace(string(jwk), mine.jwk.Y, mine.jwk.X, 1)} {
		if p := f.send("POST", "/v1/events/show/passes", fmt.Sprintf(`{"place":%q,"key":%s}`, place.Place, key)).problem(t); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
