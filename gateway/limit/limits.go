package limit

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/ulule/limiter/v3"
)

// Who is whom an act is counted for. What is invalid or empty is not counted:
// a fan who was named only now has done nothing yet.
type Who struct {
	Address netip.Prefix
	Network netip.Prefix
	Fan     string
	Tag     string // of the network, where the network itself isn't known: wire.Claims.Net
}

// Refusal says whose budget is spent and when it has room again.
type Refusal struct {
	Route Route
	Kind  Kind
	After time.Duration // at least a second
}

// Limits is the budgets over one Store.
type Limits struct {
	budgets map[Route][]budget
	store   *Store
	now     func() time.Time
	refused atomic.Int64
}

type budget struct {
	kind    Kind
	prefix  string // of its keys
	limiter *limiter.Limiter
}

// New puts the budgets over a store.
func New(b Budgets, s *Store, now func() time.Time) *Limits {
	l := &Limits{budgets: map[Route][]budget{}, store: s, now: now}
	for route, kinds := range b {
		// The most particular comes first: a fan who does too much spends nothing of
		// their office's budget with it.
		for _, kind := range []Kind{Fan, Address, Network} {
			if rate, ok := kinds[kind]; ok {
				l.budgets[route] = append(l.budgets[route], budget{kind, string(route) + "." + string(kind) + ".", limiter.New(s, rate)})
			}
		}
	}
	return l
}

func (b budget) key(w Who) string {
	switch {
	case b.kind == Address && w.Address.IsValid():
		return b.prefix + w.Address.String()
	case b.kind == Network && w.Network.IsValid():
		return b.prefix + w.Network.String()
	case b.kind == Network && w.Tag != "":
		return b.prefix + w.Tag
	case b.kind == Fan && w.Fan != "":
		return b.prefix + w.Fan
	}
	return ""
}

// Take counts one act; nil means that it may be done.
func (l *Limits) Take(route Route, w Who) *Refusal {
	for _, b := range l.budgets[route] {
		key := b.key(w)
		if key == "" {
			continue
		}
		c, _ := b.limiter.Get(context.Background(), key) // the store has no errors
		if c.Reached {
			l.refused.Add(1)
			after := time.Unix(c.Reset, 0).Sub(l.now())
			return &Refusal{route, b.kind, max(after, time.Second)}
		}
	}
	return nil
}

// Return gives back what Take counted: the act came to nothing through our own
// fault, and who tries it again must not pay for that.
func (l *Limits) Return(route Route, w Who) {
	for _, b := range l.budgets[route] {
		if key := b.key(w); key != "" {
			l.store.Return(key, 1)
		}
	}
}

// Note counts one act that is never refused, and reports whether all budgets had
// room for it.
func (l *Limits) Note(route Route, w Who) (fits bool) {
	fits = true
	for _, b := range l.budgets[route] {
		if key := b.key(w); key != "" {
			c, _ := b.limiter.Get(context.Background(), key)
			fits = fits && !c.Reached
		}
	}
	return fits
}

// Used is how much of a budget is used, and how much there is; of no budget, 0 of 0.
func (l *Limits) Used(route Route, kind Kind, w Who) (used, of int64) {
	for _, b := range l.budgets[route] {
		if key := b.key(w); b.kind == kind && key != "" {
			c, _ := b.limiter.Peek(context.Background(), key)
			return c.Limit - c.Remaining, c.Limit
		}
	}
	return 0, 0
}

// Refused is how many acts were refused.
func (l *Limits) Refused() int64 { return l.refused.Load() }

func (r *Refusal) String() string { return fmt.Sprintf("%s.%s", r.Route, r.Kind) }
