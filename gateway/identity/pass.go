package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"frontrow/gateway/proof"
	"frontrow/wire"
)

const (
	// maxPass bounds a pass before anything of it is decoded.
	maxPass = 2048
	// maxVerified bounds each generation of the passes that are remembered as verified.
	maxVerified = 65536
)

// verified is a pass, and the keys by which it was found to be good.
type verified struct {
	*wire.Pass
	by *wire.PublicKeys
}

// Pass verifies the request's pass for event. It must be the fan's own, on the
// device it was given to, and not withdrawn. Grace extends its life for steps
// that only finish what a live pass began.
func (id *Identity) Pass(r *http.Request, event string, grace time.Duration) (*wire.Pass, error) {
	p, err := id.verify(bearer(r), event, grace)
	switch {
	case errors.Is(err, wire.ErrPassExpired):
		return nil, wire.Refuse(wire.CodeUnauthorized, "Your pass has expired.")
	case errors.Is(err, wire.ErrPassEvent):
		return nil, wire.Refuse(wire.CodeForbidden, "Your pass is for another event.")
	case err != nil:
		return nil, wire.Refuse(wire.CodeUnauthorized, "This step needs a pass. Join the queue to get one.")
	}
	fan, err := id.Fan(r)
	if err != nil {
		return nil, err
	}
	if fan != p.Subject {
		return nil, wire.Refuse(wire.CodeForbidden, "This pass was given to another browser.")
	}
	if problem := id.Revoked.Of(event, p); problem != nil {
		return nil, problem
	}
	if p.Device != "" && p.Device != id.PresentedDevice(r) {
		return nil, otherDevice()
	}
	if p.Key() != "" {
		return p, id.proven(r, p.Key())
	}
	return p, nil
}

// proven refuses a request without a proof by the key of its pass.
func (id *Identity) proven(r *http.Request, key string) error {
	err := id.proofs.Check(r.Header.Values(proof.Header), proof.Use{Method: r.Method, Pass: bearer(r), Key: key,
		Here: func(target string) bool { return id.origins.target(r, target) }})
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

// verify is VerifyPass, remembering what it has verified: a fan sends the same
// Pass many times, and a signature costs more than everything around it. What
// was verified with keys that are not in force any more is verified again.
func (id *Identity) verify(token, event string, grace time.Duration) (*wire.Pass, error) {
	if token == "" || len(token) > maxPass {
		return nil, wire.ErrPass
	}
	key, now, keys := sha256.Sum256([]byte(token)), id.cfg.Now(), id.cfg.Keys.Public()
	if p, ok := id.verified.Get(key); ok && p.by == keys && p.Audience[0] == event && now.Before(p.ExpiresAt.Add(grace)) {
		return p.Pass, nil
	}
	p, err := keys.VerifyPass(token, event, now, grace)
	if err != nil {
		return nil, err
	}
	id.verified.Put(key, verified{p, keys})
	return p, nil
}

// bearer is the request's pass, unverified; empty if it has none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// EventOfPass is the event that a request's pass says it is for. Nothing is
// verified: it only tells which event to verify the pass for.
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
	var p wire.Pass
	if json.Unmarshal(payload, &p) != nil || len(p.Audience) != 1 {
		return "", false
	}
	return p.Audience[0], wire.IsName(p.Audience[0])
}
