package rules

import (
	"errors"
	"fmt"
	"maps"

	"frontrow/wire"
)

// ErrNothing means that an act would change nothing.
var ErrNothing = errors.New("it would change nothing")

// Apply returns the prices after an act, from those before it: what the pricer does before it
// stores an act, and what replay does to check it. Of the act, Levels are not used. The error
// is ErrNothing, or a *wire.Problem that says why an operator's act is refused.
func Apply(a wire.PriceAct, state State) (State, error) {
	switch a.Kind {
	case wire.PriceActRules:
		signals := wire.Signals{}
		if a.Signals != nil {
			signals = *a.Signals
		}
		if next, changed := Decide(a.Rules, state, signals, a.At); changed {
			return next, nil
		}
		return nil, ErrNothing
	case wire.PriceActSet:
		return set(a, state)
	case wire.PriceActFreeze, wire.PriceActResume:
		return freeze(a, state, a.Kind == wire.PriceActFreeze)
	}
	return nil, wire.Refuse(wire.CodeInvalid, fmt.Sprintf("There is no act %q on prices.", a.Kind))
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
		return nil, wire.Refuse(wire.CodeInvalid, "No rule moves the price of such a level.")
	case !changed:
		return nil, ErrNothing
	}
	return next, nil
}

// set gives a level a price that its rules could have given it, but for demand: it keeps
// inside of the rails, of the step and of the order, and waits for the cool-down.
func set(a wire.PriceAct, state State) (State, error) {
	refused := func(format string, args ...any) (State, error) {
		return nil, wire.Refuse(wire.CodeInvalid, fmt.Sprintf(format, args...))
	}
	r := a.Rules
	amount := func(minor int64) string { return wire.FormatAmount(minor, r.Currency) }
	for i, at := range r.Levels {
		l := level{PriceLevel: at, was: state[at.ID]}
		if l.rails, l.moves = r.Pricing.RailsOf(at.ID); at.ID != a.Level {
			continue
		}
		switch {
		case !l.moves || r.Pricing.Mode != wire.PricingDemand:
			return refused("What %q costs is in the event's spec: apply another.", a.Level)
		case a.At.Before(r.OpensAt) || l.was.Version == 0:
			return refused("The sale has not opened: apply another spec.")
		}
		l.reach(a.At, resting(r, state, a.At))
		l.to = a.Total
		switch l.round(r.Currency); {
		case a.Total == l.was.Total:
			return nil, ErrNothing
		case a.Total < l.lo || a.Total > l.hi:
			return refused("The rails let %q cost from %s to %s now.", a.Level, amount(l.lo), amount(l.hi))
		case l.to != a.Total:
			return refused("%s is not where its prices end (%s).", amount(a.Total), l.rails.Round)
		case r.Pricing.Spread && i > 0 && a.Total > state[r.Levels[i-1].ID].Total:
			return refused("It would cost more than %q, which is better.", r.Levels[i-1].ID)
		case r.Pricing.Spread && i+1 < len(r.Levels) && a.Total < state[r.Levels[i+1].ID].Total:
			return refused("It would cost less than %q, which is worse.", r.Levels[i+1].ID)
		}
		return l.bySomebody(a, state), nil
	}
	return refused("There is no level %q.", a.Level)
}

// bySomebody is the state with what an operator set. The parts stay those that demand last
// used: they say what a missing signal leaves as it was.
func (l *level) bySomebody(a wire.PriceAct, state State) State {
	next, after := maps.Clone(state), l.was
	after.Amounts = wire.NewAmounts(a.Total-l.ServiceFee-l.FacilityFee, l.ServiceFee, l.FacilityFee)
	after.Version, after.At, after.Why = l.was.Version+1, a.At.UTC(), "set by an operator"
	if after.Parts == nil {
		after.Parts = &wire.PriceParts{} // it is no longer what the spec says
	}
	next[l.ID] = after
	return next
}
