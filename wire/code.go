package wire

import "time"

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
