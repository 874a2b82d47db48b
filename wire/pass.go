package wire

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// PassType is the JOSE "typ" of an admission pass: no other token of ours, and
// none of anybody else's, is taken for one (RFC 8725, 3.11).
const PassType = "frontrow-pass+jwt"

// PassIssuer is the "iss" of every pass.
const PassIssuer = "frontrow"

// passLeeway is how far the clocks of admission and gateways may differ.
const passLeeway = 5 * time.Second

// Pass is the signed admission that every step after the queue asks for: a
// JWT signed with EdDSA, for one event (aud), one fan (sub) and one place.
type Pass struct {
	jwt.RegisteredClaims        // iss, sub = fan, aud = event, jti, iat, nbf, exp
	Lane                 string `json:"lane"`
	Limit                int    `json:"limit"`             // tickets the fan may have in all
	Channel              string `json:"channel,omitempty"` // whose seats he may have too
	Device               string `json:"dev,omitempty"`     // Hash of the device's cookie; empty: any device of the fan
}

// Claims is what a gateway passes on to the writer instead of the pass itself.
func (p *Pass) Claims() Claims {
	return Claims{Pass: p.ID, Fan: p.Subject, Limit: p.Limit, Expires: p.ExpiresAt.Time, Channel: p.Channel}
}

// NewPass fills a pass from its record.
func NewPass(event string, r PassRecord) *Pass {
	return &Pass{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: PassIssuer, Subject: r.Fan, Audience: jwt.ClaimStrings{event}, ID: r.ID,
			IssuedAt: jwt.NewNumericDate(r.At), NotBefore: jwt.NewNumericDate(r.At), ExpiresAt: jwt.NewNumericDate(r.Expires),
		},
		Lane: r.Lane, Limit: r.Limit, Channel: r.Channel, Device: r.Device,
	}
}

// SignPass renders the pass with the keyring's current key. Ed25519 is
// deterministic: the same record gives the same pass.
func (k *Keyring) SignPass(p *Pass) (string, error) {
	key := k.Pass[0]
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
// algorithm, explicit type, known key, issuer, audience, expiry. Grace extends
// the expiry for steps that only finish what was begun with a live pass.
func (p *PublicKeys) VerifyPass(token, event string, now time.Time, grace time.Duration) (*Pass, error) {
	if len(token) > maxToken {
		return nil, ErrPass
	}
	var pass Pass
	_, err := jwt.ParseWithClaims(token, &pass, func(t *jwt.Token) (any, error) {
		if t.Header["typ"] != PassType {
			return nil, ErrPass
		}
		kid, _ := t.Header["kid"].(string)
		if key, ok := p.pass[kid]; ok {
			return key, nil
		}
		return nil, ErrPass
	}, jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithIssuer(PassIssuer), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithLeeway(passLeeway+grace), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return nil, ErrPassExpired
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrPass, err)
	case len(pass.Audience) != 1 || pass.Audience[0] != event:
		return nil, ErrPassEvent
	case !IsFan(pass.Subject) || pass.ID == "" || pass.Limit <= 0:
		return nil, ErrPass
	}
	return &pass, nil
}

// PassRecord is the value under fan.<fan> in PASSES_<event>: created once, so a
// place redeems to one pass however often and from wherever it is redeemed.
// After that it changes by compare-and-swap alone: when the fan goes on with
// another device, under a new ID, and when the pass is revoked.
type PassRecord struct {
	ID      string    `json:"id"`
	Fan     string    `json:"fan"`
	Lane    string    `json:"lane"`
	Region  string    `json:"region"`
	Number  uint64    `json:"number"`
	Limit   int       `json:"limit"`
	Channel string    `json:"channel,omitempty"`
	Code    string    `json:"code,omitempty"` // id of the access code that it was given for
	Device  string    `json:"device,omitempty"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
	Revoked time.Time `json:"revoked,omitzero"` // it counts no more from then on
	Why     string    `json:"why,omitempty"`    // revoked
}

// RedeemRequest asks the admitter to turn a place into a pass; the gateway has
// verified the receipt. Device is the Hash of the device's cookie.
type RedeemRequest struct {
	Place  Place  `json:"place"`
	Device string `json:"device,omitempty"`
}

// RedeemReply is the pass, or a problem: not called yet, or too late.
type RedeemReply struct {
	Pass    string    `json:"pass,omitempty"`
	Expires time.Time `json:"expires_at,omitzero"`
	Problem *Problem  `json:"problem,omitempty"`
}
