package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"frontrow/gateway/recent"
	"frontrow/internal/failpoint"
	"frontrow/kv"
	"frontrow/wire"

	"golang.org/x/sync/singleflight"
)

// maxClaimed bounds each generation of the codes that are remembered as used.
const maxClaimed = 65536

// entrance is how an arrival comes in: by a place that its device has kept, or
// by a lane, with what a code grants.
type entrance struct {
	kept  wire.Place // no number: none
	lane  string
	grant wire.Grant
}

// entrance looks at what an arrival presents: an access code, or the cookie of a
// place that was had with one. Whoever presents neither costs nobody anything.
func (g *Gateway) entrance(r *http.Request, ev *event, fan string, req joinRequest) (entrance, error) {
	kept, has := g.identity.KeptPlace(r, ev.id, fan)
	code := strings.TrimSpace(req.Code)
	if code == "" {
		if has {
			return entrance{kept: kept}, nil
		}
		return entrance{lane: wire.LaneGeneral}, nil
	}
	now := g.cfg.Now()
	c, err := g.cfg.Keys.CheckCode(code, ev.id, fan, req.Email, now)
	if has && c.ID != "" && kept.Code == c.ID { // the link again, however late
		return entrance{kept: kept}, nil
	}
	if err == nil && ev.queues[c.Lane] == nil {
		err = wire.ErrToken
	}
	if err == nil {
		err = ev.codes.claim(r.Context(), c.ID, wire.CodeClaim{Fan: fan, At: now.UTC()})
	}
	problem := codeProblem(c, err)
	outcome := "taken"
	if problem != nil {
		outcome = string(problem.Code)
		g.cfg.Logger.Info("access code refused", "event", ev.id, "problem", outcome)
	}
	g.metrics.codes.WithLabelValues(outcome).Inc()
	if problem != nil {
		return entrance{}, problem
	}
	return entrance{lane: c.Lane, grant: c.Grant()}, err
}

// codeProblem tells a fan what he can do; nil if err is nil, or our fault.
func codeProblem(c wire.AccessCode, err error) *wire.Problem {
	var p *wire.Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, wire.ErrToken):
		return wire.Refuse(wire.CodeCodeUnknown, "This access code is not one of ours. Copy all of it, or open the link that came with it.")
	case errors.Is(err, wire.ErrCodeEvent):
		return wire.Refuse(wire.CodeCodeEvent, "This access code is for another event.")
	case errors.Is(err, wire.ErrCodeExpired):
		return wire.Refuse(wire.CodeCodeExpired, "This access code has expired. You can join the queue without it.")
	case errors.Is(err, wire.ErrCodeEmail):
		return wire.Refuse(wire.CodeCodeEmail, "Type the e-mail address that this access code was sent to.")
	case errors.Is(err, wire.ErrCodeOwner) && c.Email != "":
		return wire.Refuse(wire.CodeCodeOwner, "This access code was sent to another e-mail address. Type the one that it was sent to.")
	case errors.Is(err, wire.ErrCodeOwner):
		return wire.Refuse(wire.CodeCodeOwner, "This access code was issued to somebody else. Use it in the browser that you registered with.")
	}
	return nil
}

// claims are the access codes of an event that were used in this region.
type claims struct {
	bucket *kv.Bucket
	writes *kv.Committer
	known  *recent.Memory[string, string] // by code, its fan: a claim never changes
	flight singleflight.Group             // by code and fan
}

func newClaims(bucket *kv.Bucket, cfg *Config) *claims {
	return &claims{bucket: bucket, known: recent.New[string, string](maxClaimed),
		writes: kv.NewCommitter(kv.CommitterConfig{Stream: &bucket.Stream, Registerer: cfg.Registerer})}
}

// claim uses a code for a fan, by a create-only record: nil if it is his now or
// was before. What a crash leaves is his, and he comes back for it.
func (c *claims) claim(ctx context.Context, code string, by wire.CodeClaim) error {
	fan, ok := c.known.Get(code)
	if !ok {
		v, err, _ := c.flight.Do(code+" "+by.Fan, func() (any, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), joinTimeout)
			defer cancel()
			return c.create(ctx, code, by)
		})
		if err != nil {
			return err
		}
		fan = v.(string)
		c.known.Put(code, fan)
	}
	if fan != by.Fan {
		return wire.Refuse(wire.CodeCodeUsed, "This access code has been used already. If that was you, go on in the browser where you used it: its waiting room lets you carry your place to this one.")
	}
	return nil
}

// create is the fan whom a code belongs to in the end.
func (c *claims) create(ctx context.Context, code string, by wire.CodeClaim) (string, error) {
	value, err := json.Marshal(by)
	if err != nil {
		return "", err
	}
	for range joinAttempts {
		_, err := c.writes.Do(ctx, kv.Write{Key: wire.CodeKey(code), Value: value, Expect: kv.Absent()})
		if err == nil {
			failpoint.Here(failpoint.CodeClaimed)
			return by.Fan, nil
		}
		if !errors.Is(err, kv.ErrConflict) && !errors.Is(err, kv.ErrUnknown) {
			break
		}
		e, err := c.bucket.Get(ctx, wire.CodeKey(code))
		if errors.Is(err, kv.ErrNotFound) {
			continue // the write in flight has failed
		}
		if err != nil {
			break
		}
		var first wire.CodeClaim
		if err := json.Unmarshal(e.Value, &first); err != nil {
			return "", fmt.Errorf("claim at %d of %s: %w", e.Revision, c.bucket.Name(), err)
		}
		return first.Fan, nil
	}
	return "", wire.Busy("Access codes can't be used just now. Nothing is lost: please try again.")
}
