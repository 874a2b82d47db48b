package rules

import (
	"fmt"
	"maps"
	"time"

	"frontrow/wire"
)

// State is an event's prices, by level.
type State map[string]wire.LevelPrice

// WhySpec is the reason of a price that is what the event's spec says.
const WhySpec = "from the event's spec"

// Decide returns the prices that follow state. The levels that changed have a new version;
// changed is false if none has, and then next is state.
func Decide(r wire.PriceRules, state State, s wire.Signals, now time.Time) (next State, changed bool) {
	d, levels := decided(r, state, s, now)
	next = maps.Clone(state)
	if next == nil {
		next = State{}
	}
	for _, l := range levels {
		if after, moved := d.after(&l); moved && !d.proposes(&l) {
			next[l.ID], changed = after, true
		}
	}
	if !changed {
		return state, false
	}
	return next, true
}

// decided decides all levels.
func decided(r wire.PriceRules, state State, s wire.Signals, now time.Time) (*decision, []level) {
	d := &decision{PriceRules: r, Signals: s, now: now, pause: resting(r, state, now), planned: planned(r, now), ending: ending(r, now), stale: r.Stale()}
	rails := make(map[string]wire.Rails, len(r.Pricing.Rails))
	for _, l := range r.Pricing.Rails {
		rails[l.Level] = l
	}
	levels := make([]level, len(r.Levels))
	for i, at := range r.Levels {
		limits, moves := rails[at.ID]
		levels[i] = d.level(at, state[at.ID], limits, moves && r.Pricing.Mode != wire.PricingFixed)
	}
	switch p := r.Pricing; {
	case p.LeastApart != 0 || p.MostApart != 0:
		keepApart(levels, p.LeastApart, p.MostApart)
	case p.Spread:
		keepOrder(levels)
	}
	return d, levels
}

// resting reports whether rules may change no price of the event now. An instant before
// the last change is one of a clock that went back.
func resting(r wire.PriceRules, state State, now time.Time) bool {
	p := r.Pricing
	if !r.OpensAt.IsZero() && !now.Before(r.OpensAt.Add(-time.Duration(p.QuietBefore))) && now.Before(r.OpensAt.Add(time.Duration(p.QuietAfter))) {
		return true
	}
	if !r.EndsAt.IsZero() && !now.Before(r.EndsAt) { // the sale is over
		return true
	}
	for _, l := range state {
		if l.Version > 1 && now.Before(l.At.Add(time.Duration(p.Every))) {
			return true
		}
	}
	return false
}

// decision is what all levels are decided by.
type decision struct {
	wire.PriceRules
	wire.Signals
	now             time.Time
	pause           bool  // rules may change no price now
	planned, ending int64 // see there
	stale           string
}

// level is a level while it is decided. All amounts are totals.
type level struct {
	wire.PriceLevel
	was    wire.LevelPrice
	rails  wire.Rails
	moves  bool
	now    int64            // its price, once it is inside of its rails
	lo, hi int64            // what it may become
	to     int64            // what it becomes
	wanted int64            // by the rules alone
	next   wire.LevelPrice  // what the rules remember, but for the price
	parts  *wire.PriceParts // of demand
	hint   string           // what held it back
}

func (d *decision) level(at wire.PriceLevel, was wire.LevelPrice, rails wire.Rails, moves bool) level {
	l := level{PriceLevel: at, was: was, next: was, rails: rails, moves: moves}
	demand := d.Pricing.FollowsDemand()
	switch unopened := d.now.Before(d.OpensAt) && was.Parts == nil; {
	case !l.moves, was.Version == 0, demand && unopened:
		l.moves = false // so far it is what the spec says
		l.now, l.lo, l.hi, l.to = at.Total, at.Total, at.Total, at.Total
	case demand:
		d.demand(&l)
	default:
		d.tiers(&l)
	}
	return l
}

// tiers takes the last tier that was reached, in the order of the list.
func (d *decision) tiers(l *level) {
	reached := min(l.was.Tier, len(l.rails.Tiers))
	stock, known := d.Stock[l.ID]
	for i := reached; i < len(l.rails.Tiers); i++ {
		t := l.rails.Tiers[i]
		if t.Sold == 0 && !d.now.Before(t.From) || t.Sold > 0 && known && share(stock.Sold, stock.Places) >= int64(t.Sold)*100 {
			reached = i + 1
		}
	}
	l.now, l.lo, l.hi, l.to = l.was.Total, l.was.Total, l.was.Total, l.was.Total
	if d.pause || l.rails.Freeze || l.was.Frozen {
		return
	}
	l.to, l.next.Tier = l.Total, reached
	if reached > 0 {
		l.to = l.rails.Tiers[reached-1].Total
	}
	l.lo, l.hi = min(l.now, l.to), max(l.now, l.to)
}

// after is what the level becomes.
func (d *decision) after(l *level) (next wire.LevelPrice, moved bool) {
	amounts := l.At(l.to)
	if l.was.Version > 0 && l.was.Amounts == amounts {
		return l.was, false
	}
	next = l.next
	next.Price = wire.Price{Amounts: amounts, Version: l.was.Version + 1, At: d.now.UTC(), Why: WhySpec}
	switch {
	case !l.moves:
		next.Tier, next.QueueAt = 0, time.Time{}
	case d.Pricing.Mode == wire.PricingTiers:
		next.Why = l.whyTier()
	default:
		next.Wanted, next.Parts, next.Why = l.wanted, l.parts, l.whyDemand(d.Missing)
	}
	return next, true
}

// whyTier says which tier it is, or that the order of levels holds it back.
func (l *level) whyTier() string {
	if l.hint != "" {
		return l.hint
	}
	if l.next.Tier == 0 {
		return WhySpec
	}
	t := l.rails.Tiers[l.next.Tier-1]
	if t.Sold > 0 {
		return fmt.Sprintf("tier %d: %d %% of the level are sold", l.next.Tier, t.Sold)
	}
	return fmt.Sprintf("tier %d: from %s", l.next.Tier, t.From.UTC().Format(time.RFC3339))
}
