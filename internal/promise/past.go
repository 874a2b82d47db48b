package promise

import (
	"cmp"
	"slices"

	"frontrow/wire"
)

// Past is what the prices of an event's levels have been. The zero Past knows of none.
type Past struct {
	states []int64            // the numbers of the states, in order
	levels map[string][]since // in the order of states
}

// since is a price, and the first state that has it.
type since struct {
	state int64
	price wire.Price
}

// Note folds the prices after the next act. Of acts that change none, or that come again,
// nothing is new.
func (p *Past) Note(levels map[string]wire.LevelPrice) {
	sum := int64(0)
	for _, l := range levels {
		sum += l.Version
	}
	state := 2 * sum
	if n := len(p.states); n > 0 && state <= p.states[n-1] {
		return
	}
	if p.levels == nil {
		p.levels = map[string][]since{}
	}
	p.states = append(p.states, state)
	for id, l := range levels {
		if all := p.levels[id]; len(all) == 0 || all[len(all)-1].price.Version != l.Version {
			p.levels[id] = append(all, since{state, l.Price})
		}
	}
}

// First is the number of the first state; 0 if there is none.
func (p *Past) First() int64 {
	if len(p.states) == 0 {
		return 0
	}
	return p.states[0]
}

// Most returns the price above which a level's must not be for whoever was promised a state.
// It is not known if the log has not come so far yet, or has no such level.
func (p *Past) Most(level string, state int64) (most wire.Price, known bool) {
	at, exact := slices.BinarySearch(p.states, state)
	if at == len(p.states) {
		return most, false
	}
	most, known = p.in(level, p.states[at])
	if !exact && at > 0 {
		if before, ok := p.in(level, p.states[at-1]); ok && before.Total < most.Total {
			most = before
		}
	}
	return most, known
}

// in is the price of a level in a state.
func (p *Past) in(level string, state int64) (wire.Price, bool) {
	all := p.levels[level]
	at, exact := slices.BinarySearchFunc(all, state, func(s since, state int64) int { return cmp.Compare(s.state, state) })
	if !exact {
		at--
	}
	if at < 0 {
		return wire.Price{}, false
	}
	return all[at].price, true
}
