package keyring

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"
)

// Keyring signs and verifies with the keys in force. It is safe for concurrent use,
// also while Replace puts other keys in force.
type Keyring struct {
	service string // whose keyring it is; empty: it holds all keys
	now     func() time.Time
	ring    atomic.Pointer[ring]
}

// ring is the keys in force: built once, then only read.
type ring struct {
	Keys
	public *PublicKeys
}

// Keys is the content of a keyring's file. In each list all keys verify and one signs:
// see Signer. For says which of them a service is given.
type Keys struct {
	Pass    []SigningKey `json:"pass,omitempty"`    // Ed25519, admission passes
	Barcode []SigningKey `json:"barcode,omitempty"` // Ed25519, ticket barcodes
	Secret  []SecretKey  `json:"secret,omitempty"`  // HMAC-SHA256: receipts, cookies, access codes, links
}

// SigningKey is an Ed25519 key, or its public half, which verifies but can't sign.
type SigningKey struct {
	ID         string    `json:"kid"`
	Seed       []byte    `json:"seed,omitempty"`   // 32 bytes; of a key that can sign
	PublicHalf []byte    `json:"public,omitempty"` // 32 bytes; instead of the seed
	From       time.Time `json:"from,omitzero"`    // when it begins to sign; it verifies at once

	expanded ed25519.PrivateKey // from Seed; nil until expand
	heading  string             // headOf ID; empty until expand
}

// SecretKey is a symmetric key shared by all gateways and regions.
type SecretKey struct {
	ID   string    `json:"kid"`
	Key  []byte    `json:"key"`           // 32 bytes
	From time.Time `json:"from,omitzero"` // as for a SigningKey

	sealers *sync.Pool // of *sealer; nil until sealing
}

func (k SigningKey) named() (string, time.Time) { return k.ID, k.From }
func (k SecretKey) named() (string, time.Time)  { return k.ID, k.From }

func (k SigningKey) private() ed25519.PrivateKey {
	if k.expanded != nil {
		return k.expanded
	}
	return ed25519.NewKeyFromSeed(k.Seed)
}

// head is headOf the key's id.
func (k SigningKey) head() string {
	if k.heading != "" {
		return k.heading
	}
	return headOf(k.ID)
}

// Public is the verifying half.
func (k SigningKey) Public() ed25519.PublicKey {
	if len(k.Seed) == 0 {
		return k.PublicHalf
	}
	return k.private().Public().(ed25519.PublicKey)
}

// expand derives each private key, and what its tokens begin with, once: the key alone
// costs as much as a signature.
func expand(keys []SigningKey) []SigningKey {
	out := make([]SigningKey, len(keys))
	for i, k := range keys {
		if len(k.Seed) > 0 {
			k.expanded, k.heading = k.private(), k.head()
		}
		out[i] = k
	}
	return out
}

// New makes a keyring with one fresh key in each list.
func New() *Keyring {
	k, err := NewKeys().Keyring("")
	if err != nil {
		panic(err) // fresh keys are well-formed
	}
	return k
}

// Keyring returns a keyring with those of the keys in force that a service needs: For
// says which these are, and what is missing.
func (k Keys) Keyring(service string) (*Keyring, error) {
	r := &Keyring{service: service, now: time.Now}
	if err := r.Replace(k); err != nil {
		return nil, err
	}
	return r, nil
}

// Replace puts other keys in force, all at once, and keeps those that its service
// needs. Keys that are not well-formed, or that would empty a list, change nothing.
func (k *Keyring) Replace(keys Keys) error {
	keys, err := narrowed(keys, k.service, k.ring.Load())
	if err != nil {
		return err
	}
	keys.Pass, keys.Barcode, keys.Secret = expand(keys.Pass), expand(keys.Barcode), sealing(keys.Secret)
	k.ring.Store(&ring{Keys: keys, public: keys.public()})
	return nil
}

// Keys returns the keys in force. The caller must not change them.
func (k *Keyring) Keys() Keys { return k.ring.Load().Keys }

// Public returns the verifying half of the keys in force: the same pointer until they
// are replaced.
func (k *Keyring) Public() *PublicKeys { return k.ring.Load().public }

// PublicKeys verify passes and barcodes.
type PublicKeys struct {
	pass, barcode map[string]ed25519.PublicKey // by key id

	heads  map[string]ed25519.PublicKey // pass, by headOf the id
	strict *base64.Encoding
}

func (k Keys) public() *PublicKeys {
	p := &PublicKeys{pass: map[string]ed25519.PublicKey{}, barcode: map[string]ed25519.PublicKey{},
		heads: map[string]ed25519.PublicKey{}, strict: base64.RawURLEncoding.Strict()}
	for _, s := range k.Pass {
		p.pass[s.ID] = s.Public()
		p.heads[headOf(s.ID)] = p.pass[s.ID]
	}
	for _, s := range k.Barcode {
		p.barcode[s.ID] = s.Public()
	}
	return p
}

// JWKS is the key set of /.well-known/jwks.json (RFC 7517, RFC 8037): pass keys first,
// then barcode keys for gates that check offline. It includes keys that don't sign yet,
// so that clients that cache the set have them in time.
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

// fresh returns the secret half of a new key, and the random part of its name.
func fresh() (secret []byte, id string) {
	secret = make([]byte, 32)
	rand.Read(secret) // never fails since Go 1.24
	return secret, rand.Text()[:8]
}
