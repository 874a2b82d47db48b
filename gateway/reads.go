package gateway

import (
	"net/http"
	"strings"
	"time"

	"frontrow/gateway/events"
	"frontrow/gateway/live"
	"frontrow/gateway/pages"
	"frontrow/keyring"
	"frontrow/wire"
)

// How long an answer may be kept.
const (
	immutable  = "public, max-age=31536000, immutable"
	boardCache = "public, max-age=1"
	keysCache  = "public, max-age=30" // shorter than the time for which a new key is published before it signs
)

// eventReply is an event as the API shows it.
type eventReply struct {
	ID       string       `json:"id"`
	Name     string       `json:"name"`
	Venue    string       `json:"venue"`
	Timezone string       `json:"timezone"` // IANA: of the venue
	StartsAt time.Time    `json:"starts_at,omitzero"`
	OpensAt  time.Time    `json:"opens_at,omitzero"`
	SaleEnds time.Time    `json:"sale_ends_at,omitzero"`
	State    string       `json:"state"` // as on the board
	Message  string       `json:"message,omitempty"`
	Currency string       `json:"currency"`
	Digits   int          `json:"currency_digits"` // decimals of an amount; minor units are the amount times ten to this power
	Levels   []eventLevel `json:"levels"`
	Limits   wire.Limits  `json:"limits"`
	Hold     holdRule     `json:"hold"`
	Tax      *taxReply    `json:"tax,omitempty"`

	Concessions []concessionReply `json:"concessions,omitempty"`
	Promotions  bool              `json:"promotions,omitempty"` // there are codes of promotions

	Plan   string `json:"plan"` // digest
	Places int    `json:"places"`
}

type holdRule struct {
	Seconds     int `json:"seconds"`                // for which seats are held
	MoreSeconds int `json:"more_seconds,omitempty"` // which a fan may add once
}

type eventLevel struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Categories []string     `json:"categories"`
	Sections   []string     `json:"sections,omitempty"` // ids of sections and areas; none: wherever no other level of the category names the section
	Price      wire.Amounts `json:"price"`
}

func (g *Gateway) eventReply(ev *events.Event) eventReply {
	rec := ev.Record()
	s := rec.Spec
	e := eventReply{ID: ev.ID(), Name: s.Name, Venue: s.Venue, Timezone: s.Timezone, StartsAt: s.StartsAt, OpensAt: s.OpensAt, SaleEnds: s.SaleEndsAt, State: ev.State(g.cfg.Now()),
		Currency: s.Currency, Digits: wire.CurrencyDigits(s.Currency), Limits: s.Limits, Hold: holdRule{seconds(s.Hold.TTL), seconds(s.Hold.MoreTime)}, Plan: rec.Plan, Places: ev.Venue.Index.Len(),
		Tax: taxOf(s), Concessions: concessionsOf(s), Promotions: len(s.Promotions) > 0}
	if b := ev.Board(); b != nil {
		e.Message = b.Message
	}
	for _, l := range s.Levels {
		e.Levels = append(e.Levels, eventLevel{l.ID, l.Name, l.Categories, l.Sections, ev.Price(l)})
	}
	return e
}

func seconds(d wire.Duration) int { return int(time.Duration(d).Seconds()) }

func (g *Gateway) listEvents(w http.ResponseWriter, _ *request) error {
	list := []eventReply{}
	for _, ev := range g.events.List() {
		list = append(list, g.eventReply(ev))
	}
	w.Header().Set("Cache-Control", boardCache)
	return writeJSON(w, http.StatusOK, struct {
		Events []eventReply `json:"events"`
	}{list})
}

func (g *Gateway) getEvent(w http.ResponseWriter, r *request) error {
	w.Header().Set("Cache-Control", boardCache)
	return writeJSON(w, http.StatusOK, g.eventReply(r.event))
}

func (g *Gateway) getPlan(w http.ResponseWriter, r *request) error {
	r.event.Venue.Full.Serve(w, r.Request, immutable)
	return nil
}

func (g *Gateway) getMap(w http.ResponseWriter, r *request) error {
	r.event.Venue.Map.Serve(w, r.Request, immutable)
	return nil
}

func (g *Gateway) getBoard(w http.ResponseWriter, r *request) error {
	b := r.event.Board()
	if b == nil {
		return wire.Busy("The board is not ready yet. Please try again in a moment.")
	}
	b.Doc.Serve(w, r.Request, boardCache)
	return nil
}

// availability answers GET …/availability. A client that noticed a gap must not get a
// cached answer, so caches must revalidate.
func (g *Gateway) availability(w http.ResponseWriter, r *request) error {
	s := r.event.Hub.Snapshot()
	if s == nil {
		return wire.Busy("The seats are still being loaded. Please try again in a moment.")
	}
	d := s.Binary()
	switch format := r.URL.Query().Get("format"); format {
	case "":
	case "json":
		d = s.JSON()
	default:
		return wire.Refuse(wire.CodeBadRequest, "The format is json, or left out.")
	}
	w.Header().Set(seqHeader, s.Seq())
	d.Serve(w, r.Request, "no-cache")
	return nil
}

// live answers GET …/live with a live socket.
func (g *Gateway) live(w http.ResponseWriter, r *request) error {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return wire.Refuse(wire.CodeBadRequest, "This address speaks only WebSocket.")
	}
	v := r.visitor
	if err := g.visitors.SameOriginSocket(v, r.Request); err != nil {
		return err
	}
	if v.Refused != nil {
		return v.Refused
	}
	if face, fresh := g.defences.Seen(v); fresh {
		g.visitors.Update(w, v, face)
	}
	address, fan := g.defences.SocketOwner(v)
	return r.event.Hub.Accept(w, r.Request, v.Fan(), live.Owner{Address: address, Fan: fan})
}

// keySet is /.well-known/jwks.json, with the keys it was made from.
type keySet struct {
	of  *keyring.PublicKeys
	doc *pages.Document
}

func (g *Gateway) getKeys(w http.ResponseWriter, r *request) error {
	set, of := g.keySet.Load(), g.cfg.Keys.Public()
	if set == nil || set.of != of {
		raw := g.cfg.Keys.Keys().JWKS()
		set = &keySet{of, pages.NewDocument("application/jwk-set+json", wire.Hash(raw)[:16], raw)}
		g.keySet.Store(set)
	}
	set.doc.Serve(w, r.Request, keysCache)
	return nil
}
