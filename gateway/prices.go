package gateway

import (
	"fmt"
	"net/http"
	"strconv"
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
	LeastApart  int64         `json:"least_apart,omitempty"` // a level and the next
	MostApart   int64         `json:"most_apart,omitempty"`  // likewise
	Promise     string        `json:"promise,omitempty"`     // wire.Promise…
	Currency    string        `json:"currency"`
	Digits      int           `json:"currency_digits"`
	Tax         *taxReply     `json:"tax,omitempty"`
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

	Frozen   bool                `json:"frozen,omitempty"` // no rule moves it, until an operator says so
	Proposed *wire.PriceProposed `json:"proposed,omitempty"`

	Concessions []concessionPrice `json:"concessions,omitempty"` // what a place costs with them now
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
	reply := pricesReply{Event: ev.ID(), Mode: p.Mode, Every: seconds(p.Every), QuietBefore: seconds(p.QuietBefore), QuietAfter: seconds(p.QuietAfter), Spread: p.Spread, LeastApart: p.LeastApart, MostApart: p.MostApart, Promise: p.Promise,
		Currency: s.Currency, Digits: wire.CurrencyDigits(s.Currency), Tax: taxOf(s)}
	if len(p.Comparable.Curve) > 0 {
		reply.Comparable = &comparable{p.Comparable, s.PriceRules().Stale()}
	}
	for _, l := range s.Levels {
		is := levelPrices{ID: l.ID, Name: l.Name, Price: ev.Price(l), Opening: s.Opening(l).Total, History: []wire.Price{}}
		is.Floor, is.Ceiling = s.Bounds(l)
		if r, moves := p.RailsOf(l.ID); moves {
			is.Rails = &rails{Step: r.Step, Direction: r.Direction, CoolDown: seconds(r.CoolDown), Round: r.Round, Freeze: r.Freeze, Tiers: r.Tiers}
		}
		history, err := ev.History(r.Context(), l.ID)
		if err != nil {
			return reply, err
		}
		if is.History = append(is.History, history...); len(history) > 0 {
			newest := history[0]
			is.Price = newest.Amounts // of one moment
			is.Frozen = newest.Frozen || is.Rails != nil && is.Rails.Freeze
			if newest.Proposed != nil && g.cfg.Now().Before(newest.Proposed.Until) {
				is.Proposed = newest.Proposed
			}
		}
		for i := range is.History {
			is.History[i].Frozen, is.History[i].Proposed = false, nil // they are no change of the price
		}
		is.Concessions = concessionsOn(s, l.ID, is.Price.Total)
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

// promisedReply says what fans pay at most who joined when prices were in a state.
type promisedReply struct {
	Event    string           `json:"event"`
	Priced   int64            `json:"priced"` // the state: wire.PriceState
	Currency string           `json:"currency"`
	Levels   map[string]int64 `json:"levels"` // totals
}

// promised answers GET /v1/events/{event}/prices/{priced}: the same for all who joined then,
// and for ever.
func (g *Gateway) promised(w http.ResponseWriter, r *request) error {
	ev := r.event
	priced, err := strconv.ParseInt(r.PathValue("priced"), 10, 64)
	s := ev.Record().Spec
	if err != nil || priced <= 0 || !s.Pricing.Promises() {
		return wire.Refuse(wire.CodeNotFound, "Nothing was promised by this number.")
	}
	most, err := ev.Most(r.Context(), priced)
	if err != nil {
		return wire.Busy("The history of the prices can't be read just now. Please try again in a moment.")
	}
	if most == nil {
		return wire.Refuse(wire.CodeNotFound, "This gateway doesn't know any more what the prices were then. What was promised is kept.")
	}
	w.Header().Set("Cache-Control", immutable)
	return writeJSON(w, http.StatusOK, promisedReply{ev.ID(), priced, s.Currency, most})
}

// pricesPage answers GET /e/{event}/prices: the same for people.
func (g *Gateway) pricesPage(w http.ResponseWriter, r *request) error {
	reply, err := g.pricesOf(r)
	if err != nil {
		return wire.Busy("The history of the prices can't be read just now. Please try again in a moment.")
	}
	page := &pages.Prices{Event: g.pageEvent(r.event), Promises: reply.Promise != "", Spread: reply.Spread}
	if c := reply.Comparable; c != nil && c.Unused == "" {
		for _, sale := range c.Sales {
			page.Comparable = append(page.Comparable, pages.PastSale{Event: sale.Event, StartsAt: pages.InstantOf(sale.StartsAt, r.event.Zone()), Places: sale.Places})
		}
	}
	if reply.LeastApart != 0 {
		page.LeastApart = pages.MoneyOf(reply.LeastApart, reply.Currency, reply.Digits)
	}
	if reply.MostApart != 0 {
		page.MostApart = pages.MoneyOf(reply.MostApart, reply.Currency, reply.Digits)
	}
	if reply.Tax != nil {
		page.Taxes = taxNames(reply.Tax.Rates)
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
	p.Frozen = l.Frozen
	if l.Proposed != nil {
		p.Proposed = money(l.Proposed.Total)
	}
	if l.Rails != nil && l.Rails.Step > 0 {
		p.Step, p.CoolDown = money(l.Rails.Step), spoken(time.Duration(l.Rails.CoolDown)*time.Second)
	}
	if l.Price.Tax > 0 {
		p.Tax = money(l.Price.Tax)
	}
	for _, c := range l.Concessions {
		p.Variants = append(p.Variants, pages.Variant{Name: c.Name, Price: money(c.Total)})
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
