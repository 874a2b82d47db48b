package ledger

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"frontrow/internal/pgtest"
	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) {
	_ = flag.Set("rapid.checks", "25") // each step is several transactions; the command line may say more
	os.Exit(pgtest.Main(m))
}

const testEvent = "demo"

func open(t testing.TB, dsn string) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = l.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended; l.Close() })
	return l
}

// opened returns a fresh ledger that has an event of n seats.
func opened(t testing.TB, n int) *Ledger {
	t.Helper()
	l := open(t, pgtest.New(t))
	prepare(t, l, n)
	return l
}

func prepare(t testing.TB, l *Ledger, n int) {
	t.Helper()
	must(t, l.Migrate(bounded(t)))
	e := wire.Event{Spec: wire.Spec{ID: testEvent, Name: "Demo", Currency: "EUR"}, Plan: "p", Places: n}
	var seats []string
	for i := range n {
		seats = append(seats, seatID(i))
	}
	must(t, l.PutEvent(bounded(t), e, seats))
}

func seatID(i int) string { return fmt.Sprintf("101-%05d", i) }

// order makes an order of the given seats under a fresh hold.
func order(seats ...int) wire.OrderMessage {
	hold := wire.NewHold()
	m := wire.OrderMessage{Order: wire.OrderOfHold(hold), Hold: hold, Event: testEvent, Fan: wire.NewFan(), Currency: "EUR",
		Payment: wire.Payment{Method: "ok"}, Buyer: wire.Buyer{Name: "A", Email: "a@example.org"}}
	for _, s := range seats {
		q := wire.SeatQuote{ID: seatID(s), Label: "Row 1, " + seatID(s), Level: "a", Price: wire.NewAmounts(5000, 300, 100), Version: 1}
		m.Seats = append(m.Seats, q)
		m.Total += q.Price.Total
	}
	return m
}

func purchase(m wire.OrderMessage, revision uint64) Purchase {
	return Purchase{Order: m, Revision: revision, Provider: "test", Reference: "ref-" + m.Order}
}

// commit is Commit for tests that leave the capture to any worker.
func commit(ctx context.Context, l *Ledger, p Purchase) (Order, error) {
	c, err := l.Commit(ctx, p)
	return c.Order, err
}

// done says that tasks are.
func done(tasks []Task) (ends []End) {
	for _, t := range tasks {
		ends = append(ends, End{Task: t})
	}
	return ends
}

func begun(t testing.TB, l *Ledger, seats ...int) wire.OrderMessage {
	t.Helper()
	m := order(seats...)
	o, err := l.Begin(bounded(t), m)
	if err != nil || o.State != wire.OrderPending {
		t.Fatalf("begin: %+v, %v", o, err)
	}
	return m
}

func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sound fails the test unless the event's audit is clean.
func sound(t testing.TB, l *Ledger) Audit {
	t.Helper()
	a, err := l.Audit(bounded(t), testEvent)
	must(t, err)
	for _, v := range a.Violations {
		t.Errorf("audit: %+v", v)
	}
	return a
}

func TestMigrateAtOnceAndAgain(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t)
	var wg sync.WaitGroup
	for range 4 {
		l := open(t, dsn)
		wg.Go(func() {
			for range 2 {
				if err := l.Migrate(bounded(t)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// A migration waits for a reader that keeps a table locked, without blocking
// others behind it for good, and finishes once the reader has left.
func TestMigrateBesideAReader(t *testing.T) {
	t.Parallel()
	l := open(t, pgtest.New(t))
	must(t, l.Migrate(bounded(t)))
	reader, err := l.pool.Begin(bounded(t))
	must(t, err)
	_, err = reader.Exec(bounded(t), "SELECT count(*) FROM orders")
	must(t, err)
	waits := make(chan error, 1)
	go func() {
		waits <- l.migrating(bounded(t), func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "ALTER TABLE orders ADD COLUMN IF NOT EXISTS of_a_test integer")
			return err
		})
	}()
	// Other readers get through while it waits.
	_, err = l.pool.Exec(bounded(t), "SELECT count(*) FROM orders")
	must(t, err)
	must(t, reader.Rollback(bounded(t)))
	must(t, <-waits)
}

// A database of a later version is left alone.
func TestMigrateLeavesANewerSchema(t *testing.T) {
	t.Parallel()
	l := open(t, pgtest.New(t))
	must(t, l.Migrate(bounded(t)))
	_, err := l.pool.Exec(bounded(t), "INSERT INTO schema_migrations VALUES (9999, '9999_later.sql', now())")
	must(t, err)
	if err := l.Migrate(bounded(t)); !errors.Is(err, ErrNewer) {
		t.Errorf("%v", err)
	}
}

func TestPurchaseFromBeginToCapture(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"", "exec", "simple_protocol", "cache_describe", "describe_exec"} {
		t.Run("mode "+mode, func(t *testing.T) {
			u, err := url.Parse(pgtest.New(t))
			must(t, err)
			if mode != "" {
				q := u.Query()
				q.Set("default_query_exec_mode", mode)
				u.RawQuery = q.Encode()
			}
			l := open(t, u.String())
			prepare(t, l, 10)
			prepare(t, l, 12)
			m := begun(t, l, 3, 4)
			paid, err := commit(bounded(t), l, purchase(m, 7))
			if err != nil || paid.State != wire.OrderPaid || len(paid.Tickets) != 2 {
				t.Fatalf("commit: %+v, %v", paid, err)
			}
			for _, again := range []func() (Order, error){
				func() (Order, error) { return commit(bounded(t), l, purchase(m, 7)) },
				func() (Order, error) { return l.Begin(bounded(t), m) },
				func() (Order, error) { return l.Order(bounded(t), m.Order) },
				func() (Order, error) { return l.Fail(bounded(t), m.Order, "too late", false) },
			} {
				o, err := again()
				if err != nil || o.State != wire.OrderPaid || fmt.Sprint(o) != fmt.Sprint(paid) {
					t.Errorf("again: %+v, %v; want %+v", o, err, paid)
				}
			}
			reply, err := l.GiveUp(bounded(t), m.Order, m.Event, m.Fan)
			if err != nil || reply.State != wire.OrderPaid || len(reply.Seats) != 2 || reply.Seats[0] != m.Seats[0] {
				t.Errorf("give up: %+v, %v", reply, err)
			}
			ticket, err := l.Ticket(bounded(t), paid.Tickets[1])
			want := Ticket{ID: paid.Tickets[1], Event: testEvent, Seat: seatID(4), Order: m.Order, Fan: m.Fan,
				Label: m.Seats[1].Label, State: "valid", Generation: 1}
			if err != nil || ticket != want {
				t.Errorf("ticket: %+v, %v", ticket, err)
			}
			bookings, err := l.Bookings(bounded(t), testEvent)
			if err != nil || len(bookings) != 2 || bookings[0].Seat != m.Seats[0] || bookings[0].Hold != m.Hold || bookings[0].Revision != 7 {
				t.Errorf("bookings: %+v, %v", bookings, err)
			}
			if a := sound(t, l); a.Sold != 2 || a.Seats != 12 || a.Undone != 1 || a.Payments["authorized"] != (Sum{1, m.Total}) {
				t.Errorf("before capture: %+v", a)
			}
			tasks, err := l.Claim(bounded(t), 10, time.Hour)
			if err != nil || len(tasks) != 1 || tasks[0].Kind != KindCapture || tasks[0].Amount != m.Total || tasks[0].Reference != "ref-"+m.Order {
				t.Fatalf("claim: %+v, %v", tasks, err)
			}
			if more, err := l.Claim(bounded(t), 10, time.Hour); err != nil || len(more) != 0 {
				t.Errorf("claimed twice: %+v, %v", more, err)
			}
			must(t, l.Finish(bounded(t), []End{{Task: tasks[0], Again: time.Now().Add(-time.Second)}}))
			tasks, err = l.Claim(bounded(t), 10, time.Hour)
			if err != nil || len(tasks) != 1 || tasks[0].Attempts != 2 {
				t.Fatalf("claim after retry: %+v, %v", tasks, err)
			}
			must(t, l.Finish(bounded(t), done(tasks)))
			if a := sound(t, l); a.Undone != 0 || a.Payments["captured"] != (Sum{1, m.Total}) {
				t.Errorf("after capture: %+v", a)
			}
			_, err = l.Refund(bounded(t), asked(m, 3))
			must(t, err)
			must(t, l.Finish(bounded(t), done(claim(t, l, KindRefund))))
			all, err := l.RefundEvent(bounded(t), rain)
			if err != nil || len(all) != 1 || len(all[0].Seats) != 2 {
				t.Errorf("event: %+v, %v", all, err)
			}
			must(t, l.Told(bounded(t), all))
			if left, err := l.Remaining(bounded(t), testEvent); err != nil || left != (Remaining{}) {
				t.Errorf("remaining: %+v, %v", left, err)
			}
			_, err = l.Reopen(bounded(t), testEvent, 1)
			must(t, err)
			must(t, l.Finish(bounded(t), done(claim(t, l, KindRefund))))
			if a := sound(t, l); a.Undone != 0 || a.Refunds["done"] != (Sum{2, m.Total}) {
				t.Errorf("after the refunds: %+v", a)
			}
			h, err := l.History(bounded(t), HistoryQuery{Fan: m.Fan})
			if err != nil || len(h.Orders) != 1 || h.Orders[0].State != wire.OrderRefunded {
				t.Errorf("history: %+v, %v", h, err)
			}
			other := begun(t, l, 5)
			_, err = l.GiveUp(bounded(t), other.Order, testEvent, other.Fan)
			must(t, err)
			_, err = l.Settle(bounded(t), Found{Order: other.Order, Provider: "test", Reference: "r", State: "captured", Amount: other.Total, Currency: "EUR"})
			must(t, err)
			_, err = l.Unsettled(bounded(t), Unsettled{}, 10)
			must(t, err)
			if a := sound(t, l); a.Refunds["due"] != (Sum{1, other.Total}) {
				t.Errorf("after a late payment: %+v", a)
			}
		})
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	l := opened(t, 1)
	_, err1 := l.Order(bounded(t), "o_x")
	_, err2 := l.Ticket(bounded(t), "t_x")
	_, err3 := commit(bounded(t), l, purchase(order(0), 1))
	_, err4 := l.Fail(bounded(t), order(0).Order, "x", false)
	for _, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("got %v", err)
		}
	}
	m := order(0)
	m.Event = "other"
	if _, err := l.Begin(bounded(t), m); !errors.Is(err, ErrUnknownEvent) {
		t.Errorf("got %v", err)
	}
	sound(t, l)
}

// givenUp is a ledger with an order that was given up; its authorisation is to be voided at once.
func givenUp(t *testing.T) (*Ledger, wire.OrderMessage) {
	t.Helper()
	l := opened(t, 1)
	l.cfg.VoidAfter = -time.Minute
	m := begun(t, l, 0)
	_, err := l.GiveUp(bounded(t), m.Order, m.Event, m.Fan)
	must(t, err)
	return l, m
}

// A void that came before the authorisation it was meant for is repeated.
func TestVoidIsRenewedByALateCommit(t *testing.T) {
	t.Parallel()
	l, m := givenUp(t)
	early, err := l.Claim(bounded(t), 10, time.Hour)
	if err != nil || len(early) != 1 || early[0].Kind != KindVoid || early[0].Reference != "" {
		t.Fatalf("%+v, %v", early, err)
	}
	o, err := commit(bounded(t), l, purchase(m, 3))
	if err != nil || o.State != wire.OrderFailed || o.Reason != ReasonGivenUp {
		t.Fatalf("%+v, %v", o, err)
	}
	must(t, l.Finish(bounded(t), done(early))) // found nothing to void
	if a := sound(t, l); a.Undone != 1 {
		t.Fatalf("the void is lost: %+v", a)
	}
	late, err := l.Claim(bounded(t), 10, time.Hour)
	if err != nil || len(late) != 1 || late[0].Reference != "ref-"+m.Order {
		t.Fatalf("%+v, %v", late, err)
	}
	must(t, l.Finish(bounded(t), done(late)))
	_, err = commit(bounded(t), l, purchase(m, 3)) // delivered again: nothing more to void
	must(t, err)
	if a := sound(t, l); a.Undone != 0 || a.Payments["voided"].Count != 1 {
		t.Errorf("%+v", a)
	}
}

func TestDeclinedNeedsNoVoid(t *testing.T) {
	t.Parallel()
	l := opened(t, 1)
	m := begun(t, l, 0)
	o, err := l.Fail(bounded(t), m.Order, "declined", true)
	if err != nil || o.State != wire.OrderFailed || o.Reason != "declined" {
		t.Fatalf("%+v, %v", o, err)
	}
	if a := sound(t, l); a.Undone != 0 {
		t.Errorf("%+v", a)
	}
}

func TestAuditSees(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]string{
		"seat not sold":     "UPDATE seats SET status = 'AVAILABLE' WHERE seat_id = '" + seatID(0) + "'",
		"seat not booked":   "UPDATE seats SET status = 'SOLD' WHERE seat_id = '" + seatID(5) + "'",
		"booking gone":      "DELETE FROM bookings",
		"ticket gone":       "DELETE FROM tickets",
		"two tickets":       "INSERT INTO tickets SELECT ticket_id || 'x', event_id, seat_id, order_id, fan_id, label, state, generation FROM tickets",
		"order not paid":    "UPDATE orders SET state = 'pending'",
		"wrong total":       "UPDATE orders SET total = total + 1",
		"payment gone":      "DELETE FROM payments",
		"other amount":      "UPDATE payments SET amount = 1",
		"captured for none": "UPDATE payments SET state = 'captured'; UPDATE orders SET state = 'failed', reason = 'x'",
		"task gone":         "DELETE FROM outbox",
		"lost unrefused":    "UPDATE payments SET state = 'written_off'",
		"refund for none":   "INSERT INTO refunds VALUES ((SELECT order_id FROM orders), 1, 500, 'x', 'x', now())",
		"line without one":  "UPDATE order_lines SET refund_no = 1 WHERE seat_id = '" + seatID(0) + "'",
		"refunded in name":  "UPDATE orders SET state = 'refunded'",
		"captured less":     "UPDATE payments SET state = 'captured', amount = amount - 1",
	} {
		t.Run(name, func(t *testing.T) {
			l := opened(t, 6)
			m := begun(t, l, 0, 1)
			_, err := commit(bounded(t), l, purchase(m, 1))
			must(t, err)
			sound(t, l)
			_, err = l.pool.Exec(bounded(t), damage, pgx.QueryExecModeSimpleProtocol)
			must(t, err)
			if a, err := l.Audit(bounded(t), testEvent); err != nil || len(a.Violations) == 0 {
				t.Errorf("nothing seen: %+v, %v", a, err)
			}
		})
	}
}
