package roll

import (
	"cmp"
	"container/heap"
	"maps"
	"slices"
	"time"

	"frontrow/wire"
)

// Roll knows who was called and who has a pass, and lets nobody in beyond the
// ceiling. It is a state machine without a lock: its owner has one.
type Roll struct {
	ceiling int
	window  time.Duration
	draws   map[string]wire.Draw // by lane; held ones

	lines  map[Line]*calls
	callAt time.Time // of the places about to be called
	shows  share     // of those called, who comes

	passes map[string]*Pass // by fan his latest, expired ones too
	issued int              // with all before
	expiry expiryHeap
	alive  int
	early  map[string]bool // fans who came in time and found no room
}

// New rebuilds the roll from the admitter's record: its lines and, by lane, the
// draws held; and from the passes stored.
func New(lines []wire.Line, draws map[string]wire.Draw, passes []wire.PassRecord, now time.Time) *Roll {
	r := &Roll{draws: map[string]wire.Draw{}, lines: map[Line]*calls{}, shows: newShare(everybody()),
		passes: make(map[string]*Pass, len(passes)), early: map[string]bool{}}
	for _, l := range lines {
		r.lines[Line{l.Lane, l.Region}] = newCalls(l)
	}
	for lane, d := range draws {
		r.Draw(lane, d)
	}
	settled := make(chan struct{})
	close(settled)
	passes = slices.SortedStableFunc(slices.Values(passes), func(a, b wire.PassRecord) int { return cmp.Compare(a.Turn, b.Turn) })
	for _, rec := range passes {
		r.add(&Pass{PassRecord: rec, settled: settled}, now)
	}
	return r
}

// Draw takes note of a draw that is held: its places are called by rank.
func (r *Roll) Draw(lane string, d wire.Draw) {
	r.draws[lane] = d
	for region, n := range d.Entrants {
		r.of(Line{lane, region}).skip(n)
	}
}

// Break says that no other place of a line is given out: its queue was lost after so
// many that are known. Another line begins behind a number, up to which the places are
// those of the line before.
func (r *Roll) Break(l Line, known uint64, next Line, from uint64) {
	c := r.of(l)
	c.ended, c.known = true, known
	r.of(next).skip(from)
}

// of is a line's calls, from nothing if it is new.
func (r *Roll) of(l Line) *calls {
	if r.lines[l] == nil {
		r.lines[l] = &calls{}
	}
	return r.lines[l]
}

// Open is the highest number of a line that may redeem; 0 if none was called, and
// wire.Everybody once all of a line that has ended are.
func (r *Roll) Open(l Line) uint64 { c := r.of(l); return c.reach(c.open()) }

// Head is the highest number of a line that ever could redeem. It is above Open
// only while those who were called before everything was sold wait for tickets
// to come back.
func (r *Roll) Head(l Line) uint64 { c := r.of(l); return c.reach(c.head) }

// Draws are the draws held, by lane. They are not to be changed.
func (r *Roll) Draws() map[string]wire.Draw { return r.draws }

// Stands is the line and the number by which a place is called.
func (r *Roll) Stands(lane, region string, number uint64) (Line, uint64) {
	if d, ok := r.draws[lane]; ok {
		if rank := d.Rank(region, number); rank > 0 {
			return Line{lane, ""}, rank
		}
	}
	return Line{lane, region}, number
}

// SetLimits sets what the event's spec says, which may change during the sale.
func (r *Roll) SetLimits(s wire.AdmissionSpec) {
	r.ceiling, r.window = s.Ceiling, time.Duration(s.Window)
}

// Expire lets passes end whose time has come, and learns from calls whose
// window is over how many came.
func (r *Roll) Expire(now time.Time) {
	for len(r.expiry) > 0 && !r.expiry[0].Expires.After(now) {
		r.End(heap.Pop(&r.expiry).(*Pass))
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

// Ceiling is how many passes may be alive.
func (r *Roll) Ceiling() int { return r.ceiling }

// Show is the share of those called who come, as learned: its mean, and what it
// hardly exceeds.
func (r *Roll) Show() (mean, high float64) { return r.shows.mean(), r.shows.high() }

// Coming is how many called fans are still to be expected.
func (r *Roll) Coming(now time.Time) (n float64) {
	show := r.shows.high()
	for _, c := range r.lines {
		n += c.coming(now, r.window, show)
	}
	return n
}

// CalledSince is how many fans were called within d before now.
func (r *Roll) CalledSince(now time.Time, d time.Duration) (n int) {
	for _, c := range r.lines {
		n += int(c.since(now, d))
	}
	return n
}

func (r *Roll) redeemed(rec wire.PassRecord, by int) {
	if rec.Number == 0 { // its place is not known
		return
	}
	l, number := r.Stands(rec.Lane, rec.Region, rec.Number)
	if s := r.of(l).of(number); s != nil {
		s.redeemed += by
	}
}

// Propose begins a call of each line up to an end: it takes the room and returns
// the lines as they are to be recorded. Called or Withdraw follows.
func (r *Roll) Propose(to map[Line]uint64, now time.Time) []wire.Line {
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
	for _, l := range slices.SortedFunc(maps.Keys(r.lines), Line.compare) {
		lines = append(lines, r.lines[l].record(l, now, r.keep()))
	}
	return lines
}

// Called moves the lines as was proposed: that is durable.
func (r *Roll) Called() {
	for l, c := range r.lines {
		again := c.calling > 0 && c.head > c.open()
		from := c.open()
		c.called(r.callAt, r.keep())
		if again { // some of them have their passes already
			r.recount(l, c, from)
		}
	}
}

// Withdraw takes the room of a proposed call back: it is certain that it was not stored.
func (r *Roll) Withdraw() { r.Propose(nil, r.callAt) }

// recount counts the passes of the span that begins at from.
func (r *Roll) recount(l Line, c *calls, from uint64) {
	s := c.of(from + 1)
	s.redeemed = 0
	for p := range r.Passes() {
		if of, number := r.Stands(p.Lane, p.Region, p.Number); of == l && number > s.from && number <= s.to {
			s.redeemed++
		}
	}
}

// Suspend ends the turn of all called fans who have not come: everything is
// sold. Should tickets come back, they are called again, in order.
func (r *Roll) Suspend(now time.Time) {
	for _, c := range r.lines {
		c.suspend(now, r.window)
	}
	clear(r.early)
}

func (r *Roll) keep() time.Duration { return max(r.window, time.Minute) }
