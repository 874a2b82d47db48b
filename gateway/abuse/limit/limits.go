package limit

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ulule/limiter/v3"
)

// Who is who an act is counted for. What is empty is not counted: a fan named only now has
// done nothing yet.
type Who struct {
	Address string
	Network string
	Fan     string
	Tag     string // of the network, where the network itself isn't known: wire.Claims.Net
}

// Refusal says whose budget is spent, and when it has room again.
type Refusal struct {
	Route Route
	Kind  Kind
	After time.Duration // at least a second
}

// Limits applies budgets over one Store.
type Limits struct {
	budgets map[Route][]budget
	store   *Store
	now     func() time.Time
	refused atomic.Int64
}

type budget struct {
	kind   Kind
	prefix string // of its keys
	rate   limiter.Rate
}

// keyRoom is where the keys of one look-up are written: more than any has, but for a fan
// of a name that we did not give.
type keyRoom [128]byte

// New returns the Limits of b over s.
func New(b Budgets, s *Store, now func() time.Time) *Limits {
	l := &Limits{budgets: map[Route][]budget{}, store: s, now: now}
	for route, kinds := range b {
		// The most specific comes first: a fan who does too much spends none of their
		// office's budget.
		for _, kind := range []Kind{Fan, Address, Network} {
			if rate, ok := kinds[kind]; ok {
				l.budgets[route] = append(l.budgets[route], budget{kind, string(route) + "." + string(kind) + ".", rate})
			}
		}
	}
	return l
}

// of returns who of w the budget belongs to; empty: nobody, and nothing is counted.
func (b *budget) of(w *Who) string {
	switch b.kind {
	case Address:
		return w.Address
	case Network:
		if w.Network == "" {
			return w.Tag
		}
		return w.Network
	case Fan:
		return w.Fan
	}
	return ""
}

// key writes the budget's key of one of them.
func (b *budget) key(room *keyRoom, of string) []byte {
	return append(append(room[:0], b.prefix...), of...)
}

// Take counts one act, and returns nil if it may be done.
func (l *Limits) Take(route Route, w Who) *Refusal {
	var room keyRoom
	budgets := l.budgets[route]
	for i := range budgets {
		b := &budgets[i]
		of := b.of(&w)
		if of == "" {
			continue
		}
		if c := l.store.count(b.key(&room, of), 1, b.rate); c.Reached {
			l.refused.Add(1)
			after := time.Unix(c.Reset, 0).Sub(l.now())
			return &Refusal{route, b.kind, max(after, time.Second)}
		}
	}
	return nil
}

// Return gives back what Take counted: the act failed through our own fault, and trying
// again must not cost anything.
func (l *Limits) Return(route Route, w Who) {
	var room keyRoom
	budgets := l.budgets[route]
	for i := range budgets {
		if of := budgets[i].of(&w); of != "" {
			l.store.giveBack(budgets[i].key(&room, of), 1)
		}
	}
}

// Note counts one act without refusing it, and reports whether all budgets had room for it.
func (l *Limits) Note(route Route, w Who) (fits bool) {
	var room keyRoom
	fits = true
	budgets := l.budgets[route]
	for i := range budgets {
		b := &budgets[i]
		if of := b.of(&w); of != "" {
			fits = !l.store.count(b.key(&room, of), 1, b.rate).Reached && fits
		}
	}
	return fits
}

// Used returns how much of a budget is used, and its size; 0 and 0 if there is none.
func (l *Limits) Used(route Route, kind Kind, w Who) (used, of int64) {
	var room keyRoom
	budgets := l.budgets[route]
	for i := range budgets {
		if b := &budgets[i]; b.kind == kind {
			if who := b.of(&w); who != "" {
				return l.store.used(b.key(&room, who), b.rate), b.rate.Limit
			}
		}
	}
	return 0, 0
}

// Refused returns the number of acts refused.
func (l *Limits) Refused() int64 { return l.refused.Load() }

func (r *Refusal) String() string { return fmt.Sprintf("%s.%s", r.Route, r.Kind) }
