package ledger

import (
	"context"
	"sync"
	"testing"
	"time"

	"frontrow/internal/pgtest"
	"frontrow/wire"

	"github.com/jackc/pgx/v5"
)

// Everything a ledger does works through PgBouncer in transaction mode.
func TestThroughPooler(t *testing.T) {
	t.Parallel()
	l := open(t, pgtest.Pooler(t, pgtest.New(t)).DSN())
	l.cfg.VoidAfter = -time.Minute
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := l.Migrate(bounded(t)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	prepare(t, l, 60)
	for i := range 50 {
		wg.Go(func() {
			m := begun(t, l, i)
			o, err := commit(bounded(t), l, purchase(m, 1))
			if err != nil || o.State != wire.OrderPaid {
				t.Errorf("%+v, %v", o, err)
			}
		})
	}
	wg.Wait()
	tasks, err := l.Claim(bounded(t), 30, time.Hour)
	must(t, err)
	must(t, l.Finish(bounded(t), done(tasks)))
	bookings, err := l.Bookings(bounded(t), testEvent)
	must(t, err)
	for _, b := range bookings[:20] {
		_, err := l.Refund(bounded(t), RefundOrder{Order: b.Order, Why: "asked for", By: "desk"})
		must(t, err)
	}
	m := begun(t, l, 55)
	_, err = l.GiveUp(bounded(t), m.Order, m.Event, m.Fan)
	must(t, err)
	_, err = l.Settle(bounded(t), Found{Order: m.Order, Provider: "test", Reference: "r", State: "captured", Amount: m.Total, Currency: "EUR"})
	must(t, err)
	for n := 1; n > 0; {
		tasks, err := l.Claim(bounded(t), 30, time.Hour)
		must(t, err)
		must(t, l.Finish(bounded(t), done(tasks)))
		n = len(tasks)
	}
	h, err := l.History(bounded(t), HistoryQuery{Fan: m.Fan})
	if err != nil || len(h.Orders) != 1 || h.Orders[0].State != wire.OrderFailed {
		t.Errorf("%+v, %v", h, err)
	}
	if a := sound(t, l); a.Sold != 30 || a.Orders[wire.OrderRefunded] != 20 || a.Undone != 0 {
		t.Errorf("%+v", a)
	}
}

// The pooler dies and comes back in the middle of a sale: orders wait for it,
// and each is settled once.
func TestPoolerRestarts(t *testing.T) {
	t.Parallel()
	direct := pgtest.New(t)
	pooler := pgtest.Pooler(t, direct)
	ls := []*Ledger{open(t, pooler.DSN()), open(t, pooler.DSN())}
	const n, rounds = 400, 3
	prepare(t, ls[0], n)
	settled := make(chan struct{}, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			m, l, ctx := order(i, (i+1)%n), ls[i%2], bounded(t)
			for ctx.Err() == nil {
				o, err := l.Begin(ctx, m)
				if err == nil && o.State == wire.OrderPending {
					o, err = commit(ctx, l, purchase(m, 9))
				}
				if err == nil && o.State != wire.OrderPending {
					settled <- struct{}{}
					return
				}
				select { // nothing else paces the loop while the pooler is away
				case <-ctx.Done():
				case <-time.After(time.Millisecond):
				}
			}
			t.Errorf("%s is not settled: %v", m.Order, ctx.Err())
		})
	}
	for range rounds {
		<-settled
		pooler.Stop()
		pooler.Start()
	}
	wg.Wait()
	a := sound(t, open(t, direct))
	if a.Orders[wire.OrderPending] != 0 || a.Orders[wire.OrderPaid]+a.Orders[wire.OrderFailed] != n || a.Orders[wire.OrderPaid]*2 != a.Sold {
		t.Errorf("%+v", a)
	}
}

// While others hold all of the pooler's connections, an order waits, fails within
// its bound, and succeeds when it is tried again.
func TestPoolerIsExhausted(t *testing.T) {
	t.Parallel()
	pooler := pgtest.Pooler(t, pgtest.New(t))
	l := open(t, pooler.DSN())
	prepare(t, l, 1)
	l.cfg.FlushTimeout = 50 * time.Millisecond // of each of the five attempts
	var held []pgx.Tx
	for range pgtest.PoolSize {
		conn, err := pgx.Connect(t.Context(), pooler.DSN())
		must(t, err)
		defer conn.Close(context.Background())
		tx, err := conn.Begin(t.Context())
		must(t, err)
		_, err = tx.Exec(t.Context(), "SELECT 1") // now it has a connection of its own
		must(t, err)
		held = append(held, tx)
	}
	m := order(0)
	if o, err := l.Begin(bounded(t), m); err == nil {
		t.Errorf("begun without a connection: %+v", o)
	}
	for _, tx := range held {
		must(t, tx.Rollback(t.Context()))
	}
	for ctx := bounded(t); ; {
		o, err := l.Begin(ctx, m)
		if err == nil {
			o, err = commit(ctx, l, purchase(m, 1))
		}
		if err == nil && o.State == wire.OrderPaid {
			break
		}
		must(t, ctx.Err())
	}
	sound(t, l)
}
