package seating

import (
	"container/heap"
	"fmt"
	"time"

	"frontrow/internal/promise"
	"frontrow/plan"
	"frontrow/wire"
)

// Engine has the seats of one event: a pure state machine without goroutines, clock or I/O.
// Its writer calls one method at a time, each of which decides a command at an instant and
// changes the state at once; Take then says which records and log acts a flush must store.
// If that flush isn't stored, the engine is thrown away and rebuilt from the records (see
// writer).
type Engine struct {
	spec    wire.Spec
	zone    *time.Location // of the event
	closed  bool
	index   *plan.Index
	levelOf []uint8 // by seat: index in spec.Levels
	prices  []wire.Price
	past    promise.Past // what they have been

	state    []wire.State
	owner    []*hold // by seat: who holds or bought it; nil when available or blocked
	at       []time.Time
	flush    []uint64         // by seat: number of the flush that changed it last; 0 when none is known
	revision []uint64         // by seat: of that flush's log record; 0 when the seat has no state yet
	blocks   map[int]block    // of blocked seats, and of held ones that return to a channel
	spoiled  map[int]struct{} // seats whose records can't be read
	channels map[string]int   // seats in blocks, by channel

	holds     map[string]*hold // by id, standing and sold
	ended     ended            // holds
	attempted attempted        // holds that have ended
	returned  ended            // seats, by returned
	tickets   map[string]int   // by fan: seats held and bought
	uses      uses
	squares   int // sum of the squares of tickets
	returns   returns
	keepers   keepers
	back      []Returned // since the last call of Returned
	deadlines deadlines
	finder    *finder

	all       wire.Count
	sections  []wire.Count // the plan's sections, then its areas
	sectionOf []uint16     // by seat: index in sections
	levels    []wire.Count

	dirty   map[int]bool // true: by the end of a hold alone, so that its change is short
	short   int          // of dirty
	pending []int        // the dirty seats in the order they became so
	acts    []wire.Act
}

// hold is a purchase under way or done: a set of seats with one owner.
type hold struct {
	id, fan          string
	seats            []int
	quotes           []wire.SeatQuote
	until            time.Time
	order, key, body string
	sold             bool
	heldUntil        time.Time    // in checkout: the deadline before that
	tried            []wire.Tried // attempts to pay that failed
	extended         bool         // has had its one "more time"
	why              string       // of best available
	slot             int          // in deadlines; -1 when sold, ended, or while the ledger is asked
	asked            bool         // the ledger was asked whether to give up the order, and may still do so: nothing extends the hold
	askAgain         time.Time    // when it couldn't be asked: not before this

	net         string        // of the holder
	since, last time.Time     // when its keeping began, and its latest end: see wire.Kept
	spent       time.Duration // by the fan, until since
}

// NewEngine returns the engine of an event none of whose seats has a record yet.
func NewEngine(event wire.Event, index *plan.Index) *Engine {
	n := index.Len()
	e := &Engine{
		index: index, levelOf: make([]uint8, n),
		state: make([]wire.State, n), owner: make([]*hold, n), at: make([]time.Time, n),
		flush: make([]uint64, n), revision: make([]uint64, n), blocks: map[int]block{}, spoiled: map[int]struct{}{}, channels: map[string]int{},
		holds: map[string]*hold{}, tickets: map[string]int{}, uses: uses{}, returns: newReturns(), keepers: keepers{of: map[string]*keeper{}},
		sectionOf: make([]uint16, n), dirty: map[int]bool{},
	}
	e.SetEvent(event)
	e.levels = make([]wire.Count, len(e.spec.Levels))
	e.prices = make([]wire.Price, len(e.spec.Levels))
	levels := e.spec.LevelIndex()
	e.sections = make([]wire.Count, len(index.Sections())+len(index.Areas()))
	for k := range e.sections {
		start, end := e.sectionRange(k)
		for i := start; i < end; i++ {
			e.sectionOf[i] = uint16(k)
			ref := index.Seat(i)
			level, _ := levels.Of(ref.Category, ref.SectionID)
			e.levelOf[i] = uint8(level)
			e.state[i] = wire.Available
			e.count(i, wire.Available, +1)
		}
	}
	e.finder = newFinder(index, e.levelOf, e.spec.Best)
	return e
}

// sectionRange returns the places of counter k: a section's or, after those, an area's.
func (e *Engine) sectionRange(k int) (start, end int) {
	if s := e.index.Sections(); k < len(s) {
		return s[k].Start, s[k].End
	}
	a := e.index.Areas()[k-len(e.index.Sections())]
	return a.Start, a.End
}

func (e *Engine) sectionID(k int) string {
	if p := e.index.Plan(); k < len(p.Sections) {
		return p.Sections[k].ID
	}
	return e.index.Areas()[k-len(e.index.Sections())].ID
}

// SetEvent applies what may change while an event is on sale: its state, instants, limits
// and rules. Levels and plan stay.
func (e *Engine) SetEvent(event wire.Event) {
	was := e.spec
	e.spec = event.Spec.WithDefaults()
	e.zone = e.spec.Zone()
	if was.Levels != nil {
		e.spec.Levels = was.Levels
	}
	e.closed = event.State == wire.EventClosed
	if e.finder != nil && !was.Best.SameWeights(e.spec.Best) {
		e.sortAgain()
	}
}

// sortAgain rebuilds the finder under other weights.
func (e *Engine) sortAgain() {
	e.finder = newFinder(e.index, e.levelOf, e.spec.Best)
	for name := range e.channels {
		e.finder.openChannel(name)
	}
	for i, s := range e.state {
		if s != wire.Available {
			e.finder.set(i, false, e.channelOf(i, s))
		}
		if s == wire.Sold {
			e.finder.keep(i, false)
		}
	}
}

// channelOf returns the channel whose buyers alone may have a seat in a state; "" if nobody
// or everybody may.
func (e *Engine) channelOf(seat int, s wire.State) string {
	if s == wire.Blocked {
		return e.blocks[seat].channel
	}
	return ""
}

// SetPrice makes p the price of the level called id from now on; quotes stand.
func (e *Engine) SetPrice(id string, p wire.Price) {
	for i, l := range e.spec.Levels {
		if l.ID == id {
			e.prices[i] = p
		}
	}
}

// Restore loads a seat's record at a revision, before any command.
func (e *Engine) Restore(seat int, r wire.Seat, revision uint64) error {
	e.flush[seat], e.revision[seat] = r.Flush, revision
	e.at[seat] = r.At
	if k := r.Kept; k != nil && r.State != wire.Held {
		e.returns.note(seat, *k)
		e.keepers.restored(k.Fan, time.Duration(k.Spent), k.Until, false)
	}
	switch r.State {
	case wire.Available:
		return nil
	case wire.Blocked:
		e.mark(seat, &block{r.Channel, r.Why})
		e.set(seat, wire.Blocked, nil)
		return nil
	case wire.Held, wire.Sold:
	default:
		return fmt.Errorf("seat %s: unknown state %q", e.index.ID(seat), r.State)
	}
	if r.Hold == "" || r.Quote == nil || r.State == wire.Held && r.Until == nil {
		return fmt.Errorf("seat %s: %s without hold, quote or deadline", e.index.ID(seat), r.State)
	}
	h := e.holds[r.Hold]
	if h == nil {
		h = &hold{id: r.Hold, fan: r.Fan, order: r.Order, key: r.Key, body: r.Body, sold: r.State == wire.Sold, tried: r.Tried, extended: r.Extended, slot: -1, net: r.Net}
		e.holds[h.id] = h
		if !h.sold {
			h.until = *r.Until
			if r.HeldUntil != nil {
				h.heldUntil = *r.HeldUntil
			}
			e.restoreTerms(h, r)
			heap.Push(&e.deadlines, h)
		}
	}
	if h.sold {
		e.returns.buys(h.net, 1)
	}
	e.uses.add(h.fan, h.quotes, -1)
	h.seats, h.quotes = append(h.seats, seat), append(h.quotes, *r.Quote)
	e.uses.add(h.fan, h.quotes, +1)
	e.tally(h.fan, 1)
	if r.Channel != "" {
		e.mark(seat, &block{r.Channel, r.Why})
	}
	e.set(seat, r.State, h)
	return nil
}

// restoreTerms is grant's counterpart. The keeping of a hold from a version without these
// bounds begins now.
func (e *Engine) restoreTerms(h *hold, r wire.Seat) {
	if k := r.Kept; k != nil {
		h.since, h.last, h.spent = k.Since, k.Until, time.Duration(k.Spent)
	} else {
		h.since, h.last = r.At, r.At.Add(time.Duration(e.spec.Hold.Life()))
	}
	if h.last.Before(h.until) {
		h.last = h.until
	}
	e.keepers.restored(h.fan, h.spent, h.since, true)
}

// Unopened lists up to most seats without a record, starting at from.
func (e *Engine) Unopened(from, most int) []int {
	var seats []int
	for i := from; i < len(e.revision) && len(seats) < most; i++ {
		if e.revision[i] == 0 {
			seats = append(seats, i)
		}
	}
	return seats
}

// Known lists up to most seats that have a record which can be read, starting at from.
func (e *Engine) Known(from, most int) []int {
	var seats []int
	for i := from; i < len(e.revision) && len(seats) < most; i++ {
		if _, spoiled := e.spoiled[i]; e.revision[i] != 0 && !spoiled {
			seats = append(seats, i)
		}
	}
	return seats
}

// Tell marks seats so that the log says what they are.
func (e *Engine) Tell(seats []int) {
	for _, i := range seats {
		e.touch(i)
	}
	e.acts = append(e.acts, wire.Act{Kind: wire.ActKindTell, Count: len(seats)})
}

// Open marks seats to get their first record.
func (e *Engine) Open(seats []int, now time.Time) {
	for _, i := range seats {
		e.at[i] = now
		e.touch(i)
	}
	e.acts = append(e.acts, wire.Act{Kind: wire.ActKindOpen, Count: len(seats)})
}

// Sale is a sold seat.
type Sale struct{ Seat, Order, Hold, Fan string }

// Sold lists the sold seats in the order of the plan.
func (e *Engine) Sold() []Sale {
	var sold []Sale
	for i, h := range e.owner {
		if h != nil && h.sold {
			sold = append(sold, Sale{e.index.ID(i), h.order, h.id, h.fan})
		}
	}
	return sold
}

// OrderOf returns the order to which a seat is sold, or for which it is in checkout; empty
// if there is none.
func (e *Engine) OrderOf(seat string) string {
	if i, ok := e.index.Lookup(seat); ok && e.owner[i] != nil {
		return e.owner[i].order
	}
	return ""
}

// Has reports whether a hold has all these seats, sold or not.
func (e *Engine) Has(hold string, seats []wire.SeatQuote) bool {
	for _, q := range seats {
		if i, ok := e.index.Lookup(q.ID); !ok || e.owner[i] == nil || e.owner[i].id != hold {
			return false
		}
	}
	return true
}

// Stock counts the seats by section and level.
func (e *Engine) Stock(now time.Time) wire.Stock {
	s := wire.Stock{Event: e.spec.ID, At: now, All: e.all, Fans: len(e.tickets), Squares: e.squares,
		Sections: make(map[string]wire.Count, len(e.sections)), Levels: make(map[string]wire.Count, len(e.levels))}
	for k, c := range e.sections {
		s.Sections[e.sectionID(k)] = c
	}
	for i, l := range e.spec.Levels {
		s.Levels[l.ID] = e.levels[i]
	}
	return s
}

// set moves a seat to a state and owner, and updates the counters and the finder.
func (e *Engine) set(seat int, to wire.State, owner *hold) {
	e.count(seat, e.state[seat], -1)
	e.count(seat, to, +1)
	if was := e.state[seat]; (was == wire.Sold) != (to == wire.Sold) {
		e.finder.keep(seat, to != wire.Sold)
	}
	e.state[seat], e.owner[seat] = to, owner
	if owner != nil {
		e.returns.forget(seat)
	}
	e.finder.set(seat, to == wire.Available, e.channelOf(seat, to))
}

func (e *Engine) count(seat int, s wire.State, d int) {
	for _, c := range []*wire.Count{&e.all, &e.sections[e.sectionOf[seat]], &e.levels[e.levelOf[seat]]} {
		switch s {
		case wire.Available:
			c.Free += d
		case wire.Held:
			c.Held += d
		case wire.Sold:
			c.Sold += d
		case wire.Blocked:
			c.Blocked += d
		}
	}
}

// touch marks a seat's record for the next flush.
func (e *Engine) touch(seat int) {
	short, dirty := e.dirty[seat]
	if !dirty {
		e.pending = append(e.pending, seat)
	}
	if short {
		e.short--
	}
	e.dirty[seat] = false
}

func (e *Engine) touched(seat int) bool {
	_, dirty := e.dirty[seat]
	return dirty
}

// shorten notes that nothing but the end of their hold has touched seats. Those that return
// to a channel are told why they are blocked, which may be long.
func (e *Engine) shorten(seats []int) {
	for _, i := range seats {
		if e.state[i] == wire.Available && len(e.index.ID(i)) <= shortID {
			e.dirty[i] = true
			e.short++
		}
	}
}

// change moves a seat, stamps it and marks it for the next flush.
func (e *Engine) change(seat int, to wire.State, owner *hold, now time.Time) {
	e.set(seat, to, owner)
	e.at[seat] = now
	delete(e.spoiled, seat)
	e.touch(seat)
}

func (e *Engine) ids(seats []int) []string {
	ids := make([]string, len(seats))
	for k, i := range seats {
		ids[k] = e.index.ID(i)
	}
	return ids
}
