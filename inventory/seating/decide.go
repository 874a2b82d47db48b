package seating

import (
	"container/heap"
	"slices"
	"strings"
	"time"

	"frontrow/wire"
)

// Hold decides a request for seats: all of them or none.
func (e *Engine) Hold(r wire.HoldRequest, now time.Time) wire.HoldReply {
	if h := e.holds[r.Hold]; h != nil { // sent again: the same answer
		if h.fan != r.Claims.Fan {
			return refusal(wire.Refuse(wire.CodeForbidden, "This hold belongs to somebody else."))
		}
		if !h.answers(r) {
			return refusal(wire.Refuse(wire.CodeKeyReused, "This idempotency key was used to ask for other seats. Use a new key."))
		}
		return e.reply(h)
	}
	if e.ended.has(r.Hold) || e.attempted.has(r.Hold) { // sent again, and late
		return refusal(wire.Refuse(wire.CodeHoldOver, "This hold has ended and its seats were given back. Choose again."))
	}
	if p := e.onSale(now); p != nil {
		return refusal(p)
	}
	if !r.Claims.Expires.After(now) {
		return refusal(wire.Refuse(wire.CodeUnauthorized, "Your time to choose seats has ended. Join the queue again for another turn."))
	}
	if p := e.usedUp(r.Claims.Fan, now); p != nil {
		return refusal(p)
	}
	seats, why, p := e.choose(r, now)
	if p != nil {
		return refusal(p)
	}
	quotes, p := e.quote(seats, r.Claims.Priced)
	if p == nil {
		p = e.shown(r.Expect, quotes)
	}
	if p != nil {
		return refusal(p)
	}
	h := &hold{id: r.Hold, fan: r.Claims.Fan, seats: seats, quotes: quotes, why: why, slot: -1}
	e.grant(h, &r.Claims, now)
	e.keepers.begin(h.fan, now, e.rest())
	e.remember(h)
	until := h.until
	act := wire.Act{Kind: wire.ActKindHold, Hold: h.id, Fan: h.fan, Seats: e.ids(seats), Priced: r.Claims.Priced, Until: &until, Channel: r.Claims.Channel}
	for k, i := range seats {
		e.change(i, wire.Held, h, now)
		act.Prices = append(act.Prices, quotes[k].Price)
	}
	e.acts = append(e.acts, act)
	return e.reply(h)
}

// answers reports whether a hold is what a request asks for, as far as that can be seen.
func (h *hold) answers(r wire.HoldRequest) bool {
	count := r.Count
	switch {
	case r.Best != nil:
		count = r.Best.Count
	case len(r.Seats) > 0:
		count = len(r.Seats)
	}
	return count == len(h.seats) && !slices.ContainsFunc(r.Seats, func(id string) bool {
		return !slices.ContainsFunc(h.quotes, func(q wire.SeatQuote) bool { return q.ID == id })
	})
}

// Release gives a hold's seats back.
func (e *Engine) Release(r wire.ReleaseRequest, now time.Time) *wire.Problem {
	if r.Hold == "" && r.By != "" && r.Fan != "" {
		e.releaseAll(r, now)
		return nil
	}
	h := e.holds[r.Hold]
	switch {
	case h == nil:
		return nil // it has ended, as requested
	case h.sold:
		return wire.Refuse(wire.CodeHoldOver, "These seats are sold.")
	case r.Order != "":
		if h.hasTried(r.Order) {
			return nil // it was given back before
		}
		if h.order != r.Order {
			return wire.Refuse(wire.CodeForbidden, "The hold is not in checkout under this order.")
		}
		if r.Again && e.payable(h, now) {
			e.goBack(h, r.Why, now)
			return nil
		}
	case r.By != "":
		if h.order != "" {
			return wire.Refuse(wire.CodeCheckoutBusy, "The hold is in checkout; its payment decides.")
		}
	case h.fan != r.Fan:
		return wire.Refuse(wire.CodeForbidden, "This hold belongs to somebody else.")
	case h.order != "":
		p := wire.Refuse(wire.CodeCheckoutBusy, "The checkout has begun. Wait for its outcome.")
		p.Order = h.order
		return p
	}
	e.end(h, wire.Act{Kind: wire.ActKindRelease, By: r.By, Why: r.Why}, r.Ours, now)
	return nil
}

// releaseAll gives back what a fan holds and is not paying for.
func (e *Engine) releaseAll(r wire.ReleaseRequest, now time.Time) {
	if e.tickets[r.Fan] == 0 {
		return
	}
	var theirs []*hold
	for _, h := range e.holds {
		if h.fan == r.Fan && !h.sold && h.order == "" {
			theirs = append(theirs, h)
		}
	}
	slices.SortFunc(theirs, func(a, b *hold) int { return strings.Compare(a.id, b.id) }) // the log's order is not left to chance
	for _, h := range theirs {
		e.end(h, wire.Act{Kind: wire.ActKindRelease, By: r.By, Why: r.Why}, false, now)
	}
}

// end frees a standing hold's seats; faultless means that the fan did not cause it.
func (e *Engine) end(h *hold, act wire.Act, faultless bool, now time.Time) {
	act.Hold, act.Fan, act.Order, act.Seats = h.id, h.fan, h.order, e.ids(h.seats)
	e.forget(h)
	e.over(h, now)
	e.acts = append(e.acts, act)
	e.giveBack(h.seats, now)
	e.unbought(h, faultless, now)
}

// over notes that a hold, forgotten by now, has ended: under its id nobody gets another
// while a request for it may be under way, nor later if its orders are used up.
func (e *Engine) over(h *hold, now time.Time) {
	e.ended.add(h.id, now)
	if h.order != "" || len(h.tried) > 0 {
		e.attempted.add(h.id)
	}
}

// giveBack makes owned seats free; those that came from a channel return to it.
func (e *Engine) giveBack(seats []int, now time.Time) {
	var back *wire.Act
	for _, i := range seats {
		b, marked := e.blocks[i]
		if !marked {
			e.change(i, wire.Available, nil, now)
			continue
		}
		e.change(i, wire.Blocked, nil, now)
		if back == nil || back.Channel != b.channel || back.Why != b.why {
			e.acts = append(e.acts, wire.Act{Kind: wire.ActKindBlock, Channel: b.channel, Why: b.why})
			back = &e.acts[len(e.acts)-1]
		}
		back.Seats = append(back.Seats, e.index.ID(i))
	}
}

func (e *Engine) forget(h *hold) {
	if h.slot >= 0 {
		heap.Remove(&e.deadlines, h.slot)
	}
	delete(e.holds, h.id)
	e.tally(h.fan, -len(h.seats))
	e.uses.add(h.fan, h.quotes, -1)
	if h.sold {
		e.returns.buys(h.net, -len(h.seats))
	}
}

// tally counts n more tickets for a fan.
func (e *Engine) tally(fan string, n int) {
	had := e.tickets[fan]
	e.squares += (had+n)*(had+n) - had*had
	if e.tickets[fan] = had + n; had+n == 0 {
		delete(e.tickets, fan)
	}
}

// remember is the inverse of forget, with the seats that h has now.
func (e *Engine) remember(h *hold) {
	e.holds[h.id] = h
	e.tally(h.fan, len(h.seats))
	e.uses.add(h.fan, h.quotes, +1)
	if h.sold {
		e.returns.buys(h.net, len(h.seats))
	} else {
		heap.Push(&e.deadlines, h)
	}
}

// Checkout puts a hold into checkout: its deadline alone no longer ends it.
func (e *Engine) Checkout(r wire.CheckoutRequest, now time.Time) wire.HoldReply {
	h := e.holds[r.Hold]
	switch {
	case h == nil:
		return refusal(wire.Refuse(wire.CodeHoldOver, "Your time to pay has ended and the seats were given back. Choose again."))
	case h.fan != r.Fan:
		return refusal(wire.Refuse(wire.CodeForbidden, "This hold belongs to somebody else."))
	}
	for k, t := range h.tried { // sent again, after it failed
		switch {
		case t.Key == r.Key && t.Body == r.Body:
			reply := e.reply(h)
			reply.Order = wire.OrderOfAttempt(h.id, k+1)
			return reply
		case t.Key == r.Key:
			return refusal(keyReused())
		}
	}
	switch {
	case h.order != "" && h.key == r.Key && h.body == r.Body:
		return e.reply(h)
	case h.order != "" && h.key == r.Key:
		return refusal(keyReused())
	}
	if p := e.unpayable(h, now); p != nil {
		return refusal(p)
	}
	if r.Quoted != nil && !r.Quoted.Quotes(h.quotes) {
		return refusal(wire.Refuse(wire.CodeQuoteChanged, "These are not the seats or not the price that you were shown. Nothing was charged. Give the seats back and choose again."))
	}
	h.order, h.key, h.body = wire.OrderOfAttempt(h.id, len(h.tried)+1), r.Key, r.Body
	h.heldUntil = h.until
	e.prolong(h, e.extended(h, now), wire.ActKindCheckout, now)
	return e.reply(h)
}

// unpayable says why a hold can't be paid for now, nor changed in view of that: it is being paid
// for, or it is too late. Otherwise it is nil.
func (e *Engine) unpayable(h *hold, now time.Time) *wire.Problem {
	switch {
	case h.order != "":
		p := wire.Refuse(wire.CodeCheckoutBusy, "These seats are already being paid for. Wait for the outcome of that payment.")
		p.Order = h.order
		return p
	case e.closed:
		return wire.Refuse(wire.CodeGone, "The sale of this event has ended, so these seats can no longer be paid for. Nothing was charged.")
	case !h.until.After(now):
		return wire.Refuse(wire.CodeHoldOver, "Your time to pay has ended. Choose again.")
	}
	return nil
}

// Confirm marks as sold the seats that the ledger has committed. The ledger is
// authoritative: it wins over whatever the records say, except another sale. Seats that the
// order has since given back are not sold to it again. Seats of the hold that are not
// confirmed, because the ledger has taken them back, are sold with the others until Refund
// says how they come back.
func (e *Engine) Confirm(r wire.ConfirmRequest, now time.Time) *wire.Problem {
	h := e.holds[r.Hold]
	if h != nil && h.sold && h.order == r.Order {
		return nil
	}
	quotes := slices.DeleteFunc(slices.Clone(r.Seats), func(q wire.SeatQuote) bool { return e.returned.has(returned(r.Order, q.ID)) })
	if len(quotes) == 0 {
		return nil
	}
	if h != nil {
		for _, q := range h.quotes {
			if !slices.ContainsFunc(quotes, func(confirmed wire.SeatQuote) bool { return confirmed.ID == q.ID }) {
				quotes = append(quotes, q)
			}
		}
	}
	seats := make([]int, len(quotes))
	for k, q := range quotes {
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
		if !h.sold {
			e.keepers.end(h.fan, false, now, e.rest())
		}
	}
	for _, i := range seats { // somebody else's hold loses the seat, and with it its purpose
		if o := e.owner[i]; o != nil && o != h {
			e.end(o, wire.Act{Kind: wire.ActKindRelease, Why: "a seat of it was sold by order " + r.Order}, true, now)
		}
	}
	sold := &hold{id: r.Hold, fan: r.Fan, seats: seats, quotes: quotes, order: r.Order, sold: true, slot: -1}
	if h != nil {
		sold.tried = h.tried
		sold.key, sold.body, sold.until, sold.extended, sold.net = h.key, h.body, h.until, h.extended, h.net
	}
	e.remember(sold)
	for _, i := range seats {
		e.mark(i, nil)
		e.change(i, wire.Sold, sold, now)
	}
	e.acts = append(e.acts, wire.Act{Kind: wire.ActKindSell, Hold: r.Hold, Order: r.Order, Fan: r.Fan, Seats: e.ids(seats)})
	return nil
}

// Refund takes back seats that an order owns, all if none are named; see
// wire.RefundRequest.
func (e *Engine) Refund(r wire.RefundRequest, now time.Time) *wire.Problem {
	for _, id := range r.Seats {
		e.returned.add(returned(r.Order, id), now)
	}
	h := e.holds[r.Hold]
	if h == nil || r.Order == "" || h.order != r.Order {
		return nil // nothing of it is left to take back
	}
	named := make([]int, len(r.Seats))
	for k, id := range r.Seats {
		i, ok := e.index.Lookup(id)
		if !ok {
			return wire.Refuse(wire.CodeUnknownSeat, "The plan has no seat "+id+".")
		}
		named[k] = i
	}
	var back, kept []int
	var quotes []wire.SeatQuote
	for k, i := range h.seats {
		if len(named) == 0 || slices.Contains(named, i) {
			back = append(back, i)
			e.returned.add(returned(r.Order, e.index.ID(i)), now)
		} else {
			kept, quotes = append(kept, i), append(quotes, h.quotes[k])
		}
	}
	if len(back) == 0 {
		return nil
	}
	e.acts = append(e.acts, wire.Act{Kind: wire.ActKindRefund, Hold: h.id, Order: h.order, Fan: h.fan, Seats: e.ids(back), By: r.By, Why: r.Why})
	e.forget(h)
	if len(kept) > 0 { // answers under way keep the old slices
		h.seats, h.quotes = kept, quotes
		e.remember(h)
	} else {
		e.over(h, now)
	}
	if !r.Block {
		e.giveBack(back, now)
		return nil
	}
	for _, i := range back {
		e.mark(i, &block{why: r.Why})
		e.change(i, wire.Blocked, nil, now)
	}
	e.acts = append(e.acts, wire.Act{Kind: wire.ActKindBlock, Seats: e.ids(back), By: r.By, Why: r.Why})
	return nil
}

func (e *Engine) reply(h *hold) wire.HoldReply {
	r := wire.HoldReply{Hold: h.id, Seats: h.quotes, Currency: e.spec.Currency, Expires: h.until, Order: h.order, Why: h.why}
	for _, q := range h.quotes {
		r.Total += q.Price.Total
	}
	return r
}

func refusal(p *wire.Problem) wire.HoldReply { return wire.HoldReply{Problem: p} }
