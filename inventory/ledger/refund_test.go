package ledger

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"frontrow/wire"
)

func paid(t testing.TB, l *Ledger, revision uint64, seats ...int) (wire.OrderMessage, Order) {
	t.Helper()
	m := begun(t, l, seats...)
	o, err := commit(bounded(t), l, purchase(m, revision))
	if err != nil || o.State != wire.OrderPaid {
		t.Fatalf("commit: %+v, %v", o, err)
	}
	return m, o
}

// claim claims the due tasks and checks that they are of these kinds.
func claim(t testing.TB, l *Ledger, kinds ...string) []Task {
	t.Helper()
	tasks, err := l.Claim(bounded(t), 100, time.Hour)
	must(t, err)
	var got []string
	for _, task := range tasks {
		got = append(got, task.Kind)
	}
	slices.Sort(got)
	if fmt.Sprint(got) != fmt.Sprint(kinds) {
		t.Fatalf("due: %v, want %v", got, kinds)
	}
	return tasks
}

func asked(m wire.OrderMessage, seats ...int) RefundOrder {
	r := RefundOrder{Order: m.Order, Why: "asked for", By: "desk"}
	for _, s := range seats {
		r.Seats = append(r.Seats, seatID(s))
	}
	return r
}

func TestRefundSeatBySeat(t *testing.T) {
	t.Parallel()
	l := opened(t, 4)
	m, sold := paid(t, l, 7, 0, 1, 2)
	must(t, l.Finish(bounded(t), done(claim(t, l, KindCapture))))
	price := m.Seats[0].Price.Total
	for range 2 { // the second time it is done already
		r, err := l.Refund(bounded(t), asked(m, 1, 1))
		if err != nil || r.Order.State != wire.OrderPaid || len(r.Seats) != 1 || r.Seats[0] != m.Seats[1] || len(r.Order.Seats) != 2 {
			t.Fatalf("%+v, %v", r, err)
		}
		o, err := l.Order(bounded(t), m.Order)
		if err != nil || fmt.Sprint(o) != fmt.Sprint(r.Order) || fmt.Sprint(o.Tickets) != fmt.Sprint([]string{sold.Tickets[0], sold.Tickets[2]}) {
			t.Errorf("%+v, %v; refund said %+v", o, err, r.Order)
		}
	}
	if ticket, err := l.Ticket(bounded(t), sold.Tickets[1]); err != nil || ticket.State != "void" || ticket.Generation != 2 {
		t.Errorf("%+v, %v", ticket, err)
	}
	reply, err := l.GiveUp(bounded(t), m.Order, m.Event, m.Fan)
	if err != nil || reply.State != wire.OrderPaid || len(reply.Seats) != 2 { // what the writer confirms
		t.Errorf("%+v, %v", reply, err)
	}
	first := claim(t, l, KindRefund)
	if first[0].Amount != price || first[0].Reference != "ref-"+m.Order || first[0].Key != m.Order+".1" {
		t.Errorf("%+v", first)
	}
	must(t, l.Finish(bounded(t), done(first)))

	other, _ := paid(t, l, 8, 1) // sold again, to somebody else
	r, err := l.Refund(bounded(t), asked(m))
	if err != nil || r.Order.State != wire.OrderRefunded || r.Amount != 2*price || len(r.Seats) != 3 || len(r.Order.Tickets) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	second := claim(t, l, KindCapture, KindRefund)
	i := slices.IndexFunc(second, func(task Task) bool { return task.Kind == KindRefund })
	if second[i].Amount != 2*price || second[i].Key != m.Order+".2" {
		t.Errorf("%+v", second)
	}
	must(t, l.Finish(bounded(t), done(second)))
	a := sound(t, l)
	if a.Sold != 1 || a.Refunds["done"] != (Sum{2, 3 * price}) || a.Payments["captured"] != (Sum{2, 4 * price}) || a.Undone != 0 {
		t.Errorf("%+v", a)
	}
	if o, err := l.Order(bounded(t), other.Order); err != nil || len(o.Tickets) != 1 {
		t.Errorf("the other's: %+v, %v", o, err)
	}
	for name, bad := range map[string]struct {
		ask  RefundOrder
		want error
	}{
		"unknown":     {asked(order(0)), ErrNotFound},
		"not its":     {asked(other, 0), ErrNotFound},
		"only begun":  {asked(begun(t, l, 3)), ErrNotPaid},
		"nobody asks": {RefundOrder{Order: other.Order}, nil},
	} {
		if _, err := l.Refund(bounded(t), bad.ask); err == nil || bad.want != nil && !errors.Is(err, bad.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	sound(t, l)
}

// Before its capture a whole order is voided. Once a relay may have asked the
// provider to capture, the refund waits until the capture is done.
func TestRefundBeforeCapture(t *testing.T) {
	t.Parallel()
	l := opened(t, 4)
	never, _ := paid(t, l, 1, 0, 1)
	r, err := l.Refund(bounded(t), asked(never))
	if err != nil || r.Order.State != wire.OrderRefunded {
		t.Fatalf("%+v, %v", r, err)
	}
	void := claim(t, l, KindVoid)
	if void[0].Reference != "ref-"+never.Order {
		t.Errorf("%+v", void)
	}
	sound(t, l)
	must(t, l.Finish(bounded(t), done(void)))

	begun, _ := paid(t, l, 2, 2, 3)
	capture := claim(t, l, KindCapture)
	_, err = l.Refund(bounded(t), asked(begun))
	must(t, err)
	claim(t, l)
	sound(t, l)
	must(t, l.Finish(bounded(t), done(capture)))
	must(t, l.Finish(bounded(t), done(claim(t, l, KindRefund))))
	if a := sound(t, l); a.Payments["voided"].Count != 1 || a.Payments["captured"].Amount != begun.Total || a.Refunds["done"].Amount != begun.Total || a.Undone != 0 {
		t.Errorf("%+v", a)
	}
}

// When a worker's claim has passed to another, what the first one reports comes too
// late, and the task is the other's.
func TestLateClaim(t *testing.T) {
	t.Parallel()
	l := opened(t, 1)
	paid(t, l, 1, 0)
	slow, err := l.Claim(bounded(t), 1, -time.Second)
	must(t, err)
	other := claim(t, l, KindCapture)
	must(t, l.Finish(bounded(t), done(slow)))
	if a := sound(t, l); a.Undone != 1 || a.Payments["captured"].Count != 0 {
		t.Errorf("ended by who had lost the claim: %+v", a)
	}
	must(t, l.Finish(bounded(t), done(other)))
	if a := sound(t, l); a.Undone != 0 || a.Payments["captured"].Count != 1 {
		t.Errorf("not ended by who had the claim: %+v", a)
	}
}

// A capture taken with its commit is nobody else's until its lease ends, and leaves
// nothing behind when it is done.
func TestCaptureTakenWithItsCommit(t *testing.T) {
	t.Parallel()
	l := opened(t, 3)
	take := func(lease time.Duration, seat int) (Purchase, Task) {
		p := purchase(begun(t, l, seat), 1)
		p.Lease = lease
		c, err := l.Commit(bounded(t), p)
		must(t, err)
		if want := (Task{ID: c.Capture.ID, Kind: KindCapture, Order: c.ID, Reference: p.Reference, Amount: c.Total, Currency: "EUR", Attempts: 1}); c.Capture != want || c.Capture.ID == 0 {
			t.Fatalf("%+v, want %+v", c.Capture, want)
		}
		return p, c.Capture
	}
	p, mine := take(time.Hour, 0)
	claim(t, l)
	if again, err := l.Commit(bounded(t), p); err != nil || again.State != wire.OrderPaid || again.Capture != (Task{}) {
		t.Errorf("committed again: %+v, %v", again, err)
	}
	if _, err := l.Refund(bounded(t), asked(p.Order)); err != nil { // the provider may have been asked
		t.Error(err)
	}
	claim(t, l)
	must(t, l.Finish(bounded(t), done([]Task{mine})))
	must(t, l.Finish(bounded(t), done(claim(t, l, KindRefund))))

	_, dead := take(-time.Second, 1)
	others := claim(t, l, KindCapture)
	if others[0].ID != dead.ID || others[0].Attempts != 2 {
		t.Errorf("%+v", others)
	}
	must(t, l.Finish(bounded(t), done([]Task{dead})))
	if a := sound(t, l); a.Undone != 1 {
		t.Errorf("ended by who had lost the claim: %+v", a)
	}
	must(t, l.Finish(bounded(t), done(others)))
	if n := count(t, l, "SELECT count(*) FROM outbox WHERE kind = 'capture'"); n != 0 {
		t.Errorf("%d captures are left", n)
	}
	if a := sound(t, l); a.Undone != 0 || a.Payments["captured"].Count != 2 {
		t.Errorf("%+v", a)
	}
}

// An order is refunded seat by seat while its capture is under way, and its money is
// reported only afterwards: nothing is due but the refunds.
func TestCapturedAfterItsRefunds(t *testing.T) {
	t.Parallel()
	l := opened(t, 2)
	m, _ := paid(t, l, 1, 0, 1)
	capture := claim(t, l, KindCapture)
	for _, seat := range []int{0, 1} {
		_, err := l.Refund(bounded(t), asked(m, seat))
		must(t, err)
	}
	_, err := l.Settle(bounded(t), Found{Order: m.Order, Provider: "test", Reference: "ref-" + m.Order, State: "captured", Amount: m.Total, Currency: "EUR"})
	must(t, err)
	must(t, l.Finish(bounded(t), done(capture)))
	must(t, l.Finish(bounded(t), done(claim(t, l, KindRefund, KindRefund))))
	if a := sound(t, l); a.Refunds["done"] != (Sum{2, m.Total}) || a.Payments["captured"] != (Sum{1, m.Total}) || a.Undone != 0 {
		t.Errorf("%+v", a)
	}
}

// A void may lose against a capture: what was captured although it had been voided is returned.
func TestCapturedAfterItsVoid(t *testing.T) {
	t.Parallel()
	l, m := givenUp(t)
	_, err := commit(bounded(t), l, purchase(m, 1)) // too late
	must(t, err)
	must(t, l.Finish(bounded(t), done(claim(t, l, KindVoid))))
	if a := sound(t, l); a.Payments["voided"].Count != 1 {
		t.Fatalf("%+v", a)
	}
	_, err = l.Settle(bounded(t), Found{Order: m.Order, Provider: "test", Reference: "ref-" + m.Order, State: "captured", Amount: m.Total, Currency: "EUR"})
	must(t, err)
	if refund := claim(t, l, KindRefund); refund[0].Amount != m.Total {
		t.Errorf("%+v", refund)
	}
}

// A payment that succeeds after its order was given up is returned once.
func TestLatePayment(t *testing.T) {
	t.Parallel()
	l, m := givenUp(t)
	long := Unsettled{Asked: time.Now().Add(-time.Hour)}
	if open, err := l.Unsettled(bounded(t), long, 10); err != nil || len(open) != 0 {
		t.Fatalf("before the provider was asked at all: %+v, %v", open, err)
	}
	must(t, l.Finish(bounded(t), done(claim(t, l, KindVoid)))) // it has nothing
	open, err := l.Unsettled(bounded(t), long, 10)
	if err != nil || len(open) != 1 || open[0].Order != m.Order || open[0].Event != m.Event || open[0].Fan != m.Fan {
		t.Fatalf("%+v, %v", open, err)
	}
	if more, err := l.Unsettled(bounded(t), open[0], 10); err != nil || len(more) != 0 {
		t.Errorf("the next page: %+v, %v", more, err)
	}
	f := Found{Order: m.Order, Provider: "test", Reference: "late", Amount: m.Total, Currency: "EUR"}
	for _, state := range []string{"authorized", "captured", "captured", "authorized", "voided"} { // as reordered webhooks report it
		f.State = state
		o, err := l.Settle(bounded(t), f)
		if err != nil || o.State != wire.OrderFailed {
			t.Fatalf("%s: %+v, %v", state, o, err)
		}
		if a := sound(t, l); a.Undone != 1 {
			t.Errorf("%s: %+v", state, a)
		}
	}
	refund := claim(t, l, KindRefund)
	if refund[0].Amount != m.Total || refund[0].Reference != "late" || refund[0].Currency != "EUR" {
		t.Errorf("%+v", refund)
	}
	must(t, l.Finish(bounded(t), done(refund)))
	f.State = "captured"
	_, err = l.Settle(bounded(t), f)
	must(t, err)
	if a := sound(t, l); a.Undone != 0 || a.Refunds["done"] != (Sum{1, m.Total}) || a.Sold != 0 {
		t.Errorf("%+v", a)
	}
	if open, err := l.Unsettled(bounded(t), long, 10); err != nil || len(open) != 0 {
		t.Errorf("still open: %+v, %v", open, err)
	}
	f.Order = order(0).Order
	if _, err := l.Settle(bounded(t), f); !errors.Is(err, ErrNotFound) {
		t.Errorf("never begun: %v", err)
	}
}
