package gateway

import (
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"frontrow/gateway/client"
	"frontrow/gateway/limit"
	"frontrow/wire"
)

// handler answers a request, or returns why not: a *wire.Problem is told to the
// client, anything else is our fault and logged.
type handler func(http.ResponseWriter, *http.Request) error

// route is one entry of the public contract.
type route struct {
	pattern string
	handler handler
	budget  limit.Route // that a request takes from
	page    bool        // refusals are pages too
}

func (g *Gateway) table() []route {
	t := []route{
		{"GET /v1/events", g.listEvents, limit.Read, false},
		{"GET /v1/events/{event}", g.getEvent, limit.Read, false},
		{"GET /v1/events/{event}/plan", g.getPlan, limit.Read, false},
		{"GET /v1/events/{event}/plan/map", g.getMap, limit.Read, false},
		{"GET /v1/events/{event}/board", g.getBoard, limit.Read, false},
		{"GET /v1/events/{event}/availability", g.availability, limit.Read, false},
		{"GET /v1/events/{event}/live", g.live, limit.Live, false},
		{"GET /v1/events/{event}/challenge", g.getChallenge, limit.Challenge, false},
		{"POST /v1/events/{event}/places", g.join, limit.Join, false},
		{"POST /v1/events/{event}/passes", g.redeem, limit.Read, false}, // of a place that isn't called; else limit.Redeem, too
		{"POST /v1/events/{event}/holds", g.hold, limit.Hold, false},
		{"DELETE /v1/holds/{hold}", g.release, limit.Hold, false},
		{"POST /v1/holds/{hold}/more-time", g.moreTime, limit.Hold, false},
		{"POST /v1/holds/{hold}/checkout", g.checkout, limit.Checkout, false},
		{"GET /v1/orders", g.history, limit.Read, false},
		{"GET /v1/orders/{order}", g.order, limit.Read, false},
		{"GET /v1/tickets/{ticket}", g.ticket, limit.Read, false},
		{"GET /v1/tickets/{ticket}/qr.svg", g.ticketQR, limit.Read, false},
		{"POST /v1/carry", g.carry, limit.Carry, false},
		{"GET /.well-known/jwks.json", g.getKeys, limit.Read, false},
	}
	if g.pages != nil {
		t = append(t,
			route{"GET /{$}", g.indexPage, limit.Read, true},
			route{"GET /e/{event}", g.eventPage, limit.Read, true},
			route{"GET /e/{event}/draw", g.drawPage, limit.Read, true},
			route{"GET /t/{ticket}", g.ticketPage, limit.Read, true},
			route{"GET /orders", g.ordersPage, limit.Read, true},
			route{"POST /sign-out", g.signOut, limit.SignOut, true},
			route{"GET /c/{token}", g.carryPage, limit.Read, true},
			route{"POST /c/{token}", g.acceptCarry, limit.Carry, true},
			route{"GET /assets/{name...}", g.asset, limit.Read, false},
			route{"GET /favicon.ico", g.favicon, limit.Read, false},
			route{"GET /favicon.svg", g.favicon, limit.Read, false},
		)
	}
	return t
}

// routes is the whole server. A second mux without the catch-all tells which
// methods a path would have had.
func (g *Gateway) routes() http.Handler {
	mux, bare := http.NewServeMux(), http.NewServeMux()
	for _, r := range g.table() {
		mux.Handle(r.pattern, g.wrap(r))
		bare.Handle(r.pattern, http.NotFoundHandler())
	}
	mux.Handle("/", g.wrap(route{pattern: "other", budget: limit.Read, handler: func(w http.ResponseWriter, r *http.Request) error {
		unknown := probe{header: http.Header{}}
		bare.ServeHTTP(&unknown, r)
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

// wrap is what every route has around it: headers, the origin's check on every
// method that changes something, the budgets, refusals, the metric and the log.
func (g *Gateway) wrap(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		rec := &recorder{w, http.StatusOK}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // what is for everybody says otherwise
		if strings.HasPrefix(g.origin(r), "https://") {
			h.Set("Strict-Transport-Security", "max-age=31536000") // RFC 6797: never without TLS again, for a year
		}
		if err := g.answer(rt, rec, r); err != nil {
			p := problemOf(err)
			switch p.Code {
			case wire.CodeSignedOut:
				g.identity.Forget(rec, r)
			case codeInternal:
				g.cfg.Logger.Error("request", "route", rt.pattern, "err", err)
			}
			if !rt.page || g.refusePage(rec, p) != nil {
				refuse(rec, p)
			}
		}
		g.metrics.requests.WithLabelValues(rt.pattern, statusClass(rec.status)).Inc()
		g.metrics.seconds.WithLabelValues(rt.pattern).Observe(time.Since(started).Seconds())
		if log := g.cfg.Logger; log.Enabled(r.Context(), slog.LevelDebug) {
			log.Debug("request", "method", r.Method, "route", rt.pattern, "status", rec.status,
				"took", time.Since(started), "from", g.defences.Address(r))
		}
	})
}

func (g *Gateway) answer(rt route, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if v := recover(); v != nil {
			g.cfg.Logger.Error("panic", "route", rt.pattern, "value", v, "stack", string(debug.Stack()))
			err = wire.Refuse(codeInternal, "Something went wrong on our side. Please try again.")
		}
	}()
	if !g.ours(client.Host(r, g.cfg.Defences.Proxies)) {
		return wire.Refuse(codeMisdirected, "This shop is at "+g.cfg.PublicURL+".")
	}
	if err := g.identity.SameOrigin(r, false); err != nil {
		return err
	}
	back, refused := g.defences.Admit(rt.budget, r)
	if refused != nil {
		return refused
	}
	err = rt.handler(w, r)
	back(err)
	return err
}

// origin is where fans reach us, for links and cookies: the public address; without
// one, as on a developer's machine, what the request says.
func (g *Gateway) origin(r *http.Request) string {
	if g.cfg.PublicURL != "" {
		return g.cfg.PublicURL
	}
	return client.Origin(r, g.cfg.Defences.Proxies)
}

// ours reports whether a request is for our public name, whatever port a proxy came
// by, or for an address alone, as probes are. A name that somebody else points at
// us must not become part of our pages.
func (g *Gateway) ours(host string) bool {
	u, err := url.Parse(g.cfg.PublicURL)
	if g.cfg.PublicURL == "" || err != nil {
		return err == nil
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host == "" || net.ParseIP(strings.Trim(host, "[]")) != nil || strings.EqualFold(host, u.Hostname())
}
