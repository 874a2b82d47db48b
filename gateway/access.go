package gateway

import (
	"errors"
	"net/http"
	"strings"

	"frontrow/gateway/catalogue"
	"frontrow/wire"
)

// entrance is how an arrival comes in: by a place that its device has kept, or
// by a lane, with what a code grants.
type entrance struct {
	kept  wire.Place // no number: none
	lane  string     // of the next one, if that is used up
	grant wire.Grant
}

// by is the entrance of a place that was kept. Its lane and what was granted with
// it are the fan's still when it is used up; from the slow lane they come anew.
func by(kept wire.Place) entrance {
	in := entrance{kept: kept, lane: kept.Lane, grant: kept.Grant}
	if in.lane == wire.LaneSlow {
		in.lane = wire.LaneGeneral
	}
	return in
}

// kept is the place that an arrival proves to be theirs: by the cookie of one that was
// had with a code, or by a receipt. Whoever brings a proof wants to leave the slow lane.
func (g *Gateway) kept(r *http.Request, ev *catalogue.Event, fan string, req joinRequest) (wire.Place, bool) {
	if p, ok := g.identity.KeptPlace(r, ev.ID(), fan); ok {
		return p, true
	}
	p, err := g.receipt(req.Place, fan)
	return p, err == nil && p.Event == ev.ID() && ev.Queue(p.Lane) != nil && (p.Lane != wire.LaneSlow || req.Challenge == "")
}

// entrance looks at what an arrival presents: an access code, or a place that they have.
// Whoever presents neither costs nobody anything.
func (g *Gateway) entrance(r *http.Request, ev *catalogue.Event, fan string, req joinRequest) (entrance, error) {
	kept, has := g.kept(r, ev, fan, req)
	code := strings.TrimSpace(req.Code)
	if code == "" {
		if has {
			return by(kept), nil
		}
		return entrance{lane: wire.LaneGeneral}, nil
	}
	now := g.cfg.Now()
	c, err := g.cfg.Keys.CheckCode(code, ev.ID(), fan, req.Email, now)
	if c.Email != "" && req.Email != "" && (err == nil || errors.Is(err, wire.ErrCodeOwner)) {
		if p := g.defences.Guesses(r, c.ID); p != nil {
			return entrance{}, p
		}
		if err != nil {
			g.defences.Guessed(r, c.ID)
		}
	}
	if has && c.ID != "" && kept.Code == c.ID { // the link again, however late
		return by(kept), nil
	}
	if err == nil && ev.Queue(c.Lane) == nil {
		err = wire.ErrToken
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

// codeProblem tells a fan what they can do; nil if err is nil, or our fault.
func codeProblem(c wire.AccessCode, err error) *wire.Problem {
	var p *wire.Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, wire.ErrToken):
		return wire.Refuse(wire.CodeCodeUnknown, "This access code is not valid. Copy the whole code, or open the link that came with it.")
	case errors.Is(err, wire.ErrCodeEvent):
		return wire.Refuse(wire.CodeCodeEvent, "This access code is for another event.")
	case errors.Is(err, wire.ErrCodeExpired):
		return wire.Refuse(wire.CodeCodeExpired, "This access code has expired. You can join the queue without it.")
	case errors.Is(err, wire.ErrCodeEmail):
		return wire.Refuse(wire.CodeCodeEmail, "Enter the e-mail address that this access code was sent to.")
	case errors.Is(err, wire.ErrCodeOwner) && c.Email != "":
		return wire.Refuse(wire.CodeCodeOwner, "This access code was sent to another e-mail address. Enter the one it was sent to.")
	case errors.Is(err, wire.ErrCodeOwner):
		return wire.Refuse(wire.CodeCodeOwner, "This access code was issued to somebody else. Use it in the browser that you registered with.")
	}
	return nil
}
