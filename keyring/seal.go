package keyring

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"strings"
	"sync"
)

// ErrToken is any receipt or cookie that frontrow did not issue.
var ErrToken = errors.New("token is not ours")

// maxToken bounds every token before it is parsed.
const maxToken = 2048

// base64url is the alphabet of RFC 4648, 5.
const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// compact reports whether a token has a bounded length and consists of base64url and
// dots. Decoders skip line breaks, so one token could otherwise be spelled in many ways.
func compact(token string) bool {
	if len(token) > maxToken {
		return false
	}
	for i := range len(token) {
		switch c := token[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// seal renders kid.payload.mac. The context prevents one kind of token from being taken
// for another.
func (k *Keyring) seal(context string, payload []byte) string {
	return sealWith(Signer(k.ring.Load().Secret, k.now()), context, payload)
}

func sealWith(key SecretKey, context string, payload []byte) string {
	sum, enc := key.mac(context, payload), base64.RawURLEncoding
	token := make([]byte, 0, len(key.ID)+enc.EncodedLen(len(payload))+sumLength+2)
	token = enc.AppendEncode(append(append(token, key.ID...), '.'), payload)
	return string(enc.AppendEncode(append(token, '.'), sum[:]))
}

// open verifies a sealed token, and returns its payload and the key that sealed it.
func (k *Keyring) open(context, token string) (payload []byte, key SecretKey, ok bool) {
	if !compact(token) {
		return nil, key, false
	}
	kid, rest, _ := strings.Cut(token, ".")
	body, sum, _ := strings.Cut(rest, ".")
	for _, key := range k.ring.Load().Secret {
		if key.ID == kid {
			payload, ok = key.open(context, body, sum)
			return payload, key, ok
		}
	}
	return nil, key, false
}

// sumLength is that of an HMAC in base64url.
const sumLength = 43

// sealer computes HMACs under one secret. Keying an HMAC costs more than authenticating a
// token with it, so sealers are kept by their key and used again.
type sealer struct {
	hash   hash.Hash
	strict *base64.Encoding
	text   []byte // scratch
	sum    [sha256.Size]byte
}

// sealing prepares keys to be used many times.
func sealing(keys []SecretKey) []SecretKey {
	out := make([]SecretKey, len(keys))
	for i, k := range keys {
		k.sealers = &sync.Pool{New: func() any { return k.sealer() }}
		out[i] = k
	}
	return out
}

func (k SecretKey) sealer() *sealer {
	return &sealer{hash: hmac.New(sha256.New, k.Key), strict: base64.RawURLEncoding.Strict()}
}

// borrow returns a sealer of the key, for giveBack.
func (k SecretKey) borrow() *sealer {
	if k.sealers == nil {
		return k.sealer()
	}
	return k.sealers.Get().(*sealer)
}

func (k SecretKey) giveBack(s *sealer) {
	if k.sealers != nil && cap(s.text) <= maxToken { // a longer one is rare, and not worth its room
		k.sealers.Put(s)
	}
}

// mac authenticates a message, of the kind that context names.
func (k SecretKey) mac(context string, message []byte) [sha256.Size]byte {
	s := k.borrow()
	defer k.giveBack(s)
	s.text = append(append(s.text[:0], context...), message...)
	s.hash.Reset()
	s.hash.Write(s.text)
	s.hash.Sum(s.sum[:0])
	return s.sum
}

// open decodes the body of a token, whose sum must be that of the body under the key. The
// sums are compared as texts, of which each has one.
func (k SecretKey) open(context, body, sum string) (payload []byte, ok bool) {
	var given, want [sumLength]byte
	if copy(given[:], sum) != len(sum) || len(sum) != sumLength {
		return nil, false
	}
	s := k.borrow()
	s.text = append(s.text[:0], body...)
	payload = make([]byte, s.strict.DecodedLen(len(body)))
	n, err := s.strict.Decode(payload, s.text)
	k.giveBack(s)
	if err != nil {
		return nil, false
	}
	payload = payload[:n]
	wanted := k.mac(context, payload)
	base64.RawURLEncoding.Encode(want[:], wanted[:])
	return payload, hmac.Equal(given[:], want[:])
}

// MACs authenticates a message, of the kind that context names, under each secret: sign
// with the first, accept all of them.
func (k *Keyring) MACs(context string, message []byte) [][]byte {
	secrets := k.ring.Load().Secret
	signs := Signer(secrets, k.now())
	sum := signs.mac(context, message)
	sums := [][]byte{sum[:]}
	for _, key := range secrets {
		if key.ID != signs.ID {
			sum := key.mac(context, message)
			sums = append(sums, sum[:])
		}
	}
	return sums
}
