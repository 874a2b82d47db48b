package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// AccessCode is what a registered fan is sent before the sale: it opens a lane,
// and perhaps seats kept for a channel, to whom it was issued for and to nobody
// else. Gateways check it by its seal, asking nobody. It is used once: CODES
// has a create-only record of it in each region, and PASSES one for all.
type AccessCode struct {
	ID      string    `json:"id"`
	Event   string    `json:"event"`
	Fan     string    `json:"fan,omitempty"`   // who may use it: this fan,
	Email   string    `json:"email,omitempty"` // or whoever knows the address; in the code itself there is only its seal
	Lane    string    `json:"lane"`
	Channel string    `json:"channel,omitempty"`
	Limit   int       `json:"limit,omitempty"`
	Expires time.Time `json:"expires"`
}

// Grant is what the code opens.
func (c AccessCode) Grant() Grant { return Grant{Code: c.ID, Channel: c.Channel, Limit: c.Limit} }

// CodeClaim is the value under code.<id> in CODES_<event>, and under claim.<id> in
// PASSES_<event>.
type CodeClaim struct {
	Fan string    `json:"fan"`
	At  time.Time `json:"at"`
}

// CodeKey is the key of a code's claim in CODES_<event>, ClaimKey that in PASSES_<event>.
func CodeKey(id string) string  { return CodePrefix + id }
func ClaimKey(id string) string { return ClaimPrefix + id }

// Errors of CheckCode, beside ErrToken.
var (
	ErrCodeEvent   = errors.New("code is for another event")
	ErrCodeExpired = errors.New("code has expired")
	ErrCodeEmail   = errors.New("code needs the e-mail address that it was sent to")
	ErrCodeOwner   = errors.New("code was issued to somebody else")
)

const (
	codeContext  = "frontrow code v1\n"
	emailContext = "frontrow code email v1\n"
	idContext    = "frontrow code id v1\n"
)

// CodeID names the code of a registrant, whom their fan id or address stands for.
// Whoever issues the same list again under the same seed issues the same codes,
// and nobody has two; without the seed an id tells nothing of the registrant.
func CodeID(seed, event, registrant, lane, channel string) string {
	h := hmac.New(sha256.New, []byte(seed))
	h.Write([]byte(idContext + strings.Join([]string{event, registrant, lane, channel}, "\n")))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// SignCode renders an access code. The address in c is replaced by its seal, so
// that a code tells nobody whose it is, and can't be tried out offline either.
func (k *Keyring) SignCode(c AccessCode) string {
	key := Signer(k.ring.Load().Secret, k.now())
	if c.Email != "" {
		c.Email = emailSeal(key, c.ID, c.Email)
	}
	raw, _ := json.Marshal(c) // strings, numbers, a time: can't fail
	return sealWith(key, codeContext, raw)
}

func emailSeal(key SecretKey, id, email string) string {
	sum := mac(key, emailContext, []byte(id+"\n"+strings.ToLower(strings.TrimSpace(email))))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// CheckCode returns what a code says, with the error that keeps a fan from
// using it for an event at now; with ErrToken it says nothing. The address is
// the one the fan gives, and may be empty if the code asks for none.
func (k *Keyring) CheckCode(code, event, fan, email string, now time.Time) (AccessCode, error) {
	raw, key, ok := k.open(codeContext, code)
	var c AccessCode
	if !ok || json.Unmarshal(raw, &c) != nil || c.ID == "" || !literalID(c.ID) || c.Fan == "" && c.Email == "" {
		return AccessCode{}, ErrToken
	}
	switch {
	case c.Event != event:
		return c, ErrCodeEvent
	case !now.Before(c.Expires):
		return c, ErrCodeExpired
	case c.Fan != "" && c.Fan != fan:
		return c, ErrCodeOwner
	case c.Email != "" && strings.TrimSpace(email) == "":
		return c, ErrCodeEmail
	case c.Email != "" && !hmac.Equal([]byte(c.Email), []byte(emailSeal(key, c.ID, email))):
		return c, ErrCodeOwner
	}
	return c, nil
}

// literalID reports whether s may be a token of a key.
func literalID(s string) bool {
	return len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return r > 0x7f || !alphanumeric(byte(r)) && r != '-' && r != '_'
	})
}
