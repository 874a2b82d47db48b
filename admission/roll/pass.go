package roll

import (
	"container/heap"
	"iter"
	"maps"
	"sync"
	"time"

	"frontrow/wire"
)

// Pass is a fan's pass, as it is recorded.
type Pass struct {
	wire.PassRecord
	Changing sync.Mutex // held by who changes the record, once it is settled

	alive   bool
	settled chan struct{}
	lost    bool
}

// Settled is closed once it is known whether the pass is stored.
func (p *Pass) Settled() <-chan struct{} { return p.settled }

// Lost tells of a settled pass that it is not stored.
func (p *Pass) Lost() bool { return p.lost }

// Pass is a fan's, expired or revoked as it may be; nil if he has none.
func (r *Roll) Pass(fan string) *Pass { return r.passes[fan] }

// Passes are all that were given out, in no order.
func (r *Roll) Passes() iter.Seq[*Pass] { return maps.Values(r.passes) }

// Issued is how many passes were given out.
func (r *Roll) Issued() int { return len(r.passes) }

// Alive is how many passes are alive, as of the last Expire.
func (r *Roll) Alive() int { return r.alive }

// Verdict is what the roll says to a fan who wants to redeem.
type Verdict int

const (
	Granted   Verdict = iota // the pass is his once it is stored
	Again                    // he has one; it may be on its way to being stored
	Over                     // his pass has expired, or was revoked
	NotCalled                // his place is beyond the head
	Full                     // there is no room just now; he may come again
)

// Admit decides on a place. When it grants, rec is counted from now on, and Kept
// or Voided follows. When the fan has or had a pass, it returns that.
func (r *Roll) Admit(rec wire.PassRecord, now time.Time) (*Pass, Verdict) {
	r.Expire(now)
	if p, ok := r.passes[rec.Fan]; ok {
		if !p.Expires.After(now) || !p.Revoked.IsZero() {
			return p, Over
		}
		return p, Again
	}
	l, number := r.Stands(rec.Lane, rec.Region, rec.Number)
	c := r.of(l)
	if number > c.open() {
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
	delete(r.passes, p.Fan)
	r.redeemed(p.PassRecord, -1)
	r.End(p)
	close(p.settled)
}

func (r *Roll) add(p *Pass, now time.Time) {
	r.passes[p.Fan] = p
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
