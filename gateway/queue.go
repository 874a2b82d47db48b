package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/kv"
	"frontrow/wire"
)

const (
	// joinTimeout bounds a join: what is not settled by then is repeated by the fan.
	joinTimeout = 5 * time.Second
	// joinAttempts bounds the rounds of "somebody is creating it, look again".
	joinAttempts = 4
	// maxJoined bounds each generation of an event's places that are remembered.
	maxJoined = 65536
	// waitMin and waitMax bound how soon a fan who is not called may ask again.
	waitMin = time.Second
	waitMax = 30 * time.Second
	// maxCode bounds an access code and a challenge's answer.
	maxCode = 1024
)

// joinRequest is the body of POST …/places. Both fields are kept for lanes and
// challenges; neither changes the general lane.
type joinRequest struct {
	Code      string `json:"code"`
	Challenge string `json:"challenge"`
}

// joinReply is a fan's place; Place is the receipt.
type joinReply struct {
	Place  string `json:"place"`
	Lane   string `json:"lane"`
	Region string `json:"region"`
	Number uint64 `json:"number"`
	Ahead  uint64 `json:"ahead"`
}

// join answers POST /v1/events/{event}/places: 201 with a new place, 200 with
// the one the fan already has.
func (g *Gateway) join(w http.ResponseWriter, r *http.Request) error {
	ev, err := g.events.find(r.PathValue("event"))
	if err != nil {
		return err
	}
	var req joinRequest
	if err := readJSON(w, r, &req, true); err != nil {
		return err
	}
	if len(req.Code) > maxCode || len(req.Challenge) > maxCode {
		return wire.Refuse(wire.CodeInvalid, "This code is too long.")
	}
	if ev.state(g.cfg.Now()) == wire.SaleClosed {
		return wire.Refuse(wire.CodeGone, "The sale is over.")
	}
	fan := g.identity.meet(w, r)
	place, fresh, err := g.place(r.Context(), ev, fan)
	if err != nil {
		w.Header().Del("Set-Cookie") // the fan was never seen
		return err
	}
	status := http.StatusOK
	if fresh {
		status = http.StatusCreated
	}
	g.metrics.joins.WithLabelValues(joinClass(fresh)).Inc()
	head, _ := ev.head(place.Lane, place.Region)
	return writeJSON(w, status, joinReply{Place: g.cfg.Keys.SignReceipt(place), Lane: place.Lane, Region: place.Region,
		Number: place.Number, Ahead: wire.Ahead(place.Number, head)})
}

// place gives the fan his place in the general lane. A join that is refused
// spoils the batch of all who join in the same moment, so one who repeats is
// answered from memory where possible, and his joins in flight are one. Fresh is
// true for one of them at most.
func (g *Gateway) place(ctx context.Context, ev *event, fan string) (p wire.Place, fresh bool, err error) {
	if p, ok := ev.joined.get(fan); ok {
		return p, false, nil
	}
	v, err, _ := ev.joining.Do(fan, func() (any, error) {
		// Others may wait for this, so it doesn't end with its first caller.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), joinTimeout)
		defer cancel()
		var p wire.Place
		p, fresh, err = g.create(ctx, ev, fan)
		return p, err
	})
	if err != nil {
		return wire.Place{}, false, err
	}
	p = v.(wire.Place)
	ev.joined.put(fan, p)
	return p, fresh, nil
}

// create makes the fan's place by a create-only write, or reads the one he has
// back from the leader. A conflict is not proof of a place (the write in flight
// may fail), so it is looked for.
func (g *Gateway) create(ctx context.Context, ev *event, fan string) (p wire.Place, fresh bool, err error) {
	p = wire.Place{Event: ev.id, Lane: wire.LaneGeneral, Region: g.cfg.Region, Fan: fan}
	rec := wire.PlaceRecord{Fan: fan, At: g.cfg.Now().UTC()}
	value, err := json.Marshal(rec)
	if err != nil {
		return p, false, err
	}
	key := wire.PlaceKey(fan)
	for range joinAttempts {
		number, err := ev.joins.Do(ctx, kv.Write{Key: key, Value: value, Expect: kv.Absent()})
		if err == nil {
			failpoint.Here(failpoint.PlaceStored)
			p.Number, p.At = uint64(number), rec.At
			return p, true, nil
		}
		if !errors.Is(err, kv.ErrConflict) && !errors.Is(err, kv.ErrUnknown) {
			g.cfg.Logger.Warn("join", "event", ev.id, "err", err)
			return p, false, wire.Busy("The queue can't be joined just now. Please try again.")
		}
		stored, err := ev.queue.Get(ctx, key)
		switch {
		case err == nil:
			var old wire.PlaceRecord
			if err := json.Unmarshal(stored.Value, &old); err != nil {
				return p, false, fmt.Errorf("read place %d of %s: %w", stored.Revision, ev.id, err)
			}
			p.Number, p.At = uint64(stored.Revision), old.At
			return p, false, nil
		case !errors.Is(err, kv.ErrNotFound):
			return p, false, wire.Busy("The queue can't be read just now. Please try again.")
		}
	}
	return p, false, wire.Busy("The queue is very busy. Please try again.")
}

func joinClass(fresh bool) string {
	if fresh {
		return "new"
	}
	return "again"
}

// redeem answers POST /v1/events/{event}/passes: a called place becomes a pass.
// The many who are not called yet are answered from the board, without asking
// anybody.
func (g *Gateway) redeem(w http.ResponseWriter, r *http.Request) error {
	ev, err := g.events.find(r.PathValue("event"))
	if err != nil {
		return err
	}
	fan, err := g.identity.fan(r)
	if err != nil {
		return err
	}
	var req struct {
		Place string `json:"place"`
	}
	if err := readJSON(w, r, &req, false); err != nil {
		return err
	}
	place, err := g.cfg.Keys.VerifyReceipt(req.Place)
	switch {
	case req.Place == "":
		return wire.Refuse(wire.CodeBadRequest, "Send the receipt of your place as \"place\".")
	case err != nil:
		return wire.Refuse(wire.CodeForbidden, "This receipt is not one of ours. Join the queue again.")
	case place.Event != ev.id:
		return wire.Refuse(wire.CodeForbidden, "This receipt is for another event.")
	case place.Fan != fan:
		return wire.Refuse(wire.CodeForbidden, "This receipt was given to another browser.")
	}
	if ev.state(g.cfg.Now()) == wire.SaleClosed {
		return wire.Refuse(wire.CodeGone, "The sale is over.")
	}
	if head, known := ev.head(place.Lane, place.Region); known && place.Number > head {
		return &wire.Problem{Code: wire.CodeWait, Detail: "It is not your turn yet. Your place is kept.",
			Ahead: wire.Ahead(place.Number, head), RetryAfterMS: ev.patience().Milliseconds()}
	}
	reply, err := ask[wire.RedeemReply](r.Context(), g, wire.PassesSubject(ev.id, wire.ActRedeem), wire.RedeemRequest{Place: place})
	if err != nil {
		return err
	}
	if reply.Problem != nil {
		return reply.Problem
	}
	return writeJSON(w, http.StatusCreated, struct {
		Pass    string    `json:"pass"`
		Expires time.Time `json:"expires_at"`
	}{reply.Pass, reply.Expires})
}

// patience is when asking again may tell something new: after the next tick.
func (ev *event) patience() time.Duration {
	return min(max(time.Duration(ev.record.Load().Spec.Admission.Tick), waitMin), waitMax)
}
