package rules

import (
	"maps"
	"slices"
	"time"

	"frontrow/wire"
)

// lives is for how many of the event's intervals a proposal can be approved; and for which,
// after one was rejected, the rules propose nothing.
const lives = 5

// proposes reports whether a change of a level waits for approval: those that its rules want.
// What the spec says, and what brings a price back into its rails, is done at once.
func (d *decision) proposes(l *level) bool {
	return d.Pricing.Mode == wire.PricingPropose && l.moves && l.now == l.was.Total
}

// over reports whether a proposal can't be approved any more: it is too old, or the prices
// that it was made on have changed. An instant before it is one of a clock that went back.
func over(a wire.PriceAct, p *wire.PriceProposal, state State) bool {
	if a.At.After(lapses(a.Rules, p)) {
		return true
	}
	for id, to := range p.Levels {
		if state[id].Version != to.From {
			return true
		}
	}
	return false
}

// Published is a level's price after an act as PRICES says it: with whether it is frozen, and
// what it becomes if the open proposal is approved.
func Published(act wire.PriceAct, level string) wire.Price {
	l := act.Levels[level]
	p := l.Price
	p.Frozen, p.Proposed = l.Frozen, nil
	if open := act.Proposal; open != nil && !open.Rejected {
		if to, ok := open.Levels[level]; ok && to.From == l.Version {
			p.Proposed = &wire.PriceProposed{Total: to.Total, At: open.At, Until: lapses(act.Rules, open)}
		}
	}
	return p
}

// lapses is when a proposal can't be approved any more.
func lapses(r wire.PriceRules, p *wire.PriceProposal) time.Time {
	return p.At.Add(lives * time.Duration(r.Pricing.Every))
}

// propose returns the proposal of an operator or, if the act names none, of the rules. Those
// leave an operator time to read one, and put none in the place of an operator's, of one that
// somebody has approved, or that was rejected a while ago.
func propose(a, last wire.PriceAct) (*wire.PriceProposal, error) {
	if a.Rules.Pricing.Mode != wire.PricingPropose {
		return nil, refused("Prices of this event need no approval.")
	}
	state, p := State(last.Levels), &wire.PriceProposal{Act: a.N, By: a.By, Why: a.Why, At: a.At.UTC()}
	if a.By != "" {
		p.Levels = asked(a, state)
		_, err := moved(a, state, p.Levels, "")
		return p, err
	}
	open := last.Proposal
	if open != nil && (a.At.Before(open.At.Add(time.Duration(a.Rules.Pricing.Every))) || !over(a, open, state) && (open.Rejected || open.By != "" || len(open.Approved) > 0)) {
		return nil, ErrNothing
	}
	p.Levels = map[string]wire.ProposedPrice{}
	d, levels := decided(a.Rules, state, signals(a), a.At)
	for i := range levels {
		l := &levels[i]
		if after, changes := d.after(l); changes && d.proposes(l) {
			p.Levels[l.ID] = wire.ProposedPrice{Total: after.Total, From: l.was.Version, Wanted: after.Wanted, Parts: after.Parts, QueueAt: after.QueueAt, Why: after.Why}
		}
	}
	if len(p.Levels) == 0 || open != nil && !over(a, open, state) && maps.EqualFunc(p.Levels, open.Levels, func(x, y wire.ProposedPrice) bool { return x.Total == y.Total }) {
		return nil, ErrNothing
	}
	return p, nil
}

// open returns the proposal that an act is on, or why there is none.
func open(a, last wire.PriceAct) (*wire.PriceProposal, error) {
	switch p := last.Proposal; {
	case p == nil || p.Act != a.On || p.Rejected:
		return nil, refused("That is not the proposal that is open: look at the status.")
	case over(a, p, last.Levels):
		return nil, refused("The proposal is stale: it is too old, or prices have changed since.")
	default:
		return p, nil
	}
}

// approve notes an approval; the last one that is needed moves the prices.
func approve(a, last wire.PriceAct) (*wire.PriceProposal, State, error) {
	p, err := open(a, last)
	switch {
	case err != nil:
		return nil, nil, err
	case p.By == a.By:
		return nil, nil, refused("Whoever proposes doesn't approve: it takes somebody else.")
	case slices.Contains(p.Approved, a.By):
		return nil, nil, refused("%s has approved it already: it takes somebody else.", a.By)
	}
	after := *p
	if after.Approved = append(slices.Clone(p.Approved), a.By); len(after.Approved) < a.Rules.Pricing.Approvals {
		return &after, last.Levels, nil
	}
	next, err := moved(a, last.Levels, p.Levels, "approved: ")
	return nil, next, err
}

// reject ends a proposal.
func reject(a, last wire.PriceAct) (*wire.PriceProposal, error) {
	p, err := open(a, last)
	if err != nil {
		return nil, err
	}
	after := *p
	after.Rejected, after.At = true, a.At.UTC()
	return &after, nil
}
