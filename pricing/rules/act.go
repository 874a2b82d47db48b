package rules

import (
	"errors"
	"fmt"
	"maps"

	"frontrow/wire"
)

// ErrNothing means that an act would change nothing.
var ErrNothing = errors.New("it would change nothing")

// Apply returns an act with the prices and the proposal after it, from the act before it:
// what is done before an act is stored, and what replay does to check it. The error is
// ErrNothing, or a *wire.Problem that says why an operator's act is refused.
func Apply(a, last wire.PriceAct) (wire.PriceAct, error) {
	state := State(last.Levels)
	a.N, a.Proposal = last.N+1, last.Proposal
	var next State
	var err error
	switch a.Kind {
	case wire.PriceActRules:
		next, err = State(nil), ErrNothing
		if n, changed := Decide(a.Rules, state, signals(a), a.At); changed {
			next, err = n, nil
		}
	case wire.PriceActSet:
		next, err = set(a, state)
	case wire.PriceActFreeze, wire.PriceActResume:
		next, err = freeze(a, state, a.Kind == wire.PriceActFreeze)
	case wire.PriceActPropose:
		next = state
		a.Proposal, err = propose(a, last)
	case wire.PriceActApprove:
		a.Proposal, next, err = approve(a, last)
	case wire.PriceActReject:
		next = state
		a.Proposal, err = reject(a, last)
	default:
		err = refused("There is no act %q on prices.", a.Kind)
	}
	a.Levels = next
	return a, err
}

func signals(a wire.PriceAct) wire.Signals {
	if a.Signals == nil {
		return wire.Signals{}
	}
	return *a.Signals
}

func refused(format string, a ...any) *wire.Problem {
	return wire.Refuse(wire.CodeInvalid, fmt.Sprintf(format, a...))
}

// freeze stops the levels that rules move, or lets them go again.
func freeze(a wire.PriceAct, state State, frozen bool) (State, error) {
	next, known, changed := maps.Clone(state), false, false
	for id, l := range state {
		if _, moves := a.Rules.Pricing.RailsOf(id); !moves || a.Level != "" && a.Level != id {
			continue
		}
		known, changed = true, changed || l.Frozen != frozen
		l.Frozen = frozen
		next[id] = l
	}
	switch {
	case !known:
		return nil, refused("No rule moves the price of such a level.")
	case !changed:
		return nil, ErrNothing
	}
	return next, nil
}

// set gives a level a price at once. Where changes are approved, this one must be, too.
func set(a wire.PriceAct, state State) (State, error) {
	if a.Rules.Pricing.Mode == wire.PricingPropose {
		return nil, refused("Changes of these prices need approval: propose it.")
	}
	return moved(a, state, asked(a, state), "set by an operator")
}

// asked is what an operator asks for, in the form of what the rules propose. The parts stay
// those that demand last used: they say what a missing signal leaves as it was.
func asked(a wire.PriceAct, state State) map[string]wire.ProposedPrice {
	was := state[a.Level]
	p := wire.ProposedPrice{Total: a.Total, From: was.Version, Wanted: was.Wanted, Parts: was.Parts, QueueAt: was.QueueAt}
	if p.Parts == nil {
		p.Parts = &wire.PriceParts{} // it is no longer what the spec says
	}
	return map[string]wire.ProposedPrice{a.Level: p}
}

// moved returns the state with other prices, all of which the rules allow: inside of rails,
// step and order, ending where they may, after the cool-down, and frozen or not.
func moved(a wire.PriceAct, state State, to map[string]wire.ProposedPrice, why string) (State, error) {
	r, next, left := a.Rules, maps.Clone(state), len(to)
	for _, at := range r.Levels {
		p, moves := to[at.ID]
		if !moves {
			continue
		}
		left--
		l := level{PriceLevel: at, was: state[at.ID]}
		if err := l.allows(a, p.Total, state); err != nil {
			return nil, err
		}
		after := l.was
		after.Price = wire.Price{Amounts: l.At(p.Total),
			Version: l.was.Version + 1, At: a.At.UTC(), Why: why + p.Why, Wanted: p.Wanted, Parts: p.Parts}
		after.QueueAt = p.QueueAt
		next[at.ID] = after
	}
	if left > 0 {
		return nil, refused("There is no level %q.", a.Level)
	}
	for i := 1; i < len(r.Levels); i++ {
		better, worse := r.Levels[i-1].ID, r.Levels[i].ID
		switch by := next[better].Total - next[worse].Total; {
		case r.Pricing.Apart(next[better].Total, next[worse].Total):
		case by < 0:
			return nil, refused("%q would cost more than %q, which is better.", worse, better)
		default:
			return nil, refused("%q would cost %s less than %q: the event's rules want another distance.", worse, wire.FormatAmount(by, r.Currency), better)
		}
	}
	return next, nil
}

// allows says why a level may not have a price now, if it may not.
func (l *level) allows(a wire.PriceAct, total int64, state State) error {
	r := a.Rules
	switch l.rails, l.moves = r.Pricing.RailsOf(l.ID); {
	case !l.moves || !r.Pricing.FollowsDemand():
		return refused("What %q costs is in the event's spec: apply another.", l.ID)
	case a.At.Before(r.OpensAt) || l.was.Version == 0:
		return refused("The sale has not opened: apply another spec.")
	}
	amount := func(minor int64) string { return wire.FormatAmount(minor, r.Currency) }
	l.reach(a.At, resting(r, state, a.At))
	l.to = total
	switch l.round(r.Currency); {
	case total == l.was.Total:
		return ErrNothing
	case total < l.lo || total > l.hi:
		return refused("The rails let %q cost from %s to %s now.", l.ID, amount(l.lo), amount(l.hi))
	case l.to != total && a.Kind != wire.PriceActApprove: // the rules may propose what the order of levels asks for
		return refused("%s is not where its prices end (%s).", amount(total), l.rails.Round)
	}
	return nil
}
