package gateway

import (
	"fmt"
	"net/http"
	"strings"

	"frontrow/wire"
)

// reductions answers PUT /v1/holds/{hold}/reductions. Here a promotion's code becomes its id: neither
// the writer nor any record sees it.
func (g *Gateway) reductions(w http.ResponseWriter, r *request) error {
	var wish wire.ReductionsWish
	if err := readJSON(w, r, &wish, false); err != nil {
		return err
	}
	if len(wish.Concessions) > wire.MaxPerFan {
		return wire.Refuse(wire.CodeInvalid, "There are more seats than an order can have.")
	}
	promotion, err := g.promotion(r, strings.TrimSpace(wish.Code))
	if err != nil {
		return err
	}
	return g.changeHold(w, r, wire.ActReduce,
		wire.ReductionsRequest{Hold: r.hold, Fan: r.pass.Subject, Concessions: wish.Concessions, Promotion: promotion})
}

// promotion returns the id of the promotion that has a code. Wrong ones are counted.
func (g *Gateway) promotion(r *request, code string) (id string, err error) {
	if code == "" {
		return "", nil
	}
	if p := g.defences.TriesCode(r.visitor); p != nil {
		return "", p
	}
	promotions := r.event.Record().Spec.Promotions
	seals := make([]string, len(promotions))
	for i, p := range promotions {
		seals[i] = p.Seal
	}
	i := g.cfg.Keys.FindPromotion(r.event.ID(), code, seals)
	if i < 0 {
		g.defences.TriedCode(r.visitor)
		g.metrics.codes.WithLabelValues(string(wire.CodePromotion)).Inc()
		return "", wire.Refuse(wire.CodePromotion, "This code is not valid for this event. Check how it is spelled.")
	}
	return promotions[i].ID, nil
}

// taxReply says which taxes are in an event's prices.
type taxReply struct {
	Mode  string         `json:"mode"` // wire.Tax…: how the organiser counts; prices have the taxes in them in any case
	Rates []wire.TaxRate `json:"rates"`
}

func taxOf(s wire.Spec) *taxReply {
	if len(s.Tax.Rates) == 0 {
		return nil
	}
	return &taxReply{s.Tax.Mode, s.Tax.Rates}
}

// concessionReply is a variant of levels that fans may choose for a seat that they hold.
type concessionReply struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Levels    []string `json:"levels"` // that have it
	PerOrder  int      `json:"per_order,omitempty"`
	PerFan    int      `json:"per_fan,omitempty"`
	NeedsFull bool     `json:"needs_full,omitempty"`
}

func concessionsOf(s wire.Spec) (all []concessionReply) {
	for _, c := range s.Concessions {
		reply := concessionReply{c.ID, c.Name, nil, c.PerOrder, c.PerFan, c.NeedsFull}
		for _, l := range s.Levels {
			if c.On(l.ID) {
				reply.Levels = append(reply.Levels, l.ID)
			}
		}
		all = append(all, reply)
	}
	return all
}

// concessionPrice is what a place of a level costs with a concession.
type concessionPrice struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Total int64  `json:"total"`
}

func concessionsOn(s wire.Spec, level string, total int64) (all []concessionPrice) {
	for _, c := range s.Concessions {
		if c.On(level) {
			all = append(all, concessionPrice{c.ID, c.Name, c.Of(total)})
		}
	}
	return all
}

// heldSeat is a seat of an order.
type heldSeat struct {
	ID         string       `json:"id"`
	Label      string       `json:"label"`
	Level      string       `json:"level,omitempty"`
	Price      wire.Amounts `json:"price"`
	Notes      wire.Notes   `json:"notes,omitzero"`
	Concession string       `json:"concession,omitempty"` // its name
	Promotion  string       `json:"promotion,omitempty"`  // its id
	List       *int64       `json:"list,omitempty"`       // the total without the two
}

// heldSeats returns seats as their buyer sees them, and the taxes that are in their prices.
func (g *Gateway) heldSeats(event string, quotes []wire.SeatQuote) ([]heldSeat, []wire.TaxLine) {
	spec := g.specOf(event)
	seats := make([]heldSeat, len(quotes))
	for i, q := range quotes {
		seats[i] = heldSeat{ID: q.ID, Label: q.Label, Level: q.Level, Price: q.Price, Notes: g.notes(event, q.ID),
			Concession: spec.ConcessionName(q.Concession), Promotion: q.Promotion}
		if q.Concession != "" || q.Promotion != "" {
			seats[i].List = &quotes[i].List
		}
	}
	return seats, spec.Tax.Taxes(quotes)
}

// notes returns what the plan says about a sold seat; nothing if its event is no longer
// known here.
func (g *Gateway) notes(event, seat string) wire.Notes {
	ev, err := g.events.Find(event)
	if err != nil {
		return 0
	}
	return ev.Venue.Notes(seat)
}

// specOf is the spec of a sold seat's event; of one that isn't known here any more, an empty
// one, so that ids are shown in the place of names.
func (g *Gateway) specOf(event string) (s wire.Spec) {
	if ev, err := g.events.Find(event); err == nil {
		s = ev.Record().Spec
	}
	return s
}

// taxNames lists taxes for people: "VAT 19 %, City tax 2.5 %".
func taxNames(rates []wire.TaxRate) string {
	names := make([]string, len(rates))
	for i, r := range rates {
		names[i] = fmt.Sprintf("%s %v %%", r.Name, r.Percent)
	}
	return strings.Join(names, ", ")
}
