package writer

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
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
func bookingsOf(h inventorytest.Held, at time.Time) (bookings []ledger.Booking) {
	for _, q := range h.Seats {
		bookings = append(bookings, ledger.Booking{Seat: q, Order: wire.OrderOfHold(h.Hold), Hold: h.Hold, Fan: h.Fan, At: at})
	}
	return bookings
}

// A crash after the ledger's commit leaves a seat that is booked, but only
// held. The next writer sells it, without the checkout's help.
func TestBookedSeatsBecomeSold(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newFixture(t, env, seatingtest.Hall(t, 4, 20, 0), nil)
		first := h.worker("first", nil)
		hold := h.Hold("A-1", "A-2")
		young := h.Hold("B-1")
		first.Crash()
		h.Ledger.Book(bookingsOf(hold, time.Now().Add(-time.Minute))...)
		h.Ledger.Book(bookingsOf(young, time.Now().Add(time.Hour))...)
		// Nothing waits for the ledger: it is down when the second takes over.
		h.Ledger.Fail(true)
		h.worker("second", nil)
		if again := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: young.Hold, Claims: inventorytest.Claims(young.Fan), Seats: []string{"B-1"}}); again.Problem != nil {
			t.Errorf("%+v", again.Problem)
		}
		h.Ledger.Fail(false)
		for _, seat := range []string{"A-1", "A-2"} {
			h.Becomes(seat, func(s wire.Seat) bool {
				return s.State == wire.Sold && s.Order == wire.OrderOfHold(hold.Hold) && s.Fan == hold.Fan && s.Quote != nil
			})
		}
		if s := h.Record("B-1"); s.State != wire.Held {
			t.Errorf("a checkout still at work was overtaken: %+v", s)
		}
	})
}

// Seats sold without a booking are free again if the ledger has taken them
// back, and stay sold if it hasn't, or doesn't know their order.
func TestSoldSeatsWithoutABooking(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	first := h.worker("first", nil)
	buy := func(seats ...string) (inventorytest.Held, string) {
		hold := h.Hold(seats...)
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
	h.Ledger.Know(
		ledger.Order{ID: refunded, State: wire.OrderRefunded},
		ledger.Order{ID: partly, State: wire.OrderPaid, Seats: part.Seats[1:]},
		ledger.Order{ID: paid, State: wire.OrderPaid, Seats: lost.Seats})
	h.Ledger.Book(bookingsOf(part, time.Now())[1:]...)
	first.Stop()
	h.worker("second", nil)
	for seat, want := range map[string]wire.State{"A-1": wire.Available, "A-2": wire.Available, "B-1": wire.Available} {
		h.Becomes(seat, func(s wire.Seat) bool { return s.State == want })
	}
	for _, seat := range []string{"B-2", "C-1", "C-2"} {
		if s := h.Record(seat); s.State != wire.Sold {
			t.Errorf("seat %s was freed: %+v", seat, s)
		}
	}
}

// A confirmation that comes after its order's refund, and to the next writer, takes nothing
// from whoever has the seats by then.
func TestConfirmedAfterItsRefund(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	first := h.worker("first", nil)
	hold := h.Hold("A-1", "A-2")
	order := wire.OrderOfHold(hold.Hold)
	if c := ask[wire.HoldReply](h, wire.ActCheckout, wire.CheckoutRequest{Hold: hold.Hold, Fan: hold.Fan, Key: "k"}); c.Problem != nil || c.Order != order {
		t.Fatalf("%+v", c)
	}
	if r := ask[wire.Reply](h, wire.ActRefund, wire.RefundRequest{Hold: hold.Hold, Order: order, Fan: hold.Fan, Seats: []string{"A-1", "A-2"}}); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	h.Ledger.Know(ledger.Order{ID: order, State: wire.OrderRefunded, Refunded: hold.Seats})
	others := h.Hold("A-2")
	first.Stop()
	h.worker("second", nil)
	confirm := wire.ConfirmRequest{Hold: hold.Hold, Order: order, Fan: hold.Fan, Seats: hold.Seats}
	if r := ask[wire.Reply](h, wire.ActConfirm, confirm); r.Problem != nil {
		t.Error(r.Problem)
	}
	if s := h.Record("A-2"); s.State != wire.Held || s.Hold != others.Hold {
		t.Errorf("a hold was lost to an order that had been refunded: %+v", s)
	}
	if s := h.Record("A-1"); s.State != wire.Available {
		t.Errorf("a seat is sold to an order that had been refunded: %+v", s)
	}
	// While the ledger can't say, nobody's seats change.
	h.Ledger.Fail(true)
	raw, err := json.Marshal(confirm)
	must(t, err)
	m, err := h.NC.RequestWithContext(h.Context(), wire.SeatsSubject("demo", wire.ActConfirm), raw)
	must(t, err)
	var r wire.Reply
	must(t, json.Unmarshal(m.Data, &r))
	if r.Problem == nil || r.Problem.Code != wire.CodeUnavailable {
		t.Errorf("without the ledger's word: %+v", r.Problem)
	}
	h.Ledger.Fail(false)
}

// With all of JetStream gone, what the ledger has booked is sold before
// anything is offered, and while the ledger can't be asked nothing is.
func TestSeatsSoldOutliveJetStream(t *testing.T) {
	index := seatingtest.Hall(t, 4, 20, 50)
	before := newFixture(t, natstest.Run(t), index, nil)
	before.worker("first", nil)
	var booked []ledger.Booking
	for i, seats := range [][]string{{"A-1", "A-2"}, {"C-7"}} {
		hold := before.Hold(seats...)
		if hold.Problem != nil {
			t.Fatal(i, hold.Problem)
		}
		booked = append(booked, bookingsOf(hold, time.Now())...)
	}

	h := newFixture(t, natstest.Run(t), index, nil) // a fresh server, the event applied again
	h.Ledger.Book(booked...)
	h.Ledger.Fail(true)
	offered := make(chan struct{}, 1)
	watch, err := h.NC.Subscribe(wire.KVSubject(wire.SeatsBucket("demo"), wire.LogPrefix+"*"), func(*nats.Msg) {
		select {
		case offered <- struct{}{}:
		default:
		}
	})
	must(t, err)
	must(t, h.NC.Flush())
	h.worker("second", nil)
	<-h.Ledger.Asked
	select {
	case <-offered:
		t.Error("seats were opened before the ledger said which are sold")
	default:
	}
	must(t, watch.Unsubscribe())
	h.Ledger.Fail(false)
	stock := ask[wire.Stock](h, wire.ActStatus, nil)
	if stock.All != (wire.Count{Free: index.Len() - 3, Sold: 3}) {
		t.Errorf("%+v", stock.All)
	}
	for _, b := range booked {
		if s := h.Record(b.Seat.ID); s.State != wire.Sold || s.Order != b.Order || s.Fan != b.Fan || s.Quote.Price != b.Seat.Price {
			t.Errorf("seat %s: %+v", b.Seat.ID, s)
		}
	}
	r := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{"A-1"}})
	if inventorytest.Code(r.Problem) != wire.CodeTaken {
		t.Errorf("a sold seat was offered: %+v", r)
	}
	for seat, e := range map[string]wire.State{"A-1": wire.Sold, "A-3": wire.Available} {
		if s := h.Record(seat); s.State != e {
			t.Errorf("seat %s: %+v", seat, s)
		}
	}
	h.CheckLog()
}

// A writer that dies between storing what is sold and opening the rest leaves
// seats without a record; its successor asks the ledger again.
func TestRebuildIsResumed(t *testing.T) {
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	hold := wire.NewHold()
	h.Ledger.Book(ledger.Booking{Seat: wire.SeatQuote{ID: "A-1"}, Order: wire.OrderOfHold(hold), Hold: hold, Fan: wire.NewFan()})
	w := h.unopened(1)
	must(t, w.openSold(h.Context()))
	if s := h.Record("A-1"); s.State != wire.Sold {
		t.Fatalf("%+v", s)
	}
	other := wire.NewHold()
	h.Ledger.Book(ledger.Booking{Seat: wire.SeatQuote{ID: "A-2"}, Order: wire.OrderOfHold(other), Hold: other, Fan: wire.NewFan()})
	w = h.term(2)
	if got := fmt.Sprint(w.engine.Stock(time.Now()).All); got != fmt.Sprint(wire.Count{Free: h.Index.Len() - 2, Sold: 2}) {
		t.Error(got)
	}
}
