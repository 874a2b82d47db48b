package visitor

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"frontrow/gateway/visitor/proof"
	"frontrow/keyring"
	"frontrow/wire"
)

const (
	// maxPass bounds a pass, in bytes, before any of it is decoded.
	maxPass = 2048
	// maxVerified bounds the passes that are remembered as verified.
	maxVerified = 1 << 17
)

// verified is a pass with the keys that verified it.
type verified struct {
	*keyring.Pass
	by *keyring.PublicKeys
}

// Pass verifies the request's pass for event. It must be the visitor's own, on the device
// it was given to, by the key that it names, and not withdrawn. grace extends its life for
// steps that only finish what a live pass began.
func (vs *Visitors) Pass(v *Visitor, r *http.Request, event string, grace time.Duration) (*keyring.Pass, error) {
	p, err := vs.verify(bearer(r), event, grace)
	switch {
	case errors.Is(err, keyring.ErrPassExpired):
		return nil, wire.Refuse(wire.CodeUnauthorized, "Your pass has expired.")
	case errors.Is(err, keyring.ErrPassEvent):
		return nil, wire.Refuse(wire.CodeForbidden, "Your pass is for another event.")
	case err != nil:
		return nil, wire.Refuse(wire.CodeUnauthorized, "This step needs a pass. Join the queue to get one.")
	}
	if err := v.MustBeFan(); err != nil {
		return nil, err
	}
	if v.Fan() != p.Subject {
		return nil, wire.Refuse(wire.CodeForbidden, "This pass was given to another browser.")
	}
	if problem := vs.Revoked.Of(event, p); problem != nil {
		return nil, problem
	}
	if p.Device != "" && p.Device != v.Device {
		return nil, otherDevice()
	}
	if p.Key() != "" {
		return p, vs.proven(v, r, p.Key())
	}
	return p, nil
}

// proven refuses a request without a proof by the key of its pass.
func (vs *Visitors) proven(v *Visitor, r *http.Request, key string) error {
	err := vs.proofs.Check(r.Header.Values(proof.Header), proof.Use{Method: r.Method, Pass: bearer(r), Key: key,
		Here: func(target string) bool { return v.target(r, target) }})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, proof.ErrBusy):
		return wire.Busy("Too many people are doing this at this moment. Please try again.")
	case errors.Is(err, proof.ErrStale):
		return wire.Refuse(wire.CodeProof, "This device's clock is off, so its proof is out of date. Try again with the time of this response.")
	}
	return wire.Refuse(wire.CodeProof, "This pass belongs to another browser, which has its own key. Continue there.")
}

func otherDevice() *wire.Problem {
	return wire.Refuse(wire.CodeOtherDevice, "You continued on another device. To continue here instead, take your place back in the waiting room.")
}

// verify is keyring.VerifyPass with a cache: a fan sends the same pass many times, and
// checking a signature costs more than everything around it. A pass that was verified with
// keys no longer in force is verified again.
func (vs *Visitors) verify(token, event string, grace time.Duration) (*keyring.Pass, error) {
	if token == "" || len(token) > maxPass {
		return nil, keyring.ErrPass
	}
	key, now, keys := sha256.Sum256([]byte(token)), vs.cfg.Now(), vs.cfg.Keys.Public()
	if p, ok := vs.verified.Get(key); ok && p.by == keys && p.Audience[0] == event && now.Before(p.ExpiresAt.Add(grace)) {
		return p.Pass, nil
	}
	p, err := keys.VerifyPass(token, event, now, grace)
	if err != nil {
		return nil, err
	}
	vs.verified.Add(key, verified{p, keys})
	return p, nil
}

// bearer returns the request's pass, unverified; empty if it has none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// EventOfPass returns the event that a request's pass claims to be for. It verifies
// nothing: it only says which event to verify the pass for.
func EventOfPass(r *http.Request) (string, bool) {
	token := bearer(r)
	parts := strings.Split(token, ".")
	if len(token) > maxPass || len(parts) != 3 {
		return "", false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var c wire.PassClaims
	if !wire.Plain(payload, &c) {
		var p keyring.Pass
		if json.Unmarshal(payload, &p) != nil {
			return "", false
		}
		c.Events = p.Audience
	}
	if len(c.Events) != 1 {
		return "", false
	}
	return c.Events[0], wire.IsName(c.Events[0])
}
