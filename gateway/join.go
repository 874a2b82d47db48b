package gateway

import (
	"net/http"
	"strconv"
	"time"

	"frontrow/gateway/abuse"
	"frontrow/gateway/abuse/challenge"
	"frontrow/gateway/abuse/limit"
	"frontrow/gateway/events"
	"frontrow/gateway/pages"
	"frontrow/gateway/visitor/proof"
	"frontrow/wire"
)

const (
	// waitMin and waitMax bound how soon a fan who is not called may ask again.
	waitMin = time.Second
	waitMax = 30 * time.Second
	// maxCode bounds an access code.
	maxCode = 1024
)

// joinRequest is the body of POST …/places. Email belongs to a code that was sent to an
// address; it is not stored. Place is the receipt of a place that the fan has.
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
	Again  bool   `json:"again,omitempty"` // a new place at the end: the previous one is used up

	Joined time.Time `json:"joined_at,omitzero"` // of an event that promises what its board showed then,
	Priced int64     `json:"priced,omitempty"`   // which GET …/prices/{priced} says

	Slow *abuse.Slow `json:"slow,omitempty"` // in the slow lane: why, and how to leave
}

// appendJSON appends the reply to b as encoding/json would: it is the answer to thousands
// of joins a second, and its texts are ours, with nothing to escape.
func (j *joinReply) appendJSON(b []byte) []byte {
	b = append(append(b, `{"place":"`...), j.Place...)
	b = append(append(b, `","lane":"`...), j.Lane...)
	b = append(append(b, `","region":"`...), j.Region...)
	b = strconv.AppendUint(append(b, `","number":`...), j.Number, 10)
	b = strconv.AppendUint(append(b, `,"ahead":`...), j.Ahead, 10)
	if j.Again {
		b = append(b, `,"again":true`...)
	}
	if j.Priced != 0 {
		b = append(j.Joined.AppendFormat(append(b, `,"joined_at":"`...), time.RFC3339Nano), `","priced":`...)
		b = strconv.AppendInt(b, j.Priced, 10)
	}
	return append(b, '}')
}

// join answers POST /v1/events/{event}/places: 201 with a new place, 200 with the one the
// fan already has. A fan whose place is used up gets another, behind everybody.
func (g *Gateway) join(w http.ResponseWriter, r *request) error {
	ev, v := r.event, r.visitor
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
	if p := g.visitors.Revoked.Device(ev.ID(), v.Device); p != nil {
		return p
	}
	if err := g.enroll(w, v); err != nil {
		return err
	}
	place, fresh, err := g.arrive(r, req)
	if err != nil {
		if req.Code == "" { // with a code it may be theirs already, and they come back for it
			w.Header().Del("Set-Cookie") // the fan was never seen
		}
		return err
	}
	if !v.New && v.Face.Owes && fresh && place.Lane != wire.LaneSlow && req.Challenge != "" {
		face := v.Face
		face.Owes = false // the proof owed was given
		g.visitors.Update(w, v, face)
	}
	g.visitors.GiveDevice(w, v)
	g.visitors.KeepPlace(w, v, place)
	status := http.StatusOK
	if fresh {
		status = http.StatusCreated
	}
	g.metrics.joins.WithLabelValues(joinClass(fresh)).Inc()
	ahead, _, _ := ev.Turn(place)
	reply := joinReply{Place: g.cfg.Keys.SignReceipt(place), Lane: place.Lane, Region: place.Region, Number: place.Number, Ahead: ahead,
		Again: fresh && place.Turn > 0}
	if place.Priced != 0 {
		reply.Joined, reply.Priced = place.At, place.Priced
	}
	if place.Lane == wire.LaneSlow {
		reply.Slow = g.defences.WhySlow(v, ev)
		return writeJSON(w, status, reply)
	}
	return writeBody(w, status, reply.appendJSON(make([]byte, 0, 512)))
}

// joinable says why nobody can join now, or returns nil. Fans may join even after the last
// ticket is sold: tickets that come back are offered in the order of the queue.
func joinable(ev *events.Event, now time.Time) *wire.Problem {
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
	if b := ev.Board(); ev.Record().Spec.Pricing.Promises() && (b == nil || b.Priced == 0) {
		p := wire.Refuse(wire.CodeNotOpen, "The prices are not published yet. Try again in a moment.")
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

// arrive gives a fan their place in the lane that they may come in by; if that is used up,
// one for their next turn. For a place that was never called it asks nobody.
func (g *Gateway) arrive(r *request, req joinRequest) (place wire.Place, fresh bool, err error) {
	ev := r.event
	in, err := g.entrance(r, req)
	if err != nil {
		return place, false, err
	}
	if in.kept.Number > 0 {
		place = ev.Queue(in.kept.Lane).Again(r.Context(), in.kept)
	} else {
		place, fresh, err = g.enter(r, 0, in, req)
	}
	if err != nil || fresh || !ev.Reached(place) {
		return place, fresh, err
	}
	stand, err := ask[wire.StandReply](r.Context(), g, wire.PassesSubject(ev.ID(), wire.ActStand), wire.StandRequest{Place: place})
	switch {
	case err != nil: // they have at least this place, and ask again
		return place, false, nil
	case stand.Problem != nil:
		return place, false, stand.Problem
	case stand.Used:
		return g.enter(r, stand.Turn, in, req)
	}
	return place, false, nil
}

// enter gives a fan their place for a turn, unless they must prove something first.
func (g *Gateway) enter(r *request, turn int, in entrance, req joinRequest) (wire.Place, bool, error) {
	rec := wire.PlaceRecord{Fan: r.visitor.Fan(), Turn: turn, At: g.cfg.Now().UTC(), Grant: in.grant}
	if r.event.Record().Spec.Pricing.Promises() {
		rec.Priced = r.event.Board().Promised() // which joinable has seen
	}
	lane, err := g.defences.Screen(r.Context(), r.visitor, r.event, &rec, in.lane, req.Challenge)
	if err != nil {
		return wire.Place{}, false, err
	}
	place, fresh, err := r.event.Queue(lane).Place(r.Context(), rec)
	if in.grant != (wire.Grant{}) {
		place.Grant = in.grant // they may have had this place before they used the code
	}
	return place, fresh, err
}

func joinClass(fresh bool) string {
	if fresh {
		return "new"
	}
	return "again"
}

// redeem answers POST /v1/events/{event}/passes: a called place becomes a pass. The many
// who are not called yet are answered from the board, without asking anybody.
func (g *Gateway) redeem(w http.ResponseWriter, r *request) (failed error) {
	ev, v := r.event, r.visitor
	var req struct {
		Place     string     `json:"place"`
		Challenge string     `json:"challenge"`
		Key       *proof.JWK `json:"key"` // of the browser, which then proves each use of the pass with it
	}
	if err := readJSON(w, r, &req, false); err != nil {
		return err
	}
	place, err := g.receipt(req.Place, v.Fan())
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
	back, refused := g.defences.Admit(limit.Redeem, v)
	if refused != nil {
		return refused
	}
	defer func() { back(failed) }()
	if err := g.defences.Pays(r.Context(), v, ev, abuse.ActRedeem, "", req.Challenge); err != nil {
		return err
	}
	g.visitors.GiveDevice(w, v)
	reply, err := ask[wire.RedeemReply](r.Context(), g, wire.PassesSubject(ev.ID(), wire.ActRedeem),
		wire.RedeemRequest{Place: place, Device: v.Device, Session: v.Face.Session, Key: key})
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

// receipt returns the place that a receipt stands for, if it is the fan's.
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

// patience returns how long until asking again may bring news: after the next tick.
func patience(ev *events.Event) time.Duration {
	return min(max(time.Duration(ev.Record().Spec.Admission.Tick), waitMin), waitMax)
}

// getChallenge answers GET /v1/events/{event}/challenge?act=…&level=…. The challenge is as
// strong as the fan's score requires, or as level asks for, whichever is more.
func (g *Gateway) getChallenge(w http.ResponseWriter, r *request) error {
	act, level := r.FormValue("act"), challenge.Standard
	switch act {
	case "":
		act = abuse.ActJoin
	case abuse.ActJoin, abuse.ActRedeem, abuse.ActHold:
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
	task, err := g.defences.Issue(r.Context(), r.visitor, r.event, act, level)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, task)
}
