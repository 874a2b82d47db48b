package seating

import (
	"time"

	"frontrow/wire"
)

// Take returns what was changed since the last Take and must be stored as one
// batch: the seats whose records changed, and the acts of the log record.
func (e *Engine) Take() (seats []int, acts []wire.Act) {
	seats, acts = e.pending, e.acts
	e.pending, e.acts, e.short = nil, nil, 0
	clear(e.dirty)
	return seats, acts
}

// Pending returns how much of MaxFlush the next Take would fill.
func (e *Engine) Pending() int {
	return len(e.pending) - e.short + (e.short+shortSeats-1)/shortSeats
}

// Stored notes the number of the flush that changed a seat, and the revision of its log
// record, after the flush was acknowledged.
func (e *Engine) Stored(seat int, flush, revision uint64) {
	e.flush[seat], e.revision[seat] = flush, revision
}

// Record returns what a seat's record must say now.
func (e *Engine) Record(seat int) wire.Seat {
	b := e.blocks[seat]
	r := wire.Seat{State: e.state[seat], At: e.at[seat], Channel: b.channel, Why: b.why}
	h := e.owner[seat]
	if h == nil {
		if k, ok := e.returns.kept[seat]; ok {
			r.Kept = &k
		}
		return r
	}
	r.Net = h.net
	r.Hold, r.Fan, r.Order, r.Key, r.Body, r.Tried, r.Extended = h.id, h.fan, h.order, h.key, h.body, h.tried, h.extended
	if !h.sold {
		if h.order != "" && !h.heldUntil.IsZero() {
			r.HeldUntil = &h.heldUntil
		}
		r.Until = &h.until
		r.Kept = &wire.Kept{Since: h.since, Until: h.last, Spent: wire.Duration(h.spent)}
	}
	for k, i := range h.seats {
		if i == seat {
			r.Quote = &h.quotes[k]
		}
	}
	return r
}

// Look returns what a seat is, its deadlines those of now; ok is false if the plan has none.
func (e *Engine) Look(seat string) (r wire.Seat, ok bool) {
	i, ok := e.index.Lookup(seat)
	if !ok {
		return r, false
	}
	r = e.Record(i)
	if r.Quote != nil {
		quote := *r.Quote
		r.Quote = &quote
	}
	r.Until, r.HeldUntil = copied(r.Until), copied(r.HeldUntil)
	return r, true
}

// StoredIn returns the flush that changed a seat last, and the revision of its log record.
func (e *Engine) StoredIn(seat string) (flush, revision uint64) {
	if i, ok := e.index.Lookup(seat); ok {
		flush, revision = e.flush[i], e.revision[i]
	}
	return flush, revision
}

// Changes returns what the log must say of seats that Take has returned: those of a hold
// that were changed alike together.
func (e *Engine) Changes(seats []int) []wire.Change {
	changes := make([]wire.Change, 0, len(seats)/2+1)
	var last *hold
	for _, i := range seats {
		r := e.Record(i)
		quote := r.Quote
		r.Quote = nil
		k := len(changes) - 1
		if k < 0 || e.owner[i] != last || !alike(&changes[k].Seat, &r) {
			// The hold goes on changing, and the log is what it was.
			r.Until, r.HeldUntil = copied(r.Until), copied(r.HeldUntil)
			changes = append(changes, wire.Change{Seat: r})
			k++
		}
		c := &changes[k]
		c.IDs, c.Was = append(c.IDs, e.index.ID(i)), append(c.Was, e.flush[i])
		if quote != nil {
			c.Quotes = append(c.Quotes, *quote)
		}
		last = e.owner[i]
	}
	return changes
}

func copied(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	t := *at
	return &t
}

// alike reports whether two seats of one owner, or of none, are in the same state.
func alike(a, b *wire.Seat) bool {
	if a.State != b.State || !a.At.Equal(b.At) || a.Channel != b.Channel || a.Why != b.Why {
		return false
	}
	return a.Hold != "" || a.Kept == b.Kept || a.Kept != nil && b.Kept != nil && *a.Kept == *b.Kept
}
