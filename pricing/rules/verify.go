package rules

import (
	"encoding/json"
	"fmt"
	"slices"

	"frontrow/wire"
)

// Verify computes an act again from the one before it, one without a number if it is the
// first, and returns what is wrong with it: a price that the rules don't make of the
// signals, or that lies outside of the rails that were in force.
func Verify(last, act wire.PriceAct) (wrong []string) {
	fault := func(format string, a ...any) {
		wrong = append(wrong, fmt.Sprintf("act %d: ", act.N)+fmt.Sprintf(format, a...))
	}
	if act.N != last.N+1 {
		fault("the one before it is act %d", last.N)
	}
	if act.Kind == wire.PriceActAdopt {
		if act.N > 1 {
			fault("prices were adopted that the log doesn't explain: it had lost some acts")
		}
		return wrong
	}
	next, err := Apply(act, last)
	if err != nil {
		fault("the rules refuse it: %v", err)
		return wrong
	}
	if is, again := text(act.Proposal), text(next.Proposal); is != again {
		fault("the log has the proposal %s, computed again it is %s", is, again)
	}
	for _, id := range levelsOf(next.Levels, act.Levels) {
		if is, again := text(act.Levels[id]), text(next.Levels[id]); is != again {
			fault("%s: the log has %s, computed again it is %s", id, is, again)
		}
	}
	for _, l := range act.Rules.Levels {
		floor, ceiling := l.Total, l.Total
		if r, moves := act.Rules.Pricing.RailsOf(l.ID); moves {
			floor, ceiling = r.Bounds(act.Rules.Pricing.Mode, l.Total)
		}
		if p := act.Levels[l.ID]; p.Total < floor || p.Total > ceiling || p.Amounts != l.At(p.Total) {
			fault("%s: %+v is outside of %d to %d", l.ID, p.Amounts, floor, ceiling)
		}
	}
	return wrong
}

func levelsOf(states ...map[string]wire.LevelPrice) (ids []string) {
	for _, s := range states {
		for id := range s {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func text(v any) string {
	raw, _ := json.Marshal(v) // numbers, texts and instants: can't fail
	return string(raw)
}
