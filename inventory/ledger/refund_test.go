package ledger

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"frontrow/internal/pgtest"
	"frontrow/wire"

	"pgregory.net/rapid"
)

func paid(t testing.TB, l *Ledger, revision uint64, seats ...int) (wire.OrderMessage, Order) {
	t.Helper()
	m := begun(t, l, seats...)
	o, err := l.Commit(bounded(t), purchase(m, revision))
	if err != nil || o.State != wire.OrderPaid {
		t.Fatalf("commit: %+v, %v", o, err)
	}
	return m, o
}

// claim takes what is due and expects these kinds.
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
	must(t, l.Finish(bounded(t), claim(t, l, KindCapture), nil))
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
	must(t, l.Finish(bounded(t), first, nil))

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
	must(t, l.Finish(bounded(t), second, nil))
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

// Before its capture a whole order is voided. Once a relay may have told the
// provider to capture, the refund waits for the end of that.
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
	must(t, l.Finish(bounded(t), void, nil))

	begun, _ := paid(t, l, 2, 2, 3)
	capture := claim(t, l, KindCapture)
	_, err = l.Refund(bounded(t), asked(begun))
	must(t, err)
	claim(t, l)
	sound(t, l)
	must(t, l.Finish(bounded(t), capture, nil))
	must(t, l.Finish(bounded(t), claim(t, l, KindRefund), nil))
	if a := sound(t, l); a.Payments["voided"].Count != 1 || a.Payments["captured"].Amount != begun.Total || a.Refunds["done"].Amount != begun.Total || a.Undone != 0 {
		t.Errorf("%+v", a)
	}
}

// A payment which succeeds after its order was given up is returned, once.
func TestLatePayment(t *testing.T) {
	t.Parallel()
	l := opened(t, 1)
	l.cfg.VoidAfter = -time.Minute
	m := begun(t, l, 0)
	_, err := l.GiveUp(bounded(t), m.Order, m.Event, m.Fan)
	must(t, err)
	long := Unsettled{Asked: time.Now().Add(-time.Hour)}
	if open, err := l.Unsettled(bounded(t), long, 10); err != nil || len(open) != 0 {
		t.Fatalf("before the provider was asked at all: %+v, %v", open, err)
	}
	must(t, l.Finish(bounded(t), claim(t, l, KindVoid), nil)) // it has nothing
	open, err := l.Unsettled(bounded(t), long, 10)
	if err != nil || len(open) != 1 || open[0].Order != m.Order || open[0].Event != m.Event || open[0].Fan != m.Fan {
		t.Fatalf("%+v, %v", open, err)
	}
	if more, err := l.Unsettled(bounded(t), open[0], 10); err != nil || len(more) != 0 {
		t.Errorf("the next page: %+v, %v", more, err)
	}
	f := Found{Order: m.Order, Provider: "test", Reference: "late", Amount: m.Total, Currency: "EUR"}
	for _, state := range []string{"authorized", "captured", "captured", "authorized", "voided"} { // as reordered webhooks say
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
	must(t, l.Finish(bounded(t), refund, nil))
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

// provider is what the payments of a test have come to, told by tasks alone.
type provider map[string]*Found

func (p provider) tell(t *rapid.T, l *Ledger, task Task, returned map[string]int64) {
	f, ok := p[task.Order]
	switch {
	case !ok || f.State == "voided" && task.Kind == KindVoid || f.State == "captured" && task.Kind == KindCapture:
	case task.Kind == KindCapture && f.State == "authorized":
		f.State = "captured"
	case task.Kind == KindVoid && f.State == "authorized":
		f.State = "voided"
	case task.Kind == KindVoid && f.State == "captured": // too late to void
		if _, err := l.Settle(t.Context(), *f); err != nil {
			t.Fatal(err)
		}
	case task.Kind == KindRefund && f.State == "captured":
		returned[task.Key] = task.Amount // however often
	default:
		t.Fatalf("%s of a payment %s", task.Kind, f.State)
	}
}

// Whatever is begun, committed, failed, refunded, sold again and captured late
// in any order: the audit stays clean, and in the end the provider has exactly
// the money of what stands.
func TestAnySequence(t *testing.T) {
	t.Parallel()
	l := open(t, pgtest.New(t))
	l.cfg.VoidAfter = -time.Minute
	must(t, l.Migrate(bounded(t)))
	const seats = 5
	var names []string
	for i := range seats {
		names = append(names, seatID(i))
	}
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		event := fmt.Sprint("e", runs)
		if err := l.PutEvent(t.Context(), wire.Event{Spec: wire.Spec{ID: event, Name: "x", Currency: "EUR"}}, names); err != nil {
			t.Fatal(err)
		}
		var (
			orders   []wire.OrderMessage
			revision uint64
			at       = provider{}
			returned = map[string]int64{}
		)
		ok := func(_ any, err error) {
			if err != nil && !errors.Is(err, ErrNotPaid) {
				t.Fatal(err)
			}
		}
		any := func() wire.OrderMessage {
			if len(orders) == 0 {
				t.Skip("no orders yet")
			}
			return rapid.SampledFrom(orders).Draw(t, "order")
		}
		relay := func(finish bool) int {
			tasks, err := l.Claim(t.Context(), 100, -time.Second)
			ok(nil, err)
			for _, task := range tasks {
				at.tell(t, l, task, returned)
			}
			if finish {
				ok(nil, l.Finish(t.Context(), tasks, nil))
			}
			return len(tasks)
		}
		commit := func(m wire.OrderMessage) {
			if at[m.Order] == nil {
				at[m.Order] = &Found{Order: m.Order, Provider: "test", Reference: "r", State: "authorized", Amount: m.Total, Currency: "EUR"}
			}
			revision++
			ok(l.Commit(t.Context(), purchase(m, revision)))
		}
		begin := func(t *rapid.T) {
			m := order(rapid.SliceOfNDistinct(rapid.IntRange(0, seats-1), 1, 3, rapid.ID[int]).Draw(t, "seats")...)
			m.Event = event
			orders = append(orders, m)
			ok(l.Begin(t.Context(), m))
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin":  begin,
			"buy":    func(t *rapid.T) { begin(t); commit(orders[len(orders)-1]) },
			"commit": func(*rapid.T) { commit(any()) },
			"fail":   func(*rapid.T) { ok(l.Fail(t.Context(), any().Order, "x", false)) },
			"give up": func(*rapid.T) {
				m := any()
				ok(l.GiveUp(t.Context(), m.Order, m.Event, m.Fan))
			},
			"refund": func(*rapid.T) { ok(l.Refund(t.Context(), asked(any()))) },
			"refund a seat": func(t *rapid.T) {
				r := asked(any())
				o, err := l.Order(t.Context(), r.Order)
				ok(nil, err)
				r.Seats = []string{rapid.SampledFrom(slices.Concat(o.Seats, o.Refunded)).Draw(t, "seat").ID}
				ok(l.Refund(t.Context(), r))
			},
			"refund event": func(*rapid.T) { ok(l.RefundEvent(t.Context(), RefundEvent{Event: event, Why: "rain", By: "desk"})) },
			"relay":        func(*rapid.T) { relay(true) },
			"relay dies":   func(*rapid.T) { relay(false) },
			"pays late": func(*rapid.T) { // the provider captures of its own
				m := any()
				o, err := l.Order(t.Context(), m.Order)
				ok(nil, err)
				if o.State != wire.OrderFailed {
					t.Skip("not failed")
				}
				f := at[m.Order]
				if f == nil {
					f = &Found{Order: m.Order, Provider: "test", Reference: "late", Amount: m.Total, Currency: "EUR"}
					at[m.Order] = f
				}
				f.State = "captured"
				ok(l.Settle(t.Context(), *f))
			},
			"hears again": func(*rapid.T) {
				if f := at[any().Order]; f != nil {
					ok(l.Settle(t.Context(), *f))
				}
			},
			"": func(*rapid.T) {
				a, err := l.Audit(t.Context(), event)
				ok(nil, err)
				for _, v := range a.Violations {
					t.Fatalf("%+v", v)
				}
			},
		})
		for relay(true) > 0 {
		}
		for _, m := range orders {
			o, err := l.Order(t.Context(), m.Order)
			ok(nil, err)
			var kept, want int64
			if f := at[m.Order]; f != nil && f.State == "captured" {
				kept = f.Amount
			}
			for n := range 10 {
				kept -= returned[fmt.Sprint(m.Order, ".", n)]
			}
			if o.State == wire.OrderPaid {
				for _, q := range o.Seats {
					want += q.Price.Total
				}
			}
			if f := at[m.Order]; kept != want || f != nil && f.State == "authorized" && o.State != wire.OrderPending {
				t.Fatalf("order %+v: the provider keeps %d of %+v, not %d", o, kept, f, want)
			}
		}
	})
}
