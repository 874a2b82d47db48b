package gateway

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"frontrow/gateway/abuse/limit"
	"frontrow/gateway/events"
	"frontrow/gateway/visitor"
	"frontrow/keyring"
	"frontrow/wire"
)

// handler answers a request, or returns why not: the client gets a *wire.Problem; any other
// error is our fault and logged.
type handler func(http.ResponseWriter, *request) error

// request is an HTTP request with what its route needs, resolved once: no handler reads a
// cookie or a pass, or looks up its event.
type request struct {
	*http.Request
	visitor *visitor.Visitor
	event   *events.Event // nil: the route has none
	pass    *keyring.Pass // nil: the route needs none
	hold    string        // empty: the route has none
}

// needs is what a route needs to know, or to be shown, before its handler runs.
type needs int

const (
	anEvent needs = 1 << iota // the one in the path
	cookies                   // the visitor's cookies; strangers may come too
	aDevice                   // the visitor's device, if known
	aFan                      // a fan's cookie
	newFan                    // a fan's cookie; a stranger gets one
	aPass                     // for the event: the fan's, on their device, by the key that it names
	aHold                     // in the path, and the pass by which it was granted, which names the event

	nothing needs = 0
)

// reads reports whether cookies are looked at.
func (n needs) reads() bool { return n&^anEvent != 0 }

// route is one entry of the public contract.
type route struct {
	pattern string
	handler handler
	budget  limit.Route // from which a request takes
	needs   needs
	page    bool // refusals are pages too
}

// table returns every route of the gateway.
func (g *Gateway) table() []route {
	const api, page = false, true
	t := []route{
		{"GET /v1/events", g.listEvents, limit.Read, nothing, api},
		{"GET /v1/events/{event}", g.getEvent, limit.Read, anEvent, api},
		{"GET /v1/events/{event}/plan", g.getPlan, limit.Read, anEvent, api},
		{"GET /v1/events/{event}/plan/map", g.getMap, limit.Read, anEvent, api},
		{"GET /v1/events/{event}/board", g.getBoard, limit.Read, anEvent, api},
		{"GET /v1/events/{event}/prices", g.prices, limit.Read, anEvent, api},
		{"GET /v1/events/{event}/prices/{priced}", g.promised, limit.Read, anEvent, api},
		{"GET /v1/events/{event}/availability", g.availability, limit.Read, anEvent, api},
		{"GET /v1/events/{event}/live", g.live, limit.Live, anEvent | cookies, api},
		{"GET /v1/events/{event}/challenge", g.getChallenge, limit.Challenge, anEvent | newFan, api},
		{"POST /v1/events/{event}/places", g.join, limit.Join, anEvent | cookies | aDevice, api}, // a stranger is a new fan only once they may join
		{"POST /v1/events/{event}/passes", g.redeem, limit.Read, anEvent | aFan | aDevice, api},  // of a place that isn't called; else limit.Redeem, too
		{"POST /v1/events/{event}/holds", g.hold, limit.Hold, anEvent | aPass, api},
		{"DELETE /v1/holds/{hold}", g.release, limit.Hold, aHold, api},
		{"POST /v1/holds/{hold}/more-time", g.moreTime, limit.Hold, aHold, api},
		{"PUT /v1/holds/{hold}/reductions", g.reductions, limit.Hold, aHold, api},
		{"POST /v1/holds/{hold}/checkout", g.checkout, limit.Checkout, aHold, api},
		{"GET /v1/orders", g.history, limit.Read, aFan, api},
		{"GET /v1/orders/{order}", g.order, limit.Read, aFan, api},
		{"GET /v1/tickets/{ticket}", g.ticket, limit.Read, aFan, api},
		{"GET /v1/tickets/{ticket}/qr.svg", g.ticketQR, limit.Read, aFan, api},
		{"POST /v1/carry", g.carry, limit.Carry, aFan, api},
		{"GET /.well-known/jwks.json", g.getKeys, limit.Read, nothing, api},
	}
	if g.pages != nil {
		t = append(t,
			route{"GET /{$}", g.indexPage, limit.Read, newFan, page},
			route{"GET /e/{event}", g.eventPage, limit.Read, anEvent | newFan, page},
			route{"GET /e/{event}/draw", g.drawPage, limit.Read, anEvent, page},
			route{"GET /e/{event}/prices", g.pricesPage, limit.Read, anEvent, page},
			route{"GET /t/{ticket}", g.ticketPage, limit.Read, nothing, page},
			route{"GET /pay/{order}", g.payPage, limit.Read, nothing, page},
			route{"GET /orders", g.ordersPage, limit.Read, cookies, page},
			route{"POST /sign-out", g.signOut, limit.SignOut, cookies, page},
			route{"GET /c/{token}", g.carryPage, limit.Read, cookies, page},
			route{"POST /c/{token}", g.acceptCarry, limit.Carry, cookies | aDevice, page},
			route{"GET /assets/{name...}", g.asset, limit.Read, nothing, api},
			route{"GET /favicon.ico", g.favicon, limit.Read, nothing, api},
			route{"GET /favicon.svg", g.favicon, limit.Read, nothing, api},
		)
	}
	return t
}

// routes returns the handler of the whole server. A second mux without the catch-all tells
// which methods a path has.
func (g *Gateway) routes() http.Handler {
	mux, bare := http.NewServeMux(), http.NewServeMux()
	for _, r := range g.table() {
		mux.Handle(r.pattern, g.wrap(r))
		bare.Handle(r.pattern, http.NotFoundHandler())
	}
	mux.Handle("/", g.wrap(route{pattern: "other", budget: limit.Read, handler: func(w http.ResponseWriter, r *request) error {
		unknown := probe{header: http.Header{}}
		bare.ServeHTTP(&unknown, r.Request)
		if allow := unknown.header.Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
			return wire.Refuse(codeMethod, "Use one of: "+allow+".")
		}
		return wire.Refuse(wire.CodeNotFound, "There is nothing at this address.")
	}}))
	return mux
}

// probe is a response of which only the header matters.
type probe struct{ header http.Header }

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(int)             {}

// recorder remembers the status for the metrics.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets a socket be hijacked.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// wrap adds what every route has around it: headers, who sent the request, refusals,
// metrics and the log.
func (g *Gateway) wrap(rt route) http.Handler {
	counted := g.metrics.of(rt.pattern)
	// Values of headers that all answers share: nobody changes one in place.
	nosniff, sameOrigin, noStore, always := []string{"nosniff"}, []string{"same-origin"}, []string{"no-store"}, []string{"max-age=31536000"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		rec := &recorder{w, http.StatusOK}
		v := g.visitors.Of(r)
		h := w.Header()
		h["X-Content-Type-Options"] = nosniff
		h["Referrer-Policy"] = sameOrigin
		h["Cache-Control"] = noStore // handlers of public resources override this
		if strings.HasPrefix(v.Origin, "https://") {
			h["Strict-Transport-Security"] = always // RFC 6797: never without TLS again, for a year
		}
		if err := g.answer(rt, rec, &request{Request: r, visitor: v}); err != nil {
			p := problemOf(err)
			switch p.Code {
			case wire.CodeSignedOut:
				g.visitors.SignOut(rec, v)
			case codeInternal:
				g.cfg.Logger.Error("request", "route", rt.pattern, "err", err)
			}
			if !rt.page || g.refusePage(rec, p) != nil {
				refuse(rec, p)
			}
		}
		counted.note(rec.status, time.Since(started))
		if log := g.cfg.Logger; log.Enabled(r.Context(), slog.LevelDebug) {
			log.Debug("request", "method", r.Method, "route", rt.pattern, "status", rec.status,
				"took", time.Since(started), "from", v.Addr)
		}
	})
}

// answer makes the checks that precede every handler, in this order: our own host name, a
// page of ours, a budget with room, and what the route needs.
func (g *Gateway) answer(rt route, w http.ResponseWriter, r *request) (err error) {
	defer func() {
		if v := recover(); v != nil {
			g.cfg.Logger.Error("panic", "route", rt.pattern, "value", v, "stack", string(debug.Stack()))
			err = wire.Refuse(codeInternal, "Something went wrong on our side. Please try again.")
		}
	}()
	if !g.visitors.Ours(r.visitor) {
		return wire.Refuse(codeMisdirected, "This shop is at "+g.cfg.PublicURL+".")
	}
	if err := g.visitors.SameOrigin(r.visitor, r.Request); err != nil {
		return err
	}
	if rt.needs.reads() {
		g.visitors.Recognize(r.visitor, r.Request)
	}
	back, refused := g.defences.Admit(rt.budget, r.visitor)
	if refused != nil {
		return refused
	}
	if err = g.resolve(rt.needs, w, r); err == nil {
		err = rt.handler(w, r)
	}
	back(err)
	return err
}

// resolve finds what a route needs, or says what is missing.
func (g *Gateway) resolve(n needs, w http.ResponseWriter, r *request) (err error) {
	if n&(aDevice|aPass|aHold) != 0 {
		g.visitors.RecognizeDevice(r.visitor)
	}
	if n&anEvent != 0 {
		if r.event, err = g.events.Find(r.PathValue("event")); err != nil {
			return err
		}
	}
	if n&aHold != 0 {
		if err = g.resolveHold(r); err != nil {
			return err
		}
	}
	if r.event != nil && n.reads() {
		r.visitor.NetTag = g.defences.NetTag(r.visitor, r.event.ID())
	}
	switch {
	case n&aPass != 0:
		r.pass, err = g.visitors.Pass(r.visitor, r.Request, r.event.ID(), 0)
	case n&aFan != 0:
		err = r.visitor.MustBeFan()
	case n&newFan != 0:
		err = g.enroll(w, r.visitor)
	}
	return err
}

// enroll makes a stranger a new fan.
func (g *Gateway) enroll(w http.ResponseWriter, v *visitor.Visitor) error {
	if err := v.MayEnroll(); err != nil {
		return err
	}
	if v.Fan() == "" {
		net, owes := g.defences.Enrolls(v)
		g.visitors.Enroll(w, v, net, owes)
	}
	return nil
}

// resolveHold resolves what the steps after a hold have in common: a well-formed hold in
// the path, and a pass, whose event is the hold's. The pass may have expired while the hold
// was standing, so it is accepted for as long as a hold can last.
func (g *Gateway) resolveHold(r *request) (err error) {
	missing := wire.Refuse(wire.CodeUnauthorized, "This step needs the pass that the seats were held with.")
	name, ok := visitor.EventOfPass(r.Request)
	if !ok {
		return missing
	}
	if r.event, err = g.events.Find(name); err != nil {
		if problemOf(err).Code == wire.CodeNotFound { // its event is unknown, so is the pass
			return missing
		}
		return err
	}
	if r.pass, err = g.visitors.Pass(r.visitor, r.Request, r.event.ID(), time.Duration(r.event.Record().Spec.Hold.Life())); err != nil {
		return err
	}
	if r.hold = r.PathValue("hold"); !wire.IsHold(r.hold) {
		return wire.Refuse(wire.CodeNotFound, "There is no such hold.")
	}
	return nil
}
