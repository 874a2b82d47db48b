package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"frontrow/gateway/catalogue"
	"frontrow/gateway/challenge"
	"frontrow/gateway/defence"
	"frontrow/gateway/identity"
	"frontrow/gateway/limit"
	"frontrow/internal/failpoint"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

const (
	// askTimeout bounds one request to another service.
	askTimeout = 2 * time.Second
	// askAttempts is how often an act that carries its own id is asked for.
	askAttempts = 2
)

// errSilent means that nobody answered in time: the act may have been done.
var errSilent = errors.New("no answer in time")

// request sends a request and returns the answer. Nobody listening is a problem
// to pass on, because nothing was done; silence is errSilent, wrapped in one.
func (g *Gateway) request(ctx context.Context, subject string, request any) ([]byte, error) {
	raw, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode request to %s: %w", subject, err)
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	m, err := g.cfg.NATS.RequestWithContext(ctx, subject, raw)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, wire.Busy("This step is being taken over by another server. Please try again.")
	case err != nil:
		return nil, fmt.Errorf("%w: %w: %w", errSilent, wire.Busy("We could not finish this in time. Please try again."), err)
	}
	return m.Data, nil
}

// requestAgain is request for an act that carries its own id: after silence it
// is asked for once more, and the answer is the same whether or not it had been done.
func (g *Gateway) requestAgain(ctx context.Context, subject string, request any) (raw []byte, err error) {
	for range askAttempts {
		if raw, err = g.request(ctx, subject, request); !errors.Is(err, errSilent) || ctx.Err() != nil {
			break
		}
	}
	return raw, err
}

// ask is request with the answer decoded, askAgain requestAgain.
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
	if err := json.Unmarshal(raw, &reply); err != nil {
		return reply, fmt.Errorf("answer of another service: %w", err)
	}
	return reply, nil
}

// holdRequest is the body of POST …/holds: exactly one of seats, best, or area
// with count.
type holdRequest struct {
	Seats []string   `json:"seats"`
	Best  *wire.Best `json:"best"`
	Area  string     `json:"area"`
	Count int        `json:"count"`

	Challenge string `json:"challenge"` // the answer to one, when it was asked for
}

// heldSeat is a seat of an order.
type heldSeat struct {
	ID    string       `json:"id"`
	Label string       `json:"label"`
	Level string       `json:"level,omitempty"`
	Price wire.Amounts `json:"price"`
	Notes wire.Notes   `json:"notes,omitzero"`
}

func (g *Gateway) heldSeats(event string, quotes []wire.SeatQuote) []heldSeat {
	seats := make([]heldSeat, len(quotes))
	for i, q := range quotes {
		seats[i] = heldSeat{q.ID, q.Label, q.Level, q.Price, g.notes(event, q.ID)}
	}
	return seats
}

// notes is what the plan says of a seat that was sold; nothing, if its event is not
// known here any more.
func (g *Gateway) notes(event, seat string) wire.Notes {
	ev, err := g.events.Find(event)
	if err != nil {
		return 0
	}
	return ev.Venue.Notes(seat)
}

// hold answers POST /v1/events/{event}/holds. The writer decides; what can't be
// granted whatever the state of the seats is refused here.
func (g *Gateway) hold(w http.ResponseWriter, r *http.Request) error {
	ev, err := g.events.Find(r.PathValue("event"))
	if err != nil {
		return err
	}
	pass, err := g.identity.Pass(r, ev.ID(), 0)
	if err != nil {
		return err
	}
	var req holdRequest
	if err := readJSON(w, r, &req, false); err != nil {
		return err
	}
	if p := req.check(ev, pass.Limit); p != nil {
		return p
	}
	if ev.State(g.cfg.Now()) == wire.SaleClosed {
		return wire.Refuse(wire.CodeGone, "The sale is over.")
	}
	// With an id of its own, a request that got no answer can be sent again, by us
	// or by the fan under the same key: the writer grants it once.
	id := wire.NewHold()
	if len(r.Header.Values(keyHeader)) > 0 {
		key, err := idempotencyKey(r)
		if err != nil {
			return err
		}
		id = wire.HoldOfKey(ev.ID(), pass.Subject, key)
	}
	if err := g.defences.Pays(r, challenge.Purpose{Event: ev.ID(), Fan: pass.Subject, Act: defence.ActHold, ID: id}, req.Challenge); err != nil {
		return err
	}
	claims := pass.Claims()
	claims.Net = g.defences.Net(r, ev.ID())
	granted, refused, err := g.askForSeats(r.Context(), ev, wire.ActHold, wire.HoldRequest{
		Hold: id, Claims: claims, Seats: req.Seats, Best: req.Best, Area: req.Area, Count: req.Count})
	g.metrics.holds.WithLabelValues(outcome(err, refused)).Inc()
	if err == nil && refused == nil {
		g.defences.Held(r, pass.Subject, id, limit.House{Event: ev.ID(), Places: ev.Record().Places}, req.places())
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

// askForSeats returns a standing hold as its fan is told it, or why there is none.
func (g *Gateway) askForSeats(ctx context.Context, ev *catalogue.Event, act string, request any) (granted []byte, refused *wire.Problem, err error) {
	raw, err := g.requestAgain(ctx, wire.SeatsSubject(ev.ID(), act), request)
	if err != nil {
		return nil, nil, err
	}
	return wire.ReadHold(raw)
}

// outcome classes an answer for a metric; codes are a fixed set.
func outcome(err error, p *wire.Problem) string {
	switch {
	case err != nil:
		return "unsettled"
	case p != nil:
		return string(p.Code)
	}
	return "done"
}

// places is how many are asked for.
func (h *holdRequest) places() int {
	if h.Best != nil {
		return h.Best.Count
	}
	return len(h.Seats) + h.Count
}

// check is a pure rule: is the wish well-formed, for places that exist, and
// within the fan's limit?
func (h *holdRequest) check(ev *catalogue.Event, limit int) *wire.Problem {
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

func checkSeats(ev *catalogue.Event, seats []string, limit int) *wire.Problem {
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

func checkBest(ev *catalogue.Event, b *wire.Best, limit int) *wire.Problem {
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

// held is what the steps after a hold have in common: a well-formed hold in the
// path, and a pass, whose event is the hold's. The pass may have expired while
// the hold was standing, so it is good for as long as a hold can last.
func (g *Gateway) held(r *http.Request) (ev *catalogue.Event, pass *wire.Pass, hold string, err error) {
	name, ok := identity.EventOfPass(r)
	if !ok {
		return nil, nil, "", wire.Refuse(wire.CodeUnauthorized, "This step needs the pass that the seats were held with.")
	}
	if ev, err = g.events.Find(name); err != nil {
		if problemOf(err).Code == wire.CodeNotFound { // nothing is known of such a pass
			err = wire.Refuse(wire.CodeUnauthorized, "This step needs the pass that the seats were held with.")
		}
		return nil, nil, "", err
	}
	spec := ev.Record().Spec.Hold
	if pass, err = g.identity.Pass(r, ev.ID(), time.Duration(spec.TTL+spec.MoreTime+spec.Checkout)); err != nil {
		return nil, nil, "", err
	}
	if hold = r.PathValue("hold"); !wire.IsHold(hold) {
		return nil, nil, "", wire.Refuse(wire.CodeNotFound, "There is no such hold.")
	}
	return ev, pass, hold, nil
}

// release answers DELETE /v1/holds/{hold}.
func (g *Gateway) release(w http.ResponseWriter, r *http.Request) error {
	ev, pass, hold, err := g.held(r)
	if err != nil {
		return err
	}
	reply, err := askAgain[wire.Reply](r.Context(), g, wire.SeatsSubject(ev.ID(), wire.ActRelease),
		wire.ReleaseRequest{Hold: hold, Fan: pass.Subject})
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
func (g *Gateway) moreTime(w http.ResponseWriter, r *http.Request) error {
	ev, pass, hold, err := g.held(r)
	if err != nil {
		return err
	}
	granted, refused, err := g.askForSeats(r.Context(), ev, wire.ActMoreTime, wire.MoreTimeRequest{Hold: hold, Fan: pass.Subject})
	switch {
	case err != nil:
		return err
	case refused != nil:
		return refused
	}
	return writeBody(w, http.StatusOK, granted)
}
