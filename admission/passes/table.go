package passes

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"frontrow/wire"
)

// Table knows who was called and who has a pass, and lets nobody in beyond the ceiling. It
// is a state machine without a lock: its owner locks it.
type Table struct {
	ceiling int
	window  time.Duration
	draws   map[string]wire.Draw // by lane; held ones

	lines  map[Line]*calls
	order  []Line    // of lines, since sums and learning must not depend on a map's order
	callAt time.Time // of the places about to be called
	shows  share     // share of the called who come

	passes map[string]*Pass // each fan's latest, even if expired
	issued int              // with all before
	expiry expiryHeap
	alive  int
	early  map[string]bool // fans who came in time and found no room
}

// New rebuilds the table from the admitter's record, that is its lines and the draws held,
// by lane; and from the passes stored.
func New(lines []wire.Line, draws map[string]wire.Draw, passes []wire.PassRecord, now time.Time) *Table {
	t := &Table{draws: map[string]wire.Draw{}, lines: map[Line]*calls{}, shows: newShare(everybody()),
		passes: make(map[string]*Pass, len(passes)), early: map[string]bool{}}
	for _, l := range lines {
		t.set(Line{l.Lane, l.Region}, newCalls(l))
	}
	for lane, d := range draws {
		t.Draw(lane, d)
	}
	decided := make(chan struct{})
	close(decided)
	passes = slices.SortedStableFunc(slices.Values(passes), func(a, b wire.PassRecord) int { return cmp.Compare(a.Turn, b.Turn) })
	for _, rec := range passes {
		t.add(&Pass{PassRecord: rec, decided: decided}, now)
	}
	return t
}

// Draw notes a draw that was held: its places are called by rank.
func (t *Table) Draw(lane string, d wire.Draw) {
	t.draws[lane] = d
	for region, n := range d.Entrants {
		t.of(Line{lane, region}).skip(n)
	}
}

// Break notes that a line gives out no more places: its queue was lost, and so many of its
// places are known. The line next begins after the number from, up to which the places
// belong to the old line.
func (t *Table) Break(l Line, known uint64, next Line, from uint64) {
	c := t.of(l)
	c.ended, c.known = true, known
	t.of(next).skip(from)
}

// of returns a line's calls, empty if it is new.
func (t *Table) of(l Line) *calls {
	if t.lines[l] == nil {
		t.set(l, &calls{})
	}
	return t.lines[l]
}

func (t *Table) set(l Line, c *calls) {
	t.lines[l] = c
	if at, known := slices.BinarySearchFunc(t.order, l, Line.compare); !known {
		t.order = slices.Insert(t.order, at, l)
	}
}

// Open returns the highest number of a line that may redeem: 0 if none was called, and
// wire.Everybody once all of an ended line are.
func (t *Table) Open(l Line) uint64 { c := t.of(l); return c.reach(c.open()) }

// Head returns the highest number of a line that ever could redeem. It is above Open
// only while those who were called before everything was sold wait for tickets
// to come back.
func (t *Table) Head(l Line) uint64 { c := t.of(l); return c.reach(c.head) }

// Draws returns the draws held, by lane. The caller must not change them.
func (t *Table) Draws() map[string]wire.Draw { return t.draws }

// Stands returns the line and the number by which a place is called.
func (t *Table) Stands(lane, region string, number uint64) (Line, uint64) {
	if d, ok := t.draws[lane]; ok {
		if rank := d.Rank(region, number); rank > 0 {
			return Line{lane, ""}, rank
		}
	}
	return Line{lane, region}, number
}

// SetLimits applies the event's spec, which may change during the sale.
func (t *Table) SetLimits(s wire.AdmissionSpec) {
	t.ceiling, t.window = s.Ceiling, time.Duration(s.Window)
}

// Expire ends the passes that have expired, and learns how many fans came from calls whose
// window is over.
func (t *Table) Expire(now time.Time) {
	for len(t.expiry) > 0 && !t.expiry[0].Expires.After(now) {
		t.End(heap.Pop(&t.expiry).(*Pass))
	}
	for _, l := range t.order {
		c := t.lines[l]
		for i := range c.spans {
			if s := &c.spans[i]; !s.learned && now.Sub(s.at) >= t.window {
				s.learned = true
				t.shows.learn(float64(s.redeemed), float64(s.count()))
			}
		}
	}
}

// Ceiling returns how many passes may be alive.
func (t *Table) Ceiling() int { return t.ceiling }

// Show returns the learned share of the called who come: its mean, and what it hardly
// exceeds.
func (t *Table) Show() (mean, high float64) { return t.shows.mean(), t.shows.high() }

// Coming returns how many called fans are still expected.
func (t *Table) Coming(now time.Time) (n float64) {
	show := t.shows.high()
	for _, l := range t.order {
		n += t.lines[l].coming(now, t.window, show)
	}
	return n
}

// CalledSince returns how many fans were called within d before now.
func (t *Table) CalledSince(now time.Time, d time.Duration) (n int) {
	for _, c := range t.lines {
		n += int(c.since(now, d))
	}
	return n
}

func (t *Table) redeemed(rec wire.PassRecord, by int) {
	if rec.Number == 0 { // its place is unknown
		return
	}
	l, number := t.Stands(rec.Lane, rec.Region, rec.Number)
	if s := t.of(l).of(number); s != nil {
		s.redeemed += by
	}
}

// Propose begins a call of each line up to an end. It takes the room and returns the lines
// as they must be recorded. Called or Withdraw must follow.
func (t *Table) Propose(to map[Line]uint64, now time.Time) []wire.Line {
	for _, c := range t.lines {
		if n := len(c.spans); n > 0 && now.Before(c.spans[n-1].at) {
			now = c.spans[n-1].at // the previous admitter's clock was ahead
		}
		c.calling = 0
	}
	t.callAt = now
	for l, end := range to {
		c := t.of(l)
		c.calling = max(end, c.open()) - c.open()
	}
	var lines []wire.Line
	for _, l := range t.order {
		lines = append(lines, t.lines[l].record(l, now, t.keep()))
	}
	return lines
}

// Called moves the lines as proposed, which is now durable.
func (t *Table) Called() {
	for l, c := range t.lines {
		again := c.calling > 0 && c.head > c.open()
		from := c.open()
		c.called(t.callAt, t.keep())
		if again { // some of these fans already have their passes
			t.recount(l, c, from)
		}
	}
}

// Withdraw gives back the room of a proposed call, which was certainly not stored.
func (t *Table) Withdraw() { t.Propose(nil, t.callAt) }

// recount counts the passes of the span that begins at from.
func (t *Table) recount(l Line, c *calls, from uint64) {
	s := c.of(from + 1)
	s.redeemed = 0
	for p := range t.Passes() {
		if of, number := t.Stands(p.Lane, p.Region, p.Number); of == l && number > s.from && number <= s.to {
			s.redeemed++
		}
	}
}

// Suspend ends the turn of all called fans who have not come, since everything is sold. If
// tickets come back, they are called again, in order.
func (t *Table) Suspend(now time.Time) {
	for _, c := range t.lines {
		c.suspend(now, t.window)
	}
	clear(t.early)
}

func (t *Table) keep() time.Duration { return max(t.window, time.Minute) }
