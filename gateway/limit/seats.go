package limit

import (
	"context"
	"time"

	"github.com/ulule/limiter/v3"
)

// seatsPeriod is how long what was granted and not bought is held against somebody.
const seatsPeriod = time.Hour

// House is an event by its size: what one address has of a small house is more
// than the same of a large one.
type House struct {
	Event  string
	Places int
}

// Seats counts the seats of houses that addresses and networks were granted, and
// those of them that they bought, each a count that only grows, as gossip needs.
type Seats struct{ store *Store }

// NewSeats counts in a store, which may count other things too.
func NewSeats(s *Store) Seats { return Seats{s} }

// Granted counts n seats, Bought n of those granted.
func (s Seats) Granted(h House, w Who, n int) { s.add("seats.granted.", h, w, n) }
func (s Seats) Bought(h House, w Who, n int)  { s.add("seats.bought.", h, w, n) }

// Share is the part of a house that an address or a network was granted lately and
// has not bought.
func (s Seats) Share(h House, kind Kind, w Who) float64 {
	granted, bought := s.used("seats.granted.", h, kind, w), s.used("seats.bought.", h, kind, w)
	return float64(max(granted-bought, 0)) / float64(h.size())
}

// smallest is the house below which shares say nothing: a family is a twentieth of a room.
const smallest = 200

func (h House) size() int64 { return int64(max(h.Places, smallest)) }

func (h House) rate() limiter.Rate { return limiter.Rate{Limit: h.size(), Period: seatsPeriod} }

func (s Seats) key(what string, h House, kind Kind, w Who) string {
	if k := (budget{kind: kind, prefix: what + string(kind) + "."}).key(w); k != "" {
		return k + "@" + h.Event
	}
	return ""
}

func (s Seats) add(what string, h House, w Who, n int) {
	for _, kind := range []Kind{Address, Network} {
		key := s.key(what, h, kind, w)
		if key == "" {
			continue
		}
		if c, _ := s.store.Increment(context.Background(), key, int64(n), h.rate()); c.Reached { // a whole house is no more than that
			_, _ = s.store.Increment(context.Background(), key, c.Remaining, h.rate())
		}
	}
}

func (s Seats) used(what string, h House, kind Kind, w Who) int64 {
	key := s.key(what, h, kind, w)
	if key == "" {
		return 0
	}
	c, _ := s.store.Peek(context.Background(), key, h.rate())
	return c.Limit - c.Remaining
}
