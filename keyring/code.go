package keyring

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"frontrow/wire"
)

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

// CodeID names the code of a registrant, given by fan id or e-mail address. Issuing the
// same list again under the same seed gives the same codes, so nobody has two; without
// the seed an id reveals nothing about the registrant.
func CodeID(seed, event, registrant, lane, channel string) string {
	h := hmac.New(sha256.New, []byte(seed))
	h.Write([]byte(idContext + strings.Join([]string{event, registrant, lane, channel}, "\n")))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// SignCode renders an access code. The address in c is replaced by its seal, so that a
// code doesn't reveal whose it is, and addresses can't be tried offline.
func (k *Keyring) SignCode(c wire.AccessCode) string {
	key := Signer(k.ring.Load().Secret, k.now())
	if c.Email != "" {
		c.Email = emailSeal(key, c.ID, c.Email)
	}
	raw, _ := json.Marshal(c) // strings, numbers, a time: can't fail
	return sealWith(key, codeContext, raw)
}

func emailSeal(key SecretKey, id, email string) string {
	sum := key.mac(emailContext, []byte(id+"\n"+strings.ToLower(strings.TrimSpace(email))))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// CheckCode returns the content of a code, with the error that prevents a fan from using
// it for an event at now; with ErrToken the content is empty. The address is the one
// that the fan gives, and may be empty if the code needs none.
func (k *Keyring) CheckCode(code, event, fan, email string, now time.Time) (wire.AccessCode, error) {
	raw, key, ok := k.open(codeContext, code)
	var c wire.AccessCode
	if !ok || json.Unmarshal(raw, &c) != nil || c.ID == "" || !literalID(c.ID) || c.Fan == "" && c.Email == "" {
		return wire.AccessCode{}, ErrToken
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
func literalID(s string) bool { return len(s) <= 64 && strings.Trim(s, base64url) == "" }
