package roll

import (
	"container/heap"
	"iter"
	"sync"
	"time"

	"frontrow/wire"
)

// Pass is a fan's pass, as it is recorded.
type Pass struct {
	wire.PassRecord
	before   *Pass      // of the fan, over by the time that this was given out
	Changing sync.Mutex // held by who changes the record, once it is settled

	alive   bool
	settled chan struct{}
	lost    bool
}

// Settled is closed once it is known whether the pass is stored.
func (p *Pass) Settled() <-chan struct{} { return p.settled }

// Lost tells of a settled pass that it is not stored.
func (p *Pass) Lost() bool { return p.lost }

// Pass is a fan's latest, expired or revoked as it may be; nil if he has none.
func (r *Roll) Pass(fan string) *Pass { return r.passes[fan] }

// Passes are all that were given out, in no order.
func (r *Roll) Passes() iter.Seq[*Pass] {
	return func(yield func(*Pass) bool) {
		for _, p := range r.passes {
			for ; p != nil; p = p.before {
				if !yield(p) {
					return
				}
			}
		}
	}
}

// Issued is how many passes were given out.
func (r *Roll) Issued() int { return r.issued }

// Stand says whether a place is used up, since a pass of its fan has ended after
// it was given out, and which turn his next place is for. A place of a later turn
// than his last pass is good whatever the clocks say.
func (r *Roll) Stand(place wire.Place, now time.Time) (used bool, turn int) {
	p := r.passes[place.Fan]
	switch {
	case p == nil:
		return false, place.Turn
	case p.Expires.After(now) && p.Revoked.IsZero():
		return false, p.Turn
	}
	return place.Turn <= p.Turn && !place.At.After(p.Expires), p.Turn + 1
}

// Alive is how many passes are alive, as of the last Expire.
func (r *Roll) Alive() int { return r.alive }

// Verdict is what the roll says to a fan who wants to redeem.
type Verdict int

const (
	Granted   Verdict = iota // the pass is his once it is stored
	Again                    // he has one; it may be on its way to being stored
	Over                     // his pass was revoked, or has expired since the place was given out
	NotCalled                // his place is beyond the head
	Full                     // there is no room just now; he may come again
)

// Admit decides on a place, for a pass as rec says. When it grants, rec is counted
// from now on, and Kept or Voided follows. When the fan has a pass, or has used the
// place up, it returns his latest.
func (r *Roll) Admit(place wire.Place, rec wire.PassRecord, now time.Time) (*Pass, Verdict) {
	r.Expire(now)
	used, turn := r.Stand(place, now)
	if p, ok := r.passes[rec.Fan]; ok {
		switch {
		case used || !p.Revoked.IsZero():
			return p, Over
		case p.Expires.After(now):
			return p, Again
		}
		rec.Turn = turn
	}
	l, number := r.Stands(rec.Lane, rec.Region, rec.Number)
	c := r.of(l)
	if number > c.reach(c.open()) {
		return nil, NotCalled
	}
	s := c.of(number)
	inTime := s != nil && now.Sub(s.at) < r.window || r.early[rec.Fan]
	room := float64(r.ceiling - r.alive)
	if !inTime {
		room -= r.Coming(now)
	}
	if room < 1 {
		if inTime {
			r.early[rec.Fan] = true
		}
		return nil, Full
	}
	p := &Pass{PassRecord: rec, settled: make(chan struct{})}
	r.add(p, now)
	return p, Granted
}

// Kept says that a granted pass is stored.
func (r *Roll) Kept(p *Pass) { close(p.settled) }

// Voided takes back what Admit granted: it is certain that it was not stored.
func (r *Roll) Voided(p *Pass) {
	p.lost = true
	r.issued--
	if r.passes[p.Fan] = p.before; p.before == nil {
		delete(r.passes, p.Fan)
	}
	r.redeemed(p.PassRecord, -1)
	r.End(p)
	close(p.settled)
}

// add takes a pass that is the latest of its fan.
func (r *Roll) add(p *Pass, now time.Time) {
	p.before, r.passes[p.Fan] = r.passes[p.Fan], p
	r.issued++
	delete(r.early, p.Fan)
	r.redeemed(p.PassRecord, +1)
	if p.Expires.After(now) && p.Revoked.IsZero() {
		p.alive = true
		r.alive++
		heap.Push(&r.expiry, p)
	}
}

// End takes a pass out of those alive, as when it is revoked.
func (r *Roll) End(p *Pass) {
	if p.alive {
		p.alive = false
		r.alive--
	}
}

// expiryHeap has the pass that expires first on top.
type expiryHeap []*Pass

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].Expires.Before(h[j].Expires) }
func (h expiryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *expiryHeap) Push(x any)        { *h = append(*h, x.(*Pass)) }
func (h *expiryHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
