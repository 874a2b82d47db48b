package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"frontrow/gateway/document"
	"frontrow/wire"
)

// Page is what every template of Config.Pages is executed with. All files of
// templates/ are parsed as one set and a page is executed by its file name, so
// shared pieces are {{define}}d once, under their own names:
//
//	index.html    /             Events
//	event.html    /e/{event}    Event
//	ticket.html   /t/{ticket}   Ticket
//	orders.html   /orders       Orders
//	carry.html    /c/{token}    Carry
//	draw.html     /e/{event}/draw  Draw
//	problem.html  any refusal of a page  Problem
//
// Pages must be readable without JavaScript. The policy sent with them allows
// no inline script or style, so whatever a script needs to know is in data-
// attributes; scripts and styles are named through Assets.
type Page struct {
	Title   string
	Lang    string      // "en"
	Event   *PageEvent  // event.html
	Events  []PageEvent // index.html, by start
	Ticket  string      // ticket.html: the id; the script asks /v1/tickets/{ticket}
	Orders  *PageOrders // orders.html
	Carry   *PageCarry  // carry.html
	Draw    *PageDraw   // draw.html
	Problem *PageProblem
	Assets  map[string]string // "app.js" → "/assets/app.js?v=1f2e…", for each file of dist/
}

// PageEvent is an event as a page shows it. Instants are RFC 3339 UTC for
// <time datetime>, the fields beside them are for reading.
type PageEvent struct {
	ID, Name, Venue string
	Starts          string // "Fri 14 Aug 2026, 20:00 UTC"; empty when unknown
	StartsAt        string // "2026-08-14T20:00:00Z"
	Opens           string // the on-sale; empty: at once
	OpensAt         string
	RoomOpens       string // the waiting room; empty: it is open
	RoomOpensAt     string
	RoomOpensIn     int64  // ms
	State           string // wire.SaleScheduled, SaleOpen, SalePaused, SaleSoldOut or SaleClosed
	Status          string // the same as a sentence: "On sale now"
	Currency        string // ISO 4217
	PerFan          int    // tickets one fan may have
	HoldSeconds     int
	Levels          []PageLevel
	Message         string // from the operator
}

// PageLevel is a price level with its price, all fees included.
type PageLevel struct {
	ID, Name    string
	Price       string // "EUR 54.50": the all-in total
	Base        string
	ServiceFee  string
	FacilityFee string
	Free, Total int // as the board says; Total 0: not known yet
}

// PageOrders is a page of a fan's orders, the newest first.
type PageOrders struct {
	List  []PageOrder
	Older string // where the next page is; empty: this is the last
	Later bool   // it is not the first
}

// PageOrder is an order as a page shows it; Total is empty when nothing was charged.
type PageOrder struct {
	ID              string
	Event           string // id
	Name, Venue     string // of the event; its id alone when it is not on sale any more
	Starts          string
	StartsAt        string
	State           string // wire.OrderState
	Status          string // the same as a sentence
	Reason          string // why it failed
	Placed          string
	PlacedAt        string
	Seats           []PageSeat
	Total, Refunded string // "EUR 54.50"; Refunded is part of Total, or empty
}

// PageSeat is a seat of an order, with the ticket that opens the gate, if one does.
type PageSeat struct{ Label, Ticket string }

// PageCarry is a place that was carried to this device, which may take it by
// posting the form to its own address; with replace=yes if it is OtherFan's.
type PageCarry struct {
	Number   uint64
	Event    string // its name
	EventID  string
	ThisFan  bool // the device is this fan's already
	OtherFan bool // it is another fan's
}

// PageDraw is the proof of an event's draw.
type PageDraw struct {
	Event      *PageEvent
	Origin     string // of this gateway, for the command line
	Commitment string // empty: not published yet
	Held       bool
	Secret     string // once it is held
	Lanes      []PageLane
}

// PageLane tells how many fans of each region take part in a lane's draw.
type PageLane struct {
	Lane    string
	Regions []PageEntrants
}

// PageEntrants is how many fans of a region take part.
type PageEntrants struct {
	Region string
	Fans   uint64
}

// PageProblem is a refusal for reading.
type PageProblem struct {
	Status int
	Title  string
	Detail string
}

const (
	assetsPath  = "/assets/"
	pageLang    = "en"
	pageInstant = "Mon 2 Jan 2006, 15:04 UTC"
)

// pagePolicy allows what we serve ourselves, and what a widget's provider does.
// 'self' covers the WebSocket of the same host (CSP level 3).
func pagePolicy(widget []string) string {
	var b strings.Builder
	for _, kind := range []string{"default", "style", "script", "connect", "frame"} {
		fmt.Fprintf(&b, "%s-src 'self'", kind)
		for _, origin := range widget {
			if kind != "default" {
				b.WriteString(" " + origin)
			}
		}
		b.WriteString("; ")
	}
	b.WriteString("img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	return b.String()
}

// pages renders Config.Pages and serves its assets.
type pages struct {
	templates *template.Template
	policy    string
	names     map[string]string             // of assets: logical name → URL
	assets    map[string]*document.Document // by logical name
}

// newPages reads everything at once: what is missing or broken is found at the
// start and not by a fan.
func newPages(files fs.FS, widget []string) (*pages, error) {
	p := &pages{policy: pagePolicy(widget), names: map[string]string{}, assets: map[string]*document.Document{}}
	var err error
	if p.templates, err = template.ParseFS(files, "templates/*.html"); err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	for _, name := range []string{"index.html", "event.html", "ticket.html", "orders.html", "carry.html", "draw.html", "problem.html"} {
		if p.templates.Lookup(name) == nil {
			return nil, fmt.Errorf("pages: no templates/%s", name)
		}
	}
	err = fs.WalkDir(files, "dist", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(files, file)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(file, "dist/")
		sum := sha256.Sum256(raw)
		a := document.New(assetType(name), hex.EncodeToString(sum[:8]), raw)
		p.assets[name], p.names[name] = a, assetsPath+name+"?v="+a.ETag()
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("pages: %w", err)
	}
	return p, nil
}

// assetType does not depend on the machine's own table for what we build.
func assetType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".map", ".json", ".webmanifest":
		return "application/json"
	case ".woff2":
		return "font/woff2"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// render writes a page. It is rendered first, so a broken one is a refusal.
func (p *pages) render(w http.ResponseWriter, status int, name string, data Page) error {
	data.Lang, data.Assets = pageLang, p.names
	var b bytes.Buffer
	if err := p.templates.ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	h := w.Header()
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "private, no-cache") // it may set the fan's cookie
	}
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
	return nil
}

// refuse writes a refusal as a page, or as JSON if even that fails.
func (p *pages) refuse(w http.ResponseWriter, problem *wire.Problem) error {
	r := refusalOf(problem.Code)
	refuseHeader(w, problem)
	return p.render(w, r.status, "problem.html", Page{Title: r.title,
		Problem: &PageProblem{Status: r.status, Title: r.title, Detail: problem.Detail}})
}

// indexPage answers GET /.
func (g *Gateway) indexPage(w http.ResponseWriter, r *http.Request) error {
	g.identity.meet(w, r)
	page := Page{Title: "On sale"}
	for _, ev := range g.events.list() {
		page.Events = append(page.Events, *g.pageEvent(ev))
	}
	return g.pages.render(w, http.StatusOK, "index.html", page)
}

// eventPage answers GET /e/{event}.
func (g *Gateway) eventPage(w http.ResponseWriter, r *http.Request) error {
	ev, err := g.events.find(r.PathValue("event"))
	if err != nil {
		return err
	}
	g.identity.meet(w, r)
	e := g.pageEvent(ev)
	return g.pages.render(w, http.StatusOK, "event.html", Page{Title: e.Name, Event: e})
}

// ticketPage answers GET /t/{ticket}. The page holds nothing of the ticket: its
// script asks for that with the fan's cookie.
func (g *Gateway) ticketPage(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("ticket")
	if !wire.IsTicket(id) {
		return wire.Refuse(wire.CodeNotFound, "There is no such ticket.")
	}
	return g.pages.render(w, http.StatusOK, "ticket.html", Page{Title: "Your ticket", Ticket: id})
}

// asset answers GET /assets/{name...}: for ever if the URL names the content.
func (g *Gateway) asset(w http.ResponseWriter, r *http.Request) error {
	return g.serveAsset(w, r, r.PathValue("name"))
}

func (g *Gateway) serveAsset(w http.ResponseWriter, r *http.Request, name string) error {
	a := g.pages.assets[name]
	if a == nil {
		return wire.Refuse(wire.CodeNotFound, "There is no such file.")
	}
	cache := "public, no-cache"
	if r.URL.Query().Get("v") == a.ETag() {
		cache = immutable
	}
	a.Serve(w, r, cache)
	return nil
}

// favicon answers what browsers ask for unasked.
func (g *Gateway) favicon(w http.ResponseWriter, r *http.Request) error {
	for _, name := range []string{strings.TrimPrefix(r.URL.Path, "/"), "favicon.svg"} {
		if g.pages.assets[name] != nil {
			return g.serveAsset(w, r, name)
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// pageEvent is the event for reading.
func (g *Gateway) pageEvent(ev *event) *PageEvent {
	rec := ev.record.Load()
	s := rec.Spec
	p := &PageEvent{ID: ev.id, Name: s.Name, Venue: s.Venue, State: ev.state(g.cfg.Now()), Currency: s.Currency,
		PerFan: s.Limits.PerFan, HoldSeconds: int(time.Duration(s.Hold.TTL).Seconds())}
	p.Starts, p.StartsAt = instant(s.StartsAt)
	p.Opens, p.OpensAt = instant(s.OpensAt)
	if in := s.Admission.RoomOpensAt.Sub(g.cfg.Now()); in > 0 {
		p.RoomOpens, p.RoomOpensAt = instant(s.Admission.RoomOpensAt)
		p.RoomOpensIn = in.Milliseconds()
	}
	p.Status = map[string]string{wire.SaleScheduled: "Not on sale yet", wire.SaleOpen: "On sale now",
		wire.SalePaused: "The queue is paused", wire.SaleSoldOut: "Sold out", wire.SaleDraining: "The queue is closed", wire.SaleClosed: "The sale is over"}[p.State]
	stock := map[string]wire.LevelBoard{}
	if b := ev.board.Load(); b != nil {
		p.Message = b.Message
		for _, l := range b.Levels {
			stock[l.ID] = l
		}
	}
	for _, l := range s.Levels {
		a := ev.price(l)
		p.Levels = append(p.Levels, PageLevel{ID: l.ID, Name: l.Name, Price: money(a.Total, s.Currency), Base: money(a.Base, s.Currency),
			ServiceFee: money(a.ServiceFee, s.Currency), FacilityFee: money(a.FacilityFee, s.Currency),
			Free: stock[l.ID].Free, Total: stock[l.ID].Total})
	}
	return p
}

func instant(t time.Time) (forPeople, forMachines string) {
	if t.IsZero() {
		return "", ""
	}
	return t.UTC().Format(pageInstant), t.UTC().Format(time.RFC3339)
}

// money writes minor units with the decimals of the currency (ISO 4217).
func money(minor int64, currency string) string {
	digits := 2
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		digits = 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		digits = 3
	}
	s := fmt.Sprintf("%0*d", digits+1, minor)
	if digits > 0 {
		s = s[:len(s)-digits] + "." + s[len(s)-digits:]
	}
	return currency + " " + s
}
