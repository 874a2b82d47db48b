package keyring

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"frontrow/wire"

	"github.com/golang-jwt/jwt/v5"
)

// PassType is the JOSE "typ" of an admission pass: no other token, ours or not, is taken
// for one (RFC 8725, 3.11).
const PassType = "frontrow-pass+jwt"

// PassIssuer is the "iss" of every pass.
const PassIssuer = "frontrow"

// passLeeway is how far the clocks of admission and gateways may differ.
const passLeeway = 5 * time.Second

// Pass is the signed admission that every step after the queue requires: a JWT signed
// with EdDSA, for one event (aud), one fan (sub) and one place.
type Pass struct {
	jwt.RegisteredClaims        // iss, sub = fan, aud = event, jti, iat, nbf, exp
	Lane                 string `json:"lane"`
	Limit                int    `json:"limit"`             // tickets the fan may have in all
	Channel              string `json:"channel,omitempty"` // whose seats the fan may have too
	Device               string `json:"dev,omitempty"`     // Hash of the device's id; empty: any device of the fan
	Priced               int64  `json:"priced,omitempty"`  // what the fan was promised on joining: see wire.PlaceRecord

	Confirm *Confirmation `json:"cnf,omitempty"` // nil: the pass and the cookies are enough
}

// Confirmation names the key that must sign a proof for every use of a pass (RFC 7800;
// RFC 9449, 6.1).
type Confirmation struct {
	Key string `json:"jkt"` // its thumbprint, RFC 7638
}

// Key is the thumbprint of the key that must prove each use; empty: no proof is needed.
func (p *Pass) Key() string {
	if p.Confirm == nil {
		return ""
	}
	return p.Confirm.Key
}

// Claims returns what a gateway passes on to the writer instead of the pass.
func (p *Pass) Claims() wire.Claims {
	return wire.Claims{Pass: p.ID, Fan: p.Subject, Limit: p.Limit, Expires: p.ExpiresAt.Time, Channel: p.Channel, Priced: p.Priced}
}

// NewPass fills a pass from its record.
func NewPass(event string, r wire.PassRecord) *Pass {
	p := &Pass{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: PassIssuer, Subject: r.Fan, Audience: jwt.ClaimStrings{event}, ID: r.ID,
			IssuedAt: jwt.NewNumericDate(r.At), NotBefore: jwt.NewNumericDate(r.At), ExpiresAt: jwt.NewNumericDate(r.Expires),
		},
		Lane: r.Lane, Limit: r.Limit, Channel: r.Channel, Device: r.Device, Priced: r.Priced,
	}
	if r.Key != "" {
		p.Confirm = &Confirmation{r.Key}
	}
	return p
}

// SignPass renders the pass with the key that signs now. Ed25519 is
// deterministic: under one key the same record gives the same pass.
func (k *Keyring) SignPass(p *Pass) (string, error) {
	key := Signer(k.ring.Load().Pass, k.now())
	if len(key.Seed) == 0 {
		return "", errors.New("sign pass: the keyring has no pass key, or only public halves")
	}
	c := p.claims()
	enc, raw := base64.RawURLEncoding, c.AppendJSON(make([]byte, 0, passRoom))
	head := key.head()
	token := make([]byte, 0, len(head)+enc.EncodedLen(len(raw))+enc.EncodedLen(ed25519.SignatureSize)+2)
	token = enc.AppendEncode(append(append(token, head...), '.'), raw)
	signature := ed25519.Sign(key.private(), token)
	return string(enc.AppendEncode(append(token, '.'), signature)), nil
}

// passRoom is made for the claims of a pass before they are rendered.
const passRoom = 320

// claims returns what a token says of the pass: exactly what package jwt would.
func (p *Pass) claims() wire.PassClaims {
	c := wire.PassClaims{Issuer: p.Issuer, Fan: p.Subject, Events: p.Audience, ID: p.ID, Lane: p.Lane, Limit: p.Limit, Channel: p.Channel, Device: p.Device, Priced: p.Priced,
		Expires: seconds(p.ExpiresAt), NotBefore: seconds(p.NotBefore), At: seconds(p.IssuedAt)}
	if p.Confirm != nil {
		c.Confirm = &wire.KeyClaim{Thumbprint: p.Confirm.Key}
	}
	return c
}

// seconds returns an instant as tokens spell it; 0 if there is none.
func seconds(d *jwt.NumericDate) int64 {
	if d == nil {
		return 0
	}
	return d.Unix()
}

// Errors of VerifyPass.
var (
	ErrPass        = errors.New("pass is not valid")
	ErrPassExpired = errors.New("pass has expired")
	ErrPassEvent   = errors.New("pass is for another event")
)

// VerifyPass checks a pass for an event as RFC 8725 requires: bounded length, one
// algorithm, explicit type, known key, no member twice, issuer, audience, and a life
// that has begun, has not ended and is no longer than revocations are kept. Grace
// extends only the expiry, for steps that finish what was begun with a live pass.
func (p *PublicKeys) VerifyPass(token, event string, now time.Time, grace time.Duration) (*Pass, error) {
	if !compact(token) {
		return nil, ErrPass
	}
	pass, plain, err := p.plain(token)
	if !plain {
		pass, err = p.parse(token)
	}
	if err != nil {
		return nil, err
	}
	if err := pass.check(event, now, grace); err != nil {
		return nil, err
	}
	return pass, nil
}

// maxInstant bounds the seconds that every reader of JSON takes for the same instant.
const maxInstant = 1 << 52

// plain reads a pass that is spelled as SignPass spells it, as nearly all are, and verifies
// its signature. It says neither yes nor no to any other: plain is false.
func (p *PublicKeys) plain(token string) (pass *Pass, plain bool, err error) {
	head, rest, _ := strings.Cut(token, ".")
	body, signature, _ := strings.Cut(rest, ".")
	key, ok := p.heads[head]
	if !ok {
		return nil, false, nil
	}
	claims, err1 := p.strict.DecodeString(body)
	sig, err2 := p.strict.DecodeString(signature)
	var c wire.PassClaims
	if err1 != nil || err2 != nil || !wire.Plain(claims, &c) {
		return nil, false, nil
	}
	var dates [3]*jwt.NumericDate
	for i, seconds := range [...]int64{c.Expires, c.NotBefore, c.At} {
		if seconds <= 0 || seconds > maxInstant {
			return nil, false, nil
		}
		dates[i] = jwt.NewNumericDate(time.Unix(seconds, 0))
	}
	if !ed25519.Verify(key, []byte(token[:len(head)+1+len(body)]), sig) {
		return nil, true, ErrPass
	}
	pass = &Pass{RegisteredClaims: jwt.RegisteredClaims{Issuer: c.Issuer, Subject: c.Fan, Audience: c.Events,
		ExpiresAt: dates[0], NotBefore: dates[1], IssuedAt: dates[2], ID: c.ID},
		Lane: c.Lane, Limit: c.Limit, Channel: c.Channel, Device: c.Device, Priced: c.Priced}
	if c.Confirm != nil {
		pass.Confirm = &Confirmation{c.Confirm.Thumbprint}
	}
	return pass, true, nil
}

// headOf returns the first part of the passes that SignPass signs with a key.
func headOf(kid string) string {
	raw, _ := json.Marshal(map[string]string{"alg": jwt.SigningMethodEdDSA.Alg(), "kid": kid, "typ": PassType}) // strings: can't fail
	return base64.RawURLEncoding.EncodeToString(raw)
}

// parse reads a pass however it is spelled, and verifies its signature.
func (p *PublicKeys) parse(token string) (*Pass, error) {
	var pass Pass
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(token, &pass, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		key, ok := p.pass[kid]
		if !ok || t.Header["typ"] != PassType || !unambiguous(token) {
			return nil, ErrPass
		}
		return key, nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPass, err)
	}
	return &pass, nil
}

// check applies the rules for a pass whose signature is valid.
func (p *Pass) check(event string, now time.Time, grace time.Duration) error {
	switch {
	case p.Issuer != PassIssuer, !wire.IsFan(p.Subject), p.ID == "", p.Limit <= 0,
		p.ExpiresAt == nil, p.IssuedAt == nil, p.NotBefore == nil, len(p.Audience) != 1,
		p.ExpiresAt.Sub(p.IssuedAt.Time) > wire.MaxPassLife,
		p.IssuedAt.After(now.Add(passLeeway)), p.NotBefore.After(now.Add(passLeeway)):
		return ErrPass
	case p.Audience[0] != event:
		return ErrPassEvent
	case !now.Before(p.ExpiresAt.Add(passLeeway + grace)):
		return ErrPassExpired
	}
	return nil
}

// unambiguous reports whether neither the header nor the claims of a token have a member
// twice: another reader might take the other one (RFC 7515, 4; RFC 7519, 4).
func unambiguous(token string) bool {
	for part := range strings.SplitSeq(token[:strings.LastIndexByte(token, '.')], ".") {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || !uniqueMembers(raw) {
			return false
		}
	}
	return true
}

// uniqueMembers looks at the outermost object as encoding/json reads it: ignoring case.
func uniqueMembers(raw []byte) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return false
		}
		if n := strings.ToLower(name.(string)); seen[n] {
			return false
		} else {
			seen[n] = true
		}
	}
	return true
}
