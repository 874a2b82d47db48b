package gateway

import (
	"net/http"
	"time"

	"frontrow/gateway/catalogue"
	"frontrow/gateway/challenge"
	"frontrow/gateway/defence"
	"frontrow/gateway/limit"
	"frontrow/gateway/pages"
	"frontrow/gateway/proof"
	"frontrow/wire"
)

const (
	// waitMin and waitMax bound how soon a fan who is not called may ask again.
	waitMin = time.Second
	waitMax = 30 * time.Second
	// maxCode bounds an access code.
	maxCode = 1024
)

// joinRequest is the body of POST …/places. Email goes with a code that was sent
// to an address; it is kept nowhere. Place is the receipt of a place that the fan has.
type joinRequest struct {
	Code      string `json:"code"`
	Email     string `json:"email"`
	Challenge string `json:"challenge"`
	Place     string `json:"place"`
}

// joinReply is a fan's place; Place is the receipt.
type joinReply struct {
	Place  string `json:"place"`
	Lane   string `json:"lane"`
	Region string `json:"region"`
	Number uint64 `json:"number"`
	Ahead  uint64 `json:"ahead"`
	Again  bool   `json:"again,omitempty"` // a new place, at the end: the one before is used up

	Slow *defence.Slow `json:"slow,omitempty"` // in the slow lane: why, and how to leave it
}

// join answers POST /v1/events/{event}/places: 201 with a new place, 200 with
// the one the fan already has. Whoever has used theirs up gets another, behind all.
func (g *Gateway) join(w http.ResponseWriter, r *http.Request) error {
	ev, err := g.events.Find(r.PathValue("event"))
	if err != nil {
		return err
	}
	var req joinRequest
	if err := readJSON(w, r, &req, true); err != nil {
		return err
	}
	if len(req.Code) > maxCode {
		return wire.Refuse(wire.CodeInvalid, "This code is too long.")
	}
	if len(req.Email) > wire.MaxEmail {
		return wire.Refuse(wire.CodeInvalid, "This e-mail address does not look right. Please check it.")
	}
	if p := joinable(ev, g.cfg.Now()); p != nil {
		return p
	}
	if p := g.identity.Revoked.Device(ev.ID(), g.identity.PresentedDevice(r)); p != nil {
		return p
	}
	fan, err := g.identity.Meet(w, r)
	if err != nil {
		return err
	}
	place, fresh, err := g.arrive(r, ev, fan, req)
	if err != nil {
		if req.Code == "" { // else it may be theirs already, and they come back for it
			w.Header().Del("Set-Cookie") // the fan was never seen
		}
		return err
	}
	if face, err := g.identity.Face(r); err == nil && face.Owes && fresh && place.Lane != wire.LaneSlow && req.Challenge != "" {
		face.Owes = false // what was owed is proven
		g.identity.Show(w, r, face)
	}
	g.identity.Device(w, r)
	g.identity.KeepPlace(w, r, place)
	status := http.StatusOK
	if fresh {
		status = http.StatusCreated
	}
	g.metrics.joins.WithLabelValues(joinClass(fresh)).Inc()
	ahead, _, _ := ev.Turn(place)
	reply := joinReply{Place: g.cfg.Keys.SignReceipt(place), Lane: place.Lane, Region: place.Region, Number: place.Number, Ahead: ahead,
		Again: fresh && place.Turn > 0}
	if place.Lane == wire.LaneSlow {
		reply.Slow = g.defences.WhySlow(r, ev.ID(), fan)
	}
	return writeJSON(w, status, reply)
}

// joinable says why nobody can join now. After the last ticket is sold fans may
// still join: tickets that come back are offered in the order of the queue.
func joinable(ev *catalogue.Event, now time.Time) *wire.Problem {
	if opens := ev.Record().Spec.Admission.RoomOpensAt; now.Before(opens) {
		p := wire.Refuse(wire.CodeNotOpen, "The queue opens "+pages.InstantOf(opens, ev.Zone()).Reading+".")
		p.RetryAfterMS = opens.Sub(now).Milliseconds()
		return p
	}
	if b := ev.Board(); ev.Record().Spec.Admission.Lottery && (b == nil || b.Draw == nil) {
		p := wire.Refuse(wire.CodeNotOpen, "The draw has not been committed to yet. Try again in a moment.")
		p.RetryAfterMS = waitMin.Milliseconds()
		return p
	}
	switch ev.State(now) {
	case wire.SaleClosed:
		return wire.Refuse(wire.CodeGone, "The sale is over.")
	case wire.SaleDraining:
		return wire.Refuse(wire.CodeGone, "The queue is closed: nobody else is called.")
	}
	return nil
}

// arrive gives a fan their place in the lane that they may come in by; if that is used
// up, one of their next turn. Nobody is asked of a place that was never called.
func (g *Gateway) arrive(r *http.Request, ev *catalogue.Event, fan string, req joinRequest) (place wire.Place, fresh bool, err error) {
	in, err := g.entrance(r, ev, fan, req)
	if err != nil {
		return place, false, err
	}
	if in.kept.Number > 0 {
		place = ev.Queue(in.kept.Lane).Again(r.Context(), in.kept)
	} else {
		place, fresh, err = g.enter(r, ev, fan, 0, in, req)
	}
	if err != nil || fresh || !ev.Reached(place) {
		return place, fresh, err
	}
	stand, err := ask[wire.StandReply](r.Context(), g, wire.PassesSubject(ev.ID(), wire.ActStand), wire.StandRequest{Place: place})
	switch {
	case err != nil: // they have this place at least, and come again
		return place, false, nil
	case stand.Problem != nil:
		return place, false, stand.Problem
	case stand.Used:
		return g.enter(r, ev, fan, stand.Turn, in, req)
	}
	return place, false, nil
}

// enter gives a fan their place of a turn, unless they have to prove something first.
func (g *Gateway) enter(r *http.Request, ev *catalogue.Event, fan string, turn int, in entrance, req joinRequest) (wire.Place, bool, error) {
	rec := wire.PlaceRecord{Fan: fan, Turn: turn, At: g.cfg.Now().UTC(), Grant: in.grant}
	lane, err := g.defences.Screen(r, ev, &rec, in.lane, req.Challenge)
	if err != nil {
		return wire.Place{}, false, err
	}
	place, fresh, err := ev.Queue(lane).Place(r.Context(), rec)
	if in.grant != (wire.Grant{}) {
		place.Grant = in.grant // they may have stood here before they used the code
	}
	return place, fresh, err
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
func (g *Gateway) redeem(w http.ResponseWriter, r *http.Request) (failed error) {
	ev, err := g.events.Find(r.PathValue("event"))
	if err != nil {
		return err
	}
	fan, err := g.identity.Fan(r)
	if err != nil {
		return err
	}
	var req struct {
		Place     string     `json:"place"`
		Challenge string     `json:"challenge"`
		Key       *proof.JWK `json:"key"` // of the browser: who sends one proves each use of the pass with it
	}
	if err := readJSON(w, r, &req, false); err != nil {
		return err
	}
	place, err := g.receipt(req.Place, fan)
	if err != nil {
		return err
	}
	if place.Event != ev.ID() {
		return wire.Refuse(wire.CodeForbidden, "This receipt is for another event.")
	}
	if ev.State(g.cfg.Now()) == wire.SaleClosed {
		return wire.Refuse(wire.CodeGone, "The sale is over.")
	}
	key := ""
	if req.Key != nil {
		if key, err = req.Key.Thumbprint(); err != nil {
			return wire.Refuse(wire.CodeInvalid, "The key is not a P-256 public key as a JWK with kty, crv, x and y.")
		}
	}
	if ahead, called, known := ev.Turn(place); known && !called {
		return &wire.Problem{Code: wire.CodeWait, Detail: "It is not your turn yet. Your place is kept.",
			Ahead: ahead, RetryAfterMS: patience(ev).Milliseconds()}
	}
	back, refused := g.defences.Admit(limit.Redeem, r)
	if refused != nil {
		return refused
	}
	defer func() { back(failed) }()
	if err := g.defences.Pays(r, challenge.Purpose{Event: ev.ID(), Fan: fan, Act: defence.ActRedeem}, req.Challenge); err != nil {
		return err
	}
	face, err := g.identity.Face(r)
	if err != nil {
		return err
	}
	reply, err := ask[wire.RedeemReply](r.Context(), g, wire.PassesSubject(ev.ID(), wire.ActRedeem),
		wire.RedeemRequest{Place: place, Device: g.identity.Device(w, r), Session: face.Session, Key: key})
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

// receipt is the place that a receipt stands for, if it is the fan's.
func (g *Gateway) receipt(receipt, fan string) (wire.Place, error) {
	place, err := g.cfg.Keys.VerifyReceipt(receipt)
	switch {
	case receipt == "":
		return place, wire.Refuse(wire.CodeBadRequest, "Send the receipt of your place as \"place\".")
	case err != nil:
		return place, wire.Refuse(wire.CodeForbidden, "This receipt is not valid. Join the queue again.")
	case place.Fan != fan:
		return place, wire.Refuse(wire.CodeForbidden, "This receipt was given to another browser.")
	}
	return place, nil
}

// patience is when asking again may tell something new: after the next tick.
func patience(ev *catalogue.Event) time.Duration {
	return min(max(time.Duration(ev.Record().Spec.Admission.Tick), waitMin), waitMax)
}

// getChallenge answers GET /v1/events/{event}/challenge?act=…&level=…. It is as
// strong as the fan's score asks for, or as they do, whichever is more.
func (g *Gateway) getChallenge(w http.ResponseWriter, r *http.Request) error {
	ev, err := g.events.Find(r.PathValue("event"))
	if err != nil {
		return err
	}
	act, level := r.FormValue("act"), challenge.Standard
	switch act {
	case "":
		act = defence.ActJoin
	case defence.ActJoin, defence.ActRedeem, defence.ActHold:
	default:
		return wire.Refuse(wire.CodeBadRequest, "The act must be join, redeem or hold.")
	}
	switch r.FormValue("level") {
	case "", challenge.Standard.String():
	case challenge.Strong.String():
		level = challenge.Strong
	default:
		return wire.Refuse(wire.CodeBadRequest, "The level must be standard or strong.")
	}
	fan, err := g.identity.Meet(w, r)
	if err != nil {
		return err
	}
	task, err := g.defences.Issue(r, challenge.Purpose{Event: ev.ID(), Fan: fan, Act: act}, level)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, task)
}
