package audit

import (
	"fmt"
	"testing"

	"frontrow/wire"
)

func TestReductionsAreCountedByTheRecords(t *testing.T) {
	spec := wire.Spec{Promotions: []wire.Promotion{{ID: "spring", Limit: 3, PerFan: 2}}, Concessions: []wire.Concession{{ID: "child", PerFan: 2}}}
	for name, c := range map[string]struct {
		seats []wire.Seat
		want  int // rules broken
	}{
		"within":              {seatsOf("h1 f spring", "h1 f spring", "h2 f spring", "h3 g spring"), 0},
		"one order too many":  {seatsOf("h1 f spring", "h2 f spring", "h3 g spring", "h4 k spring"), 1},
		"a fan with too many": {seatsOf("h1 f spring", "h2 f spring", "h3 f spring"), 1},
		"children":            {seatsOf("h1 f child", "h2 f child", "h3 g child"), 0},
		"a child too many":    {seatsOf("h1 f child", "h2 f child", "h3 f child"), 1},
		"given back":          {append(seatsOf("h1 f child", "h2 f child"), wire.Seat{State: wire.Available}), 0},
	} {
		a := &audit{event: wire.Event{Spec: spec}, records: map[string]record{}}
		for i, s := range c.seats {
			a.records[fmt.Sprint(i)] = record{Seat: s}
		}
		if is := a.reductionsAreWithinLimits(); is.Broken != c.want || is.Looked == 0 {
			t.Errorf("%s: %+v", name, is)
		}
	}
}

// seatsOf makes sold seats of "hold fan promotion" or "hold fan concession".
func seatsOf(texts ...string) (seats []wire.Seat) {
	for _, text := range texts {
		s := wire.Seat{State: wire.Sold, Quote: &wire.SeatQuote{}}
		var what string
		_, _ = fmt.Sscan(text, &s.Hold, &s.Fan, &what)
		if what == "child" {
			s.Quote.Concession = what
		} else {
			s.Quote.Promotion = what
		}
		seats = append(seats, s)
	}
	return seats
}
