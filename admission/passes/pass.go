package passes

import (
	"container/heap"
	"iter"
	"time"

	"frontrow/wire"
)

// Pass is a fan's pass, as it is recorded.
type Pass struct {
	wire.PassRecord
	before *Pass // the fan's previous one, over when this was given out

	alive   bool
	decided chan struct{}
	lost    bool
}

// Decided returns a channel that is closed once it is known whether the pass is stored.
func (p *Pass) Decided() <-chan struct{} { return p.decided }

// Lost reports whether a decided pass was not stored.
func (p *Pass) Lost() bool { return p.lost }

// Pass returns a fan's latest pass, even if expired or revoked; nil if they have none.
func (t *Table) Pass(fan string) *Pass { return t.passes[fan] }

// Passes returns all passes given out, in no particular order.
func (t *Table) Passes() iter.Seq[*Pass] {
	return func(yield func(*Pass) bool) {
		for _, p := range t.passes {
			for ; p != nil; p = p.before {
				if !yield(p) {
					return
				}
			}
		}
	}
}

// Issued returns how many passes were given out.
func (t *Table) Issued() int { return t.issued }

// Stand reports whether a place is used up, because a pass of its fan has ended since it
// was given out, and which turn their next place is for. A place for a later turn than
// their last pass is good whatever the clocks say.
func (t *Table) Stand(place wire.Place, now time.Time) (used bool, turn int) {
	p := t.passes[place.Fan]
	switch {
	case p == nil:
		return false, place.Turn
	case p.Expires.After(now) && p.Revoked.IsZero():
		return false, p.Turn
	}
	return place.Turn <= p.Turn && !place.At.After(p.Expires), p.Turn + 1
}

// Alive returns how many passes are alive, as of the last Expire.
func (t *Table) Alive() int { return t.alive }

// Verdict is what a Table says to a fan who wants to redeem.
type Verdict int

const (
	Granted   Verdict = iota // the pass is theirs once it is stored
	Again                    // they have one; it may be on its way to being stored
	Over                     // their pass was revoked, or has expired since the place was given out
	NotCalled                // their place is beyond the head
	Full                     // there is no room just now; they may come again
)

// Admit decides whether a place gets the pass rec. If it grants the pass, rec counts from
// now on, and Kept or Voided must follow. If the fan has a pass, or has used up the place,
// it returns their latest pass.
func (t *Table) Admit(place wire.Place, rec wire.PassRecord, now time.Time) (*Pass, Verdict) {
	t.Expire(now)
	used, turn := t.Stand(place, now)
	if p, ok := t.passes[rec.Fan]; ok {
		switch {
		case used || !p.Revoked.IsZero():
			return p, Over
		case p.Expires.After(now):
			return p, Again
		}
		rec.Turn = turn
	}
	l, number := t.Stands(rec.Lane, rec.Region, rec.Number)
	c := t.of(l)
	if number > c.reach(c.open()) {
		return nil, NotCalled
	}
	s := c.of(number)
	inTime := s != nil && now.Sub(s.at) < t.window || t.early[rec.Fan]
	room := float64(t.ceiling - t.alive)
	if !inTime {
		room -= t.Coming(now)
	}
	if room < 1 {
		if inTime {
			t.early[rec.Fan] = true
		}
		return nil, Full
	}
	p := &Pass{PassRecord: rec, decided: make(chan struct{})}
	t.add(p, now)
	return p, Granted
}

// Kept notes that a granted pass is stored.
func (t *Table) Kept(p *Pass) { close(p.decided) }

// Voided takes back what Admit granted, which was certainly not stored.
func (t *Table) Voided(p *Pass) {
	p.lost = true
	t.issued--
	if t.passes[p.Fan] = p.before; p.before == nil {
		delete(t.passes, p.Fan)
	}
	t.redeemed(p.PassRecord, -1)
	t.End(p)
	close(p.decided)
}

// add adds a pass, the latest of its fan.
func (t *Table) add(p *Pass, now time.Time) {
	p.before, t.passes[p.Fan] = t.passes[p.Fan], p
	t.issued++
	delete(t.early, p.Fan)
	t.redeemed(p.PassRecord, +1)
	if p.Expires.After(now) && p.Revoked.IsZero() {
		p.alive = true
		t.alive++
		heap.Push(&t.expiry, p)
	}
}

// End removes a pass from those alive, for example when it is revoked.
func (t *Table) End(p *Pass) {
	if p.alive {
		p.alive = false
		t.alive--
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
