package wire

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Keyring is what frontrow signs with. In each list the first key signs and
// all of them verify, so that a key is rotated by putting a new one in front.
// Admission needs Pass, the inventory Barcode, gateways Secret; a service may
// be given a keyring with only the lists it needs.
type Keyring struct {
	Pass    []SigningKey `json:"pass"`    // Ed25519, admission passes
	Barcode []SigningKey `json:"barcode"` // Ed25519, ticket barcodes
	Secret  []SecretKey  `json:"secret"`  // HMAC-SHA256, receipts and fan cookies
}

// SigningKey is an Ed25519 key.
type SigningKey struct {
	ID   string `json:"kid"`
	Seed []byte `json:"seed"` // 32 bytes

	expanded ed25519.PrivateKey // from Seed; nil until expand
}

// SecretKey is a symmetric key shared by all gateways and regions.
type SecretKey struct {
	ID  string `json:"kid"`
	Key []byte `json:"key"` // 32 bytes
}

func (k SigningKey) private() ed25519.PrivateKey {
	if k.expanded != nil {
		return k.expanded
	}
	return ed25519.NewKeyFromSeed(k.Seed)
}

// expand derives the private keys once, which costs as much as a signature.
func (k *Keyring) expand() *Keyring {
	for _, list := range [][]SigningKey{k.Pass, k.Barcode} {
		for i := range list {
			list[i].expanded = ed25519.NewKeyFromSeed(list[i].Seed)
		}
	}
	return k
}

// Public is the verifying half.
func (k SigningKey) Public() ed25519.PublicKey { return k.private().Public().(ed25519.PublicKey) }

// NewKeyring makes a keyring with one fresh key in each list.
func NewKeyring() *Keyring {
	fresh := func() []byte {
		b := make([]byte, 32)
		rand.Read(b)
		return b
	}
	id := rand.Text()[:8]
	k := &Keyring{
		Pass:    []SigningKey{{ID: "p-" + id, Seed: fresh()}},
		Barcode: []SigningKey{{ID: "b-" + id, Seed: fresh()}},
		Secret:  []SecretKey{{ID: "s-" + id, Key: fresh()}},
	}
	return k.expand()
}

// LoadKeyring reads a keyring file, as frontrow keys writes it.
func LoadKeyring(path string) (*Keyring, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	var k Keyring
	if err := json.Unmarshal(raw, &k); err != nil {
		return nil, fmt.Errorf("keyring %s: %w", path, err)
	}
	if err := k.check(); err != nil {
		return nil, fmt.Errorf("keyring %s: %w", path, err)
	}
	return k.expand(), nil
}

func (k *Keyring) check() error {
	for _, s := range append(k.Pass, k.Barcode...) {
		if s.ID == "" || strings.ContainsAny(s.ID, ":.") || len(s.Seed) != ed25519.SeedSize {
			return errors.New("a signing key needs a kid without ':' or '.' and a seed of 32 bytes")
		}
	}
	for _, s := range k.Secret {
		if s.ID == "" || strings.ContainsAny(s.ID, ":.") || len(s.Key) < 32 {
			return errors.New("a secret key needs a kid without ':' or '.' and at least 32 bytes")
		}
	}
	return nil
}

// Save writes the keyring, readable by its owner alone.
func (k *Keyring) Save(path string) error {
	raw, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o600)
}

// PublicKeys verify passes and barcodes.
type PublicKeys struct {
	pass, barcode map[string]ed25519.PublicKey
}

// Public returns the verifying half of the keyring.
func (k *Keyring) Public() *PublicKeys {
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
// keys first, then barcode keys for gates that check offline.
func (k *Keyring) JWKS() []byte {
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
	for _, s := range append(append([]SigningKey{}, k.Pass...), k.Barcode...) {
		set.Keys = append(set.Keys, jwk{"OKP", "Ed25519", s.ID, "sig", "EdDSA", base64.RawURLEncoding.EncodeToString(s.Public())})
	}
	raw, _ := json.Marshal(set) // strings only: can't fail
	return raw
}

// seal renders kid.payload.mac. The context keeps one kind of token from
// passing for another.
func (k *Keyring) seal(context string, payload []byte) string {
	key := k.Secret[0]
	return key.ID + "." + base64.RawURLEncoding.EncodeToString(payload) + "." +
		base64.RawURLEncoding.EncodeToString(mac(key, context, payload))
}

// open verifies a sealed token and returns its payload.
func (k *Keyring) open(context, token string) ([]byte, bool) {
	if len(token) > maxToken {
		return nil, false
	}
	kid, rest, ok1 := strings.Cut(token, ".")
	body, sum, ok2 := strings.Cut(rest, ".")
	payload, err1 := base64.RawURLEncoding.DecodeString(body)
	given, err2 := base64.RawURLEncoding.DecodeString(sum)
	if !ok1 || !ok2 || err1 != nil || err2 != nil {
		return nil, false
	}
	for _, key := range k.Secret {
		if key.ID == kid {
			return payload, hmac.Equal(given, mac(key, context, payload))
		}
	}
	return nil, false
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
	sums := make([][]byte, len(k.Secret))
	for i, key := range k.Secret {
		sums[i] = mac(key, context, message)
	}
	return sums
}

// Hash is how a key or a body that must be compared, but not kept, is stored.
func Hash(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
