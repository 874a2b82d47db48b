package ledger

import (
	"errors"
	"testing"

	"frontrow/wire"
)

// What a line's price is made of is kept as it was quoted, and a refund returns it.
func TestReductionsAreKeptAndReturned(t *testing.T) {
	t.Parallel()
	l := opened(t, 3)
	m := order(0, 1, 2)
	m.Seats[0].Price.Tax = 862
	m.Seats[1].Price, m.Seats[1].Concession, m.Seats[1].List = wire.Amounts{Base: 2300, ServiceFee: 300, FacilityFee: 100, Total: 2700, Tax: 431}, "child", 5400
	m.Seats[2].Price, m.Seats[2].Concession, m.Seats[2].Promotion, m.Seats[2].List = wire.Amounts{}, "companion", "spring", 5400
	m.Total = 5400 + 2700
	if _, err := l.Begin(bounded(t), m); err != nil {
		t.Fatal(err)
	}
	if _, err := commit(bounded(t), l, purchase(m, 1)); err != nil {
		t.Fatal(err)
	}
	o, err := l.Order(bounded(t), m.Order)
	must(t, err)
	bookings, err := l.Bookings(bounded(t), testEvent)
	must(t, err)
	for i, q := range m.Seats {
		if o.Seats[i] != q || bookings[i].Seat != q {
			t.Errorf("quoted %+v, ordered %+v, booked %+v", q, o.Seats[i], bookings[i].Seat)
		}
		ticket, err := l.Ticket(bounded(t), o.Tickets[i])
		must(t, err)
		if ticket.Concession != q.Concession {
			t.Errorf("sold as %q, the ticket says %q", q.Concession, ticket.Concession)
		}
	}
	for i, amount := range []int64{5400, 2700, 0} {
		r, err := l.Refund(bounded(t), RefundOrder{Order: m.Order, Seats: []string{m.Seats[i].ID}, Why: "test", By: "op"})
		must(t, err)
		if r.Amount != amount {
			t.Errorf("seat %d cost %d, %d is returned", i, amount, r.Amount)
		}
	}
	sound(t, l)
}

// The last word on what adds up.
func TestReductionsThatDoNotAddUpAreRefused(t *testing.T) {
	t.Parallel()
	l := opened(t, 1)
	for name, change := range map[string]func(*wire.SeatQuote){
		"tax above the total":        func(q *wire.SeatQuote) { q.Price.Tax = q.Price.Total + 1 },
		"negative tax":               func(q *wire.SeatQuote) { q.Price.Tax = -1 },
		"dearer than the list":       func(q *wire.SeatQuote) { q.Concession, q.List = "child", q.Price.Total-1 },
		"a list price for no reason": func(q *wire.SeatQuote) { q.List = q.Price.Total },
	} {
		m := order(0)
		change(&m.Seats[0])
		if _, err := l.Begin(bounded(t), m); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
