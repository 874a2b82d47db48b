package sim

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/internal/pgtest"
	"frontrow/inventory/ledger"
	"frontrow/wire"
)

var calls = flag.Int("calls", 600, "how many calls TestBooks makes")

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// start is when TestBooks begins.
func start() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) }

// twin makes the same call on PostgreSQL and on its model.
type twin struct {
	*rand.Rand
	t      *testing.T
	ctx    context.Context
	real   *ledger.Ledger
	model  *books
	passed atomic.Int64 // since start; the real ledger reads the clock in the background
	seats  []string
	orders []wire.OrderMessage
	tasks  []ledger.Task // claimed, of the real ledger
	given  []ledger.Refunded
}

// TestBooks: whatever is asked of package ledger in whatever order, the model answers the
// same.
func TestBooks(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	w := &twin{Rand: rand.New(rand.NewPCG(max(*seed, 1), 1)), t: t, ctx: ctx}
	var err error
	if w.real, err = ledger.Open(ctx, ledger.Config{DSN: pgtest.New(t), Now: w.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.real.Close)
	if err := w.real.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.real.Run(running) }()
	defer func() { stop(); <-ended }()
	w.model = newBooks(w.now)
	for i := range 8 {
		w.seats = append(w.seats, fmt.Sprintf("A-%d", i))
	}
	for n := 0; n < *calls && !t.Failed(); n++ {
		w.passed.Add(int64(w.IntN(40_000)) * int64(time.Millisecond))
		w.call(n)
	}
}

func (w *twin) now() time.Time { return start().Add(time.Duration(w.passed.Load())) }

// call is one call with arguments of chance.
func (w *twin) call(n int) {
	m := w.order(n)
	switch w.IntN(20) {
	case 0, 1, 2:
		w.same("begin", m.Order)(w.real.Begin(w.ctx, m))(w.model.begin(m))
	case 3, 4, 5:
		p := ledger.Purchase{Order: m, Revision: 1 + w.Uint64N(uint64(n)/4+4), Provider: "sandbox", Reference: "ref." + m.Order,
			Lease: time.Duration(w.IntN(2)*30) * time.Second}
		real, err := w.real.Commit(w.ctx, p)
		w.same("commit", p)(real, err)(w.model.commit(p))
		if real.Capture.ID != 0 {
			w.tasks = append(w.tasks, real.Capture)
		}
	case 6:
		declined := w.IntN(2) == 0
		w.same("fail", m.Order)(w.real.Fail(w.ctx, m.Order, "why", declined))(w.model.fail(m.Order, "why", declined))
	case 7:
		gave, err := w.model.giveUp(m.Order, m.Event, m.Fan)
		w.same("give up", m.Order)(w.real.GiveUp(w.ctx, m.Order, m.Event, m.Fan))(gave.Reply(), err)
	case 8:
		real, err := w.real.Claim(w.ctx, 100, 30*time.Second)
		w.same("claim", nil)(real, err)(w.model.claim(100, 30*time.Second), nil)
		w.tasks = append(w.tasks, real...)
	case 9:
		w.finish()
	case 10:
		f := ledger.Found{Order: m.Order, Provider: "sandbox", Reference: "ref." + m.Order, Amount: m.Total, Currency: m.Currency,
			State: []string{"authorized", "captured", "voided", "declined", "refunded"}[w.IntN(5)]}
		w.same("settle", f)(w.real.Settle(w.ctx, f))(w.model.settle(f))
	case 11:
		after := ledger.Unsettled{Asked: w.now().Add(-time.Hour)}
		w.same("unsettled", after)(w.real.Unsettled(w.ctx, after, 50))(w.model.unsettled(after, 50), nil)
	case 12, 13:
		w.refund(m)
	case 14:
		w.same("bookings", nil)(w.real.Bookings(w.ctx, eventID))(w.model.bookings(eventID), nil)
		if w.IntN(2) == 0 {
			w.same("retry captures", m.Order)(w.real.RetryCaptures(w.ctx, eventID, m.Order))(w.model.retryCaptures(eventID, m.Order), nil)
		} else {
			w.same("write off", m.Order)(w.real.WriteOff(w.ctx, m.Order))(w.model.writeOff(m.Order))
		}
		w.same("remaining", nil)(w.real.Remaining(w.ctx, eventID))(w.model.remaining(eventID), nil)
	case 15, 16, 17, 18:
		w.park(m)
	case 19:
		switch revision := w.Uint64N(20); {
		case n < 20 || w.IntN(4) > 0: // before the event is known, begin refuses
			err := w.real.PutEvent(w.ctx, wire.Event{Spec: wire.Spec{ID: eventID, Name: "Demo", Currency: "EUR"}}, w.seats)
			w.model.putEvent(eventID, w.seats)
			w.same("put event", nil)(nil, err)(nil, nil)
		default:
			w.same("reopen", revision)(w.real.Reopen(w.ctx, eventID, revision))(w.model.reopen(eventID, revision), nil)
		}
	}
	o, err := w.model.load(m.Order)
	w.same("order", m.Order)(w.real.Order(w.ctx, m.Order))(o, err)
}

// park lets an order wait, looks at those that do, and forgets them.
func (w *twin) park(m wire.OrderMessage) {
	switch p := (ledger.Parked{Order: m, Since: w.now().Add(-time.Minute)}); w.IntN(5) {
	case 0, 1:
		until := w.now().Add(time.Duration(w.IntN(120)) * time.Second)
		w.same("park", m.Order)(w.real.Park(w.ctx, p, until))(w.model.park(p, until))
	case 2:
		w.same("due", nil)(w.real.Due(w.ctx, 100, 15*time.Second))(w.model.takeDue(100, 15*time.Second), nil)
	case 3:
		err := w.real.Hurry(w.ctx, m.Order, fanLook)
		w.model.hurry(m.Order, fanLook)
		w.same("hurry", m.Order)(nil, err)(nil, nil)
	default:
		err := w.real.Unpark(w.ctx, []string{m.Order})
		w.model.unpark([]string{m.Order})
		w.same("unpark", m.Order)(nil, err)(nil, nil)
	}
	real, err := w.real.Parked(w.ctx, m.Order)
	model, merr := w.model.parkedOrder(m.Order)
	w.same("parked", m.Order)([]ledger.Parked{real}, err)([]ledger.Parked{model}, merr)
}

// order is a new one, or one of before.
func (w *twin) order(n int) wire.OrderMessage {
	if n > 0 && w.IntN(3) > 0 {
		return w.orders[w.IntN(len(w.orders))]
	}
	hold := id(w.Rand, "h_")
	m := wire.OrderMessage{Order: wire.OrderOfHold(hold), Hold: hold, Event: eventID, Fan: fmt.Sprint("f_", w.IntN(3)), Currency: "EUR", At: w.now()}
	for _, i := range w.Perm(len(w.seats))[:1+w.IntN(3)] {
		q := wire.SeatQuote{ID: w.seats[i], Label: w.seats[i], Level: "a", Price: wire.NewAmounts(w.Int64N(2)*1000, 0, 0), Version: 1}
		m.Seats, m.Total = append(m.Seats, q), m.Total+q.Price.Total
	}
	w.orders = append(w.orders, m)
	return m
}

// finish settles claims, some of them long passed to somebody else.
func (w *twin) finish() {
	var ends, theirs []ledger.End
	for range min(3, len(w.tasks)) {
		c := w.tasks[w.IntN(len(w.tasks))]
		if slices.ContainsFunc(ends, func(e ledger.End) bool { return e.ID == c.ID }) {
			continue
		}
		e := ledger.End{Task: c}
		switch w.IntN(6) {
		case 0:
			e.Again = w.now().Add(time.Second)
		case 1, 2:
			if c.Kind == ledger.KindCapture {
				e.Refused = "the account is closed"
			}
		}
		ends = append(ends, e)
		i := slices.IndexFunc(w.model.tasks, func(t *task) bool { return t.Order == c.Order && t.Kind == c.Kind && t.Key == c.Key })
		if i < 0 {
			continue // a capture that a refund has taken back
		}
		e.ID = w.model.tasks[i].ID
		theirs = append(theirs, e)
	}
	err := w.real.Finish(w.ctx, ends)
	w.model.finish(theirs)
	w.same("finish", ends)(nil, err)(nil, nil)
}

// refund gives back an order, seats of it, or the event, and says so or not.
func (w *twin) refund(m wire.OrderMessage) {
	switch w.IntN(8) {
	case 0:
		r := ledger.RefundEvent{Event: eventID, Why: "cancelled", By: "ops"}
		real, err := w.real.RefundEvent(w.ctx, r)
		model, merr := w.model.refundEvent(r, 256)
		w.same("refund event", nil)(real, err)(model, merr)
		w.given = append(w.given, real...)
	case 1:
		if len(w.given) > 0 {
			told := []ledger.Refunded{w.given[w.IntN(len(w.given))]}
			err := w.real.Told(w.ctx, told)
			w.model.told(told)
			w.same("told", told)(nil, err)(nil, nil)
		}
	default:
		r := ledger.RefundOrder{Order: m.Order, Block: w.IntN(3) == 0, Why: "ill", By: "ops"}
		if w.IntN(2) == 0 {
			r.Seats = []string{m.Seats[0].ID, w.seats[w.IntN(len(w.seats))]}[:1+w.IntN(2)]
		}
		real, err := w.real.Refund(w.ctx, r)
		model, merr := w.model.refund([]ledger.RefundOrder{r})
		w.same("refund", r)([]ledger.Refunded{real}[:ones(err)], err)(model, merr)
		if err == nil {
			w.given = append(w.given, real)
		}
	}
}

func ones(err error) int {
	if err != nil {
		return 0
	}
	return 1
}

// same compares two answers to a call.
func (w *twin) same(call string, args any) func(any, error) func(any, error) {
	return func(real any, err error) func(any, error) {
		return func(model any, merr error) {
			w.t.Helper()
			for _, known := range []error{ledger.ErrNotFound, ledger.ErrUnknownEvent, ledger.ErrNotPaid, ledger.ErrNotRefused} {
				if errors.Is(err, known) != errors.Is(merr, known) {
					w.t.Fatalf("%s(%+v): %v, the model: %v", call, args, err, merr)
				}
			}
			switch {
			case (err != nil) != (merr != nil):
				w.t.Fatalf("%s(%+v): %v, the model: %v", call, args, err, merr)
			case err != nil:
			case plain(real) != plain(model):
				w.t.Fatalf("%s(%+v):\n%s\nthe model:\n%s", call, args, plain(real), plain(model))
			}
		}
	}
}

// plain is a value without what may differ: ids of tasks and tickets, and the order of
// what has none.
func plain(v any) string {
	switch v := v.(type) {
	case ledger.Order:
		v.Tickets = make([]string, len(v.Tickets))
		return fmt.Sprintf("%+v", v)
	case ledger.Committed:
		return plain(v.Order) + plain([]ledger.Task{v.Capture})
	case wire.OrderReply:
		v.Tickets = make([]string, len(v.Tickets))
		return fmt.Sprintf("%+v", v)
	case []ledger.Task:
		var lines []string
		for _, t := range v {
			t.ID = 0
			lines = append(lines, fmt.Sprintf("%+v", t))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	case []ledger.Booking:
		var lines []string
		for _, b := range v {
			b.Ticket, b.At = "", b.At.UTC()
			lines = append(lines, fmt.Sprintf("%+v", b))
		}
		return strings.Join(lines, "\n")
	case []ledger.Parked:
		var lines []string
		for _, p := range v {
			p.Since = p.Since.UTC()
			lines = append(lines, fmt.Sprintf("%+v", p))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	case []ledger.Unsettled:
		var lines []string
		for _, u := range v {
			u.Asked = u.Asked.UTC()
			lines = append(lines, fmt.Sprintf("%+v", u))
		}
		return strings.Join(lines, "\n")
	case []ledger.Refunded:
		var lines []string
		for _, r := range v {
			lines = append(lines, fmt.Sprintf("%s %v %d %d %d %v", plain(r.Order), r.Seats, r.Now, r.Amount, r.Number, r.Uncollected))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	if v == nil || reflect.ValueOf(v).Kind() == reflect.Struct {
		return fmt.Sprintf("%+v", v)
	}
	return fmt.Sprint(v)
}
