package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// PassType is the JOSE "typ" of an admission pass: no other token of ours, and
// none of anybody else's, is taken for one (RFC 8725, 3.11).
const PassType = "frontrow-pass+jwt"

// PassIssuer is the "iss" of every pass.
const PassIssuer = "frontrow"

// MaxPassLife is longer than any pass: what is known of a revoked one is kept as long.
const MaxPassLife = 26 * time.Hour

// passLeeway is how far the clocks of admission and gateways may differ.
const passLeeway = 5 * time.Second

// Pass is the signed admission that every step after the queue asks for: a
// JWT signed with EdDSA, for one event (aud), one fan (sub) and one place.
type Pass struct {
	jwt.RegisteredClaims        // iss, sub = fan, aud = event, jti, iat, nbf, exp
	Lane                 string `json:"lane"`
	Limit                int    `json:"limit"`             // tickets the fan may have in all
	Channel              string `json:"channel,omitempty"` // whose seats they may have too
	Device               string `json:"dev,omitempty"`     // Hash of the device's id; empty: any device of the fan

	Confirm *Confirmation `json:"cnf,omitempty"` // nil: whoever has it, and the cookies
}

// Confirmation names the key that every use of a pass must be proven with (RFC 7800;
// RFC 9449, 6.1).
type Confirmation struct {
	Key string `json:"jkt"` // its thumbprint, RFC 7638
}

// Key is the thumbprint of the key that each use must be proven with; empty: none.
func (p *Pass) Key() string {
	if p.Confirm == nil {
		return ""
	}
	return p.Confirm.Key
}

// Claims is what a gateway passes on to the writer instead of the pass itself.
func (p *Pass) Claims() Claims {
	return Claims{Pass: p.ID, Fan: p.Subject, Limit: p.Limit, Expires: p.ExpiresAt.Time, Channel: p.Channel}
}

// NewPass fills a pass from its record.
func NewPass(event string, r PassRecord) *Pass {
	p := &Pass{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: PassIssuer, Subject: r.Fan, Audience: jwt.ClaimStrings{event}, ID: r.ID,
			IssuedAt: jwt.NewNumericDate(r.At), NotBefore: jwt.NewNumericDate(r.At), ExpiresAt: jwt.NewNumericDate(r.Expires),
		},
		Lane: r.Lane, Limit: r.Limit, Channel: r.Channel, Device: r.Device,
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
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, p)
	t.Header["kid"] = key.ID
	t.Header["typ"] = PassType
	s, err := t.SignedString(key.private())
	if err != nil {
		return "", fmt.Errorf("sign pass: %w", err)
	}
	return s, nil
}

// Errors of VerifyPass.
var (
	ErrPass        = errors.New("pass is not valid")
	ErrPassExpired = errors.New("pass has expired")
	ErrPassEvent   = errors.New("pass is for another event")
)

// VerifyPass checks a pass for an event as RFC 8725 asks: bounded length, one
// algorithm, explicit type, known key, no name twice, issuer, audience, and a
// life that has begun, has not ended and is no longer than a revocation is kept.
// Grace extends the expiry, and nothing else, for steps that only finish what
// was begun with a live pass.
func (p *PublicKeys) VerifyPass(token, event string, now time.Time, grace time.Duration) (*Pass, error) {
	if !compact(token) {
		return nil, ErrPass
	}
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
	if err := pass.check(event, now, grace); err != nil {
		return nil, err
	}
	return &pass, nil
}

// check is the rules for a pass whose signature is good.
func (p *Pass) check(event string, now time.Time, grace time.Duration) error {
	switch {
	case p.Issuer != PassIssuer, !IsFan(p.Subject), p.ID == "", p.Limit <= 0,
		p.ExpiresAt == nil, p.IssuedAt == nil, p.NotBefore == nil, len(p.Audience) != 1,
		p.ExpiresAt.Sub(p.IssuedAt.Time) > MaxPassLife,
		p.IssuedAt.After(now.Add(passLeeway)), p.NotBefore.After(now.Add(passLeeway)):
		return ErrPass
	case p.Audience[0] != event:
		return ErrPassEvent
	case !now.Before(p.ExpiresAt.Add(passLeeway + grace)):
		return ErrPassExpired
	}
	return nil
}

// unambiguous reports whether neither the header nor the claims of a token have a
// member twice: of two, another reader may take the other (RFC 7515, 4; 7519, 4).
func unambiguous(token string) bool {
	for part := range strings.SplitSeq(token[:strings.LastIndexByte(token, '.')], ".") {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || !uniqueMembers(raw) {
			return false
		}
	}
	return true
}

// uniqueMembers looks at the outermost object, as encoding/json reads it: letters' case doesn't count.
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

// PassRecord is the value under pass.<fan> in PASSES_<event>, of a fan's later
// passes under pass.<fan>.<turn>: created once, so a place redeems to one pass
// however often and from wherever it is redeemed, and a fan has one at a time.
// After that it changes by compare-and-swap alone: when the fan goes on with
// another device, under a new ID, and when the pass is revoked.
type PassRecord struct {
	ID      string    `json:"id"`
	Fan     string    `json:"fan"`
	Lane    string    `json:"lane"`
	Region  string    `json:"region"`
	Number  uint64    `json:"number"`
	Turn    int       `json:"turn,omitempty"` // how many passes the fan had before
	Limit   int       `json:"limit"`
	Channel string    `json:"channel,omitempty"`
	Code    string    `json:"code,omitempty"` // id of the access code that it was given for
	Device  string    `json:"device,omitempty"`
	Session string    `json:"session,omitempty"` // that it was redeemed in
	Key     string    `json:"key,omitempty"`     // thumbprint of the browser's key; empty: it has none
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
	Was     string    `json:"was,omitempty"`    // its ID on the device before, which is revoked
	Moves   int       `json:"moves,omitempty"`  // from device to device
	Revoked time.Time `json:"revoked,omitzero"` // it counts no more from then on
	Why     string    `json:"why,omitempty"`    // revoked
}

// Ends is when the pass stops counting.
func (r PassRecord) Ends() time.Time {
	if !r.Revoked.IsZero() && r.Revoked.Before(r.Expires) {
		return r.Revoked
	}
	return r.Expires
}

// RedeemRequest asks the admitter to turn a place into a pass; the gateway has
// verified the receipt. Device is the Hash of the device's id, Session that of the
// fan's cookie, Key the thumbprint of the browser's key, if it has one.
type RedeemRequest struct {
	Place   Place  `json:"place"`
	Device  string `json:"device,omitempty"`
	Session string `json:"session,omitempty"`
	Key     string `json:"key,omitempty"`
}

// RedeemReply is the pass, or a problem: not called yet, or too late.
type RedeemReply struct {
	Pass    string    `json:"pass,omitempty"`
	Expires time.Time `json:"expires_at,omitzero"`
	Problem *Problem  `json:"problem,omitempty"`
}
