package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"frontrow/gateway/abuse"
	"frontrow/gateway/events"
	"frontrow/internal/failpoint"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

const (
	// askTimeout bounds one request to another service.
	askTimeout = 2 * time.Second
	// askAttempts is how often an act that carries its own id is asked for.
	askAttempts = 2
	// requestRoom is made for a request before it is encoded: that of a hold fits.
	requestRoom = 512
)

// errSilent means that nobody answered in time: the act may have been done.
var errSilent = errors.New("no answer in time")

// request sends a request and returns the answer. If nobody listens, the error is a
// *wire.Problem, since nothing was done; silence is errSilent, wrapped in one.
func (g *Gateway) request(ctx context.Context, subject string, request any) ([]byte, error) {
	raw, err := wire.Append(make([]byte, 0, requestRoom), request)
	if err != nil {
		return nil, fmt.Errorf("encode request to %s: %w", subject, err)
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	reply, err := g.asks.Request(ctx, subject, raw)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, wire.Busy("This step is being taken over by another server. Please try again.")
	case err != nil:
		return nil, fmt.Errorf("%w: %w: %w", errSilent, wire.Busy("We could not finish this in time. Please try again."), err)
	}
	return reply, nil
}

// requestAgain is request for an act that carries its own id: after silence it asks once
// more, and the answer is the same whether or not the act had been done.
func (g *Gateway) requestAgain(ctx context.Context, subject string, request any) (raw []byte, err error) {
	for range askAttempts {
		if raw, err = g.request(ctx, subject, request); !errors.Is(err, errSilent) || ctx.Err() != nil {
			break
		}
	}
	return raw, err
}

// ask is request with the answer decoded; askAgain is the same for requestAgain.
func ask[T any](ctx context.Context, g *Gateway, subject string, request any) (T, error) {
	return decoded[T](g.request(ctx, subject, request))
}

func askAgain[T any](ctx context.Context, g *Gateway, subject string, request any) (T, error) {
	return decoded[T](g.requestAgain(ctx, subject, request))
}

func decoded[T any](raw []byte, err error) (reply T, _ error) {
	if err != nil {
		return reply, err
	}
	if err := wire.Unmarshal(raw, &reply); err != nil {
		return reply, fmt.Errorf("answer of another service: %w", err)
	}
	return reply, nil
}

// holdRequest is the body of POST …/holds.
type holdRequest wire.HoldWish

// hold answers POST /v1/events/{event}/holds. The writer decides; what could not be granted
// in any state of the seats is refused here.
func (g *Gateway) hold(w http.ResponseWriter, r *request) error {
	ev, pass := r.event, r.pass
	var req holdRequest
	if err := readJSON(w, r, (*wire.HoldWish)(&req), false); err != nil {
		return err
	}
	if p := req.check(ev, pass.Limit); p != nil {
		return p
	}
	if ev.State(g.cfg.Now()) == wire.SaleClosed {
		return wire.Refuse(wire.CodeGone, "The sale is over.")
	}
	// Since it has its own id, a request without an answer can be sent again, by us or by
	// the fan under the same key: the writer grants it once.
	id := wire.NewHold()
	if len(r.Header.Values(keyHeader)) > 0 {
		key, err := idempotencyKey(r.Request)
		if err != nil {
			return err
		}
		id = wire.HoldOfKey(ev.ID(), pass.Subject, key)
	}
	if err := g.defences.Pays(r.Context(), r.visitor, ev, abuse.ActHold, id, req.Challenge); err != nil {
		return err
	}
	claims := pass.Claims()
	claims.Net = r.visitor.NetTag
	granted, refused, err := g.askForSeats(r.Context(), ev, wire.ActHold, wire.HoldRequest{
		Hold: id, Claims: claims, Seats: req.Seats, Best: req.Best, Area: req.Area, Count: req.Count, Expect: req.Expect})
	g.metrics.holds.WithLabelValues(outcome(err, refused)).Inc()
	if err == nil && refused == nil {
		g.defences.Held(r.visitor, ev, id, req.places())
	}
	switch {
	case err != nil:
		return err
	case refused != nil:
		return refused
	}
	failpoint.Here(failpoint.HoldGranted)
	return writeBody(w, http.StatusCreated, granted)
}

// askForSeats returns a standing hold as its fan sees it, or why there is none.
func (g *Gateway) askForSeats(ctx context.Context, ev *events.Event, act string, request any) (granted []byte, refused *wire.Problem, err error) {
	raw, err := g.requestAgain(ctx, wire.SeatsSubject(ev.ID(), act), request)
	if err != nil {
		return nil, nil, err
	}
	return wire.ReadHold(raw)
}

// outcome classifies an answer for a metric; the codes are a fixed set.
func outcome(err error, p *wire.Problem) string {
	switch {
	case err != nil:
		return "unsettled"
	case p != nil:
		return string(p.Code)
	}
	return "done"
}

// places returns how many places are requested.
func (h *holdRequest) places() int {
	if h.Best != nil {
		return h.Best.Count
	}
	return len(h.Seats) + h.Count
}

// check is a pure rule: is the request well-formed, for places that exist, and within the
// fan's limit?
func (h *holdRequest) check(ev *events.Event, limit int) *wire.Problem {
	wishes := 0
	for _, wished := range []bool{len(h.Seats) > 0, h.Best != nil, h.Area != ""} {
		if wished {
			wishes++
		}
	}
	switch {
	case wishes != 1:
		return wire.Refuse(wire.CodeInvalid, "Ask for exactly one of: seats, best, or area with count.")
	case h.Area == "" && h.Count != 0:
		return wire.Refuse(wire.CodeInvalid, "A count goes with an area, or inside best.")
	case h.Expect != nil && *h.Expect < 0:
		return wire.Refuse(wire.CodeInvalid, "expect_total can't be negative.")
	case h.Best != nil:
		return checkBest(ev, h.Best, limit)
	case h.Area != "":
		if !ev.Venue.HasArea(h.Area) {
			return &wire.Problem{Code: wire.CodeUnknownArea, Detail: "This plan has no such area.", Seats: []string{h.Area}}
		}
		return checkCount(h.Count, limit)
	}
	return checkSeats(ev, h.Seats, limit)
}

func checkSeats(ev *events.Event, seats []string, limit int) *wire.Problem {
	var unknown []string
	seen := make(map[string]bool, len(seats))
	for _, s := range seats {
		if seen[s] {
			return &wire.Problem{Code: wire.CodeInvalid, Detail: "A seat is asked for twice.", Seats: []string{s}}
		}
		seen[s] = true
		if _, ok := ev.Venue.Index.Lookup(s); !ok {
			unknown = append(unknown, s)
		}
	}
	if unknown != nil {
		return &wire.Problem{Code: wire.CodeUnknownSeat, Detail: "Some of these seats are not in the plan.", Seats: unknown}
	}
	return checkCount(len(seats), limit)
}

func checkBest(ev *events.Event, b *wire.Best, limit int) *wire.Problem {
	if b.Section != "" && !ev.Venue.HasSection(b.Section) {
		return &wire.Problem{Code: wire.CodeUnknownArea, Detail: "This plan has no such section.", Seats: []string{b.Section}}
	}
	known := b.Level == ""
	for _, l := range ev.Record().Spec.Levels {
		known = known || l.ID == b.Level
	}
	switch {
	case !known:
		return wire.Refuse(wire.CodeInvalid, "This event has no such price level.")
	case b.MaxTotal < 0:
		return wire.Refuse(wire.CodeInvalid, "max_total can't be negative.")
	}
	return checkCount(b.Count, limit)
}

func checkCount(n, limit int) *wire.Problem {
	switch {
	case n < 1:
		return wire.Refuse(wire.CodeInvalid, "Ask for at least one ticket.")
	case n > limit:
		return wire.Refuse(wire.CodeLimit, fmt.Sprintf("You may have at most %d tickets.", limit))
	}
	return nil
}

// release answers DELETE /v1/holds/{hold}.
func (g *Gateway) release(w http.ResponseWriter, r *request) error {
	reply, err := askAgain[wire.Reply](r.Context(), g, wire.SeatsSubject(r.event.ID(), wire.ActRelease),
		wire.ReleaseRequest{Hold: r.hold, Fan: r.pass.Subject})
	if err != nil {
		return err
	}
	if reply.Problem != nil {
		return reply.Problem
	}
	failpoint.Here(failpoint.HoldGivenUp)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// moreTime answers POST /v1/holds/{hold}/more-time.
func (g *Gateway) moreTime(w http.ResponseWriter, r *request) error {
	return g.changeHold(w, r, wire.ActMoreTime, wire.MoreTimeRequest{Hold: r.hold, Fan: r.pass.Subject})
}

// changeHold asks the writer to change a standing hold, and answers with what it is then.
func (g *Gateway) changeHold(w http.ResponseWriter, r *request, act string, request any) error {
	granted, refused, err := g.askForSeats(r.Context(), r.event, act, request)
	switch {
	case err != nil:
		return err
	case refused != nil:
		return refused
	}
	return writeBody(w, http.StatusOK, granted)
}
