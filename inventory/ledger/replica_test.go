package ledger

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"

	"frontrow/internal/pgtest"
	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// door forwards connections to the server of a DSN and counts them.
type door struct {
	dsn    string
	passed atomic.Int64
}

func newDoor(t *testing.T, dsn string) *door {
	t.Helper()
	u, err := url.Parse(dsn)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	d, server := &door{}, u.Host
	u.Host = l.Addr().String()
	d.dsn = u.String()
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			d.passed.Add(1)
			out, err := net.Dial("tcp", server)
			if err != nil {
				in.Close()
				continue
			}
			pass := func(to, from net.Conn) { _, _ = io.Copy(to, from); to.Close(); from.Close() }
			go pass(in, out)
			go pass(out, in)
		}
	}()
	return d
}

// history polls the replica until the condition holds. At first the replica may
// not even know the tables.
func history(t *testing.T, l *Ledger, q HistoryQuery, holds func(History) bool) History {
	t.Helper()
	for ctx := bounded(t); ; {
		l.replica.resume.Store(0)
		h, err := l.History(ctx, q)
		must(t, err)
		if h.Replica && holds(h) {
			return h
		}
	}
}

func TestHistoryComesFromTheReplica(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	replica := primary.Replica()
	door := newDoor(t, replica.DSN())
	l, err := Open(t.Context(), Config{DSN: primary.DSN(), ReplicaDSN: door.dsn})
	must(t, err)
	run, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = l.Run(run) }()
	t.Cleanup(func() { stop(); <-ended; l.Close() })
	prepare(t, l, 10)
	fan := wire.NewFan()
	buy := func(revision uint64, seats ...int) Order {
		m := order(seats...)
		m.Fan = fan
		_, err := l.Begin(bounded(t), m)
		must(t, err)
		o, err := commit(bounded(t), l, purchase(m, revision))
		must(t, err)
		return o
	}
	first := buy(1, 0, 1)
	if n := door.passed.Load(); n != 0 {
		t.Errorf("the replica was asked %d times before any history", n)
	}
	q := HistoryQuery{Fan: fan, Event: testEvent}
	h := history(t, l, q, func(h History) bool {
		return !h.AsOf.IsZero() && len(h.Orders) == 1 && h.Orders[0].State == wire.OrderPaid
	})
	if door.passed.Load() == 0 || fmt.Sprint(h.Orders[0].Order) != fmt.Sprint(first) || h.Next != (Cursor{}) {
		t.Errorf("%+v, want %+v", h, first)
	}

	// A replica that lags behind a sale and a refund shows the past; decisions
	// see the present.
	admin, err := pgx.Connect(t.Context(), replica.DSN())
	must(t, err)
	defer admin.Close(context.Background())
	_, err = admin.Exec(t.Context(), "SELECT pg_wal_replay_pause()")
	must(t, err)
	for state := ""; state != "paused"; {
		must(t, admin.QueryRow(bounded(t), "SELECT pg_get_wal_replay_pause_state()").Scan(&state))
	}
	before := door.passed.Load()
	_, err = l.Refund(bounded(t), RefundOrder{Order: first.ID, Seats: []string{seatID(1)}, Why: "asked for", By: "desk"})
	must(t, err)
	second := buy(2, 1, 2)
	rival := order(2)
	if o, err := l.Begin(bounded(t), rival); err != nil || o.State != wire.OrderPending {
		t.Fatal(o, err)
	}
	if o, err := commit(bounded(t), l, purchase(rival, 3)); err != nil || o.Reason != ReasonSeatGone {
		t.Errorf("%+v, %v", o, err)
	}
	if r, err := l.GiveUp(bounded(t), second.ID, testEvent, fan); err != nil || r.State != wire.OrderPaid {
		t.Errorf("%+v, %v", r, err)
	}
	if o, err := l.Order(bounded(t), first.ID); err != nil || len(o.Refunded) != 1 {
		t.Errorf("%+v, %v", o, err)
	}
	claim(t, l, KindCapture, KindCapture, KindVoid)
	sound(t, l)
	if n := door.passed.Load(); n != before {
		t.Errorf("deciding asked the replica %d times", n-before)
	}
	past, err := l.History(bounded(t), q)
	if err != nil || !past.Replica || len(past.Orders) != 1 || len(past.Orders[0].Refunded) != 0 {
		t.Errorf("while it is behind: %+v, %v", past, err)
	}
	_, err = admin.Exec(t.Context(), "SELECT pg_wal_replay_resume()")
	must(t, err)
	now := history(t, l, q, func(h History) bool { return len(h.Orders) == 2 })
	if now.Orders[0].ID != second.ID || len(now.Orders[1].Refunded) != 1 || past.AsOf.After(now.Orders[0].At) || now.AsOf.Before(past.AsOf) {
		t.Errorf("%+v", now)
	}

	// Without the replica the primary answers, and for a while only it is asked.
	replica.Stop()
	for range 2 {
		h, err := l.History(bounded(t), q)
		if err != nil || h.Replica || len(h.Orders) != 2 || h.AsOf.IsZero() {
			t.Errorf("without it: %+v, %v", h, err)
		}
	}
	replica.Start()
	l.replica.resume.Store(0)
	if h, err := l.History(bounded(t), q); err != nil || !h.Replica {
		t.Errorf("when it is back: %+v, %v", h, err)
	}
}

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	l := opened(t, 10)
	fan := wire.NewFan()
	var want []string
	for i := range 7 {
		m := order(i)
		m.Fan = fan
		_, err := l.Begin(bounded(t), m)
		must(t, err)
		want = append([]string{m.Order}, want...)
	}
	begun(t, l, 8) // another fan's
	var got []string
	q := HistoryQuery{Fan: fan, Limit: 3}
	for pages := 1; ; pages++ {
		h, err := l.History(bounded(t), q)
		must(t, err)
		for _, o := range h.Orders {
			got = append(got, o.ID)
		}
		if q.Before = h.Next; h.Next == (Cursor{}) {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	q = HistoryQuery{Fan: fan, Event: "other"}
	if h, err := l.History(bounded(t), q); err != nil || len(h.Orders) != 0 || h.Replica {
		t.Errorf("%+v, %v", h, err)
	}
}
