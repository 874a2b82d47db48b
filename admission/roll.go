package admission

import (
	"container/heap"
	"maps"
	"slices"
	"time"

	"frontrow/wire"
)

// roll knows who was called and who has a pass, and lets nobody in beyond the
// ceiling. It is a pure state machine; its owner locks it.
//
//	waiting ──call──► called ──redeem──► admitted ──expiry, revocation──► over
//	                    │ ▲                 ▲
//	                    │ └─no room─ early  │
//	                    └──window──► late ──┘ if there is room
//
// As many are called as will probably come, so now and then a called fan finds
// no room: he is told to come again, and however long that takes he is not late.
type roll struct {
	ceiling int
	window  time.Duration
	draws   map[string]wire.Draw // by lane; held ones

	lines  map[line]*calls
	callAt time.Time // of the places about to be called
	shows  share     // of those called, who comes

	passes map[string]*pass // by fan, expired ones too
	expiry expiryHeap
	alive  int
	early  map[string]bool // fans who came in time and found no room
}

// pass is a fan's pass. settled is closed once it is known to be stored, or lost.
type pass struct {
	wire.PassRecord
	alive   bool
	settled chan struct{}
	lost    bool
}

// newRoll rebuilds the roll from the admitter's record and the passes stored.
func newRoll(lines []wire.Line, draws map[string]wire.Draw, passes []wire.PassRecord, now time.Time) *roll {
	r := &roll{draws: map[string]wire.Draw{}, lines: map[line]*calls{}, shows: newShare(everybody()),
		passes: make(map[string]*pass, len(passes)), early: map[string]bool{}}
	for _, l := range lines {
		r.lines[line{l.Lane, l.Region}] = newCalls(l)
	}
	for lane, d := range draws {
		r.draw(lane, d)
	}
	settled := make(chan struct{})
	close(settled)
	for _, rec := range passes {
		r.add(&pass{PassRecord: rec, settled: settled}, now)
	}
	return r
}

// draw takes note of a draw that is held: its places are called by rank.
func (r *roll) draw(lane string, d wire.Draw) {
	r.draws[lane] = d
	for region, n := range d.Entrants {
		r.of(line{lane, region}).skip(n)
	}
}

// of is a line's calls, from nothing if it is new.
func (r *roll) of(l line) *calls {
	if r.lines[l] == nil {
		r.lines[l] = &calls{}
	}
	return r.lines[l]
}

// stands is the line and the number by which a place is called.
func (r *roll) stands(lane, region string, number uint64) (line, uint64) {
	if d, ok := r.draws[lane]; ok {
		if rank := d.Rank(region, number); rank > 0 {
			return line{lane, ""}, rank
		}
	}
	return line{lane, region}, number
}

func (r *roll) add(p *pass, now time.Time) {
	r.passes[p.Fan] = p
	delete(r.early, p.Fan)
	r.redeemed(p.PassRecord, +1)
	if p.Expires.After(now) && p.Revoked.IsZero() {
		p.alive = true
		r.alive++
		heap.Push(&r.expiry, p)
	}
}

// end takes a pass out of those alive.
func (r *roll) end(p *pass) {
	if p.alive {
		p.alive = false
		r.alive--
	}
}

// limits sets what the event's spec says, which may change during the sale.
func (r *roll) limits(s wire.AdmissionSpec) {
	r.ceiling, r.window = s.Ceiling, time.Duration(s.Window)
}

// expire lets passes end whose time has come, and learns from calls whose
// window is over how many came.
func (r *roll) expire(now time.Time) {
	for len(r.expiry) > 0 && !r.expiry[0].Expires.After(now) {
		r.end(heap.Pop(&r.expiry).(*pass))
	}
	for _, c := range r.lines {
		for i := range c.spans {
			if s := &c.spans[i]; !s.learned && now.Sub(s.at) >= r.window {
				s.learned = true
				r.shows.learn(float64(s.redeemed), float64(s.count()))
			}
		}
	}
}

// coming is how many called fans are still to be expected.
func (r *roll) coming(now time.Time) (n float64) {
	show := r.shows.high()
	for _, c := range r.lines {
		n += c.coming(now, r.window, show)
	}
	return n
}

// calledSince is how many fans were called within d before now.
func (r *roll) calledSince(now time.Time, d time.Duration) (n int) {
	for _, c := range r.lines {
		n += int(c.since(now, d))
	}
	return n
}

func (r *roll) redeemed(rec wire.PassRecord, by int) {
	l, number := r.stands(rec.Lane, rec.Region, rec.Number)
	if s := r.of(l).of(number); s != nil {
		s.redeemed += by
	}
}

// A call is made in two steps: propose takes the room and returns the lines as
// they are to be recorded, and once that is durable, called moves them.
func (r *roll) propose(to map[line]uint64, now time.Time) []wire.Line {
	for _, c := range r.lines {
		if n := len(c.spans); n > 0 && now.Before(c.spans[n-1].at) {
			now = c.spans[n-1].at // the clock of the admitter before was ahead
		}
		c.calling = 0
	}
	r.callAt = now
	for l, end := range to {
		c := r.of(l)
		c.calling = max(end, c.open()) - c.open()
	}
	var lines []wire.Line
	for _, l := range slices.SortedFunc(maps.Keys(r.lines), line.compare) {
		lines = append(lines, r.lines[l].record(l, now, r.keep()))
	}
	return lines
}

// withdraw takes the room of a proposed call back: it is certain that it was not stored.
func (r *roll) withdraw() { r.propose(nil, r.callAt) }

func (r *roll) called() {
	for l, c := range r.lines {
		again := c.calling > 0 && c.head > c.open()
		from := c.open()
		c.called(r.callAt, r.keep())
		if again { // some of them have their passes already
			r.recount(l, c, from)
		}
	}
}

// recount counts the passes of the span that begins at from.
func (r *roll) recount(l line, c *calls, from uint64) {
	s := c.of(from + 1)
	s.redeemed = 0
	for _, p := range r.passes {
		if of, number := r.stands(p.Lane, p.Region, p.Number); of == l && number > s.from && number <= s.to {
			s.redeemed++
		}
	}
}

// suspend ends the turn of all called fans who have not come: everything is
// sold. Should tickets come back, they are called again, in order.
func (r *roll) suspend(now time.Time) {
	for _, c := range r.lines {
		c.suspend(now, r.window)
	}
	clear(r.early)
}

func (r *roll) keep() time.Duration { return max(r.window, time.Minute) }

// verdict is what the roll says to a fan who wants to redeem.
type verdict int

const (
	granted   verdict = iota // the pass is his once it is stored
	again                    // he has one; it may be on its way to being stored
	over                     // his pass has expired
	notCalled                // his place is beyond the head
	full                     // he came after his window, and there is no room just now
	gone                     // the sale is over for whoever has no pass
)

// admit decides on a place. When it grants, rec is counted from now on, and is
// to be followed by kept or voided.
func (r *roll) admit(rec wire.PassRecord, now time.Time) (*pass, verdict) {
	r.expire(now)
	if p, ok := r.passes[rec.Fan]; ok {
		if !p.Expires.After(now) || !p.Revoked.IsZero() {
			return p, over
		}
		return p, again
	}
	l, number := r.stands(rec.Lane, rec.Region, rec.Number)
	c := r.of(l)
	if number > c.open() {
		return nil, notCalled
	}
	s := c.of(number)
	inTime := s != nil && now.Sub(s.at) < r.window || r.early[rec.Fan]
	room := float64(r.ceiling - r.alive)
	if !inTime {
		room -= r.coming(now)
	}
	if room < 1 {
		if inTime {
			r.early[rec.Fan] = true
		}
		return nil, full
	}
	p := &pass{PassRecord: rec, settled: make(chan struct{})}
	r.add(p, now)
	return p, granted
}

// kept says that a granted pass is stored.
func (r *roll) kept(p *pass) { close(p.settled) }

// voided takes back what admit granted: it is certain that it was not stored.
func (r *roll) voided(p *pass) {
	p.lost = true
	delete(r.passes, p.Fan)
	r.redeemed(p.PassRecord, -1)
	r.end(p)
	close(p.settled)
}

// expiryHeap has the pass that expires first on top.
type expiryHeap []*pass

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].Expires.Before(h[j].Expires) }
func (h expiryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *expiryHeap) Push(x any)        { *h = append(*h, x.(*pass)) }
func (h *expiryHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
