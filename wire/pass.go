package wire

import "time"

// MaxPassLife is longer than any pass: what is known of a revoked one is kept as long.
const MaxPassLife = 26 * time.Hour

// PassRecord is the value under pass.<fan> in PASSES_<event>, of a fan's later
// passes under pass.<fan>.<turn>: created once, so a place redeems to one pass
// however often and from wherever it is redeemed, and a fan has one at a time.
// After that it changes by compare-and-swap alone: when the fan goes on with
// another device, under a new ID, and when the pass is revoked.
type PassRecord struct {
	ID      string    `json:"id"`
	Fan     string    `json:"fan"`
	Lane    string    `json:"lane"`
	Region  string    `json:"region"`
	Number  uint64    `json:"number"`
	Turn    int       `json:"turn,omitempty"` // how many passes the fan had before
	Limit   int       `json:"limit"`
	Channel string    `json:"channel,omitempty"`
	Code    string    `json:"code,omitempty"` // id of the access code that it was given for
	Device  string    `json:"device,omitempty"`
	Session string    `json:"session,omitempty"` // that it was redeemed in
	Key     string    `json:"key,omitempty"`     // thumbprint of the browser's key; empty: it has none
	Priced  int64     `json:"priced,omitempty"`  // of the place: see PlaceRecord
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
	Was     string    `json:"was,omitempty"`    // its ID on the device before, which is revoked
	Moves   int       `json:"moves,omitempty"`  // from device to device
	Revoked time.Time `json:"revoked,omitzero"` // it counts no more from then on
	Why     string    `json:"why,omitempty"`    // revoked
}

// Ends is when the pass stops counting.
func (r PassRecord) Ends() time.Time {
	if !r.Revoked.IsZero() && r.Revoked.Before(r.Expires) {
		return r.Revoked
	}
	return r.Expires
}

// RedeemRequest asks the admitter to turn a place into a pass; the gateway has
// verified the receipt. Device is the Hash of the device's id, Session that of the
// fan's cookie, Key the thumbprint of the browser's key, if it has one.
type RedeemRequest struct {
	Place   Place  `json:"place"`
	Device  string `json:"device,omitempty"`
	Session string `json:"session,omitempty"`
	Key     string `json:"key,omitempty"`
}

// RedeemReply is the pass, or a problem: not called yet, or too late.
type RedeemReply struct {
	Pass    string    `json:"pass,omitempty"`
	Expires time.Time `json:"expires_at,omitzero"`
	Problem *Problem  `json:"problem,omitempty"`
}

// PassClaims is what a pass says, as a JWT: instants are seconds since 1970.
type PassClaims struct {
	Issuer    string    `json:"iss,omitempty"`
	Fan       string    `json:"sub,omitempty"`
	Events    []string  `json:"aud,omitempty"` // one
	Expires   int64     `json:"exp,omitempty"`
	NotBefore int64     `json:"nbf,omitempty"`
	At        int64     `json:"iat,omitempty"`
	ID        string    `json:"jti,omitempty"`
	Lane      string    `json:"lane"`
	Limit     int       `json:"limit"`
	Channel   string    `json:"channel,omitempty"`
	Device    string    `json:"dev,omitempty"`
	Priced    int64     `json:"priced,omitempty"` // see PlaceRecord
	Confirm   *KeyClaim `json:"cnf,omitempty"`
}

// KeyClaim names the browser's key in a pass: its thumbprint.
type KeyClaim struct {
	Thumbprint string `json:"jkt"`
}
