package ledger

import (
	"fmt"
	"sync"
	"testing"

	"frontrow/wire"
)

var rain = RefundEvent{Event: testEvent, Why: "rain", By: "desk"}

// An event is cancelled while some of its orders are being refunded one by one.
func TestRefundEvent(t *testing.T) {
	t.Parallel()
	const n = 2*refundBatch + 50
	l := opened(t, n)
	one := make(chan error)
	for i := range n {
		go func() {
			m := order(i)
			_, err := l.Begin(bounded(t), m)
			if err == nil {
				_, err = commit(bounded(t), l, purchase(m, 1))
			}
			if err == nil && i%10 == 0 {
				go func() { _, err := l.Refund(bounded(t), asked(m)); one <- err }()
				return
			}
			one <- err
		}()
		if i == n/2 { // in the middle of the sale
			_, err := l.RefundEvent(bounded(t), rain)
			must(t, err)
		}
	}
	for range n {
		must(t, <-one)
	}
	for rounds := 0; ; rounds++ {
		done, err := l.RefundEvent(bounded(t), rain)
		must(t, err)
		if len(done) == 0 {
			break
		}
		if rounds == n {
			t.Fatal("no end")
		}
		must(t, l.Told(bounded(t), done))
	}
	if a := sound(t, l); a.Orders[wire.OrderRefunded] != n || a.Sold != 0 || a.Undone != n || len(a.Returning) != 0 {
		t.Errorf("%+v", a)
	}
}

// RefundEvent returns a refund again, as it was first made, until the writer has
// been told.
func TestRefundsAreGivenOutUntilTold(t *testing.T) {
	t.Parallel()
	l := opened(t, 8)
	first, _ := paid(t, l, 1, 0, 1, 2)
	second, _ := paid(t, l, 2, 3)
	begun(t, l, 4)
	r := asked(first, 1)
	r.Block = true
	part, err := l.Refund(bounded(t), r)
	if err != nil || part.Now != 1 || part.Number != 1 || fmt.Sprint(part.Order.OffSale) != fmt.Sprint([]string{seatID(1)}) {
		t.Fatalf("%+v, %v", part, err)
	}
	if a := sound(t, l); fmt.Sprint(a.Returning) != fmt.Sprint([]string{first.Order}) {
		t.Errorf("returning %v", a.Returning)
	}
	remaining := func(want Remaining) {
		t.Helper()
		if got, err := l.Remaining(bounded(t), testEvent); err != nil || got != want {
			t.Errorf("remaining %+v, %v; want %+v", got, err, want)
		}
	}
	remaining(Remaining{Paid: 2, Pending: 1})
	whole := func(now int, amount int64) (done []Refunded) {
		t.Helper()
		done, err := l.RefundEvent(bounded(t), rain)
		if err != nil || len(done) != 2 {
			t.Fatalf("%+v, %v", done, err)
		}
		for _, d := range done {
			now, amount = now-d.Now, amount-d.Amount
			if o, err := l.Order(bounded(t), d.Order.ID); err != nil || fmt.Sprint(o) != fmt.Sprint(d.Order) || len(d.Seats) != len(o.Refunded) {
				t.Errorf("told of %+v, it is %+v, %v", d, o, err)
			}
		}
		if now != 0 || amount != 0 {
			t.Errorf("%d seats and %d are missing", now, amount)
		}
		remaining(Remaining{Untold: 2, Pending: 1})
		return done
	}
	whole(3, first.Total-part.Amount+second.Total)
	must(t, l.Told(bounded(t), []Refunded{part})) // late, and only of the refund that it knew
	must(t, l.Told(bounded(t), whole(0, 0)))
	remaining(Remaining{Pending: 1})
	if done, err := l.RefundEvent(bounded(t), rain); err != nil || len(done) != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	again, err := l.Refund(bounded(t), asked(first)) // whether it goes back on sale was decided before
	if err != nil || again.Now != 0 || again.Amount != 0 || again.Number != 2 || fmt.Sprint(again.Order.OffSale) != fmt.Sprint([]string{seatID(1)}) {
		t.Errorf("%+v, %v", again, err)
	}
	remaining(Remaining{Pending: 1})
	if a := sound(t, l); len(a.Returning) != 0 {
		t.Errorf("returning %v", a.Returning)
	}
}

// When revisions start over, a seat sold and refunded before can be sold under
// the new ones, and no earlier purchase can commit.
func TestReopen(t *testing.T) {
	t.Parallel()
	l := opened(t, 4)
	for s := range 2 {
		m, _ := paid(t, l, 500, s)
		if s == 0 {
			_, err := l.Refund(bounded(t), asked(m))
			must(t, err)
		}
	}
	old := begun(t, l, 2)
	for range 2 { // by two writers in turn
		if sold, err := l.Reopen(bounded(t), testEvent, 3); err != nil || len(sold) != 1 || sold[0].Seat.ID != seatID(1) {
			t.Fatalf("%+v, %v", sold, err)
		}
	}
	if o, err := commit(bounded(t), l, purchase(old, 700)); err != nil || o.State != wire.OrderFailed || o.Reason != ReasonLost {
		t.Errorf("an old purchase: %+v, %v", o, err)
	}
	if o, err := commit(bounded(t), l, purchase(begun(t, l, 0), 3)); err != nil || o.State != wire.OrderFailed {
		t.Errorf("at the revision told: %+v, %v", o, err)
	}
	m, _ := paid(t, l, 5, 0) // refunded before
	if o, err := commit(bounded(t), l, purchase(begun(t, l, 1), 6)); err != nil || o.Reason != ReasonSeatGone {
		t.Errorf("a seat that is booked: %+v, %v", o, err)
	}
	bookings, err := l.Bookings(bounded(t), testEvent)
	if err != nil || len(bookings) != 2 || bookings[1].Revision != 500 {
		t.Fatalf("%+v, %v", bookings, err)
	}
	_, err = l.Refund(bounded(t), RefundOrder{Order: bookings[1].Order, Why: "asked for", By: "desk"})
	must(t, err)
	paid(t, l, 6, 1) // refunded afterwards
	_, err = l.Reopen(bounded(t), testEvent, 5)
	must(t, err)
	if o, err := l.Order(bounded(t), m.Order); err != nil || o.State != wire.OrderPaid {
		t.Errorf("%+v, %v", o, err)
	}
	if a := sound(t, l); a.Sold != 2 || a.Orders[wire.OrderPending] != 0 {
		t.Errorf("%+v", a)
	}
	if sold, err := l.Reopen(bounded(t), "never heard of", 1); err != nil || len(sold) != 0 {
		t.Errorf("%+v, %v", sold, err)
	}
}

// Old purchases that commit while revisions start over are in the bookings read
// afterwards, or are never booked.
func TestReopenAgainstCommit(t *testing.T) {
	t.Parallel()
	const n = 200
	l := opened(t, n)
	var orders []wire.OrderMessage
	for i := range n {
		orders = append(orders, begun(t, l, i))
	}
	var wg sync.WaitGroup
	states := make([]wire.OrderState, n)
	for i, m := range orders {
		wg.Go(func() {
			o, err := commit(bounded(t), l, purchase(m, uint64(1000+i)))
			if err != nil {
				t.Error(err)
			}
			states[i] = o.State
		})
	}
	bookings, err := l.Reopen(bounded(t), testEvent, 1)
	must(t, err)
	wg.Wait()
	count := map[wire.OrderState]int{}
	for _, s := range states {
		count[s]++
	}
	if count[wire.OrderPaid] != len(bookings) || count[wire.OrderPaid]+count[wire.OrderFailed] != n {
		t.Errorf("%d bookings were told of, then %v", len(bookings), count)
	}
	sound(t, l)
}
