package gateway

import (
	"fmt"
	"net/http"
	"time"

	"frontrow/gateway/events"
	"frontrow/gateway/pages"
	"frontrow/wire"
)

// pricesReply says what an event's places cost, by which rules that changes, and how it has.
type pricesReply struct {
	Event       string        `json:"event"`
	Mode        string        `json:"mode"` // wire.Pricing…
	Every       int           `json:"every_seconds,omitempty"`
	QuietBefore int           `json:"quiet_before_seconds,omitempty"` // the opening
	QuietAfter  int           `json:"quiet_after_seconds,omitempty"`  // it
	Spread      bool          `json:"spread,omitempty"`
	Comparable  *comparable   `json:"comparable,omitempty"`
	Currency    string        `json:"currency"`
	Digits      int           `json:"currency_digits"`
	Levels      []levelPrices `json:"levels"`
}

// comparable is what the factor of that name compares the sale with.
type comparable struct {
	wire.Comparable
	Unused string `json:"unused,omitempty"` // why it doesn't count, if it doesn't
}

// levelPrices are those of a level, in the order of the event.
type levelPrices struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Price   wire.Amounts `json:"price"`
	Opening int64        `json:"opening"` // total
	Floor   int64        `json:"floor"`   // no total is ever below
	Ceiling int64        `json:"ceiling"` // nor above
	Rails   *rails       `json:"rails,omitempty"`
	History []wire.Price `json:"history"` // the newest first
}

// rails are how a level's price may move.
type rails struct {
	Step      int64       `json:"step,omitempty"`
	Direction string      `json:"direction,omitempty"`
	CoolDown  int         `json:"cool_down_seconds,omitempty"`
	Round     string      `json:"round,omitempty"`
	Freeze    bool        `json:"freeze,omitempty"`
	Tiers     []wire.Tier `json:"tiers,omitempty"`
}

// pricesOf gathers the prices of an event.
func (g *Gateway) pricesOf(r *request) (pricesReply, error) {
	ev := r.event
	s := ev.Record().Spec
	p := s.Pricing
	reply := pricesReply{Event: ev.ID(), Mode: p.Mode, Every: seconds(p.Every), QuietBefore: seconds(p.QuietBefore), QuietAfter: seconds(p.QuietAfter), Spread: p.Spread,
		Currency: s.Currency, Digits: wire.CurrencyDigits(s.Currency)}
	if len(p.Comparable.Curve) > 0 {
		reply.Comparable = &comparable{p.Comparable, s.PriceRules().Stale()}
	}
	for _, l := range s.Levels {
		is := levelPrices{ID: l.ID, Name: l.Name, Price: ev.Price(l), Opening: l.Total(), History: []wire.Price{}}
		is.Floor, is.Ceiling = s.Bounds(l)
		if r, moves := p.RailsOf(l.ID); moves {
			is.Rails = &rails{Step: r.Step, Direction: r.Direction, CoolDown: seconds(r.CoolDown), Round: r.Round, Freeze: r.Freeze, Tiers: r.Tiers}
		}
		history, err := ev.History(r.Context(), l.ID)
		if err != nil {
			return reply, err
		}
		if is.History = append(is.History, history...); len(history) > 0 {
			is.Price = history[0].Amounts // of one moment
		}
		reply.Levels = append(reply.Levels, is)
	}
	return reply, nil
}

// prices answers GET /v1/events/{event}/prices.
func (g *Gateway) prices(w http.ResponseWriter, r *request) error {
	reply, err := g.pricesOf(r)
	if err != nil {
		return wire.Busy("The history of the prices can't be read just now. Please try again in a moment.")
	}
	w.Header().Set("Cache-Control", boardCache)
	return writeJSON(w, http.StatusOK, reply)
}

// pricesPage answers GET /e/{event}/prices: the same for people.
func (g *Gateway) pricesPage(w http.ResponseWriter, r *request) error {
	reply, err := g.pricesOf(r)
	if err != nil {
		return wire.Busy("The history of the prices can't be read just now. Please try again in a moment.")
	}
	page := &pages.Prices{Event: g.pageEvent(r.event)}
	if c := reply.Comparable; c != nil && c.Unused == "" {
		for _, sale := range c.Sales {
			page.Comparable = append(page.Comparable, pages.PastSale{Event: sale.Event, StartsAt: pages.InstantOf(sale.StartsAt, r.event.Zone()), Places: sale.Places})
		}
	}
	for _, l := range reply.Levels {
		page.Levels = append(page.Levels, pricesOnPage(l, reply, r.event, g.cfg.Now()))
	}
	w.Header().Set("Cache-Control", boardCache)
	return g.pages.Render(w, http.StatusOK, "prices.html", pages.Page{Title: "Prices of " + page.Event.Name, Prices: page})
}

// pricesOnPage returns a level as the page shows it.
func pricesOnPage(l levelPrices, of pricesReply, ev *events.Event, now time.Time) pages.PriceLevel {
	money := func(minor int64) *pages.Money { return pages.MoneyOf(minor, of.Currency, of.Digits) }
	p := pages.PriceLevel{ID: l.ID, Name: l.Name, Now: money(l.Price.Total), Opening: money(l.Opening), Floor: money(l.Floor), Ceiling: money(l.Ceiling), Moves: l.Rails != nil}
	if l.Rails != nil && l.Rails.Step > 0 {
		p.Step, p.CoolDown = money(l.Rails.Step), spoken(time.Duration(l.Rails.CoolDown)*time.Second)
	}
	var points []pages.Point
	for i, was := range l.History {
		p.History = append(p.History, pages.PriceChange{At: pages.InstantOf(was.At, ev.Zone()), Price: money(was.Total), Why: was.Why})
		points = append(points, pages.Point{At: l.History[len(l.History)-1-i].At, Total: l.History[len(l.History)-1-i].Total})
	}
	p.Chart = pages.ChartOf(points, l.Floor, l.Ceiling, now)
	return p
}

// spoken writes a time that is told in an event file: "2 minutes".
func spoken(d time.Duration) string {
	n, unit := int64(d/time.Second), "second"
	switch {
	case d%time.Hour == 0:
		n, unit = int64(d/time.Hour), "hour"
	case d%time.Minute == 0:
		n, unit = int64(d/time.Minute), "minute"
	}
	if n == 1 {
		return unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
