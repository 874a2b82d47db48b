package gateway

import (
	"errors"
	"strings"

	"frontrow/keyring"
	"frontrow/wire"
)

// entrance is how an arrival comes in: by a place that their device has kept, or by a lane,
// with what a code grants.
type entrance struct {
	kept  wire.Place // no number: none
	lane  string     // of the next place, if that one is used up
	grant wire.Grant
}

// by returns the entrance of a kept place. When the place is used up, its lane and grant
// are still the fan's; from the slow lane they start afresh.
func by(kept wire.Place) entrance {
	in := entrance{kept: kept, lane: kept.Lane, grant: kept.Grant}
	if in.lane == wire.LaneSlow {
		in.lane = wire.LaneGeneral
	}
	return in
}

// kept returns the place that an arrival proves to be theirs: by a receipt, or by the
// cookie of a place that came with a code. An arrival with a challenge's answer wants to
// leave the slow lane, so its place there doesn't count.
func (g *Gateway) kept(r *request, req joinRequest) (wire.Place, bool) {
	ev := r.event
	if p, ok := g.visitors.KeptPlace(r.visitor, ev.ID()); ok {
		return p, true
	}
	p, err := g.receipt(req.Place, r.visitor.Fan())
	return p, err == nil && p.Event == ev.ID() && ev.Queue(p.Lane) != nil && (p.Lane != wire.LaneSlow || req.Challenge == "")
}

// entrance looks at what an arrival presents: an access code, or a place that they have. If
// they present neither, it asks nobody.
func (g *Gateway) entrance(r *request, req joinRequest) (entrance, error) {
	kept, has := g.kept(r, req)
	code := strings.TrimSpace(req.Code)
	if code == "" {
		if has {
			return by(kept), nil
		}
		return entrance{lane: wire.LaneGeneral}, nil
	}
	ev, fan, now := r.event, r.visitor.Fan(), g.cfg.Now()
	c, err := g.cfg.Keys.CheckCode(code, ev.ID(), fan, req.Email, now)
	if c.Email != "" && req.Email != "" && (err == nil || errors.Is(err, keyring.ErrCodeOwner)) {
		if p := g.defences.Guesses(r.visitor, c.ID); p != nil {
			return entrance{}, p
		}
		if err != nil {
			g.defences.Guessed(r.visitor, c.ID)
		}
	}
	if has && c.ID != "" && kept.Code == c.ID { // the link again, however late
		return by(kept), nil
	}
	if err == nil && ev.Queue(c.Lane) == nil {
		err = keyring.ErrToken
	}
	if err == nil {
		err = ev.Codes.Claim(r.Context(), c.ID, wire.CodeClaim{Fan: fan, At: now.UTC()})
	}
	problem := codeProblem(c, err)
	outcome := "taken"
	if problem != nil {
		outcome = string(problem.Code)
		g.cfg.Logger.Info("access code refused", "event", ev.ID(), "problem", outcome)
	}
	g.metrics.codes.WithLabelValues(outcome).Inc()
	if problem != nil {
		return entrance{}, problem
	}
	return entrance{lane: c.Lane, grant: c.Grant()}, err
}

// codeProblem returns what a fan can do about err; nil if err is nil, or our fault.
func codeProblem(c wire.AccessCode, err error) *wire.Problem {
	var p *wire.Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, keyring.ErrToken):
		return wire.Refuse(wire.CodeCodeUnknown, "This access code is not valid. Copy the whole code, or open the link that came with it.")
	case errors.Is(err, keyring.ErrCodeEvent):
		return wire.Refuse(wire.CodeCodeEvent, "This access code is for another event.")
	case errors.Is(err, keyring.ErrCodeExpired):
		return wire.Refuse(wire.CodeCodeExpired, "This access code has expired. You can join the queue without it.")
	case errors.Is(err, keyring.ErrCodeEmail):
		return wire.Refuse(wire.CodeCodeEmail, "Enter the e-mail address that this access code was sent to.")
	case errors.Is(err, keyring.ErrCodeOwner) && c.Email != "":
		return wire.Refuse(wire.CodeCodeOwner, "This access code was sent to another e-mail address. Enter the one it was sent to.")
	case errors.Is(err, keyring.ErrCodeOwner):
		return wire.Refuse(wire.CodeCodeOwner, "This access code was issued to somebody else. Use it in the browser that you registered with.")
	}
	return nil
}
