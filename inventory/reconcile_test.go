package inventory

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/ledger"
	"frontrow/inventory/seating"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

func TestDiff(t *testing.T) {
	booked := func(seat, order string) ledger.Booking {
		return ledger.Booking{Seat: wire.SeatQuote{ID: seat}, Order: order, Hold: "h_" + order, Fan: "f_" + order}
	}
	sold := func(seat, order string) seating.Sale {
		return seating.Sale{Seat: seat, Order: order, Hold: "h_" + order, Fan: "f_" + order}
	}
	for _, c := range []struct {
		name     string
		sold     []seating.Sale
		bookings []ledger.Booking
		want     string // kind order seats…
	}{
		{"nothing", nil, nil, ""},
		{"they agree", []seating.Sale{sold("A-1", "o1"), sold("A-2", "o2")}, []ledger.Booking{booked("A-1", "o1"), booked("A-2", "o2")}, ""},
		{"booked, not sold", nil, []ledger.Booking{booked("A-1", "o1"), booked("A-2", "o1"), booked("A-3", "o2")}, "booked o1 A-1 A-2; booked o2 A-3"},
		{"one seat of an order is missing", []seating.Sale{sold("A-1", "o1")}, []ledger.Booking{booked("A-1", "o1"), booked("A-2", "o1")}, "booked o1 A-1 A-2"},
		{"sold, not booked", []seating.Sale{sold("A-1", "o1"), sold("A-2", "o1"), sold("A-3", "o2")}, []ledger.Booking{booked("A-3", "o2")}, "sold o1 A-1 A-2"},
		{"sold to another: first the seat, then who waits for it", []seating.Sale{sold("A-1", "o1")}, []ledger.Booking{booked("A-1", "o2")}, "sold o1 A-1; booked o2 A-1"},
		{"an order of both kinds", []seating.Sale{sold("A-1", "o1")}, []ledger.Booking{booked("A-2", "o1")}, "sold o1 A-1; booked o1 A-2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, r := range diff(c.sold, c.bookings) {
				kind := "sold"
				if r.Booked {
					kind = "booked"
				}
				line := kind + " " + r.Order
				for _, q := range r.Seats {
					line += " " + q.ID
				}
				if r.Hold != "h_"+r.Order || r.Fan != "f_"+r.Order {
					t.Errorf("%+v", r)
				}
				got = append(got, line)
			}
			if s := strings.Join(got, "; "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
		})
	}
}

// bookingsOf is what the ledger has when the hold was paid for.
func bookingsOf(h held, at time.Time) (bookings []ledger.Booking) {
	for _, q := range h.Seats {
		bookings = append(bookings, ledger.Booking{Seat: q, Order: wire.OrderOfHold(h.Hold), Hold: h.Hold, Fan: h.Fan, At: at})
	}
	return bookings
}

func (l *ledgerDouble) book(bookings ...ledger.Booking) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bookings = append(l.bookings, bookings...)
}

// becomes waits until a seat's record is as told.
func (h *house) becomes(seat string, is func(wire.Seat) bool) {
	h.t.Helper()
	for ctx := h.context(); !is(h.record(seat)); pause(ctx) {
		if ctx.Err() != nil {
			h.t.Fatalf("seat %s stays %+v", seat, h.record(seat))
		}
	}
}

// A crash after the ledger's commit leaves a seat that is booked, but only
// held. The next writer sells it, without the checkout's help.
func TestBookedSeatsBecomeSold(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newHouse(t, env, seatingtest.Hall(t, 4, 20, 0), nil)
		first := h.worker("first", nil)
		hold := h.hold("A-1", "A-2")
		young := h.hold("B-1")
		first.crash()
		h.ledger.book(bookingsOf(hold, time.Now().Add(-time.Minute))...)
		h.ledger.book(bookingsOf(young, time.Now().Add(time.Hour))...)
		// Nothing waits for the ledger: it is down when the second takes over.
		h.ledger.fail(true)
		h.worker("second", nil)
		if again := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: young.Hold, Claims: fanClaims(young.Fan), Seats: []string{"B-1"}}); again.Problem != nil {
			t.Errorf("%+v", again.Problem)
		}
		h.ledger.fail(false)
		for _, seat := range []string{"A-1", "A-2"} {
			h.becomes(seat, func(s wire.Seat) bool {
				return s.State == wire.Sold && s.Order == wire.OrderOfHold(hold.Hold) && s.Fan == hold.Fan && s.Quote != nil
			})
		}
		if s := h.record("B-1"); s.State != wire.Held {
			t.Errorf("a checkout still at work was overtaken: %+v", s)
		}
	})
}

// Seats sold without a booking are free again if the ledger has taken them
// back, and stay sold if it hasn't, or doesn't know their order.
func TestSoldSeatsWithoutABooking(t *testing.T) {
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	first := h.worker("first", nil)
	buy := func(seats ...string) (held, string) {
		hold := h.hold(seats...)
		order := wire.OrderOfHold(hold.Hold)
		if r := ask[wire.Reply](h, wire.ActConfirm, wire.ConfirmRequest{Hold: hold.Hold, Order: order, Fan: hold.Fan, Seats: hold.Seats}); r.Problem != nil {
			t.Fatal(r.Problem)
		}
		return hold, order
	}
	_, refunded := buy("A-1", "A-2")
	part, partly := buy("B-1", "B-2")
	lost, paid := buy("C-1")
	buy("C-2") // the ledger has never heard of its order
	h.ledger.mu.Lock()
	h.ledger.orders = map[string]ledger.Order{
		refunded: {ID: refunded, State: wire.OrderRefunded},
		partly:   {ID: partly, State: wire.OrderPaid, Seats: part.Seats[1:]},
		paid:     {ID: paid, State: wire.OrderPaid, Seats: lost.Seats},
	}
	h.ledger.mu.Unlock()
	h.ledger.book(bookingsOf(part, time.Now())[1:]...)
	first.stop()
	h.worker("second", nil)
	for seat, want := range map[string]wire.State{"A-1": wire.Available, "A-2": wire.Available, "B-1": wire.Available} {
		h.becomes(seat, func(s wire.Seat) bool { return s.State == want })
	}
	for _, seat := range []string{"B-2", "C-1", "C-2"} {
		if s := h.record(seat); s.State != wire.Sold {
			t.Errorf("seat %s was freed: %+v", seat, s)
		}
	}
}

// With all of JetStream gone, what the ledger has booked is sold before
// anything is offered, and while the ledger can't be asked nothing is.
func TestSeatsSoldOutliveJetStream(t *testing.T) {
	index := seatingtest.Hall(t, 4, 20, 50)
	before := newHouse(t, natstest.Run(t), index, nil)
	before.worker("first", nil)
	booked := &ledgerDouble{}
	for i, seats := range [][]string{{"A-1", "A-2"}, {"C-7"}} {
		hold := before.hold(seats...)
		if hold.Problem != nil {
			t.Fatal(i, hold.Problem)
		}
		booked.book(bookingsOf(hold, time.Now())...)
	}

	h := newHouse(t, natstest.Run(t), index, nil) // a fresh server, the event applied again
	h.ledger.book(booked.bookings...)
	h.ledger.fail(true)
	offered := make(chan struct{}, 1)
	watch, err := h.nc.Subscribe(wire.KVSubject(wire.SeatsBucket("demo"), wire.SeatPrefix+">"), func(*nats.Msg) {
		select {
		case offered <- struct{}{}:
		default:
		}
	})
	must(t, err)
	must(t, h.nc.Flush())
	h.worker("second", nil)
	<-h.ledger.asked
	select {
	case <-offered:
		t.Error("seats were opened before the ledger said which are sold")
	default:
	}
	must(t, watch.Unsubscribe())
	h.ledger.fail(false)
	stock := ask[wire.Stock](h, wire.ActStatus, nil)
	if stock.All != (wire.Count{Free: index.Len() - 3, Sold: 3}) {
		t.Errorf("%+v", stock.All)
	}
	for _, b := range booked.bookings {
		if s := h.record(b.Seat.ID); s.State != wire.Sold || s.Order != b.Order || s.Fan != b.Fan || s.Quote.Price != b.Seat.Price {
			t.Errorf("seat %s: %+v", b.Seat.ID, s)
		}
	}
	r := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(wire.NewFan()), Seats: []string{"A-1"}})
	if code(r.Problem) != wire.CodeTaken {
		t.Errorf("a sold seat was offered: %+v", r)
	}
	for seat, e := range map[string]wire.State{"A-1": wire.Sold, "A-3": wire.Available} {
		if s := h.record(seat); s.State != e {
			t.Errorf("seat %s: %+v", seat, s)
		}
	}
	h.checkLog(h.env)
}

// A writer that dies between storing what is sold and opening the rest leaves
// seats without a record; its successor asks the ledger again.
func TestRebuildIsResumed(t *testing.T) {
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	hold := wire.NewHold()
	h.ledger.book(ledger.Booking{Seat: wire.SeatQuote{ID: "A-1"}, Order: wire.OrderOfHold(hold), Hold: hold, Fan: wire.NewFan()})
	w := h.unopened(1)
	must(t, w.rebuild(h.context()))
	if s := h.record("A-1"); s.State != wire.Sold {
		t.Fatalf("%+v", s)
	}
	other := wire.NewHold()
	h.ledger.book(ledger.Booking{Seat: wire.SeatQuote{ID: "A-2"}, Order: wire.OrderOfHold(other), Hold: other, Fan: wire.NewFan()})
	w = h.term(2)
	if got := fmt.Sprint(w.engine.Stock(time.Now()).All); got != fmt.Sprint(wire.Count{Free: h.index.Len() - 2, Sold: 2}) {
		t.Error(got)
	}
}
