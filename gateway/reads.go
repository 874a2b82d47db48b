package gateway

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"frontrow/gateway/catalogue"
	"frontrow/gateway/document"
	"frontrow/gateway/identity"
	"frontrow/gateway/live"
	"frontrow/wire"
)

// How long an answer may be kept.
const (
	immutable  = "public, max-age=31536000, immutable"
	boardCache = "public, max-age=1"
	keysCache  = "public, max-age=30" // less than a new key is shown before it signs
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
	Plan     string       `json:"plan"` // digest
	Places   int          `json:"places"`
}

type holdRule struct {
	Seconds     int `json:"seconds"`                // that seats are kept
	MoreSeconds int `json:"more_seconds,omitempty"` // that a fan may add to it once
}

type eventLevel struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Categories []string     `json:"categories"`
	Price      wire.Amounts `json:"price"`
}

func (g *Gateway) eventReply(ev *catalogue.Event) eventReply {
	rec := ev.Record()
	s := rec.Spec
	e := eventReply{ID: ev.ID(), Name: s.Name, Venue: s.Venue, Timezone: s.Timezone, StartsAt: s.StartsAt, OpensAt: s.OpensAt, SaleEnds: s.SaleEndsAt, State: ev.State(g.cfg.Now()),
		Currency: s.Currency, Digits: wire.CurrencyDigits(s.Currency), Limits: s.Limits, Hold: holdRule{seconds(s.Hold.TTL), seconds(s.Hold.MoreTime)}, Plan: rec.Plan, Places: ev.Venue.Index.Len()}
	if b := ev.Board(); b != nil {
		e.Message = b.Message
	}
	for _, l := range s.Levels {
		e.Levels = append(e.Levels, eventLevel{l.ID, l.Name, l.Categories, ev.Price(l)})
	}
	return e
}

func seconds(d wire.Duration) int { return int(time.Duration(d).Seconds()) }

func (g *Gateway) listEvents(w http.ResponseWriter, _ *http.Request) error {
	list := []eventReply{}
	for _, ev := range g.events.List() {
		list = append(list, g.eventReply(ev))
	}
	w.Header().Set("Cache-Control", boardCache)
	return writeJSON(w, http.StatusOK, struct {
		Events []eventReply `json:"events"`
	}{list})
}

func (g *Gateway) getEvent(w http.ResponseWriter, r *http.Request) error {
	ev, err := g.events.Find(r.PathValue("event"))
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", boardCache)
	return writeJSON(w, http.StatusOK, g.eventReply(ev))
}

func (g *Gateway) getPlan(w http.ResponseWriter, r *http.Request) error {
	ev, err := g.events.Find(r.PathValue("event"))
	if err != nil {
		return err
	}
	ev.Venue.Full.Serve(w, r, immutable)
	return nil
}

func (g *Gateway) getMap(w http.ResponseWriter, r *http.Request) error {
	ev, err := g.events.Find(r.PathValue("event"))
	if err != nil {
		return err
	}
	ev.Venue.Map.Serve(w, r, immutable)
	return nil
}

func (g *Gateway) getBoard(w http.ResponseWriter, r *http.Request) error {
	ev, err := g.events.Find(r.PathValue("event"))
	if err != nil {
		return err
	}
	b := ev.Board()
	if b == nil {
		return wire.Busy("The board is not ready yet. Please try again in a moment.")
	}
	b.Doc.Serve(w, r, boardCache)
	return nil
}

// availability answers GET …/availability. A client that noticed a gap must not
// be given what a cache kept, so caches may only keep it to ask again.
func (g *Gateway) availability(w http.ResponseWriter, r *http.Request) error {
	ev, err := g.events.Find(r.PathValue("event"))
	if err != nil {
		return err
	}
	s := ev.Hub.Snapshot()
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
	d.Serve(w, r, "no-cache")
	return nil
}

// live makes GET …/live a live socket.
func (g *Gateway) live(w http.ResponseWriter, r *http.Request) error {
	ev, err := g.events.Find(r.PathValue("event"))
	if err != nil {
		return err
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return wire.Refuse(wire.CodeBadRequest, "This address speaks only WebSocket.")
	}
	if err := g.identity.SameOrigin(r, true); err != nil {
		return err
	}
	fan, err := g.identity.Presented(r)
	if err != nil && !errors.Is(err, identity.ErrNoFan) {
		return err
	}
	if face, fresh := g.defences.Seen(r); fresh {
		g.identity.Show(w, r, face)
	}
	address, of := g.defences.SocketOwner(r, fan)
	return ev.Hub.Accept(w, r, fan, live.Owner{Address: address, Fan: of})
}

// places is how many an event has; 0 if it is not known.
func (g *Gateway) places(event string) int {
	ev, err := g.events.Find(event)
	if err != nil {
		return 0
	}
	return ev.Record().Places
}

// keySet is /.well-known/jwks.json, and the keys that it is of.
type keySet struct {
	of  *wire.PublicKeys
	doc *document.Document
}

func (g *Gateway) getKeys(w http.ResponseWriter, r *http.Request) error {
	set, of := g.keySet.Load(), g.cfg.Keys.Public()
	if set == nil || set.of != of {
		raw := g.cfg.Keys.Keys().JWKS()
		set = &keySet{of, document.New("application/jwk-set+json", wire.Hash(raw)[:16], raw)}
		g.keySet.Store(set)
	}
	set.doc.Serve(w, r, keysCache)
	return nil
}
