package limit

import (
	"time"

	"github.com/ulule/limiter/v3"
)

// seatsPeriod is how long seats granted and not bought count.
const seatsPeriod = time.Hour

// Event is an event with its size: the same number of seats is a larger share of a smaller
// event.
type Event struct {
	ID     string
	Places int
}

// Seats counts the seats of events that addresses and networks were granted, and those that
// they bought. Both counts only grow, as gossip requires.
type Seats struct{ store *Store }

// NewSeats counts in s, which may count other things too.
func NewSeats(s *Store) Seats { return Seats{s} }

// Granted counts n seats, Bought n of those granted.
func (s Seats) Granted(ev Event, w Who, n int) { s.add("seats.granted.", ev, w, n) }
func (s Seats) Bought(ev Event, w Who, n int)  { s.add("seats.bought.", ev, w, n) }

// Share returns the share of an event's seats that an address or a network was granted
// lately and has not bought.
func (s Seats) Share(ev Event, kind Kind, w Who) float64 {
	granted, bought := s.used("seats.granted.", ev, kind, w), s.used("seats.bought.", ev, kind, w)
	return float64(max(granted-bought, 0)) / float64(ev.size())
}

// smallest is the event size below which shares say nothing: a family would be a twentieth
// of a small room.
const smallest = 200

func (ev Event) size() int64 { return int64(max(ev.Places, smallest)) }

func (ev Event) rate() limiter.Rate { return limiter.Rate{Limit: ev.size(), Period: seatsPeriod} }

// key writes the key of what an address or a network did at an event; nil: it isn't known.
func (s Seats) key(room *keyRoom, what string, ev Event, kind Kind, w Who) []byte {
	b := budget{kind: kind}
	of := b.of(&w)
	if of == "" {
		return nil
	}
	key := append(append(append(room[:0], what...), kind...), '.')
	return append(append(append(key, of...), '@'), ev.ID...)
}

func (s Seats) add(what string, ev Event, w Who, n int) {
	var room keyRoom
	for _, kind := range []Kind{Address, Network} {
		key := s.key(&room, what, ev, kind, w)
		if key == nil {
			continue
		}
		if c := s.store.count(key, int64(n), ev.rate()); c.Reached { // the whole event is no more than that
			s.store.count(key, c.Remaining, ev.rate())
		}
	}
}

func (s Seats) used(what string, ev Event, kind Kind, w Who) int64 {
	var room keyRoom
	key := s.key(&room, what, ev, kind, w)
	if key == nil {
		return 0
	}
	return s.store.used(key, ev.rate())
}
