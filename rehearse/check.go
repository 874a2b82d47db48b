package rehearse

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"frontrow/wire"
)

const (
	// ClockSkew is how far the clocks of the server and of this machine may differ.
	ClockSkew = 2 * time.Second

	maxSamples = 20
)

// rule is an invariant of the answers that fans get.
type rule int

const (
	ruleOneHolder rule = iota
	ruleLimit
	ruleHoldStands
	ruleOrderPaid
	ruleOnePass
	rulePlace
	ruleHead
	ruleCalled
	rulePrice
	ruleTickets
	rulePaidStays
	ruleForged
	rules
)

func newChecks() [rules]Check {
	return [rules]Check{
		ruleOneHolder:  {Invariant: "I1", Rule: "a seat is held by one fan at a time, and paid for by one"},
		ruleLimit:      {Invariant: "I1", Rule: "nobody holds or buys more tickets than they may"},
		ruleHoldStands: {Invariant: "I2", Rule: "a hold stands until its deadline, unless its fan ends it"},
		ruleOrderPaid:  {Invariant: "I2", Rule: "an order of a good card that was taken is paid"},
		ruleOnePass:    {Invariant: "I5", Rule: "a place redeems to one pass"},
		rulePlace:      {Invariant: "I6", Rule: "a place is one fan's, and stays the same however often they join"},
		ruleHead:       {Invariant: "I6", Rule: "the head of a lane never goes back"},
		ruleCalled:     {Invariant: "I6", Rule: "a pass is given to places whose turn has come alone: by head, or by rank in the draw"},
		rulePrice:      {Invariant: "I8", Rule: "the price paid is the price quoted, and adds up"},
		ruleTickets:    {Invariant: "I9", Rule: "a paid order has a valid ticket for each of its seats"},
		rulePaidStays:  {Invariant: "I10", Rule: "an order that was taken is known, and one that is paid stays so"},
		ruleForged:     {Invariant: "G2", Rule: "a tampered, forged or foreign receipt or pass opens nothing"},
	}
}

// checker collects what visitors learn and finds contradictions. Each fact comes with
// an instant on this machine's clock; visitors are numbers.
type checker struct {
	limit int // tickets a fan

	mu      sync.Mutex
	checks  [rules]Check
	fanOf   map[place]int
	placeOf map[int]place
	passOf  map[int]string
	given   []givenPass // not yet compared with a board
	heads   map[lane]seenHead
	drawn   map[string]uint64 // the most ranks that a lane's draw was called up to
	holds   map[string]*hold  // by id
	seats   map[string]*seat
	tickets map[int]int // paid, by visitor
}

type givenPass struct {
	who   int
	place place
	at    time.Time
}

type seenHead struct {
	seq, head uint64
}

// hold is a hold as its fan knows it. It certainly stands in [from, until).
type hold struct {
	who         int
	id          string
	from, until time.Time
	quoted      wire.HoldReply
	good        bool // paid with a card that works
	order       string
	paid        []string // its tickets
	lost        bool     // already reported
}

// seat is the last known hold of a seat, and the one that paid for it.
type seat struct{ last, paid *hold }

func newChecker(limit int) *checker {
	return &checker{limit: limit, checks: newChecks(), fanOf: map[place]int{}, placeOf: map[int]place{}, passOf: map[int]string{},
		heads: map[lane]seenHead{}, drawn: map[string]uint64{}, holds: map[string]*hold{}, seats: map[string]*seat{}, tickets: map[int]int{}}
}

// must checks one case of a rule and records a violation. The caller holds mu.
func (c *checker) must(r rule, holds bool, format string, args ...any) {
	if c.checks[r].Looked++; !holds {
		c.breaks(r, format, args...)
	}
}

func (c *checker) breaks(r rule, format string, args ...any) {
	k := &c.checks[r]
	if k.Broken++; len(k.Samples) < maxSamples {
		k.Samples = append(k.Samples, fmt.Sprintf(format, args...))
	}
}

func (c *checker) report() []Check {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.checks[:])
}

// placed records that a visitor was told their place.
func (c *checker) placed(who int, p place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, had := c.placeOf[who]
	c.must(rulePlace, !had || before == p, "visitor %d had place %d of %v, has %d of %v", who, before.number, before.lane, p.number, p.lane)
	if other, taken := c.fanOf[p]; taken && other != who {
		c.breaks(rulePlace, "place %d of %v is given to the visitors %d and %d", p.number, p.lane, other, who)
	}
	c.fanOf[p], c.placeOf[who] = who, p
}

// usedUp records that a visitor was told that their turn is over, and joins again for
// another place and another pass.
func (c *checker) usedUp(who int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.placeOf, who)
	delete(c.passOf, who)
}

// admitted records that a place was redeemed, at the latest at an instant.
func (c *checker) admitted(who int, p place, pass string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, had := c.passOf[who]
	c.must(ruleOnePass, !had || before == pass, "visitor %d of place %d has two passes", who, p.number)
	c.passOf[who] = pass
	c.given = append(c.given, givenPass{who, p, at})
}

// shown records a board. A board written after a pass was given must show that its
// place was called, since a head is stored before it counts. Called ranks of a draw may
// be taken back when everything is sold, so for those the most ever seen counts.
func (c *checker) shown(b wire.Board) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, l := range b.Lanes {
		for region, h := range l.Regions {
			at := lane{name, region}
			last, reached := c.heads[at], h.Reached()
			back := b.Seq > last.seq && reached < last.head || b.Seq < last.seq && reached > last.head
			c.must(ruleHead, !back, "%v: head %d on board %d, %d on board %d", at, last.head, last.seq, reached, b.Seq)
			if b.Seq > last.seq {
				c.heads[at] = seenHead{b.Seq, reached}
			}
		}
	}
	reached := c.reached(b)
	c.given = slices.DeleteFunc(c.given, func(g givenPass) bool {
		if b.At.Before(g.at.Add(ClockSkew)) {
			return false
		}
		ahead, called, _ := reached.Turn(g.place.lane.lane, g.place.region, g.place.number)
		c.must(ruleCalled, called, "visitor %d of place %d of %v had a pass at %s; at %s, %d were to be called before",
			g.who, g.place.number, g.place.lane, clock(g.at), clock(b.At), ahead)
		return true
	})
}

// reached returns the board with everything called as far as it has ever been.
func (c *checker) reached(b wire.Board) wire.Board {
	lanes := make(map[string]wire.LaneBoard, len(b.Lanes))
	for name, l := range b.Lanes {
		c.drawn[name] = max(c.drawn[name], l.Called)
		most := wire.LaneBoard{Regions: make(map[string]wire.Head, len(l.Regions)), Called: c.drawn[name]}
		for region, h := range l.Regions {
			h.Head = h.Reached()
			most.Regions[region] = h
		}
		lanes[name] = most
	}
	b.Lanes = lanes
	return b
}

// held records that a hold was granted, at the latest at an instant, when the visitor
// asked for wanted places.
func (c *checker) held(who int, r wire.HoldReply, wanted int, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.holds[r.Hold]; h != nil {
		c.must(ruleOneHolder, h.who == who, "hold %s is given to the visitors %d and %d", r.Hold, h.who, who)
		return // a repeated answer
	}
	h := &hold{who: who, id: r.Hold, from: at, until: r.Expires.Add(-ClockSkew), quoted: r}
	c.holds[r.Hold] = h
	n, sum := len(r.Seats), sumOf(r.Seats)
	c.must(ruleLimit, n == wanted && c.tickets[who]+n <= c.limit, "visitor %d has %d tickets, wanted %d, was given %d; the limit is %d", who, c.tickets[who], wanted, n, c.limit)
	c.must(rulePrice, sum == r.Total, "hold %s: the seats cost %d, the total is %d", r.Hold, sum, r.Total)
	for _, q := range r.Seats {
		s := c.seat(q.ID)
		paid, last := cmp.Or(s.paid, h), cmp.Or(s.last, h)
		c.must(ruleOneHolder, paid == h, "seat %s is paid for by visitor %d, and held for %d at %s", q.ID, paid.who, who, clock(at))
		if paid == h && last != h && last.overlaps(h) {
			c.breaks(ruleOneHolder, "seat %s is held for visitor %d from %s to %s, and for %d at %s",
				q.ID, last.who, clock(last.from), clock(last.until), who, clock(at))
		}
		s.last = h
	}
}

// overlaps reports whether both holds certainly stand at some instant.
func (h *hold) overlaps(o *hold) bool {
	from, until := h.from, h.until
	if o.from.After(from) {
		from = o.from
	}
	if o.until.Before(until) {
		until = o.until
	}
	return from.Before(until)
}

func (c *checker) seat(id string) *seat {
	s := c.seats[id]
	if s == nil {
		s = &seat{}
		c.seats[id] = s
	}
	return s
}

// ending records that a fan is about to end a hold, by releasing it or with a card that
// will be declined. From now on it may end.
func (c *checker) ending(id string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.holds[id]; h != nil && at.Before(h.until) {
		h.until = at
	}
}

// over records that a hold was used at an instant and had ended.
func (c *checker) over(id string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.holds[id]
	if h == nil {
		return
	}
	early := at.Before(h.until) && !h.lost
	c.must(ruleHoldStands, !early, "hold %s of visitor %d stands until %s, but had ended at %s", id, h.who, clock(h.until), clock(at))
	h.lost = h.lost || early
}

// ordered records that a hold's checkout was accepted as an order; good says that the
// card works.
func (c *checker) ordered(id, order string, good bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.holds[id]
	if h == nil {
		return
	}
	c.must(ruleHoldStands, true, "")
	// Another card makes another order.
	same := h.order == "" || h.order == order || !h.good && wire.HoldOfOrder(h.order) == wire.HoldOfOrder(order)
	c.must(rulePaidStays, same, "hold %s has the orders %s and %s", id, h.order, order)
	h.order, h.good = order, good
}

// orderRead records an order of a hold as read at an instant. An order may be read many
// times.
func (c *checker) orderRead(id string, o wire.OrderReply, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.holds[id]
	if h == nil || o.State == wire.OrderPending {
		return
	}
	paid := o.State == wire.OrderPaid
	if h.paid != nil {
		c.must(rulePaidStays, paid && slices.Equal(o.Tickets, h.paid), "order %s was paid, with the tickets %v; it reads %s, %v", o.Order, h.paid, o.State, o.Tickets)
		return
	}
	if h.good {
		c.must(ruleOrderPaid, paid, "order %s of visitor %d is %s: %s", o.Order, h.who, o.State, o.Reason)
	}
	if paid {
		c.paid(h, o, at)
	}
}

func (c *checker) paid(h *hold, o wire.OrderReply, at time.Time) {
	h.paid = o.Tickets
	quoted := h.quoted
	c.must(rulePrice, o.Total == quoted.Total && o.Currency == quoted.Currency && samePrices(o.Seats, quoted.Seats), "order %s: quoted %d %s for %v, paid %d %s for %v",
		o.Order, quoted.Total, quoted.Currency, idsOf(quoted.Seats), o.Total, o.Currency, idsOf(o.Seats))
	c.must(ruleTickets, len(o.Tickets) == len(quoted.Seats), "order %s of %d seats has %d tickets", o.Order, len(quoted.Seats), len(o.Tickets))
	c.tickets[h.who] += len(o.Seats)
	c.must(ruleLimit, c.tickets[h.who] <= c.limit, "visitor %d has bought %d tickets; the limit is %d", h.who, c.tickets[h.who], c.limit)
	for _, q := range o.Seats {
		s := c.seat(q.ID)
		paid, last := cmp.Or(s.paid, h), cmp.Or(s.last, h)
		c.must(ruleOneHolder, paid == h, "seat %s is paid for by the visitors %d and %d", q.ID, paid.who, h.who)
		if last != h && last.until.After(at) {
			c.breaks(ruleOneHolder, "seat %s is paid for by visitor %d at %s, and held for %d until %s",
				q.ID, h.who, clock(at), last.who, clock(last.until))
		}
		s.paid = h
	}
}

// missing records that an accepted order is not known.
func (c *checker) missing(order string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.must(rulePaidStays, false, "order %s was taken, and is not known", order)
}

// unsettled records that an accepted order has not come to an end.
func (c *checker) unsettled(order string, waited time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.must(ruleOrderPaid, false, "order %s is pending after %s", order, waited.Round(time.Second))
}

// ticket records a ticket of a paid hold as read.
func (c *checker) ticket(id string, t wire.TicketReply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.holds[id]
	if h == nil {
		return
	}
	good := t.State == "valid" && t.Barcode != "" && slices.Contains(h.paid, t.Ticket) && slices.Contains(idsOf(h.quoted.Seats), t.Seat)
	c.must(ruleTickets, good, "ticket %s of hold %s: %s, seat %s", t.Ticket, id, t.State, t.Seat)
}

// forged records a try of something that must open nothing.
func (c *checker) forged(what string, opened bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.must(ruleForged, !opened, "%s", what)
}

// paidHolds lists the paid holds, whose orders are read once more.
func (c *checker) paidHolds() (paid []*hold) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.holds {
		if h.paid != nil {
			paid = append(paid, h)
		}
	}
	return paid
}

// clock is an instant as shown in messages.
type clock time.Time

func (c clock) String() string { return time.Time(c).UTC().Format("15:04:05.000") }
