package sim

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"frontrow/wire"
)

// checker knows what must hold, and nothing of how it is made to: it replays
// the log as it is written, and looks at records, ledger and provider after
// each of their changes.
type checker struct {
	w        *world
	logged   uint64 // the last log number
	seats    map[string]*fact
	holds    map[string]*contract // all there ever were
	letGo    map[string]bool      // holds that their fans asked to release
	accepted map[string]bool      // orders whose buyers were told that they are under way
	money    map[string]int64     // captured, by order
}

// fact is a seat by the log.
type fact struct {
	state wire.State
	hold  *contract
	left  *contract // the last hold, if it lapsed
}

// contract is a hold by the log.
type contract struct {
	id, fan, order string
	seats          []string
	prices         map[string]wire.Amounts
	begun, until   time.Time // begun: or a moment before, when it was decided
	over           bool
}

func newChecker(w *world) *checker {
	c := &checker{w: w, seats: map[string]*fact{}, holds: map[string]*contract{}, letGo: map[string]bool{},
		accepted: map[string]bool{}, money: map[string]int64{}}
	for i := range w.index.Len() {
		c.seats[w.index.ID(i)] = &fact{state: wire.Available}
	}
	return c
}

// stored looks at a batch that the store has taken.
func (c *checker) stored(batch []write) {
	last := batch[len(batch)-1]
	if last.key == wire.WriterKey || last.key == wire.VouchKey {
		return
	}
	var f wire.Flush
	if err := json.Unmarshal(last.value, &f); err != nil || last.key != logKey(f.N) {
		c.w.violate("I10", "batch ends in %s: %s", last.key, last.value)
		return
	}
	if f.N != c.logged+1 {
		c.w.violate("I10", "log.%d follows log.%d", f.N, c.logged)
	}
	c.logged = f.N
	for _, a := range f.Acts {
		c.w.note("log.%d %s %s %s %v", f.N, a.Kind, a.Hold, a.Order, a.Seats)
		c.act(a, f.At)
	}
	for _, m := range batch[:len(batch)-1] {
		var r wire.Seat
		id, _ := wire.SeatOfKey(m.key)
		if err := json.Unmarshal(m.value, &r); err != nil {
			c.w.violate("I10", "record of %s: %v", id, err)
			return
		}
		c.record(id, r)
	}
	for _, a := range f.Acts { // no act without its records
		for _, id := range a.Seats {
			var r wire.Seat
			if json.Unmarshal(c.w.store.last(wire.SeatKey(id)).value, &r) == nil {
				c.record(id, r)
			}
		}
	}
	c.limits()
}

// record must say what the log says.
func (c *checker) record(id string, r wire.Seat) {
	f := c.seats[id]
	hold := ""
	if f.hold != nil {
		hold = f.hold.id
	}
	if r.State != f.state || r.Hold != hold {
		c.w.violate("I10", "the record of %s says %s by %q, the log %s by %q", id, r.State, r.Hold, f.state, hold)
	}
	if f.hold == nil {
		return
	}
	if r.Fan != f.hold.fan || r.Order != f.hold.order {
		c.w.violate("I1", "the record of %s says fan %s, order %q; the log %s, %q", id, r.Fan, r.Order, f.hold.fan, f.hold.order)
	}
	published := c.w.prices[r.Quote.Level][r.Quote.Version-1].Amounts
	if p := r.Quote.Price; p != f.hold.prices[id] || p != published {
		c.w.violate("I8", "the record of %s says %v, its hold %v, the price list %v", id, p, f.hold.prices[id], published)
	}
	if r.State == wire.Held && !r.Until.Equal(f.hold.until) {
		c.w.violate("I2", "the record of %s is until %v, the log's hold until %v", id, r.Until, f.hold.until)
	}
}

// act folds one decision, which must be one that the rules allow.
func (c *checker) act(a wire.Act, at time.Time) {
	h := c.holds[a.Hold]
	if a.Kind == wire.ActKindHold {
		if h != nil && (!h.over || h.order != "" && c.w.ledger.orders[h.order].state != wire.OrderFailed) {
			c.w.violate("I2", "hold %s begins again", a.Hold) // only a late request for one that ended may do so
		}
		h = &contract{id: a.Hold, fan: a.Fan, seats: a.Seats, prices: map[string]wire.Amounts{}, begun: at, until: *a.Until}
		for i, id := range a.Seats {
			c.rested(id, h, at)
			h.prices[id] = a.Prices[i]
			c.move(a, id, wire.Available, nil, wire.Held, h)
		}
		c.holds[a.Hold] = h
		c.w.counts.Holds++
		return
	}
	if a.Kind == wire.ActKindOpen {
		return
	}
	if h == nil || h.over && a.Kind != wire.ActKindSell {
		c.w.violate("I3", "%s of %s, which doesn't stand", a.Kind, a.Hold)
		return
	}
	if h.fan != a.Fan || !sameSeats(h.seats, a.Seats) {
		c.w.violate("I3", "%s of %s for %s: %v, held by %s: %v", a.Kind, a.Hold, a.Fan, a.Seats, h.fan, h.seats)
	}
	switch a.Kind {
	case wire.ActKindCheckout, wire.ActKindExtend:
		if a.Until.Before(h.until) {
			c.w.violate("I2", "%s of %s shortens it", a.Kind, a.Hold)
		}
		h.order, h.until = a.Order, *a.Until
		if life := c.w.event.Spec.Hold.Life(); h.until.After(h.begun.Add(time.Duration(life))) {
			c.w.violate("I15", "%s of %s, which began at %v, is until %v, longer than %v", a.Kind, a.Hold, h.begun, h.until, life)
		}
	case wire.ActKindRelease:
		c.released(a, h)
	case wire.ActKindExpire:
		c.expired(a, h, at)
	case wire.ActKindSell:
		c.sold(a, h)
	}
}

// released: a hold ends before its deadline by its fan's wish, or because the
// ledger has failed its order.
func (c *checker) released(a wire.Act, h *contract) {
	if o := c.w.ledger.orders[h.order]; h.order == "" && !c.letGo[h.id] || h.order != "" && (o == nil || o.state != wire.OrderFailed) {
		c.w.violate("I2", "hold %s (order %q) of %v is released: %s", h.id, h.order, h.seats, a.Why)
	}
	c.w.counts.Released++
	c.end(a, h)
}

// failed: an order fails for its payment, or once its hold, by the log, stands no
// more or has passed its deadline.
func (c *checker) failed(o *order) {
	h := c.holds[o.msg.Hold]
	if o.reason == reasonDeclined || o.reason == reasonUnreachable || h == nil || h.over || h.order != o.msg.Order {
		return
	}
	if c.w.now.Before(h.until) {
		c.w.violate("I2", "order %s fails, %s, and its hold stands until %v", o.msg.Order, o.reason, h.until)
	}
}

func (c *checker) expired(a wire.Act, h *contract, at time.Time) {
	if h.order != "" || at.Before(h.until) {
		c.w.violate("I2", "hold %s (order %q) until %v expires at %v", h.id, h.order, h.until, at)
	}
	if calm := c.w.calm; !calm.IsZero() && h.until.After(calm.Add(2*maxLate)) && at.Sub(h.until) > time.Second {
		c.w.violate("I7", "hold %s until %v expires at %v", h.id, h.until, at)
	}
	c.w.counts.Expired++
	c.end(a, h)
	for _, id := range h.seats {
		c.seats[id].left = h
	}
}

// rested: who let a seat lapse does not have it again before it has rested, unless
// somebody else had it.
func (c *checker) rested(id string, h *contract, at time.Time) {
	spec := c.w.event.Spec.Hold
	was := c.seats[id].left
	c.seats[id].left = nil
	if was != nil && was.fan == h.fan && was.until.Sub(was.begun) > time.Duration(spec.TTL)*3/4 && at.Before(was.until.Add(time.Duration(spec.Keep))) {
		c.w.violate("I15", "%s lapsed at %v for %s, who has it again at %v", id, was.until, h.fan, at)
	}
}

func (c *checker) end(a wire.Act, h *contract) {
	h.over = true
	for _, id := range h.seats {
		c.move(a, id, wire.Held, h, wire.Available, nil)
	}
}

func (c *checker) sold(a wire.Act, h *contract) {
	if o := c.w.ledger.orders[a.Order]; o == nil || o.state != wire.OrderPaid || h.over {
		c.w.violate("I4", "hold %s is sold under order %s, which isn't paid, or again", h.id, a.Order)
	}
	h.order, h.over = a.Order, true
	for _, id := range h.seats {
		c.move(a, id, wire.Held, h, wire.Sold, h)
	}
}

func sameSeats(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// move takes a seat from one state to the next, and from no other.
func (c *checker) move(a wire.Act, id string, from wire.State, of *contract, to wire.State, owner *contract) {
	f := c.seats[id]
	if f.state != from || f.hold != of {
		c.w.violate("I1", "%s of %s finds seat %s %s by %+v", a.Kind, a.Hold, id, f.state, f.hold)
	}
	f.state, f.hold = to, owner
}

// limits: nobody has more tickets than they may.
func (c *checker) limits() {
	have, bought := map[string]int{}, map[string]int{}
	for _, f := range c.seats {
		if f.hold != nil {
			have[f.hold.fan]++
		}
	}
	for _, b := range c.w.ledger.seats {
		if b.order != "" {
			bought[c.w.ledger.orders[b.order].msg.Fan]++
		}
	}
	for _, fan := range c.w.fans {
		if have[fan] > perFan || bought[fan] > perFan {
			c.w.violate("limit", "%s holds %d and has bought %d", fan, have[fan], bought[fan])
		}
	}
}

// held: what a fan is told is in the log.
func (c *checker) held(fan string, r wire.HoldReply) {
	if r.Problem != nil {
		return
	}
	h := c.holds[r.Hold]
	if h == nil || h.fan != fan || len(h.seats) != len(r.Seats) {
		c.w.violate("I2", "hold %s is acknowledged and not stored", r.Hold)
		return
	}
	for _, q := range r.Seats {
		if h.prices[q.ID] != q.Price {
			c.w.violate("I8", "hold %s was quoted %v for %s and is stored with %v", r.Hold, q.Price, q.ID, h.prices[q.ID])
		}
	}
}

// paying: what a fan pays for is what they were told they hold.
func (c *checker) paying(told, now wire.HoldReply) {
	if now.Total != told.Total || len(now.Seats) != len(told.Seats) {
		c.w.violate("I8", "hold %s was told as %d for %d seats and is paid for as %d for %d", told.Hold, told.Total, len(told.Seats), now.Total, len(now.Seats))
	}
}

// noticed: what a buyer is told of their order's end is in the ledger.
func (c *checker) noticed(o order) {
	if l := c.w.ledger.orders[o.msg.Order]; l == nil || l.state != o.state || l.state == wire.OrderPending {
		c.w.violate("I4", "order %s is announced as %s", o.msg.Order, o.state)
	}
}

// captured: money is taken once, for a paid order, as quoted.
func (c *checker) captured(id string, amount int64) {
	o := c.w.ledger.orders[id]
	if o == nil || o.state != wire.OrderPaid {
		c.w.violate("I4", "money for %s, which isn't paid", id)
		return
	}
	var quoted int64
	for _, q := range o.msg.Seats {
		quoted += c.holds[o.msg.Hold].prices[q.ID].Total
	}
	if amount != quoted || c.money[id] != 0 {
		c.w.violate("I8", "order %s: %d captured after %d, %d quoted", id, amount, c.money[id], quoted)
	}
	c.money[id] = amount
}

// atRest is what must be true when everything has come to its end.
func (c *checker) atRest() {
	l := c.w.ledger
	for id := range c.accepted {
		if l.orders[id] == nil {
			c.w.violate("liveness", "order %s was accepted and is nowhere", id)
		}
	}
	for id, m := range c.w.orders.messages {
		if !m.acked {
			c.w.violate("liveness", "order %s is still in ORDERS", id)
		}
	}
	for id, o := range l.orders {
		if o.state == wire.OrderPending {
			c.w.violate("liveness", "order %s is pending", id)
		}
		p := c.w.provider.payments[id]
		if o.state == wire.OrderPaid && (p == nil || p.state != "captured") || o.state == wire.OrderFailed && p != nil && p.state == "authorized" {
			c.w.violate("I4", "order %s is %s, its payment %+v", id, o.state, p)
		}
	}
	for _, t := range l.outbox {
		if !t.done {
			c.w.violate("I10", "the outbox still has to %s %s", t.kind, t.order)
		}
	}
	for id, f := range c.seats {
		order := l.seats[id].order
		var r wire.Seat
		_ = json.Unmarshal(c.w.store.last(wire.SeatKey(id)).value, &r)
		switch {
		case r.State != f.state:
			c.w.violate("I10", "seat %s is %s and replays to %s", id, r.State, f.state)
		case f.state == wire.Held:
			c.w.violate("I7", "seat %s is held until %v, and it is %v", id, f.hold.until, c.w.now)
		case f.state == wire.Sold && f.hold.order != order, f.state == wire.Available && order != "":
			c.w.violate("I4", "seat %s is %s (%+v), in the ledger it is %q's", id, f.state, f.hold, strings.TrimSpace(order))
		}
	}
}
