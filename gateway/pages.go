package gateway

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"frontrow/gateway/events"
	"frontrow/gateway/pages"
	"frontrow/wire"
)

// indexPage answers GET /.
func (g *Gateway) indexPage(w http.ResponseWriter, _ *request) error {
	page := pages.Page{Title: "On sale"}
	for _, ev := range g.events.List() {
		page.Events = append(page.Events, *g.pageEvent(ev))
	}
	return g.pages.Render(w, http.StatusOK, "index.html", page)
}

// eventPage answers GET /e/{event}.
func (g *Gateway) eventPage(w http.ResponseWriter, r *request) error {
	e := g.pageEvent(r.event)
	return g.pages.Render(w, http.StatusOK, "event.html", pages.Page{Title: e.Name, Event: e, CardPage: g.cfg.CardKey != ""})
}

// ticketPage answers GET /t/{ticket}. The page holds nothing of the ticket: its script
// requests that with the fan's cookie.
func (g *Gateway) ticketPage(w http.ResponseWriter, r *request) error {
	id := r.PathValue("ticket")
	if !wire.IsTicket(id) {
		return wire.Refuse(wire.CodeNotFound, "There is no such ticket.")
	}
	return g.pages.Render(w, http.StatusOK, "ticket.html", pages.Page{Title: "Your ticket", Ticket: id})
}

// drawPage answers GET /e/{event}/draw: the proof of a draw, for everybody.
func (g *Gateway) drawPage(w http.ResponseWriter, r *request) error {
	if !r.event.Record().Spec.Admission.Lottery {
		return wire.Refuse(wire.CodeNotFound, "There is no draw for this event: fans are called in order of arrival.")
	}
	page := &pages.Draw{Event: g.pageEvent(r.event), Origin: r.visitor.Origin}
	if b := r.event.Board(); b != nil && b.Draw != nil {
		page.Commitment, page.Secret = b.Draw.Commitment, b.Draw.Secret
		page.Held = b.Draw.Secret != ""
		page.Lanes = entrants(&b.Board)
	}
	w.Header().Set("Cache-Control", boardCache)
	return g.pages.Render(w, http.StatusOK, "draw.html", pages.Page{Title: "The draw for " + page.Event.Name, Draw: page})
}

// entrants returns the lanes of a draw that has been held.
func entrants(b *wire.Board) []pages.Lane {
	var lanes []pages.Lane
	for _, lane := range wire.Lanes() {
		d, ok := b.DrawOf(lane)
		if !ok || d.Total() == 0 {
			continue
		}
		l := pages.Lane{Lane: lane}
		for _, region := range slices.Sorted(maps.Keys(d.Entrants)) {
			l.Regions = append(l.Regions, pages.Entrants{Region: region, Fans: d.Entrants[region]})
		}
		lanes = append(lanes, l)
	}
	return lanes
}

// pageEvent returns an event as a page shows it.
func (g *Gateway) pageEvent(ev *events.Event) *pages.Event {
	s, now, zone := ev.Record().Spec, g.cfg.Now(), ev.Zone()
	p := &pages.Event{ID: ev.ID(), Name: s.Name, Venue: s.Venue, State: ev.State(now), Digits: wire.CurrencyDigits(s.Currency), PerFan: s.Limits.PerFan,
		Starts: pages.InstantOf(s.StartsAt, zone), Lottery: s.Admission.Lottery, PricesMove: s.Pricing.Mode != wire.PricingFixed,
		Reductions: len(s.Tax.Rates)+len(s.Concessions)+len(s.Promotions) > 0}
	p.DrawAhead = p.Lottery && p.State == wire.SaleScheduled
	if p.State == wire.SaleScheduled && now.Before(s.OpensAt) {
		p.Opens = pages.InstantOf(s.OpensAt, zone)
	}
	if in := s.Admission.RoomOpensAt.Sub(now); in > 0 {
		p.RoomOpens, p.RoomOpensIn = pages.InstantOf(s.Admission.RoomOpensAt, zone), in.Milliseconds()
	}
	p.Status = map[string]string{wire.SaleScheduled: "Not on sale yet", wire.SaleOpen: "On sale now",
		wire.SalePaused: "The queue is paused", wire.SaleSoldOut: "Sold out", wire.SaleDraining: "The queue is closed", wire.SaleClosed: "The sale is over"}[p.State]
	stock := map[string]wire.LevelBoard{}
	if b := ev.Board(); b != nil {
		p.Message = b.Message
		for _, l := range b.Levels {
			stock[l.ID] = l
		}
	}
	for _, l := range s.Levels {
		p.Levels = append(p.Levels, pages.Level{ID: l.ID, Name: l.Name, Price: pages.MoneyOf(ev.Price(l).Total, s.Currency, p.Digits),
			Free: stock[l.ID].Free, Total: stock[l.ID].Total})
	}
	return p
}

// asset answers GET /assets/{name...}, cacheable for ever if the URL names the content.
func (g *Gateway) asset(w http.ResponseWriter, r *request) error {
	return g.serveAsset(w, r, r.PathValue("name"))
}

func (g *Gateway) serveAsset(w http.ResponseWriter, r *request, name string) error {
	a := g.pages.Asset(name)
	if a == nil {
		return wire.Refuse(wire.CodeNotFound, "There is no such file.")
	}
	cache := "public, no-cache"
	if r.URL.Query().Get("v") == a.ETag() {
		cache = immutable
	}
	a.Serve(w, r.Request, cache)
	return nil
}

// favicon answers the request that browsers make by themselves.
func (g *Gateway) favicon(w http.ResponseWriter, r *request) error {
	for _, name := range []string{strings.TrimPrefix(r.URL.Path, "/"), "favicon.svg"} {
		if g.pages.Asset(name) != nil {
			return g.serveAsset(w, r, name)
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
