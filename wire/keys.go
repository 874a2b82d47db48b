package wire

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"
)

// Keyring signs and verifies with the keys in force. It may be used by many at
// once, also while Replace puts other keys in force.
type Keyring struct {
	service string // whose keyring it is; empty: nobody's, it holds all keys
	now     func() time.Time
	ring    atomic.Pointer[ring]
}

// ring is keys in force: built once, then only read.
type ring struct {
	Keys
	public *PublicKeys
}

// Keys is what a keyring's file holds. In each list all keys verify, and one
// signs: see Signer. What a service is given of it: see For.
type Keys struct {
	Pass    []SigningKey `json:"pass,omitempty"`    // Ed25519, admission passes
	Barcode []SigningKey `json:"barcode,omitempty"` // Ed25519, ticket barcodes
	Secret  []SecretKey  `json:"secret,omitempty"`  // HMAC-SHA256: receipts, cookies, access codes, links
}

// SigningKey is an Ed25519 key, or the half of one that verifies and can't sign.
type SigningKey struct {
	ID         string    `json:"kid"`
	Seed       []byte    `json:"seed,omitempty"`   // 32 bytes; of a key that signs
	PublicHalf []byte    `json:"public,omitempty"` // 32 bytes; instead of the seed
	From       time.Time `json:"from,omitzero"`    // it signs from then on; it verifies at once

	expanded ed25519.PrivateKey // from Seed; nil until expand
}

// SecretKey is a symmetric key shared by all gateways and regions.
type SecretKey struct {
	ID   string    `json:"kid"`
	Key  []byte    `json:"key"`           // 32 bytes
	From time.Time `json:"from,omitzero"` // as of a SigningKey
}

func (k SigningKey) named() (string, time.Time) { return k.ID, k.From }
func (k SecretKey) named() (string, time.Time)  { return k.ID, k.From }

func (k SigningKey) private() ed25519.PrivateKey {
	if k.expanded != nil {
		return k.expanded
	}
	return ed25519.NewKeyFromSeed(k.Seed)
}

// Public is the verifying half.
func (k SigningKey) Public() ed25519.PublicKey {
	if len(k.Seed) == 0 {
		return k.PublicHalf
	}
	return k.private().Public().(ed25519.PublicKey)
}

// expand derives the private keys once, which costs as much as a signature.
func expand(keys []SigningKey) []SigningKey {
	out := make([]SigningKey, len(keys))
	for i, k := range keys {
		if len(k.Seed) > 0 {
			k.expanded = k.private()
		}
		out[i] = k
	}
	return out
}

// NewKeyring makes a keyring with one fresh key in each list.
func NewKeyring() *Keyring {
	k, err := NewKeys().Keyring("")
	if err != nil {
		panic(err) // fresh keys are well-formed
	}
	return k
}

// Keyring puts in force, in a keyring of their own, what a service needs of the
// keys: For says what that is, and what is missing.
func (k Keys) Keyring(service string) (*Keyring, error) {
	r := &Keyring{service: service, now: time.Now}
	if err := r.Replace(k); err != nil {
		return nil, err
	}
	return r, nil
}

// Replace puts other keys in force, all at once, of which it keeps what its
// service needs. Keys that are not well-formed, or that leave a list empty which
// had some, change nothing.
func (k *Keyring) Replace(keys Keys) error {
	keys, err := narrowed(keys, k.service, k.ring.Load())
	if err != nil {
		return err
	}
	keys.Pass, keys.Barcode = expand(keys.Pass), expand(keys.Barcode)
	k.ring.Store(&ring{Keys: keys, public: keys.public()})
	return nil
}

// Keys are the keys in force. Nobody may change them.
func (k *Keyring) Keys() Keys { return k.ring.Load().Keys }

// Public is the verifying half of the keys in force: the same pointer until
// others are.
func (k *Keyring) Public() *PublicKeys { return k.ring.Load().public }

// PublicKeys verify passes and barcodes.
type PublicKeys struct {
	pass, barcode map[string]ed25519.PublicKey
}

func (k Keys) public() *PublicKeys {
	p := &PublicKeys{pass: map[string]ed25519.PublicKey{}, barcode: map[string]ed25519.PublicKey{}}
	for _, s := range k.Pass {
		p.pass[s.ID] = s.Public()
	}
	for _, s := range k.Barcode {
		p.barcode[s.ID] = s.Public()
	}
	return p
}

// JWKS is the key set of /.well-known/jwks.json (RFC 7517, RFC 8037): pass
// keys first, then barcode keys for gates that check offline; also those that
// are yet to sign, so that whoever keeps the set for a while has them in time.
func (k Keys) JWKS() []byte {
	type jwk struct {
		Kty string `json:"kty"`
		Crv string `json:"crv"`
		Kid string `json:"kid"`
		Use string `json:"use"`
		Alg string `json:"alg"`
		X   string `json:"x"`
	}
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	for _, list := range [][]SigningKey{k.Pass, k.Barcode} {
		for _, s := range list {
			set.Keys = append(set.Keys, jwk{"OKP", "Ed25519", s.ID, "sig", "EdDSA", base64.RawURLEncoding.EncodeToString(s.Public())})
		}
	}
	raw, _ := json.Marshal(set) // strings only: can't fail
	return raw
}

// seal renders kid.payload.mac. The context keeps one kind of token from
// passing for another.
func (k *Keyring) seal(context string, payload []byte) string {
	return sealWith(Signer(k.ring.Load().Secret, k.now()), context, payload)
}

func sealWith(key SecretKey, context string, payload []byte) string {
	return key.ID + "." + base64.RawURLEncoding.EncodeToString(payload) + "." +
		base64.RawURLEncoding.EncodeToString(mac(key, context, payload))
}

// open verifies a sealed token and returns its payload and the key that sealed it.
func (k *Keyring) open(context, token string) (payload []byte, key SecretKey, ok bool) {
	if !compact(token) {
		return nil, key, false
	}
	kid, rest, ok1 := strings.Cut(token, ".")
	body, sum, ok2 := strings.Cut(rest, ".")
	strict := base64.RawURLEncoding.Strict()
	payload, err1 := strict.DecodeString(body)
	given, err2 := strict.DecodeString(sum)
	if !ok1 || !ok2 || err1 != nil || err2 != nil {
		return nil, key, false
	}
	for _, key := range k.ring.Load().Secret {
		if key.ID == kid {
			return payload, key, hmac.Equal(given, mac(key, context, payload))
		}
	}
	return nil, key, false
}

func mac(key SecretKey, context string, payload []byte) []byte {
	h := hmac.New(sha256.New, key.Key)
	h.Write([]byte(context))
	h.Write(payload)
	return h.Sum(nil)
}

// MACs authenticates a message of a kind that context names, under each secret:
// the first is what to sign with, all of them are to be accepted.
func (k *Keyring) MACs(context string, message []byte) [][]byte {
	secrets := k.ring.Load().Secret
	signs := Signer(secrets, k.now())
	sums := [][]byte{mac(signs, context, message)}
	for _, key := range secrets {
		if key.ID != signs.ID {
			sums = append(sums, mac(key, context, message))
		}
	}
	return sums
}

// Hash is how a key or a body that must be compared, but not kept, is stored.
func Hash(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// fresh is the secret half of a new key, and the random part of its name.
func fresh() (secret []byte, id string) {
	secret = make([]byte, 32)
	rand.Read(secret) // never fails since Go 1.24
	return secret, rand.Text()[:8]
}
