package wire

import (
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
	Email   string    `json:"email,omitempty"` // or whoever knows the address with this EmailHash
	Lane    string    `json:"lane"`
	Channel string    `json:"channel,omitempty"`
	Limit   int       `json:"limit,omitempty"`
	Expires time.Time `json:"expires"`
}

// Grant is what the code opens.
func (c AccessCode) Grant() Grant { return Grant{Code: c.ID, Channel: c.Channel, Limit: c.Limit} }

// CodeClaim is the value under code.<id> in CODES_<event> and PASSES_<event>.
type CodeClaim struct {
	Fan string    `json:"fan"`
	At  time.Time `json:"at"`
}

// Errors of CheckCode, beside ErrToken.
var (
	ErrCodeEvent   = errors.New("code is for another event")
	ErrCodeExpired = errors.New("code has expired")
	ErrCodeOwner   = errors.New("code was issued to somebody else")
)

const codeContext = "frontrow code v1\n"

// SignCode renders an access code.
func (k *Keyring) SignCode(c AccessCode) string {
	raw, _ := json.Marshal(c) // strings, numbers, a time: can't fail
	return k.seal(codeContext, raw)
}

// CheckCode returns what a code says, if a fan may use it for an event at now.
// The address may be empty: then only a code of his own will do.
func (k *Keyring) CheckCode(code, event, fan, email string, now time.Time) (AccessCode, error) {
	raw, ok := k.open(codeContext, code)
	var c AccessCode
	if !ok || json.Unmarshal(raw, &c) != nil || c.ID == "" || !literalID(c.ID) {
		return AccessCode{}, ErrToken
	}
	switch {
	case c.Event != event:
		return AccessCode{}, ErrCodeEvent
	case !now.Before(c.Expires):
		return AccessCode{}, ErrCodeExpired
	case c.Fan != "" && c.Fan != fan,
		c.Email != "" && (email == "" || c.Email != EmailHash(email)),
		c.Fan == "" && c.Email == "":
		return AccessCode{}, ErrCodeOwner
	}
	return c, nil
}

// EmailHash names an address without saying it, whatever its letters' case.
func EmailHash(email string) string { return Hash([]byte(strings.ToLower(strings.TrimSpace(email)))) }

// literalID tells whether s may be a token of a key.
func literalID(s string) bool {
	return len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return r > 0x7f || !alphanumeric(byte(r)) && r != '-' && r != '_'
	})
}
