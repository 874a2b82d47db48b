package leader

import (
	"maps"
	"sync"

	"frontrow/wire"
)

// Event is what this process has seen of an event. It may be out of date when it is read:
// it informs.
type Event struct {
	ID      string
	changed chan struct{}

	mu     sync.RWMutex
	known  bool // record was seen
	record wire.Event
	prices map[string]wire.Price // by level; they may arrive before the record
}

// Record returns the event's record as last seen.
func (e *Event) Record() wire.Event {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.record
}

// Prices returns a copy of the prices of its levels, as far as seen.
func (e *Event) Prices() map[string]wire.Price {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return maps.Clone(e.prices)
}

// Changed holds a token when the record or a price is new. It has one reader.
func (e *Event) Changed() <-chan struct{} { return e.changed }

// see takes the record, and reports whether it is the first.
func (e *Event) see(record wire.Event) (first bool) {
	e.change(func() { first, e.known, e.record = !e.known, true, record })
	return first
}

func (e *Event) price(level string, p wire.Price) {
	e.change(func() { e.prices[level] = p })
}

func (e *Event) change(f func()) {
	e.mu.Lock()
	f()
	e.mu.Unlock()
	select {
	case e.changed <- struct{}{}:
	default:
	}
}

// Event returns the event called id, or nil if none has been seen.
func (l *Leader) Event(id string) *Event {
	l.mu.RLock()
	e := l.events[id]
	l.mu.RUnlock()
	if e == nil {
		return nil
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if !e.known {
		return nil
	}
	return e
}

// Events returns the number of events seen.
func (l *Leader) Events() (n int) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, e := range l.events {
		e.mu.RLock()
		if e.known {
			n++
		}
		e.mu.RUnlock()
	}
	return n
}

// entry returns the event called id, and creates it when it is first heard of.
func (l *Leader) entry(id string) *Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.events[id]
	if e == nil {
		e = &Event{ID: id, changed: make(chan struct{}, 1), prices: map[string]wire.Price{}}
		l.events[id] = e
	}
	return e
}
