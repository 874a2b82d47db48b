package seating

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"frontrow/wire"
)

// uses counts concessions, by seat, and promotions, by hold: those of the holds that stand
// and of the seats that are sold. It is what the quotes say, so a hold that ends unbought
// gives its uses back, and whoever restores the records counts as before.
type uses map[use]int

// use is one that is limited. A promotion is counted for all fans together too: under none.
type use struct {
	promotion bool
	id, fan   string
}

// add counts n more of all that quotes of one hold use.
func (u uses) add(fan string, quotes []wire.SeatQuote, n int) {
	promotion := ""
	for k := range quotes {
		q := &quotes[k]
		if q.Concession != "" {
			u.count(use{id: q.Concession, fan: fan}, n)
		}
		if promotion == "" {
			promotion = q.Promotion
		}
	}
	if promotion != "" {
		u.count(use{promotion: true, id: promotion}, n)
		u.count(use{promotion: true, id: promotion, fan: fan}, n)
	}
}

func (u uses) count(what use, n int) {
	if u[what] += n; u[what] == 0 {
		delete(u, what)
	}
}

// Reduce changes the concessions of a hold's seats and the promotion of the whole: see
// wire.ReductionsRequest.
func (e *Engine) Reduce(r wire.ReductionsRequest, now time.Time) wire.HoldReply {
	h := e.holds[r.Hold]
	switch {
	case h == nil, h.fan == r.Fan && h.sold:
		return refusal(wire.Refuse(wire.CodeHoldOver, "Your time to pay has ended and the seats were given back. Choose again."))
	case h.fan != r.Fan:
		return refusal(wire.Refuse(wire.CodeForbidden, "This hold belongs to somebody else."))
	}
	if p := e.unpayable(h, now); p != nil {
		return refusal(p)
	}
	e.uses.add(h.fan, h.quotes, -1) // its own don't count against it
	quotes, p := e.reduced(h, r, now)
	if p != nil || slices.Equal(quotes, h.quotes) {
		e.uses.add(h.fan, h.quotes, +1)
		if p != nil {
			return refusal(p)
		}
		return e.reply(h)
	}
	h.quotes = quotes // answers under way keep the old ones
	e.uses.add(h.fan, h.quotes, +1)
	act := wire.Act{Kind: wire.ActKindReduce, Hold: h.id, Fan: h.fan, Seats: e.ids(h.seats)}
	for k, i := range h.seats {
		e.at[i] = now
		e.touch(i)
		act.Prices = append(act.Prices, quotes[k].Price)
	}
	e.acts = append(e.acts, act)
	return e.reply(h)
}

// reduced returns the quotes of a hold with other reductions, whose uses are not counted just now.
func (e *Engine) reduced(h *hold, r wire.ReductionsRequest, now time.Time) ([]wire.SeatQuote, *wire.Problem) {
	quotes := slices.Clone(h.quotes)
	for k := range quotes {
		if q := &quotes[k]; q.Concession != "" || q.Promotion != "" {
			q.Price, q.Concession, q.Promotion, q.List = e.costs(h.seats[k], q.List), "", "", 0
		}
	}
	if p := e.concede(h, quotes, r.Concessions); p != nil {
		return nil, p
	}
	if r.Promotion != "" {
		if p := e.promote(h, quotes, r.Promotion, now); p != nil {
			return nil, p
		}
	}
	return quotes, nil
}

// costs splits the total of a seat.
func (e *Engine) costs(seat int, total int64) wire.Amounts {
	return e.spec.Opening(e.spec.Levels[e.levelOf[seat]]).At(total)
}

// lower makes a quote cost less than the list says, for a reason noted in it afterwards.
func (e *Engine) lower(q *wire.SeatQuote, seat int, total int64) {
	q.List = q.ListTotal()
	q.Price = e.costs(seat, total)
}

// concede applies concessions, by seat.
func (e *Engine) concede(h *hold, quotes []wire.SeatQuote, wanted map[string]string) *wire.Problem {
	var none []string
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		if !slices.ContainsFunc(quotes, func(q wire.SeatQuote) bool { return q.ID == id }) {
			none = append(none, id)
		}
	}
	if none != nil {
		return &wire.Problem{Code: wire.CodeInvalid, Detail: "These seats are not among those that are held.", Seats: none}
	}
	seats := map[string][]string{} // by concession
	for k := range quotes {
		q := &quotes[k]
		id := wanted[q.ID]
		if id == "" {
			continue
		}
		c, ok := e.spec.Concession(id)
		if !ok || !c.On(q.Level) {
			return &wire.Problem{Code: wire.CodeConcession, Detail: "This price is not offered for " + q.Label + ". Choose another one for it.", Seats: []string{q.ID}}
		}
		e.lower(q, h.seats[k], c.Of(q.ListTotal()))
		q.Concession = id
		seats[id] = append(seats[id], q.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(seats)) {
		c, _ := e.spec.Concession(id)
		if why := e.exceeds(c, h.fan, len(seats[id]), quotes); why != "" {
			return &wire.Problem{Code: wire.CodeConcession, Detail: why, Seats: seats[id]}
		}
	}
	return nil
}

// exceeds says why a fan can't have n seats of a concession in an order, if they can't.
func (e *Engine) exceeds(c wire.Concession, fan string, n int, quotes []wire.SeatQuote) string {
	full, companions := 0, 0
	for _, q := range quotes {
		switch other, _ := e.spec.Concession(q.Concession); {
		case q.Concession == "":
			full++
		case other.NeedsFull:
			companions++
		}
	}
	switch {
	case c.PerOrder > 0 && n > c.PerOrder:
		return fmt.Sprintf("At most %d of an order's tickets can be %q. Choose another price for the others.", c.PerOrder, c.Name)
	case c.PerFan > 0 && n+e.uses[use{id: c.ID, fan: fan}] > c.PerFan:
		return fmt.Sprintf("You can have at most %d tickets of %q, with those that you hold or bought before. Choose another price for the others.", c.PerFan, c.Name)
	case c.NeedsFull && companions > full:
		return fmt.Sprintf("Each ticket of %q goes with another one at the full price. Choose the full price for one more.", c.Name)
	}
	return ""
}

// promote applies a promotion to what the seats cost by now. An amount is shared among those
// that it counts for in proportion to their prices, to the minor unit.
func (e *Engine) promote(h *hold, quotes []wire.SeatQuote, id string, now time.Time) *wire.Problem {
	p, ok := e.spec.Promotion(id)
	switch {
	case !ok:
		return wire.Refuse(wire.CodePromotion, "This code is not valid for this event.")
	case now.Before(p.From):
		return wire.Refuse(wire.CodePromoTime, "This code can be used from "+wire.FormatInstant(p.From, e.zone)+" on. Until then you can buy without it.")
	case !p.Until.IsZero() && !now.Before(p.Until):
		return wire.Refuse(wire.CodePromoTime, "This code could be used until "+wire.FormatInstant(p.Until, e.zone)+". You can buy without it.")
	case p.Limit > 0 && e.uses[use{promotion: true, id: id}] >= p.Limit:
		return wire.Refuse(wire.CodePromoUsedUp, "This code has been used as often as it can be. Should an order with it not be paid for, it can be used again. You can buy without it.")
	case e.uses[use{promotion: true, id: id, fan: h.fan}] >= p.PerFan:
		return wire.Refuse(wire.CodePromoUsedUp, "You have used this code as often as one person can. You can buy without it.")
	}
	prices, total := make([]int64, len(quotes)), int64(0)
	for k, q := range quotes {
		if p.On(q.Level) {
			prices[k] = q.Price.Total
			total += q.Price.Total
		}
	}
	off := p.Of(total)
	if off == 0 {
		return wire.Refuse(wire.CodePromoIdle, "This code takes nothing off these seats"+e.meant(p)+".")
	}
	for k, part := range wire.Apportion(off, prices) {
		if p.On(quotes[k].Level) {
			e.lower(&quotes[k], h.seats[k], quotes[k].Price.Total-part)
			quotes[k].Promotion = id
		}
	}
	return nil
}

// meant names the levels that a promotion counts for, unless it counts for all.
func (e *Engine) meant(p wire.Promotion) string {
	if len(p.Levels) == 0 {
		return ""
	}
	var names []string
	for _, l := range e.spec.Levels {
		if p.On(l.ID) {
			names = append(names, l.Name)
		}
	}
	return ": it is for " + strings.Join(names, ", ")
}
