package writer

import (
	"frontrow/plan"
	"frontrow/wire"
)

// Facts are an event's record and prices, which may change while a writer is at work.
type Facts interface {
	// Record is the event's record as it was seen last.
	Record() wire.Event
	// Prices are those of its levels; the caller's own copy.
	Prices() map[string]wire.Price
	// Changed holds a token when the record or a price is new.
	Changed() <-chan struct{}
}

// Event is what all terms of one event share.
type Event struct {
	id       string
	index    *plan.Index
	subjects []string // of the seats' records
	facts    Facts
}

// NewEvent is an event whose seats are those of index.
func NewEvent(id string, index *plan.Index, facts Facts) *Event {
	e := &Event{id: id, index: index, subjects: make([]string, index.Len()), facts: facts}
	bucket := wire.SeatsBucket(id)
	for seat := range e.subjects {
		e.subjects[seat] = wire.KVSubject(bucket, wire.SeatKey(index.ID(seat)))
	}
	return e
}

// now is a request that brings an engine up to date with the event.
func (e *Event) now() *facts { return &facts{e.facts.Record(), e.facts.Prices()} }
