package altcha

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/scrypt"
)

// The cost of all our challenges: 128 × N × r = 128 KiB of memory a try.
const (
	algorithm   = "SCRYPT"
	cost        = 128 // N
	memoryCost  = 8   // r
	parallelism = 1   // p
	keyLength   = 32
	prefixBytes = keyLength / 2
	randomBytes = 12

	// MaxPayload bounds an answer, in bytes, before any of it is decoded.
	MaxPayload = 2048
	// MaxTries bounds what a challenge may cost.
	MaxTries = 1 << 20
)

// The contexts keep the signatures apart from each other and from all other tokens.
const (
	signatureContext = "frontrow challenge v2\n"
	keyContext       = "frontrow challenge key v2\n"
)

// Why an answer proves nothing.
var (
	ErrMalformed = errors.New("answer is not of the protocol")
	ErrForeign   = errors.New("challenge is not ours")
	ErrExpired   = errors.New("challenge has expired")
	ErrPurpose   = errors.New("challenge was made for another act or fan")
	ErrUnsolved  = errors.New("challenge is not solved")
)

// Signer authenticates messages under several keys, the one that signs first.
type Signer interface {
	MACs(context string, message []byte) [][]byte
}

// Challenge is what a client is given, in the protocol's form.
type Challenge struct {
	Parameters Parameters `json:"parameters"`
	Signature  string     `json:"signature"`
}

// Parameters of a challenge. The fields are in the order of canonical JSON, which
// is what is signed.
type Parameters struct {
	Algorithm    string `json:"algorithm"`
	Cost         int    `json:"cost"`
	Data         Task   `json:"data"`
	ExpiresAt    int64  `json:"expiresAt"` // Unix seconds
	KeyLength    int    `json:"keyLength"`
	KeyPrefix    string `json:"keyPrefix"`
	KeySignature string `json:"keySignature"`
	MemoryCost   int    `json:"memoryCost"`
	Nonce        string `json:"nonce"`
	Parallelism  int    `json:"parallelism"`
	Salt         string `json:"salt"`
}

// Task is what a challenge is for. The client gets it as "data".
type Task struct {
	Act   string `json:"act"`   // what the answer is good for
	For   string `json:"for"`   // who it is for
	Level int    `json:"level"` // how strong it is
	Tries int    `json:"tries"` // at most; half as many on average
}

// Proof is an answer that is right.
type Proof struct {
	ID      string // of the challenge
	Level   int
	Expires time.Time
}

// New makes a challenge that expires at an instant. It costs one try.
func New(s Signer, t Task, expires time.Time) (Challenge, error) {
	if t.Tries < 1 || t.Tries > MaxTries {
		return Challenge{}, fmt.Errorf("%d tries: between 1 and %d", t.Tries, MaxTries)
	}
	n, err := rand.Int(rand.Reader, big.NewInt(int64(t.Tries)))
	if err != nil {
		return Challenge{}, err
	}
	var nonce, salt [randomBytes]byte
	rand.Read(nonce[:]) // never fails since Go 1.24
	rand.Read(salt[:])
	key, err := derive(nonce[:], salt[:], uint32(n.Int64()))
	if err != nil {
		return Challenge{}, err
	}
	c := Challenge{Parameters: Parameters{Algorithm: algorithm, Cost: cost, Data: t, ExpiresAt: expires.Unix(), KeyLength: keyLength,
		KeyPrefix: hex.EncodeToString(key[:prefixBytes]), KeySignature: hex.EncodeToString(s.MACs(keyContext, key)[0]),
		MemoryCost: memoryCost, Nonce: hex.EncodeToString(nonce[:]), Parallelism: parallelism, Salt: hex.EncodeToString(salt[:])}}
	c.Signature = hex.EncodeToString(s.MACs(signatureContext, c.Parameters.canonical())[0])
	return c, nil
}

func (p Parameters) canonical() []byte {
	raw, _ := json.Marshal(p) // strings and numbers: can't fail
	return raw
}

// derive makes one try.
func derive(nonce, salt []byte, counter uint32) ([]byte, error) {
	return scrypt.Key(binary.BigEndian.AppendUint32(nonce[:len(nonce):len(nonce)], counter), salt, cost, memoryCost, parallelism, keyLength)
}

// answer is what a client sends, in base64.
type answer struct {
	Challenge Challenge `json:"challenge"`
	Solution  solution  `json:"solution"`
}

type solution struct {
	Counter    uint32  `json:"counter"`
	DerivedKey string  `json:"derivedKey"`
	Time       float64 `json:"time,omitempty"` // milliseconds; not checked
}

// Check verifies an answer for an act of whom. Its errors are those of this package; each
// means that nothing is proven.
func Check(s Signer, payload, act, whom string, now time.Time) (Proof, error) {
	if len(payload) > MaxPayload {
		return Proof{}, ErrMalformed
	}
	raw, err := base64.StdEncoding.DecodeString(payload)
	if err != nil || base64.StdEncoding.EncodeToString(raw) != payload {
		return Proof{}, ErrMalformed
	}
	var a answer
	if json.Unmarshal(raw, &a) != nil {
		return Proof{}, ErrMalformed
	}
	p := a.Challenge.Parameters
	key, err := hex.DecodeString(a.Solution.DerivedKey)
	if err != nil || hex.EncodeToString(key) != a.Solution.DerivedKey || len(p.Nonce) != 2*randomBytes {
		return Proof{}, ErrMalformed
	}
	switch {
	case !signed(s, signatureContext, p.canonical(), a.Challenge.Signature):
		return Proof{}, ErrForeign
	case now.Unix() > p.ExpiresAt:
		return Proof{}, ErrExpired
	case p.Data.Act != act || p.Data.For != whom:
		return Proof{}, ErrPurpose
	case len(key) != keyLength || !signed(s, keyContext, key, p.KeySignature):
		return Proof{}, ErrUnsolved
	}
	return Proof{ID: p.Nonce, Level: p.Data.Level, Expires: time.Unix(p.ExpiresAt, 0)}, nil
}

func signed(s Signer, context string, message []byte, signature string) bool {
	given, err := hex.DecodeString(signature)
	if err != nil || hex.EncodeToString(given) != signature {
		return false
	}
	ok := false
	for _, sum := range s.MACs(context, message) {
		ok = ok || hmac.Equal(given, sum)
	}
	return ok
}

// Solve does the client's part: it finds the answer to a challenge by trying. It stops
// early only when ctx ends.
func Solve(ctx context.Context, c Challenge) (payload string, err error) {
	p := c.Parameters
	nonce, err1 := hex.DecodeString(p.Nonce)
	salt, err2 := hex.DecodeString(p.Salt)
	prefix, err3 := hex.DecodeString(p.KeyPrefix)
	if err := errors.Join(err1, err2, err3); err != nil || p.Algorithm != algorithm || p.KeyLength < 1 {
		return "", ErrMalformed
	}
	for counter := range uint32(MaxTries) {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		password := binary.BigEndian.AppendUint32(nonce[:len(nonce):len(nonce)], counter)
		key, err := scrypt.Key(password, salt, p.Cost, p.MemoryCost, p.Parallelism, p.KeyLength)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if len(key) >= len(prefix) && string(key[:len(prefix)]) == string(prefix) {
			raw, _ := json.Marshal(answer{c, solution{Counter: counter, DerivedKey: hex.EncodeToString(key)}}) // can't fail
			return base64.StdEncoding.EncodeToString(raw), nil
		}
	}
	return "", ErrUnsolved
}
