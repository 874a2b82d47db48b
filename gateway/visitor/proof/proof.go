package proof

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// Header is the header with the proof.
	Header = "DPoP"
	// MaxAge is how far a proof's instant may be from now, before or after.
	MaxAge = time.Minute

	proofType = "dpop+jwt"
	maxProof  = 2048 // bytes
	maxID     = 128  // bytes of a jti
	ordinate  = 32   // bytes of a coordinate of P-256
)

// Why a proof is refused.
var (
	ErrNone     = errors.New("there is no proof, or more than one")
	ErrProof    = errors.New("the proof is not of this request, pass and key")
	ErrStale    = errors.New("the proof is not of now")
	ErrReplayed = errors.New("the proof was shown before")
	ErrBusy     = errors.New("no more proofs can be remembered just now")
)

// JWK is a public key of P-256 (RFC 7517, RFC 7518, 6.2.1).
type JWK struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

// public returns the key itself, or an error if k is none.
func (k JWK) public() (*ecdsa.PublicKey, error) {
	strict := base64.RawURLEncoding.Strict()
	x, err1 := strict.DecodeString(k.X)
	y, err2 := strict.DecodeString(k.Y)
	if k.Kty != "EC" || k.Crv != "P-256" || err1 != nil || err2 != nil || len(x) != ordinate || len(y) != ordinate {
		return nil, errors.New("not a public key of P-256")
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
}

// Thumbprint returns the name of the key in a pass (RFC 7638), or an error if k is no key.
func (k JWK) Thumbprint() (string, error) {
	if _, err := k.public(); err != nil {
		return "", err
	}
	return digest([]byte(`{"crv":"` + k.Crv + `","kty":"` + k.Kty + `","x":"` + k.X + `","y":"` + k.Y + `"}`)), nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// claims are those of a proof. Instants of RFC 7519 may have fractions.
type claims struct {
	jwt.RegisteredClaims
	Method string `json:"htm"`
	URL    string `json:"htu"`
	Pass   string `json:"ath"`
}

// Use is what a proof must be for.
type Use struct {
	Method string
	// Here reports whether a URL, without its query, is that of the request.
	Here func(url string) bool
	Pass string // the token
	Key  string // the thumbprint of its key
}

// Checker checks proofs, each once.
type Checker struct {
	now  func() time.Time
	seen *replays
}

// New returns a Checker that has seen nothing.
func New(now func() time.Time) *Checker { return &Checker{now: now, seen: newReplays(now)} }

// Check checks the values of a request's Header. Its errors are those above.
func (c *Checker) Check(header []string, use Use) error {
	if len(header) != 1 {
		return ErrNone
	}
	if len(header[0]) > maxProof || strings.ContainsAny(header[0], "\r\n") { // base64 decoders skip these
		return ErrProof
	}
	var got claims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(header[0], &got, func(t *jwt.Token) (any, error) { return keyOf(t, use.Key) })
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrProof, err)
	case got.Method != use.Method, !use.Here(got.URL), got.Pass != digest([]byte(use.Pass)), got.ID == "", len(got.ID) > maxID, got.IssuedAt == nil:
		return ErrProof
	}
	if off := c.now().Sub(got.IssuedAt.Time); off > MaxAge || off < -MaxAge {
		return ErrStale
	}
	return c.seen.note(use.Key + " " + got.ID)
}

// keyOf returns the key in a proof's header, if it has that thumbprint.
func keyOf(t *jwt.Token, thumbprint string) (*ecdsa.PublicKey, error) {
	raw, err := json.Marshal(t.Header["jwk"])
	if err != nil || t.Header["typ"] != proofType {
		return nil, ErrProof
	}
	var k JWK
	if err := json.Unmarshal(raw, &k); err != nil {
		return nil, err
	}
	if named, err := k.Thumbprint(); err != nil || named != thumbprint {
		return nil, ErrProof
	}
	return k.public()
}
