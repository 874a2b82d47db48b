package inventory

import (
	"container/heap"
	"fmt"
	"slices"
	"strings"
	"time"

	"frontrow/plan"
	"frontrow/wire"
)

// Hold decides a request for seats: all of them or none.
func (e *Engine) Hold(r wire.HoldRequest, now time.Time) wire.HoldReply {
	if h := e.holds[r.Hold]; h != nil { // sent again: the same answer
		if h.fan != r.Claims.Fan {
			return refusal(wire.Refuse(wire.CodeForbidden, "This hold belongs to somebody else."))
		}
		return e.reply(h)
	}
	if p := e.onSale(now); p != nil {
		return refusal(p)
	}
	if !r.Claims.Expires.After(now) {
		return refusal(wire.Refuse(wire.CodeUnauthorized, "Your time to choose seats is over."))
	}
	seats, why, p := e.choose(r)
	if p != nil {
		return refusal(p)
	}
	quotes, p := e.quote(seats)
	if p != nil {
		return refusal(p)
	}
	h := &hold{id: r.Hold, fan: r.Claims.Fan, seats: seats, quotes: quotes, why: why,
		until: now.Add(time.Duration(e.spec.Hold.TTL)).UTC(), slot: -1}
	e.holds[h.id] = h
	e.tickets[h.fan] += len(seats)
	heap.Push(&e.deadlines, h)
	act := wire.Act{Kind: wire.ActKindHold, Hold: h.id, Fan: h.fan, Seats: e.ids(seats), Until: &h.until}
	for k, i := range seats {
		e.change(i, wire.Held, h, now)
		act.Prices = append(act.Prices, quotes[k].Price)
	}
	e.acts = append(e.acts, act)
	return e.reply(h)
}

func (e *Engine) onSale(now time.Time) *wire.Problem {
	if e.closed {
		return wire.Refuse(wire.CodeGone, "The sale of this event is over.")
	}
	if now.Before(e.spec.OpensAt) {
		p := wire.Refuse(wire.CodeNotOpen, "The sale opens at "+e.spec.OpensAt.UTC().Format(time.RFC3339)+".")
		p.RetryAfterMS = e.spec.OpensAt.Sub(now).Milliseconds()
		return p
	}
	return nil
}

// choose picks the seats a request means, none of them taken.
func (e *Engine) choose(r wire.HoldRequest) (seats []int, why string, p *wire.Problem) {
	ways, count := 0, r.Count
	if len(r.Seats) > 0 {
		ways, count = ways+1, len(r.Seats)
	}
	if r.Best != nil {
		ways, count = ways+1, r.Best.Count
	}
	if r.Area != "" {
		ways++
	}
	if ways != 1 || count < 1 {
		return nil, "", wire.Refuse(wire.CodeInvalid, "Ask for seats by name, for the best available, or for places of an area: one of the three, and at least one place.")
	}
	limit := min(r.Claims.Limit, e.spec.Limits.PerFan)
	if have := e.tickets[r.Claims.Fan]; have+count > limit {
		return nil, "", wire.Refuse(wire.CodeLimit, fmt.Sprintf("One person may have %d tickets for this event; you have %d and asked for %d more.", limit, have, count))
	}
	switch {
	case r.Best != nil:
		return e.best(*r.Best)
	case r.Area != "":
		seats, p = e.standing(r.Area, count)
		return seats, "", p
	}
	seats, p = e.named(r.Seats)
	return seats, "", p
}

func (e *Engine) named(ids []string) ([]int, *wire.Problem) {
	seats := make([]int, 0, len(ids))
	var unknown, taken []string
	for _, id := range ids {
		i, ok := e.index.Lookup(id)
		switch {
		case !ok:
			unknown = append(unknown, id)
		case slices.Contains(seats, i):
			return nil, wire.Refuse(wire.CodeInvalid, "Seat "+id+" is named twice.")
		case e.state[i] != wire.Available:
			taken = append(taken, id)
		default:
			seats = append(seats, i)
		}
	}
	if unknown != nil {
		p := wire.Refuse(wire.CodeUnknownSeat, "The plan has no such seat.")
		p.Seats = unknown
		return nil, p
	}
	if taken != nil {
		p := wire.Refuse(wire.CodeTaken, "These seats have just gone to somebody else. Nothing was held; choose others.")
		p.Seats = taken
		return nil, p
	}
	return seats, e.companions(seats)
}

// companions lets a companion seat go only together with its accessible seat.
func (e *Engine) companions(seats []int) *wire.Problem {
	for _, i := range seats {
		ref := e.index.Seat(i)
		if ref.Kind != plan.Companion {
			continue
		}
		if with, ok := e.index.Lookup(ref.With); !ok || !slices.Contains(seats, with) {
			p := wire.Refuse(wire.CodeInvalid, "Seat "+ref.ID+" is kept for the companion of seat "+ref.With+"; choose them together.")
			p.Seats = []string{ref.ID}
			return p
		}
	}
	return nil
}

func (e *Engine) standing(area string, count int) ([]int, *wire.Problem) {
	r, ok := e.index.Area(area)
	if !ok {
		return nil, wire.Refuse(wire.CodeUnknownArea, "The plan has no area "+area+".")
	}
	seats := e.finder.standing(r.Start, r.End, count)
	if seats == nil {
		return nil, wire.Refuse(wire.CodeNoneLeft, fmt.Sprintf("The area has fewer than %d places left.", count))
	}
	return seats, nil
}

func (e *Engine) best(b wire.Best) ([]int, string, *wire.Problem) {
	w := wish{count: b.Count, levels: ^uint64(0), section: -1}
	if b.Level != "" || b.MaxTotal != 0 {
		w.levels = 0
		for i, l := range e.spec.Levels {
			if (b.Level == "" || b.Level == l.ID) && (b.MaxTotal == 0 || e.prices[i].Total <= b.MaxTotal) {
				w.levels |= 1 << i
			}
		}
		if b.MaxTotal < 0 || b.Level != "" && !slices.ContainsFunc(e.spec.Levels, func(l wire.Level) bool { return l.ID == b.Level }) {
			return nil, "", wire.Refuse(wire.CodeInvalid, "There is no price level "+b.Level+", or the price is negative.")
		}
	}
	if b.Section != "" {
		at, area, ok := e.finder.sectionOf(b.Section)
		if !ok {
			return nil, "", wire.Refuse(wire.CodeUnknownArea, "The plan has no section "+b.Section+".")
		}
		w.section, w.area = at, area
	}
	var found choice
	if b.Accessible {
		found = e.finder.accessible(w)
	} else {
		found = e.finder.best(w)
	}
	if found.seats == nil {
		return nil, "", wire.Refuse(wire.CodeNoneLeft, fmt.Sprintf("There are no %d places left that match.", b.Count))
	}
	return found.seats, e.explain(found), nil
}

// explain says why these seats: "Block 104, Row D, 4 together".
func (e *Engine) explain(c choice) string {
	ref := e.index.Seat(c.seats[0])
	how := fmt.Sprintf("%d together", len(c.seats))
	switch {
	case len(c.seats) == 1:
		how = "1 seat"
	case ref.Area:
		how = fmt.Sprintf("%d places", len(c.seats))
	case c.groups > 1:
		how = fmt.Sprintf("%d seats in %d groups near each other", len(c.seats), c.groups)
	}
	if i := strings.LastIndex(ref.Label, ", "); i > 0 { // without the seat's own number
		return ref.Label[:i] + ", " + how
	}
	return how
}

func (e *Engine) quote(seats []int) ([]wire.SeatQuote, *wire.Problem) {
	quotes := make([]wire.SeatQuote, len(seats))
	for k, i := range seats {
		level := e.levelOf[i]
		price := e.prices[level]
		if price.Version == 0 {
			return nil, wire.Busy("Prices are not published yet. Try again in a moment.")
		}
		ref := e.index.Seat(i)
		quotes[k] = wire.SeatQuote{ID: ref.ID, Label: ref.Label, Level: e.spec.Levels[level].ID, Price: price.Amounts, Version: price.Version}
	}
	return quotes, nil
}

// Release gives a hold's seats back.
func (e *Engine) Release(r wire.ReleaseRequest, now time.Time) *wire.Problem {
	h := e.holds[r.Hold]
	switch {
	case h == nil:
		return nil // it has ended: that is what was wanted
	case h.sold:
		return wire.Refuse(wire.CodeHoldOver, "These seats are sold.")
	case r.Order != "":
		if h.order != r.Order {
			return wire.Refuse(wire.CodeForbidden, "The hold is not in checkout under this order.")
		}
	case r.By != "":
		if h.order != "" {
			return wire.Refuse(wire.CodeCheckoutBusy, "The hold is in checkout; its payment decides.")
		}
	case h.fan != r.Fan:
		return wire.Refuse(wire.CodeForbidden, "This hold belongs to somebody else.")
	case h.order != "":
		p := wire.Refuse(wire.CodeCheckoutBusy, "The checkout has begun; wait for its outcome.")
		p.Order = h.order
		return p
	}
	e.end(h, wire.Act{Kind: wire.ActKindRelease, By: r.By, Why: r.Why}, now)
	return nil
}

// end frees a standing hold's seats.
func (e *Engine) end(h *hold, act wire.Act, now time.Time) {
	act.Hold, act.Fan, act.Order, act.Seats = h.id, h.fan, h.order, e.ids(h.seats)
	e.forget(h)
	for _, i := range h.seats {
		e.change(i, wire.Available, nil, now)
	}
	e.acts = append(e.acts, act)
}

func (e *Engine) forget(h *hold) {
	if h.slot >= 0 {
		heap.Remove(&e.deadlines, h.slot)
	}
	delete(e.holds, h.id)
	if e.tickets[h.fan] -= len(h.seats); e.tickets[h.fan] <= 0 {
		delete(e.tickets, h.fan)
	}
}

// Checkout puts a hold into checkout, which its deadline alone no longer ends.
func (e *Engine) Checkout(r wire.CheckoutRequest, now time.Time) wire.HoldReply {
	h := e.holds[r.Hold]
	switch {
	case h == nil:
		return refusal(wire.Refuse(wire.CodeHoldOver, "The time to pay is over and the seats were given back. Choose again."))
	case h.fan != r.Fan:
		return refusal(wire.Refuse(wire.CodeForbidden, "This hold belongs to somebody else."))
	case h.order != "" && h.key == r.Key && h.body == r.Body:
		return e.reply(h)
	case h.order != "" && h.key == r.Key:
		return refusal(wire.Refuse(wire.CodeKeyReused, "This idempotency key was used with other details."))
	case h.order != "":
		p := wire.Refuse(wire.CodeCheckoutBusy, "This hold is being paid for already.")
		p.Order = h.order
		return refusal(p)
	case !h.until.After(now):
		return refusal(wire.Refuse(wire.CodeHoldOver, "The time to pay is over. Choose again."))
	}
	h.order, h.key, h.body = wire.OrderOfHold(h.id), r.Key, r.Body
	e.extend(h, wire.ActKindCheckout, now)
	return e.reply(h)
}

// Extend moves the deadline of a hold in checkout before a payment attempt.
func (e *Engine) Extend(r wire.ExtendRequest, now time.Time) wire.ExtendReply {
	h := e.holds[r.Hold]
	if h == nil || h.order != r.Order {
		return wire.ExtendReply{Problem: wire.Refuse(wire.CodeHoldOver, "The hold has ended.")}
	}
	if !h.sold {
		e.extend(h, wire.ActKindExtend, now)
	}
	return wire.ExtendReply{Expires: h.until}
}

// extend never shortens a hold. A hold whose deadline the ledger is being
// asked about stays in that question: the ledger's answer ends or sells it.
func (e *Engine) extend(h *hold, kind string, now time.Time) {
	if until := now.Add(time.Duration(e.spec.Hold.Checkout)).UTC(); until.After(h.until) {
		h.until = until
		if h.slot >= 0 {
			heap.Fix(&e.deadlines, h.slot)
		}
	}
	for _, i := range h.seats {
		e.at[i] = now
		e.touch(i)
	}
	e.acts = append(e.acts, wire.Act{Kind: kind, Hold: h.id, Order: h.order, Fan: h.fan, Seats: e.ids(h.seats), Until: &h.until})
}

// fenceOf is the highest revision among a hold's seats once they are stored.
func (e *Engine) fenceOf(id string) uint64 {
	var top uint64
	if h := e.holds[id]; h != nil {
		for _, i := range h.seats {
			top = max(top, e.revision[i])
		}
	}
	return top
}

// Confirm makes seats sold that the ledger has committed. The ledger is
// authoritative: it wins over whatever the records say, except another sale.
func (e *Engine) Confirm(r wire.ConfirmRequest, now time.Time) *wire.Problem {
	h := e.holds[r.Hold]
	if h != nil && h.sold && h.order == r.Order {
		return nil
	}
	seats := make([]int, len(r.Seats))
	for k, q := range r.Seats {
		i, ok := e.index.Lookup(q.ID)
		if !ok {
			return wire.Refuse(wire.CodeUnknownSeat, "The plan has no seat "+q.ID+".")
		}
		if o := e.owner[i]; o != nil && o.sold {
			return wire.Refuse(wire.CodeTaken, "Seat "+q.ID+" is sold under order "+o.order+".")
		}
		seats[k] = i
	}
	if h != nil {
		e.forget(h)
	}
	for _, i := range seats { // a hold of somebody else loses the seat, and with it its sense
		if o := e.owner[i]; o != nil && o != h {
			e.end(o, wire.Act{Kind: wire.ActKindRelease, Why: "a seat of it was sold by order " + r.Order}, now)
		}
	}
	sold := &hold{id: r.Hold, fan: r.Fan, seats: seats, quotes: r.Seats, order: r.Order, sold: true, slot: -1}
	if h != nil {
		sold.key, sold.body, sold.until = h.key, h.body, h.until
	}
	e.holds[sold.id] = sold
	e.tickets[sold.fan] += len(seats)
	for _, i := range seats {
		delete(e.why, i)
		e.change(i, wire.Sold, sold, now)
	}
	e.acts = append(e.acts, wire.Act{Kind: wire.ActKindSell, Hold: r.Hold, Order: r.Order, Fan: r.Fan, Seats: e.ids(seats)})
	return nil
}

// Expire frees the holds whose deadline has passed, until about most records
// have changed, and returns those in checkout: the ledger must say first
// whether they were paid for.
func (e *Engine) Expire(now time.Time, most int) (freed, settle []Ended) {
	for len(e.deadlines) > 0 && !e.deadlines[0].until.After(now) && len(e.pending) < most {
		h := e.deadlines[0]
		if h.order == "" {
			e.end(h, wire.Act{Kind: wire.ActKindExpire}, now)
			freed = append(freed, Ended{Hold: h.id, Fan: h.fan})
			continue
		}
		heap.Pop(&e.deadlines)
		settle = append(settle, Ended{Hold: h.id, Order: h.order, Fan: h.fan})
	}
	return freed, settle
}

// Ended is a hold whose deadline has passed; Order is set when it is in checkout.
type Ended struct{ Hold, Order, Fan string }

// Postpone puts a hold back among the deadlines, when the ledger can't be asked.
func (e *Engine) Postpone(id string, until time.Time) {
	if h := e.holds[id]; h != nil && !h.sold && h.slot < 0 {
		if until.After(h.until) {
			h.until = until.UTC()
		}
		heap.Push(&e.deadlines, h)
	}
}

// Due is the next deadline, ok false when nothing is held.
func (e *Engine) Due() (time.Time, bool) {
	if len(e.deadlines) == 0 {
		return time.Time{}, false
	}
	return e.deadlines[0].until, true
}

// Block takes free seats off sale or puts blocked ones back: all or none.
func (e *Engine) Block(r wire.BlockRequest, now time.Time) *wire.Problem {
	from, to, kind := wire.Available, wire.Blocked, wire.ActKindBlock
	if r.Unblock {
		from, to, kind = wire.Blocked, wire.Available, wire.ActKindUnblock
	}
	var seats []int
	var other []string
	for _, id := range r.Seats {
		i, ok := e.index.Lookup(id)
		if !ok {
			return wire.Refuse(wire.CodeUnknownSeat, "The plan has no seat "+id+".")
		}
		if e.state[i] == from {
			seats = append(seats, i)
		} else if e.state[i] != to {
			other = append(other, id)
		}
	}
	if other != nil {
		p := wire.Refuse(wire.CodeTaken, "Some seats are held or sold; nothing was changed.")
		p.Seats = other
		return p
	}
	for _, i := range seats {
		delete(e.why, i)
		if to == wire.Blocked {
			e.why[i] = r.Why
		}
		e.change(i, to, nil, now)
	}
	if len(seats) > 0 {
		e.acts = append(e.acts, wire.Act{Kind: kind, Seats: e.ids(seats), By: r.By, Why: r.Why})
	}
	return nil
}

func (e *Engine) reply(h *hold) wire.HoldReply {
	r := wire.HoldReply{Hold: h.id, Fan: h.fan, Seats: h.quotes, Currency: e.spec.Currency, Expires: h.until, Order: h.order, Why: h.why}
	for _, q := range h.quotes {
		r.Total += q.Price.Total
	}
	return r
}

func refusal(p *wire.Problem) wire.HoldReply { return wire.HoldReply{Problem: p} }
