package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"frontrow/wire"
)

// sellRefused sells seats whose capture the provider then refuses for good.
func sellRefused(t *testing.T, l *Ledger, seats ...int) wire.OrderMessage {
	t.Helper()
	m, _ := paid(t, l, 1, seats...)
	must(t, l.Finish(bounded(t), refusing(claim(t, l, KindCapture))))
	return m
}

func refusing(tasks []Task) (ends []End) {
	for _, task := range tasks {
		ends = append(ends, End{Task: task, Refused: "the account\x00 was closed \xff"})
	}
	return ends
}

// A capture refused for good is nobody's task, a finding of the audit, and no broken rule.
// Asked again, it is done, or refused again.
func TestRefusedCaptureIsRetried(t *testing.T) {
	t.Parallel()
	l := opened(t, 4)
	m := sellRefused(t, l, 0, 1)
	claim(t, l)
	if a := sound(t, l); len(a.Refused) != 1 || a.Refused[0] != m.Order || a.Undone != 0 || a.Orders[wire.OrderPaid] != 1 {
		t.Errorf("%+v", a)
	}
	must(t, l.look(bounded(t)))
	if n := l.metrics.hanging.Load().refused; n != 1 {
		t.Errorf("the metric says %d", n)
	}
	list, err := l.Refused(bounded(t), testEvent, "", 10)
	if err != nil || len(list) != 1 || list[0].Order != m.Order || list[0].Amount != m.Total || list[0].Why != "the account was closed " || list[0].Fan != m.Fan {
		t.Errorf("%+v, %v", list, err)
	}
	if more, err := l.Refused(bounded(t), testEvent, m.Order, 10); err != nil || len(more) != 0 {
		t.Errorf("the next page: %+v, %v", more, err)
	}
	for _, other := range []string{order(3).Order, begun(t, l, 3).Order} {
		if n, err := l.RetryCaptures(bounded(t), testEvent, other); err != nil || n != 0 {
			t.Errorf("another order: %d, %v", n, err)
		}
	}
	if n, err := l.RetryCaptures(bounded(t), testEvent, m.Order); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	again := claim(t, l, KindCapture)
	must(t, l.Finish(bounded(t), refusing(again)))
	if n, err := l.RetryCaptures(bounded(t), testEvent, ""); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	must(t, l.Finish(bounded(t), refusing(again))) // whose claim is over
	must(t, l.Finish(bounded(t), done(claim(t, l, KindCapture))))
	if a := sound(t, l); len(a.Refused) != 0 || a.Payments["captured"] != (Sum{1, m.Total}) {
		t.Errorf("%+v", a)
	}
}

// The tickets of an order whose money never came are taken back: nothing is returned, what
// is authorised is voided, and the fan reads why. It makes no difference which came first.
func TestRefusedCaptureIsTakenBack(t *testing.T) {
	t.Parallel()
	l := opened(t, 8)
	first, part := sellRefused(t, l, 0, 1), sellRefused(t, l, 2, 3)
	if r, err := l.Refund(bounded(t), asked(part, 2)); err != nil || r.Uncollected || r.Order.State != wire.OrderPaid {
		t.Errorf("a seat: %+v, %v", r, err)
	}
	claim(t, l) // what it returns follows the capture
	if left, err := l.Remaining(bounded(t), testEvent); err != nil || left.Stuck != 1 {
		t.Errorf("%+v, %v", left, err)
	}
	early, _ := paid(t, l, 1, 4)
	capture := claim(t, l, KindCapture)
	_, err := l.Refund(bounded(t), asked(early))
	must(t, err)
	must(t, l.Finish(bounded(t), refusing(capture)))
	for _, m := range []wire.OrderMessage{first, part} {
		r, err := l.Refund(bounded(t), asked(m))
		if err != nil || !r.Uncollected || r.Amount != 0 || r.Order.Reason != ReasonUncollected || r.Order.State != wire.OrderRefunded {
			t.Errorf("%+v, %v", r, err)
		}
	}
	for _, m := range []wire.OrderMessage{first, part, early} {
		o, err := l.Order(bounded(t), m.Order)
		if reply := o.Reply(); err != nil || reply.Reason != ReasonUncollected || reply.Refunded != 0 {
			t.Errorf("%+v, %v", reply, err)
		}
	}
	sound(t, l)
	must(t, l.Finish(bounded(t), done(claim(t, l, KindVoid, KindVoid, KindVoid))))
	if a := sound(t, l); a.Sold != 0 || len(a.Refused) != 0 || a.Undone != 0 || a.Payments["voided"].Count != 3 || a.Refunds["done"].Amount != 0 {
		t.Errorf("%+v", a)
	}
	// The provider had captured it after all.
	_, err = l.Settle(bounded(t), Found{Order: first.Order, Provider: "test", Reference: "r", State: "captured", Amount: first.Total, Currency: "EUR"})
	must(t, err)
	if o, err := l.Order(bounded(t), first.Order); err != nil || o.Reason != "" || o.Reply().Refunded != first.Total {
		t.Errorf("%+v, %v", o, err)
	}
	must(t, l.Finish(bounded(t), done(claim(t, l, KindRefund))))
	sound(t, l)
}

// What is written off leaves the fan their tickets. Nothing of it is ever returned.
func TestRefusedCaptureIsWrittenOff(t *testing.T) {
	t.Parallel()
	l := opened(t, 6)
	m := sellRefused(t, l, 0, 1, 2)
	other, _ := paid(t, l, 1, 3)
	_, err := l.Refund(bounded(t), asked(m, 0))
	must(t, err)
	for range 2 {
		lost, err := l.WriteOff(bounded(t), m.Order)
		if err != nil || lost != (Sum{1, m.Total}) {
			t.Errorf("%+v, %v", lost, err)
		}
	}
	if a := sound(t, l); len(a.Refused) != 0 || a.Payments["written_off"] != (Sum{1, m.Total}) || a.Orders[wire.OrderPaid] != 2 || a.Tickets != 3 || a.Refunds["due"].Count != 0 {
		t.Errorf("%+v", a)
	}
	for _, r := range []RefundOrder{asked(m, 1), asked(m)} {
		if d, err := l.Refund(bounded(t), r); err != nil || d.Amount != 0 || d.Now != 1 {
			t.Errorf("%+v, %v", d, err)
		}
		sound(t, l)
	}
	if n, err := l.RetryCaptures(bounded(t), testEvent, ""); err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	must(t, l.Finish(bounded(t), done(claim(t, l, KindCapture)))) // the other's
	for id, want := range map[string]error{other.Order: ErrNotRefused, order(4).Order: ErrNotFound} {
		if _, err := l.WriteOff(bounded(t), id); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if a := sound(t, l); a.Undone != 0 || a.Payments["captured"] != (Sum{1, other.Total}) {
		t.Errorf("%+v", a)
	}
}

// Neither refunds nor voids of other orders wait for a capture that is refused, and a
// relay of the version before leaves it alone.
func TestNothingWaitsBehindARefusedCapture(t *testing.T) {
	t.Parallel()
	l := opened(t, 3)
	l.cfg.VoidAfter = -time.Minute
	sellRefused(t, l, 0)
	m, _ := paid(t, l, 1, 1)
	must(t, l.Finish(bounded(t), done(claim(t, l, KindCapture))))
	_, err := l.Refund(bounded(t), asked(m))
	must(t, err)
	failed := begun(t, l, 2)
	_, err = l.Fail(bounded(t), failed.Order, "x", false)
	must(t, err)
	must(t, l.Finish(bounded(t), done(claim(t, l, KindRefund, KindVoid))))
	if n := count(t, l, "SELECT count(*) FROM outbox WHERE done_at IS NULL AND next_at <= now() + interval '100 years'"); n != 0 {
		t.Errorf("%d tasks would be due", n)
	}
	if got := printable(strings.Repeat("é", 2*maxRefusal)); got != strings.Repeat("é", maxRefusal) {
		t.Errorf("%q", got)
	}
}
