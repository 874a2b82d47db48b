package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"frontrow/internal/bus"
	"frontrow/kv"
	"frontrow/wire"
)

// line is a queue in which fans are called by number.
type line struct{ lane, region string }

// admissionCheck looks at all that is stored and answered.
type admissionCheck struct {
	a      *admission
	places map[line][]time.Time // by number - 1: when each was given out
	state  wire.Admitter        // as stored last
	open   map[line]uint64      // who may come, by it
	passes map[string]wire.PassRecord
	used   map[string]string // by place: the key of its pass
	logged map[line]uint64
	board  wire.Board
	shown  uint64 // the term of the last board's admitter

	mu     sync.Mutex          // of what follows
	terms  map[*process]uint64 // that they seized the fence with
	heard  map[line]time.Time  // when anybody last asked a queue that answered
	silent map[look]bool       // whether it has not answered since it was last asked who is the newest
}

// look is of one process at one queue.
type look struct {
	*process
	line
}

// looked takes note of what a queue was asked: newest, if who is.
func (c *admissionCheck) looked(p *process, l line, newest bool, begun time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := look{p, l}
	switch {
	case err != nil && !errors.Is(err, kv.ErrNotFound):
		c.silent[at] = true
	case newest:
		c.silent[at] = false
		if begun.After(c.heard[l]) {
			c.heard[l] = begun
		}
	}
}

// termOf is the term that a process seized the fence with last; any goroutine may ask.
func (c *admissionCheck) termOf(p *process) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.terms[p]
}

// overtakes reports whether a fan who came at an instant may be called before one in l who
// came earlier: only if that does not answer, and they came when it still did.
func (c *admissionCheck) overtakes(p *process, l line, at time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.silent[look{p, l}] && !at.After(c.heard[l])
}

func newAdmissionCheck(a *admission) *admissionCheck {
	return &admissionCheck{a: a, places: map[line][]time.Time{}, open: map[line]uint64{}, passes: map[string]wire.PassRecord{},
		used: map[string]string{}, logged: map[line]uint64{}, heard: map[line]time.Time{}, silent: map[look]bool{}, terms: map[*process]uint64{}}
}

func (c *admissionCheck) joined(p wire.Place, at time.Time) {
	l := line{p.Lane, p.Region}
	if n := uint64(len(c.places[l])); p.Number == n+1 {
		c.places[l] = append(c.places[l], at)
		c.a.counts.Joins++
	} else if p.Number > n {
		c.a.violate("I6", "place %d of %v was given out after %d", p.Number, l, n)
	}
}

// published implements observer.
func (c *admissionCheck) published(from *process, ack kv.Ack, msgs []kv.Msg) {
	for _, m := range msgs {
		key, _ := strings.CutPrefix(m.Subject, wire.KVSubject(wire.PassesBucket(eventID), ""))
		switch {
		case m.Subject == wire.KVSubject(wire.BoardBucket, eventID):
			c.boarded(from, m.Data)
		case m.Subject == wire.LogSubject(eventID, wire.LogAdmission):
			c.acted(m.Data)
		case ack.Stream != wire.KVStream(wire.PassesBucket(eventID)):
		case key == wire.FenceKey:
			var r struct{ Term uint64 }
			if json.Unmarshal(m.Data, &r) == nil {
				c.mu.Lock()
				c.terms[from] = r.Term
				c.mu.Unlock()
			}
		case key == wire.AdmitterKey:
			c.moved(from, m.Data)
		case strings.HasPrefix(key, wire.PassPrefix):
			c.given(key, m.Data)
		}
	}
}

// moved: heads never go back, nor who may come but when all is sold; and nobody is called
// before an earlier place of their lane.
func (c *admissionCheck) moved(from *process, raw []byte) {
	var next wire.Admitter
	if err := json.Unmarshal(raw, &next); err != nil {
		c.a.violate("I6", "the admitter's record is %s", raw)
		return
	}
	if next.Term < c.state.Term {
		c.a.violate("fence", "a record of term %d follows one of %d", next.Term, c.state.Term)
	}
	heads := map[line]uint64{}
	for _, l := range c.state.Lines {
		heads[line{l.Lane, l.Region}] = l.Head
	}
	rose := map[string]bool{} // lanes
	open := map[line]uint64{}
	for _, l := range next.Lines {
		at := line{l.Lane, l.Region}
		if n := len(l.Calls); n > 0 {
			open[at] = l.Calls[n-1].To
		}
		if l.Head < heads[at] {
			c.a.violate("head", "of %v it goes back from %d to %d", at, heads[at], l.Head)
		}
		if open[at] < c.open[at] && !next.SoldOut {
			c.a.violate("head", "of %v who may come goes back from %d to %d", at, c.open[at], open[at])
		}
		if open[at] > uint64(len(c.places[at])) {
			c.a.violate("I6", "%d of %v are called, %d have joined", open[at], at, len(c.places[at]))
			return
		}
		if open[at] > c.open[at] {
			rose[l.Lane] = true
			c.a.counts.Called += int(open[at] - c.open[at])
		}
	}
	before := c.open
	c.state, c.open = next, open
	if time.Duration(c.a.event.Spec.Admission.RegionWait) < patient {
		return
	}
	for lane := range rose {
		c.inOrder(from, lane, before)
	}
}

// inOrder: whoever came before somebody who was called now is called too.
func (c *admissionCheck) inOrder(from *process, lane string, before map[line]uint64) {
	for i, region := range regionNames() {
		l := line{lane, region}
		if c.open[l] <= before[l] {
			continue
		}
		last := c.places[l][c.open[l]-1]
		for k, other := range regionNames() {
			o := line{lane, other}
			if n := c.open[o]; n < uint64(len(c.places[o])) {
				if first := c.places[o][n]; (first.Before(last) || first.Equal(last) && k < i) && !c.overtakes(from, o, last) {
					c.a.violate("I6", "place %d of %v, given out at %v, is called before %d of %v, given out at %v", c.open[l], l, last, n+1, o, first)
				}
			}
		}
	}
}

// given: a pass is for a place that is called, one for each, and within the ceiling.
func (c *admissionCheck) given(key string, raw []byte) {
	var p wire.PassRecord
	if err := json.Unmarshal(raw, &p); err != nil || wire.PassKey(p.Fan, p.Turn) != key {
		c.a.violate("I5", "%s is %s", key, raw)
		return
	}
	old, known := c.passes[key]
	c.passes[key] = p
	if known {
		if old.ID != p.ID && p.Was != old.ID {
			c.a.violate("I5", "%s was given out as %s, and again as %s", key, old.ID, p.ID)
		}
		if !p.Revoked.IsZero() {
			c.a.counts.Revoked++
		}
		return
	}
	c.a.counts.Passes++
	l := line{p.Lane, p.Region}
	place := fmt.Sprint(l, p.Number)
	if other, twice := c.used[place]; twice {
		c.a.violate("I5", "place %d of %v is good for %s and for %s", p.Number, l, other, key)
	}
	c.used[place] = key
	if p.Number > c.open[l] && p.Number > c.head(l) {
		c.a.violate("I5", "%s has a pass for place %d of %v, and %d are called", p.Fan, p.Number, l, c.open[l])
	}
	alive, now := 0, time.Now()
	for _, o := range c.passes {
		if o.Expires.After(now) && o.Revoked.IsZero() {
			alive++
		}
	}
	if most := c.a.event.Spec.Admission.Ceiling; alive > most {
		c.a.violate("I5", "%d passes are alive, of at most %d", alive, most)
	}
}

func (c *admissionCheck) head(l line) uint64 {
	at := slices.IndexFunc(c.state.Lines, func(o wire.Line) bool { return o.Lane == l.lane && o.Region == l.region })
	if at < 0 {
		return 0
	}
	return c.state.Lines[at].Head
}

// boarded: a board shows what is stored, has the next number, and is none of an admitter
// that others have followed.
func (c *admissionCheck) boarded(from *process, raw []byte) {
	var b wire.Board
	if err := json.Unmarshal(raw, &b); err != nil || b.Seq <= c.board.Seq {
		c.a.violate("board", "after number %d: %s", c.board.Seq, raw)
		return
	}
	if c.terms[from] < c.shown {
		c.a.violate("board", "of term %d follows one of term %d", c.terms[from], c.shown)
	}
	for lane, on := range b.Lanes {
		for region, h := range on.Regions {
			if l := (line{lane, region}); h.Head > c.open[l] && h.Head > c.head(l) {
				c.a.violate("board", "%v is shown as called up to %d, and stored up to %d", l, h.Head, c.open[l])
			}
		}
	}
	c.board, c.shown = b, c.terms[from]
	c.a.counts.Boards++
}

// acted: the log has each called place once, without gaps.
func (c *admissionCheck) acted(raw []byte) {
	var act wire.AdmissionAct
	if err := json.Unmarshal(raw, &act); err != nil {
		c.a.violate("I10", "the log has %s", raw)
		return
	}
	for _, m := range act.Lines {
		l := line{m.Lane, m.Region}
		if m.From != c.logged[l] || m.To < m.From {
			c.a.violate("I10", "of %v the log has %d, and then those from %d to %d", l, c.logged[l], m.From, m.To)
		}
		if m.To > c.head(l) {
			c.a.violate("I10", "%v is logged as called up to %d, and stored up to %d", l, m.To, c.head(l))
		}
		c.logged[l] = m.To
	}
	c.a.counts.Logged++
}

// answered implements observer: the pass that a fan gets is stored, and theirs.
func (c *admissionCheck) answered(_ *process, data []byte, _ kv.Revision) {
	var r wire.RedeemReply
	if json.Unmarshal(data, &r) != nil {
		return
	}
	if r.Problem != nil {
		switch r.Problem.Code {
		case wire.CodeWait:
			c.a.counts.Waits++
			if r.Problem.Ahead == 0 {
				c.a.counts.Full++
			}
		case wire.CodeJoinAgain:
			c.a.counts.JoinedAgain++
		case wire.CodeGone:
			c.a.counts.Gone++
		}
		return
	}
	if r.Pass == "" {
		return
	}
	p, err := c.a.keys.Public().VerifyPass(r.Pass, eventID, time.Now(), 0)
	if err != nil {
		return // it has expired on its way
	}
	for _, rec := range c.passes {
		if rec.ID == p.ID && rec.Fan == p.Subject {
			c.a.counts.Again++
			return
		}
	}
	c.a.violate("I5", "%s is given pass %s, which is not stored", p.Subject, p.ID)
}

func (c *admissionCheck) asked(bus.Msg)          {}
func (c *admissionCheck) noticed(string, []byte) {}

// atRest: all calls are logged.
func (c *admissionCheck) atRest() {
	for _, l := range c.state.Lines {
		if at := (line{l.Lane, l.Region}); c.logged[at] != l.Head {
			c.a.violate("I10", "%v is called up to %d, and logged up to %d", at, l.Head, c.logged[at])
		}
	}
}
