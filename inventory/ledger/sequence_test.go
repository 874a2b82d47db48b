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

// provider holds the payments of a test, moved by tasks alone.
type provider map[string]*Found

func (p provider) tell(t *rapid.T, l *Ledger, task Task, returned map[string]int64) End {
	f, ok := p[task.Order]
	switch {
	case ok && task.Kind == KindCapture && (f.State == balks || f.State == "voided"): // voided: a worker who had lost the claim asks
		return End{Task: task, Refused: "no"}
	case ok && task.Kind == KindVoid && f.State == balks:
		f.State = "voided"
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
	return End{Task: task}
}

// balks is the state of an authorisation that can't be captured.
const balks = "balks"

// Orders are begun, committed, failed, refunded, sold again and captured late in
// any order: the audit stays clean, and in the end the provider has exactly the
// money for what stands.
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
			taken    []Task // with commits
			lost     = map[string]bool{}
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
			var ends []End
			for _, task := range tasks {
				ends = append(ends, at.tell(t, l, task, returned))
			}
			if finish {
				ok(nil, l.Finish(t.Context(), ends))
			}
			return len(tasks)
		}
		buy := func(t *rapid.T, m wire.OrderMessage) {
			if at[m.Order] == nil {
				at[m.Order] = &Found{Order: m.Order, Provider: "test", Reference: "r", State: "authorized", Amount: m.Total, Currency: "EUR"}
			}
			revision++
			p := purchase(m, revision)
			if rapid.Bool().Draw(t, "takes the capture") {
				p.Lease = -time.Second // it has ended
			}
			c, err := l.Commit(t.Context(), p)
			ok(nil, err)
			if c.Capture.ID != 0 {
				taken = append(taken, c.Capture)
			}
		}
		begin := func(t *rapid.T) {
			m := order(rapid.SliceOfNDistinct(rapid.IntRange(0, seats-1), 1, 3, rapid.ID[int]).Draw(t, "seats")...)
			m.Event = event
			orders = append(orders, m)
			ok(l.Begin(t.Context(), m))
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin":  begin,
			"buy":    func(t *rapid.T) { begin(t); buy(t, orders[len(orders)-1]) },
			"commit": func(t *rapid.T) { buy(t, any()) },
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
			"relay taken": func(t *rapid.T) {
				var ends []End
				for _, task := range taken {
					ends = append(ends, at.tell(t, l, task, returned))
				}
				ok(nil, l.Finish(t.Context(), ends))
				taken = nil
			},
			"relay":      func(*rapid.T) { relay(true) },
			"relay dies": func(*rapid.T) { relay(false) },
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
					heard := *f
					if f.State == balks {
						heard.State = "authorized"
					}
					ok(l.Settle(t.Context(), heard))
				}
			},
			"will refuse": func(*rapid.T) {
				if f := at[any().Order]; f != nil && f.State == "authorized" {
					f.State = balks
				}
			},
			"asked again": func(*rapid.T) {
				m := any()
				if f := at[m.Order]; f != nil && f.State == balks && !lost[m.Order] {
					f.State = "authorized"
				}
				ok(l.RetryCaptures(t.Context(), event, m.Order))
			},
			"write off": func(*rapid.T) {
				m := any()
				_, err := l.WriteOff(t.Context(), m.Order)
				lost[m.Order] = lost[m.Order] || err == nil
				if err != nil && !errors.Is(err, ErrNotRefused) {
					t.Fatal(err)
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
		for _, m := range orders { // the provider has thought better of it
			if f := at[m.Order]; f != nil && f.State == balks && !lost[m.Order] {
				f.State = "authorized"
			}
		}
		ok(l.RetryCaptures(t.Context(), event, ""))
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
			if o.State == wire.OrderPaid && !lost[m.Order] {
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
