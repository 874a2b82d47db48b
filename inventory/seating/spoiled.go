package seating

import (
	"slices"
	"time"

	"frontrow/wire"
)

// A seat whose record can't be read may be anybody's. It is blocked, and only a sale or a
// repair changes that: nobody can hold it or put it back on sale.

const whySpoiled = "its record can't be read"

// Spoil loads a seat whose record, at a revision, can't be read, before any command.
func (e *Engine) Spoil(seat int, revision uint64) {
	e.revision[seat] = revision
	e.mark(seat, &block{why: whySpoiled})
	e.set(seat, wire.Blocked, nil)
	e.spoiled[seat] = struct{}{}
}

// Spoiled lists the seats whose records can't be read, in the order of the plan.
func (e *Engine) Spoiled() []string {
	seats := make([]int, 0, len(e.spoiled))
	for i := range e.spoiled {
		seats = append(seats, i)
	}
	slices.Sort(seats)
	return e.ids(seats)
}

// Repaired marks restored seats whose last records are spoiled to be stored in their known
// state.
func (e *Engine) Repaired(seats []int) {
	for _, i := range seats {
		e.touch(i)
	}
	e.acts = append(e.acts, wire.Act{Kind: wire.ActKindRepair, Seats: e.ids(seats)})
}

// Repair makes a spoiled seat what the log says it is: available or blocked. It changes no
// other.
func (e *Engine) Repair(seat string, to wire.State, channel, why string, now time.Time) {
	i, ok := e.index.Lookup(seat)
	if _, spoiled := e.spoiled[i]; !ok || !spoiled {
		return
	}
	switch to {
	case wire.Available:
		e.mark(i, nil)
	case wire.Blocked:
		e.mark(i, &block{channel, why})
	default:
		return
	}
	e.change(i, to, nil, now)
	e.acts = append(e.acts, wire.Act{Kind: wire.ActKindRepair, Seats: []string{seat}})
}
