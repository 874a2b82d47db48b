package rehearse

import (
	"encoding/base64"
	"testing"
	"time"

	"frontrow/wire"
)

// tale tells a history to a checker, at instants in seconds.
type tale struct {
	*checker
	t *testing.T
}

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

func general(number uint64) place { return place{lane{"general", "home"}, number} }

func quote(total int64, seats ...string) wire.HoldReply {
	r := wire.HoldReply{Total: total * int64(len(seats)), Currency: "EUR"}
	for _, id := range seats {
		r.Seats = append(r.Seats, wire.SeatQuote{ID: id, Price: wire.NewAmounts(total, 0, 0)})
	}
	return r
}

// hold grants a hold at from, until 100 s later.
func (c tale) hold(who int, id string, from float64, seats ...string) {
	r := quote(50, seats...)
	r.Hold, r.Expires = id, at(from+100)
	c.held(who, r, len(seats), at(from))
}

func (c tale) board(seq, head uint64, seconds float64) {
	c.shown(wire.Board{Seq: seq, At: at(seconds), Lanes: map[string]wire.LaneBoard{"general": {Regions: map[string]wire.Head{"home": {Head: head}}}}})
}

var drawn = wire.Draw{Secret: []byte("0123456789abcdef0123456789abcdef"), Event: "e", Lane: "general", Entrants: map[string]uint64{"home": 8}}

// ranked returns the place of a rank in the draw.
func (c tale) ranked(rank uint64) uint64 {
	_, number := drawn.Place(rank)
	return number
}

// draw shows a board with eight drawn places, and a slow lane whose first is called.
func (c tale) draw(seq, called, head uint64, seconds float64) {
	c.shown(wire.Board{Event: "e", Seq: seq, At: at(seconds), Draw: &wire.DrawBoard{Secret: base64.RawURLEncoding.EncodeToString(drawn.Secret)},
		Lanes: map[string]wire.LaneBoard{"general": {Called: called, Regions: map[string]wire.Head{"home": {Head: head, Joined: 20, Drawn: 8}}},
			"slow": {Regions: map[string]wire.Head{"home": {Head: 1, Joined: 2}}}}})
}

func (c tale) order(id string, state wire.OrderState, seconds float64, q wire.HoldReply, tickets ...string) {
	c.orderRead(id, wire.OrderReply{Order: wire.OrderOfHold(id), State: state, Seats: q.Seats, Total: q.Total, Currency: q.Currency, Tickets: tickets}, at(seconds))
}

func (c tale) buy(who int, id string, from float64, seats ...string) {
	c.hold(who, id, from, seats...)
	c.ordered(id, wire.OrderOfHold(id), true)
	c.order(id, wire.OrderPaid, from+5, quote(50, seats...), seats...) // tickets are named like the seats
}

// TestHistories gives the checker histories that must be reported and others that
// must not.
func TestHistories(t *testing.T) {
	const sound = rules
	for _, h := range []struct {
		name  string
		finds rule
		tell  func(c tale)
	}{
		{"a whole sale", sound, func(c tale) {
			c.placed(1, general(1))
			c.placed(2, general(2))
			c.placed(1, general(1))
			c.board(1, 0, 0)
			c.board(2, 2, 10)
			c.admitted(1, general(1), "p1", at(11))
			c.admitted(1, general(1), "p1", at(12))
			c.board(3, 2, 20)
			c.buy(1, "h1", 21, "A", "B")
			c.order("h1", wire.OrderPaid, 60, quote(50, "A", "B"), "A", "B")
			c.ticket("h1", wire.TicketReply{Ticket: "A", Seat: "A", State: "valid", Barcode: "x"})
			c.forged("a forged pass", false)
		}},
		{"the same hold told again", sound, func(c tale) {
			c.hold(1, "h1", 0, "A")
			c.hold(1, "h1", 1, "A")
		}},
		{"a seat released and held by another", sound, func(c tale) {
			c.hold(1, "h1", 0, "A")
			c.ending("h1", at(5))
			c.hold(2, "h2", 5.01, "A")
		}},
		{"a seat whose hold ran out, by a clock two seconds behind", sound, func(c tale) {
			c.hold(1, "h1", 0, "A")
			c.hold(2, "h2", 98.5, "A")
		}},
		{"a hold shorter than clocks differ", sound, func(c tale) {
			r := quote(50, "A")
			r.Hold, r.Expires = "h1", at(1)
			c.held(1, r, 1, at(0))
			c.hold(2, "h2", 0.5, "A")
		}},
		{"a declined card, then a good one", sound, func(c tale) {
			c.hold(1, "h1", 0, "A")
			c.ending("h1", at(3))
			c.ordered("h1", "o1", false)
			c.order("h1", wire.OrderFailed, 4, quote(50, "A"))
			c.buy(1, "h2", 5, "A")
		}},
		{"a hold used after its deadline", sound, func(c tale) {
			c.hold(1, "h1", 0, "A")
			c.over("h1", at(99))
		}},
		{"a pass, and a board from before the head was moved", sound, func(c tale) {
			c.admitted(1, general(7), "p1", at(10))
			c.board(1, 3, 9)
			c.board(2, 3, 11) // within the clock skew
			c.board(3, 8, 13)
		}},
		{"boards of two gateways, one behind", sound, func(c tale) {
			c.board(2, 5, 2)
			c.board(1, 3, 1)
			c.board(3, 5, 3)
		}},

		{"a pass by rank, beyond the head", sound, func(c tale) {
			c.admitted(1, general(c.ranked(2)), "p1", at(10))
			c.admitted(2, place{lane{"slow", "home"}, 1}, "p2", at(10))
			c.draw(1, 2, 8, 13)
		}},
		{"a pass by rank, and ranks taken back when all was sold", sound, func(c tale) {
			c.draw(1, 5, 8, 9)
			c.admitted(1, general(c.ranked(5)), "p1", at(10))
			c.draw(2, 3, 8, 13)
		}},
		{"a pass after the last rank", sound, func(c tale) {
			c.admitted(1, general(9), "p1", at(10))
			c.draw(1, 8, 9, 13)
		}},

		{"a seat held by two", ruleOneHolder, func(c tale) {
			c.hold(1, "h1", 0, "A", "B")
			c.hold(2, "h2", 50, "B")
		}},
		{"a seat held by two, told the other way round", ruleOneHolder, func(c tale) {
			c.hold(2, "h2", 50, "B")
			c.hold(1, "h1", 0, "B")
		}},
		{"one hold given to two", ruleOneHolder, func(c tale) {
			c.hold(1, "h1", 0, "A")
			c.hold(2, "h1", 1, "A")
		}},
		{"a seat paid for by two", ruleOneHolder, func(c tale) {
			c.hold(1, "h1", 0, "A")
			c.ending("h1", at(1))
			c.hold(2, "h2", 2, "A")
			for _, id := range []string{"h1", "h2"} {
				c.ordered(id, wire.OrderOfHold(id), true)
				c.order(id, wire.OrderPaid, 200, quote(50, "A"), "A")
			}
		}},
		{"a sold seat held again", ruleOneHolder, func(c tale) {
			c.buy(1, "h1", 0, "A")
			c.hold(2, "h2", 1000, "A")
		}},
		{"a seat paid for while another holds it", ruleOneHolder, func(c tale) {
			c.hold(1, "h1", 0, "A")
			c.ending("h1", at(1))
			c.hold(2, "h2", 2, "A")
			c.ordered("h1", "o1", true)
			c.order("h1", wire.OrderPaid, 10, quote(50, "A"), "A")
		}},
		{"more in one hold than one may have", ruleLimit, func(c tale) { c.hold(1, "h1", 0, "A", "B", "C", "D", "E") }},
		{"more in two orders than one may have", ruleLimit, func(c tale) {
			c.hold(1, "h1", 0, "A", "B", "C")
			c.hold(1, "h2", 0, "D", "E")
			for id, seats := range map[string][]string{"h1": {"A", "B", "C"}, "h2": {"D", "E"}} {
				c.ordered(id, "o"+id, true)
				c.order(id, wire.OrderPaid, 5, quote(50, seats...), seats...)
			}
		}},
		{"fewer seats than wanted", ruleLimit, func(c tale) {
			r := quote(50, "A")
			r.Hold, r.Expires = "h1", at(100)
			c.held(1, r, 2, at(0))
		}},
		{"a hold that vanished", ruleHoldStands, func(c tale) {
			c.hold(1, "h1", 0, "A")
			c.over("h1", at(60))
		}},
		{"a good card's order that failed", ruleOrderPaid, func(c tale) {
			c.hold(1, "h1", 0, "A")
			c.ordered("h1", "o1", true)
			c.order("h1", wire.OrderFailed, 5, quote(50, "A"))
		}},
		{"an order that never ends", ruleOrderPaid, func(c tale) { c.unsettled("o1", time.Minute) }},
		{"two passes for a place", ruleOnePass, func(c tale) {
			c.admitted(1, general(1), "p1", at(0))
			c.admitted(1, general(1), "p2", at(1))
		}},
		{"a place of two", rulePlace, func(c tale) {
			c.placed(1, general(5))
			c.placed(2, general(5))
		}},
		{"a place that changed", rulePlace, func(c tale) {
			c.placed(1, general(5))
			c.placed(1, general(6))
		}},
		{"a head that goes back", ruleHead, func(c tale) {
			c.board(1, 5, 0)
			c.board(2, 4, 1)
		}},
		{"a pass beyond the head", ruleCalled, func(c tale) {
			c.admitted(1, general(7), "p1", at(10))
			c.board(1, 6, 13)
		}},
		{"a pass beyond the ranks called", ruleCalled, func(c tale) {
			c.admitted(1, general(c.ranked(4)), "p1", at(10))
			c.draw(1, 3, 8, 13)
		}},
		{"a pass of a late place before the last rank", ruleCalled, func(c tale) {
			c.admitted(1, general(9), "p1", at(10))
			c.draw(1, 7, 9, 13)
		}},
		{"a pass in a lane that was not called", ruleCalled, func(c tale) {
			c.admitted(1, place{lane{"slow", "home"}, 2}, "p1", at(10))
			c.draw(1, 8, 9, 13)
		}},
		{"seats that don't add up", rulePrice, func(c tale) {
			r := quote(50, "A", "B")
			r.Hold, r.Expires, r.Total = "h1", at(100), 99
			c.held(1, r, 2, at(0))
		}},
		{"another price paid than quoted", rulePrice, func(c tale) {
			c.hold(1, "h1", 0, "A")
			c.ordered("h1", "o1", true)
			c.order("h1", wire.OrderPaid, 5, quote(51, "A"), "A")
		}},
		{"another seat paid for than quoted", rulePrice, func(c tale) {
			c.hold(1, "h1", 0, "A")
			c.ordered("h1", "o1", true)
			c.order("h1", wire.OrderPaid, 5, quote(50, "B"), "B")
		}},
		{"a ticket missing", ruleTickets, func(c tale) {
			c.hold(1, "h1", 0, "A", "B")
			c.ordered("h1", "o1", true)
			c.order("h1", wire.OrderPaid, 5, quote(50, "A", "B"), "A")
		}},
		{"a ticket that is void", ruleTickets, func(c tale) {
			c.buy(1, "h1", 0, "A")
			c.ticket("h1", wire.TicketReply{Ticket: "A", Seat: "A", State: "void"})
		}},
		{"a ticket of another seat", ruleTickets, func(c tale) {
			c.buy(1, "h1", 0, "A")
			c.ticket("h1", wire.TicketReply{Ticket: "A", Seat: "B", State: "valid", Barcode: "x"})
		}},
		{"a paid order that reads otherwise", rulePaidStays, func(c tale) {
			c.buy(1, "h1", 0, "A")
			c.order("h1", wire.OrderFailed, 50, quote(50, "A"))
		}},
		{"a paid order with other tickets", rulePaidStays, func(c tale) {
			c.buy(1, "h1", 0, "A")
			c.order("h1", wire.OrderPaid, 50, quote(50, "A"), "another")
		}},
		{"an order that is not known", rulePaidStays, func(c tale) { c.missing("o1") }},
		{"another card", sound, func(c tale) {
			q := quote(50, "a")
			id := wire.NewHold()
			c.hold(1, id, 1, "a")
			c.ending(id, at(2))
			c.ordered(id, wire.OrderOfHold(id), false)
			c.order(id, wire.OrderFailed, 3, q)
			c.ordered(id, wire.OrderOfAttempt(id, 2), true)
			c.order(id, wire.OrderPaid, 4, q, "a")
		}},
		{"two orders of one hold", rulePaidStays, func(c tale) {
			c.hold(1, "h1", 0, "A")
			c.ordered("h1", "o1", true)
			c.ordered("h1", "o2", true)
		}},
		{"a forged pass that opens", ruleForged, func(c tale) { c.forged("a forged pass", true) }},
	} {
		t.Run(h.name, func(t *testing.T) {
			c := tale{newChecker(4), t}
			h.tell(c)
			for r, k := range c.report() {
				if (k.Broken > 0) != (rule(r) == h.finds) {
					t.Errorf("%s: %d broken: %v", k.Rule, k.Broken, k.Samples)
				}
				if k.Broken > 0 && (len(k.Samples) == 0 || k.Looked == 0) {
					t.Errorf("%s: %+v", k.Rule, k)
				}
			}
		})
	}
}
