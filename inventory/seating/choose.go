package seating

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"frontrow/plan"
	"frontrow/wire"
)

func (e *Engine) onSale(now time.Time) *wire.Problem {
	if e.closed || e.spec.Over(now) {
		return wire.Refuse(wire.CodeGone, "The sale of this event has ended, so no more seats can be held.")
	}
	if now.Before(e.spec.OpensAt) {
		p := wire.Refuse(wire.CodeNotOpen, "The sale opens on "+wire.FormatInstant(e.spec.OpensAt, e.zone)+".")
		p.RetryAfterMS = e.spec.OpensAt.Sub(now).Milliseconds()
		return p
	}
	return nil
}

// choose picks the seats that a request means, none of them taken.
func (e *Engine) choose(r wire.HoldRequest, now time.Time) (seats []int, why string, p *wire.Problem) {
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
		return nil, "", wire.Refuse(wire.CodeLimit, fmt.Sprintf("One person may have %d tickets for this event. You have %d and asked for %d more.", limit, have, count))
	}
	if len(r.Seats) > 0 {
		if seats, p = e.named(r.Seats, r.Claims.Channel); p == nil {
			p = e.resting(seats, &r.Claims, now)
		}
		return seats, "", p
	}
	among := e.finder.among(r.Claims.Channel)
	hidden, back := e.aside(among, &r.Claims, now)
	defer back()
	if r.Best != nil {
		seats, why, p = e.best(*r.Best, among, r.Hold, r.Claims.Priced)
	} else {
		seats, p = e.standing(r.Area, count, among)
	}
	if p != nil && p.Code == wire.CodeNoneLeft && hidden > 0 {
		p.Detail += " Seats that you, or your network, have kept and not bought are others' for " + spell(e.rest()) + " after."
	}
	return seats, why, p
}

func (e *Engine) named(ids []string, channel string) ([]int, *wire.Problem) {
	seats := make([]int, 0, len(ids))
	var unknown, taken []string
	for _, id := range ids {
		i, ok := e.index.Lookup(id)
		switch {
		case !ok:
			unknown = append(unknown, id)
		case slices.Contains(seats, i):
			return nil, wire.Refuse(wire.CodeInvalid, "Seat "+id+" is named twice.")
		case !e.forSale(i, channel):
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
		p := wire.Refuse(wire.CodeTaken, "Somebody else has just taken these seats. Nothing was held: choose others.")
		p.Seats = taken
		return nil, p
	}
	if p := e.companions(seats); p != nil {
		return nil, p
	}
	return seats, e.orphaned(seats, e.finder.among(channel))
}

// companions lets a companion seat go only with its accessible seat, or once that is sold
// without it.
func (e *Engine) companions(seats []int) *wire.Problem {
	for _, i := range seats {
		with, ok := e.finder.companionOf[i]
		if !ok || e.state[with] == wire.Sold || slices.Contains(seats, with) {
			continue
		}
		ref := e.index.Seat(i)
		p := wire.Refuse(wire.CodeInvalid, "Seat "+ref.ID+" is reserved for the companion of seat "+ref.With+". Choose the two together.")
		p.Seats = []string{ref.ID}
		return p
	}
	return nil
}

func (e *Engine) standing(area string, count int, among *layer) ([]int, *wire.Problem) {
	r, ok := e.index.Area(area)
	if !ok {
		return nil, wire.Refuse(wire.CodeUnknownArea, "The plan has no area "+area+".")
	}
	seats := among.standing(make([]int, 0, count), r.Start, r.End, count)
	if seats == nil {
		return nil, wire.Refuse(wire.CodeNoneLeft, fmt.Sprintf("This area has fewer than %d places left. Ask for fewer, or choose another area.", count))
	}
	return seats, nil
}

func (e *Engine) best(b wire.Best, among *layer, hold string, priced int64) ([]int, string, *wire.Problem) {
	w := wish{count: b.Count, levels: ^uint64(0), section: -1, among: among, seed: seedOf(hold), band: *e.spec.Best.Band}
	if b.Level != "" || b.MaxTotal != 0 {
		w.levels = 0
		for i, l := range e.spec.Levels {
			if (b.Level == "" || b.Level == l.ID) && (b.MaxTotal == 0 || e.price(i, priced).Total <= b.MaxTotal) {
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
		found = e.finder.accessible(&w)
	} else {
		found = e.finder.best(&w)
	}
	if found.seats == nil {
		return nil, "", wire.Refuse(wire.CodeNoneLeft, fmt.Sprintf("There are no %d places left that match. Ask for fewer, or for another section or price.", b.Count))
	}
	return slices.Clone(found.seats), e.explain(found), nil
}

// seedOf hashes a hold's id (FNV-1a), so that best available chooses alike when asked
// again.
func seedOf(hold string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(hold) {
		h = (h ^ uint64(hold[i])) * 1099511628211
	}
	return h
}

// explain describes the choice: "Block 104, Row D, 4 together, centre".
func (e *Engine) explain(c choice) string {
	n, ref := len(c.seats), e.index.Seat(c.seats[0])
	how := fmt.Sprintf("%d together", n)
	switch {
	case ref.Area:
		how = fmt.Sprintf("%d places", n)
	case c.groups > 1:
		how = fmt.Sprintf("%d seats in %d groups near each other", n, c.groups)
	case n == 1:
		how = "1 seat"
	}
	if !ref.Area && c.groups == 1 {
		how += ", " + e.finder.side(c.seats)
	}
	if i := strings.LastIndex(ref.Label, ", "); i > 0 { // without the seat's own number
		return ref.Label[:i] + ", " + how
	}
	return how
}

// Promises reports whether fans are promised what the prices were when they joined, for
// which NotePrices must have been told of them.
func (e *Engine) Promises() bool { return e.spec.Pricing.Promises() }

// NotePrices folds the prices after the next act of their log, for those who were promised
// what they were.
func (e *Engine) NotePrices(levels map[string]wire.LevelPrice) { e.past.Note(levels) }

// price is what a level costs a fan who was promised a state of the prices, or nothing: its
// version is 0 as long as that isn't known.
func (e *Engine) price(level int, priced int64) wire.Price {
	now := e.prices[level]
	if priced == 0 || !e.spec.Pricing.Promises() || now.Version == 0 {
		return now
	}
	if most, known := e.past.Most(e.spec.Levels[level].ID, priced); !known || most.Total < now.Total {
		return most
	}
	return now
}

func (e *Engine) quote(seats []int, priced int64) ([]wire.SeatQuote, *wire.Problem) {
	quotes := make([]wire.SeatQuote, len(seats))
	for k, i := range seats {
		level := e.levelOf[i]
		price := e.price(int(level), priced)
		if price.Version == 0 {
			return nil, wire.Busy("Prices are not published yet. Try again in a moment.")
		}
		ref := e.index.Seat(i)
		quotes[k] = wire.SeatQuote{ID: ref.ID, Label: ref.Label, Level: e.spec.Levels[level].ID, Price: price.Amounts, Version: price.Version,
			Notes: wire.NotesOf(ref.Restricted, ref.Kind == plan.Accessible, ref.Kind == plan.Companion)}
	}
	return quotes, nil
}

// shown refuses quotes that come to more than the fan was shown, if they say what that was.
func (e *Engine) shown(expect *int64, quotes []wire.SeatQuote) *wire.Problem {
	if expect == nil {
		return nil
	}
	total := int64(0)
	for _, q := range quotes {
		total += q.Price.Total
	}
	if total <= *expect {
		return nil
	}
	currency := e.spec.Currency
	p := wire.Refuse(wire.CodePriceChanged, fmt.Sprintf("The price has changed: it is %s now, not %s. Nothing is held yet. Ask again if you want the tickets at this price.",
		wire.FormatAmount(total, currency), wire.FormatAmount(*expect, currency)))
	p.Expected, p.Total = *expect, total
	return p
}
