package sim

import (
	"slices"
	"strings"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

// checker knows what must hold, and nothing of how it is made to: it replays
// the log as it is written, and looks at records, ledger and provider after
// each of their changes.
type checker struct {
	w        *world
	logged   uint64                 // the last log number
	digest   string                 // of the last log record
	said     map[string][]wire.Seat // by the log, of each seat
	recorded map[string]uint64      // the flush of each seat's record
	seats    map[string]*fact
	holds    map[string]*contract // all there ever were
	letGo    map[string]bool      // holds that their fans asked to release
	accepted map[string]bool      // orders whose buyers were told that they are under way
	money    map[string]int64     // captured, by order
	ours     map[string]int       // how often a hold was to be extended through no fault of its fan's, and has not been
	ordered  map[string]time.Time // when an order was stored in ORDERS
}

// Bounds of package checkout: how long an order waits for the provider, and for its fan.
const (
	patience       = 10 * time.Minute
	actionPatience = 5 * time.Minute
)

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
	last           time.Time // a deadline that was allowed beyond its life
	over           bool
}

func newChecker(w *world) *checker {
	c := &checker{w: w, said: map[string][]wire.Seat{}, recorded: map[string]uint64{}, seats: map[string]*fact{}, holds: map[string]*contract{}, letGo: map[string]bool{},
		accepted: map[string]bool{}, money: map[string]int64{}, ordered: map[string]time.Time{}, ours: map[string]int{}}
	for i := range w.index.Len() {
		c.seats[w.index.ID(i)] = &fact{state: wire.Available}
	}
	return c
}

// stored looks at a batch that the store has taken.
func (c *checker) stored(msgs []kv.Msg, revision kv.Revision) {
	prefix := wire.KVSubject(wire.SeatsBucket(eventID), "")
	last := msgs[len(msgs)-1]
	key := strings.TrimPrefix(last.Subject, prefix)
	switch key {
	case wire.VouchKey:
		c.w.counts.Vouches++
	case wire.WriterKey, wire.RecordsKey:
	case wire.CheckpointKey:
		c.written(msgs[:len(msgs)-1], last.Data, prefix)
	default:
		c.flush(key, last.Data, uint64(revision))
	}
}

// flush looks at a log record.
func (c *checker) flush(key string, raw []byte, revision uint64) {
	f, err := wire.Read[wire.Flush](key, raw)
	if err != nil {
		c.w.violate("I10", "%s is %s: %v", key, raw, err)
		return
	}
	if f.N != c.logged+1 || f.Prev != c.digest {
		c.w.violate("I10", "log.%d follows log.%d, after %s instead of %s", f.N, c.logged, f.Prev, c.digest)
	}
	c.w.counts.Flushes++
	c.logged, c.digest = f.N, wire.Digest(raw)
	for _, a := range f.Acts {
		if c.w.log != nil {
			c.w.note("log.%d %s %s %s %v", f.N, a.Kind, a.Hold, a.Order, a.Seats)
		}
		c.act(a, f.At)
	}
	changed := map[string]bool{}
	for i := range f.Seats {
		for k, id := range f.Seats[i].IDs {
			r := f.Seats[i].Record(k, f.N, revision)
			changed[id] = true
			c.record(id, r)
			c.said[id] = append(c.said[id], r)
		}
	}
	for _, a := range f.Acts { // no act without its seats
		for _, id := range a.Seats {
			if !changed[id] {
				c.w.violate("I10", "%s of %s changes nothing of %s", a.Kind, a.Hold, id)
			}
		}
	}
	c.limits()
}

// written looks at seats' records and their checkpoint: each is what the log said at its
// flush, and none is older than the checkpoint says.
func (c *checker) written(msgs []kv.Msg, raw []byte, prefix string) {
	at, err := wire.Read[wire.Checkpoint](wire.CheckpointKey, raw)
	if err != nil || at.Flush > c.logged {
		c.w.violate("I10", "the checkpoint is %s after log.%d: %v", raw, c.logged, err)
		return
	}
	c.w.counts.Rounds++
	for _, m := range msgs {
		id, _ := wire.SeatOfKey(strings.TrimPrefix(m.Subject, prefix))
		r, err := wire.Read[wire.Seat](wire.SeatKey(id), m.Data)
		said := slices.IndexFunc(c.said[id], func(s wire.Seat) bool { return s.Flush == r.Flush })
		if err != nil || said < 0 || r.Flush < c.recorded[id] || string(c.said[id][said].AppendJSON(nil)) != string(m.Data) {
			c.w.violate("I10", "the record of %s, of flush %d before, is %s: %v", id, c.recorded[id], m.Data, err)
		}
		c.recorded[id] = r.Flush
	}
	for id, said := range c.said {
		for _, s := range said {
			if s.Flush <= at.Flush && s.Flush > c.recorded[id] {
				c.w.violate("I10", "the checkpoint says flush %d, and the record of %s is of flush %d", at.Flush, id, c.recorded[id])
			}
		}
	}
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
		return // it has nothing to compare
	}
	if f.hold == nil {
		return
	}
	if r.Fan != f.hold.fan || r.Order != f.hold.order {
		c.w.violate("I1", "the record of %s says fan %s, order %q; the log %s, %q", id, r.Fan, r.Order, f.hold.fan, f.hold.order)
	}
	published := c.w.prices[r.Quote.Level][r.Quote.Version-1].Amounts
	if q := r.Quote; q.Price != f.hold.prices[id] || q.ListTotal() != published.Total || !q.Sound() {
		c.w.violate("I8", "the record of %s says %+v, its hold %v, the price list %v", id, q, f.hold.prices[id], published)
	}
	if r.State == wire.Held && !r.Until.Equal(f.hold.until) {
		c.w.violate("I2", "the record of %s is until %v, the log's hold until %v", id, r.Until, f.hold.until)
	}
}

// lasts checks a new deadline. One that is later than the fan's own doing allows takes a
// request that says that the payment waits for us, whenever it came to be decided.
func (c *checker) lasts(a wire.Act, h *contract, at time.Time) {
	spec := c.w.event.Spec.Hold
	life := spec.Life()
	if last := later(h.begun.Add(time.Duration(life)), h.last); !h.until.After(last) {
		return
	}
	if c.ours[h.id] == 0 || h.until.After(at.Add(time.Duration(spec.Checkout))) {
		c.w.violate("I15", "%s of %s, which began at %v, is until %v, longer than %v", a.Kind, a.Hold, h.begun, h.until, life)
	}
	c.ours[h.id]--
	h.last = h.until
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// act folds one decision, which must be one that the rules allow.
func (c *checker) act(a wire.Act, at time.Time) {
	h := c.holds[a.Hold]
	if a.Kind == wire.ActKindHold {
		if h != nil && (!h.over || h.order != "" && c.state(h.order) != wire.OrderFailed && c.state(h.order) != wire.OrderRefunded) {
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
	switch a.Kind {
	case wire.ActKindRefund:
		c.refunded(a, h)
		return
	case wire.ActKindBlock: // refunded seats that don't go back on sale
		for _, id := range a.Seats {
			c.move(a, id, wire.Available, nil, wire.Blocked, nil)
		}
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
		c.lasts(a, h, at)
	case wire.ActKindReduce:
		if h.order != "" {
			c.w.violate("I8", "hold %s costs something else during order %s", h.id, h.order)
		}
		for i, id := range a.Seats {
			h.prices[id] = a.Prices[i]
		}
		c.w.counts.Reduced++
	case wire.ActKindReturn:
		if c.state(h.order) != wire.OrderFailed {
			c.w.violate("I2", "hold %s comes back from order %s, which has not failed", h.id, h.order)
		}
		c.w.counts.Returns++
		h.order, h.until = "", *a.Until
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
	if s := c.state(h.order); h.order == "" && !c.letGo[h.id] || h.order != "" && s != wire.OrderFailed && s != wire.OrderRefunded {
		c.w.violate("I2", "hold %s (order %q) of %v is released: %s", h.id, h.order, h.seats, a.Why)
	}
	c.w.counts.Released++
	c.end(a, h)
}

func (c *checker) expired(a wire.Act, h *contract, at time.Time) {
	if h.order != "" || at.Before(h.until) {
		c.w.violate("I2", "hold %s (order %q) until %v expires at %v", h.id, h.order, h.until, at)
	}
	if calm := c.w.calmAt; !calm.IsZero() && h.until.After(calm.Add(2*maxLate)) && at.Sub(h.until) > time.Second {
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
	if s := c.state(a.Order); s != wire.OrderPaid && s != wire.OrderRefunded || h.over {
		c.w.violate("I4", "hold %s is sold under order %s, which isn't paid, or again", h.id, a.Order)
	}
	h.order, h.over = a.Order, true
	for _, id := range h.seats {
		c.move(a, id, wire.Held, h, wire.Sold, h)
	}
}

// refunded: seats that the ledger has taken back come back.
func (c *checker) refunded(a wire.Act, h *contract) {
	of := c.w.books.orders[a.Order]
	if h == nil || of == nil {
		c.w.violate("I4", "seats %v of order %s come back, which never was", a.Seats, a.Order)
		return
	}
	c.w.counts.Refunded++
	for _, id := range a.Seats {
		if !slices.ContainsFunc(of.Refunded, func(q wire.SeatQuote) bool { return q.ID == id }) {
			c.w.violate("I4", "seat %s comes back from order %s, which has it", id, a.Order)
		}
		from := wire.Sold
		if !h.over { // the ledger was faster than the word that it is sold
			from = wire.Held
		}
		c.move(a, id, from, h, wire.Available, nil)
		h.seats = slices.DeleteFunc(slices.Clone(h.seats), func(s string) bool { return s == id })
	}
	h.over = h.over || len(h.seats) == 0
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
	have, bought, used := map[string]int{}, map[string]int{}, map[*contract]bool{}
	for id, f := range c.seats {
		if f.hold == nil {
			continue
		}
		have[f.hold.fan]++
		if said := c.said[id]; said[len(said)-1].Quote.Promotion != "" {
			used[f.hold] = true
		}
	}
	if len(used) > codeLimit {
		c.w.violate("limit", "a code is used by %d orders", len(used))
	}
	for _, s := range c.w.books.seats {
		if s.order != "" {
			bought[c.w.books.orders[s.order].Fan]++
		}
	}
	for _, fan := range c.w.fans {
		if have[fan] > perFan || bought[fan] > perFan {
			c.w.violate("limit", "%s holds %d and has bought %d", fan, have[fan], bought[fan])
		}
	}
}
