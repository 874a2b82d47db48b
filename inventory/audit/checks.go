package audit

import (
	"cmp"
	"slices"
	"time"

	"frontrow/inventory/ledger"
	"frontrow/wire"
)

func (a *audit) everySeatHasARecord() Check {
	c := Check{Invariant: "I3", Rule: "every place of the plan has one record, and no other has", Looked: len(a.records)}
	if a.index == nil {
		c.Looked = 0
		return c
	}
	for i := range a.index.Len() {
		id := a.index.ID(i)
		_, written := a.written[id]
		_, known := a.records[id]
		if !written && !a.unreadable[id] && (!known || a.log.changed[id].n > 0) {
			c.breaks("seat %s has no record", id) // and not because it is about to be written
		}
	}
	for id := range a.records {
		if _, ok := a.index.Lookup(id); !ok {
			c.breaks("record of %s, which the plan doesn't know", id)
		}
	}
	return c
}

func (a *audit) soldIsBooked() Check {
	c := Check{Invariant: "I1", Rule: "a sold seat has the booking of its order, unless it is being given back"}
	booked := bookedTo(a.bookings)
	for id, s := range a.records {
		if s.State != wire.Sold {
			continue
		}
		if c.Looked++; booked[id] != s.Order && !a.returning[s.Order] && !a.moved[id] {
			c.breaks("seat %s is sold under order %s, booked under %q", id, s.Order, booked[id])
		}
	}
	return c
}

func (a *audit) bookedIsSold() Check {
	c := Check{Invariant: "I1", Rule: "a booked seat is sold to the same order, unless its order is still being worked on", Looked: len(a.bookings)}
	seen := map[string]string{}
	for _, b := range a.bookings {
		if other, twice := seen[b.Seat.ID]; twice {
			c.breaks("seat %s is booked by %s and %s", b.Seat.ID, other, b.Order)
		}
		seen[b.Seat.ID] = b.Order
		s, known := a.records[b.Seat.ID]
		if (s.State != wire.Sold || s.Order != b.Order || s.Fan != b.Fan || s.Hold != b.Hold) && !a.waiting[b.Order] && !a.moved[b.Seat.ID] && (known || !a.unreadable[b.Seat.ID]) {
			c.breaks("seat %s is booked by order %s, its record says %s %s", b.Seat.ID, b.Order, s.State, s.Order)
		}
	}
	return c
}

// bookedTo returns the order of each booked seat.
func bookedTo(bookings []ledger.Booking) map[string]string {
	orders := make(map[string]string, len(bookings))
	for _, b := range bookings {
		orders[b.Seat.ID] = b.Order
	}
	return orders
}

func (a *audit) pricesAreAsQuoted() Check {
	c := Check{Invariant: "I8", Rule: "the price booked is the price quoted, and adds up"}
	for _, b := range a.bookings {
		s := a.records[b.Seat.ID]
		if s.Quote == nil || s.Order != b.Order {
			continue
		}
		if c.Looked++; s.Quote.Price != b.Seat.Price {
			c.breaks("seat %s: quoted %+v, booked %+v", b.Seat.ID, s.Quote.Price, b.Seat.Price)
		}
	}
	for id, s := range a.records {
		if q := s.Quote; q != nil && !q.Sound() {
			c.breaks("seat %s: %+v doesn't add up", id, *q)
		}
	}
	return c
}

func (a *audit) holdsEndInTime() Check {
	c := Check{Invariant: "I7", Rule: "no hold outlives its deadline by more than a second, but in checkout"}
	for id, s := range a.records {
		if s.State != wire.Held {
			continue
		}
		if c.Looked++; s.Until == nil || s.Order == "" && a.now.Sub(*s.Until) > expireLate {
			c.breaks("seat %s is held until %v", id, s.Until)
		}
	}
	return c
}

func (a *audit) limitsAreKept() Check {
	c := Check{Invariant: "I1", Rule: "no fan has more tickets than the event allows"}
	tickets := map[string]int{}
	for _, s := range a.records {
		if s.State == wire.Held || s.State == wire.Sold {
			tickets[s.Fan]++
		}
	}
	c.Looked = len(tickets)
	limit := a.event.Spec.WithDefaults().Limits.PerFan
	for fan, n := range tickets {
		if n > limit {
			c.breaks("fan %s has %d of %d", fan, n, limit)
		}
	}
	return c
}

// passesAreUnderTheCeiling counts the passes alive when each was issued. It uses
// the ceiling as it is now, so lowering it during a sale shows up here.
func (a *audit) passesAreUnderTheCeiling() Check {
	c := Check{Invariant: "I5", Rule: "passes alive never exceeded the ceiling; a place has one pass", Looked: len(a.passes)}
	ceiling := a.event.Spec.WithDefaults().Admission.Ceiling
	if most := mostAlive(a.passes, a.withdrawn.At); most > ceiling {
		c.breaks("%d passes were alive at once; the ceiling is %d", most, ceiling)
	}
	place := map[wire.PassRecord]string{}
	for _, p := range a.passes {
		at := wire.PassRecord{Lane: p.Lane, Region: p.Region, Number: p.Number}
		if other, twice := place[at]; twice {
			c.breaks("place %d of %s in %s has a pass of %s and one of %s", p.Number, p.Lane, p.Region, other, p.Fan)
		}
		place[at] = p.Fan
	}
	return c
}

func (a *audit) passesWereCalled() Check {
	c := Check{Invariant: "I6", Rule: "every pass belongs to a place at or below the head, and every head to a place given out", Looked: len(a.passes)}
	if a.headless {
		return c // no pass, or an unreadable head
	}
	for _, p := range a.passes {
		if l, number := a.stands(p.Lane, p.Region, p.Number); number > a.lines[l] && !a.ended[l] {
			c.breaks("place %d of %s in %s has a pass, the head is %d", p.Number, p.Lane, p.Region, a.lines[l])
		}
	}
	for l, head := range a.lines {
		given, known := a.joined[l]
		if d, ok := a.draws[l.lane]; ok && l.region == "" {
			given, known = d.Total(), true
		}
		if known && head > given {
			c.breaks("the head of %s in %s is %d, %d places were given out", l.lane, l.region, head, given)
		}
	}
	return c
}

func (a *audit) ledgerIsSound() Check {
	c := Check{Invariant: "I4", Rule: "the ledger's own rules hold: bookings, tickets, orders and payments agree", Looked: a.sum.Bookings}
	for _, v := range a.sum.Violations {
		c.breaks("%s: %d, such as %v", v.Rule, v.Count, v.Samples)
	}
	return c
}

// mostAlive returns the most passes that were alive at any instant. Passes issued
// before withdrawn ended then.
func mostAlive(passes []wire.PassRecord, withdrawn time.Time) int {
	changes := make([]passChange, 0, 2*len(passes))
	for _, p := range passes {
		end := p.Ends()
		if p.At.Before(withdrawn) && withdrawn.Before(end) {
			end = withdrawn
		}
		changes = append(changes, passChange{p.At, +1}, passChange{end, -1})
	}
	sortChanges(changes)
	most, alive := 0, 0
	for _, ch := range changes {
		alive += ch.by
		most = max(most, alive)
	}
	return most
}

type passChange struct {
	at time.Time
	by int
}

// sortChanges sorts by time, an end before a beginning at the same instant.
func sortChanges(c []passChange) {
	slices.SortFunc(c, func(a, b passChange) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.by, b.by))
	})
}
