package ledger

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"frontrow/internal/pgtest"
	"frontrow/wire"
)

// Many orders want overlapping seats, through two ledgers: rivals meet within
// a batch and across batches.
func TestOneWinnerASeat(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t)
	ls := []*Ledger{open(t, dsn), open(t, dsn)}
	const seats, rivals = 30, 8
	prepare(t, ls[0], seats)
	var orders []wire.OrderMessage
	for s := range seats {
		for range rivals {
			orders = append(orders, order(s, (s+1)%seats))
		}
	}
	states := make([]wire.OrderState, len(orders))
	var wg sync.WaitGroup
	for i, m := range orders {
		wg.Go(func() {
			l := ls[i%2]
			if _, err := l.Begin(bounded(t), m); err != nil {
				t.Error(err)
			}
			for range 2 { // delivered twice
				o, err := commit(bounded(t), l, purchase(m, uint64(1+i)))
				if err != nil || states[i] != "" && o.State != states[i] {
					t.Errorf("%+v, %v, was %s", o, err, states[i])
				}
				states[i] = o.State
			}
		})
	}
	wg.Wait()
	owner := map[string]string{}
	for i, m := range orders {
		for _, q := range m.Seats {
			if states[i] == wire.OrderPaid {
				if owner[q.ID] != "" {
					t.Errorf("%s is sold to %s and %s", q.ID, owner[q.ID], m.Order)
				}
				owner[q.ID] = m.Order
			}
		}
	}
	for i, m := range orders { // nobody loses without reason
		if states[i] != wire.OrderPaid && owner[m.Seats[0].ID] == "" && owner[m.Seats[1].ID] == "" {
			t.Errorf("%s lost its seats to nobody", m.Order)
		}
	}
	if a := sound(t, ls[0]); a.Sold != len(owner) || a.Orders[wire.OrderPaid]*2 != a.Sold || a.Undone != len(orders) {
		t.Errorf("%d owners, %+v", len(owner), a)
	}
}

// One batch holds losers, an order that the table refuses, and winners around them.
func TestNeighboursCommit(t *testing.T) {
	t.Parallel()
	l := opened(t, 40)
	m := begun(t, l, 0)
	if o, err := commit(bounded(t), l, purchase(m, 5)); err != nil || o.State != wire.OrderPaid {
		t.Fatal(o, err)
	}
	var items []Purchase
	for i := range 20 {
		items = append(items, purchase(begun(t, l, i, 20+i), 9)) // the first wants the sold seat
	}
	items[7].Revision = 0                // no fence at all
	items[11].Order.Currency = "nothing" // refused by the table
	var wg sync.WaitGroup
	for i, p := range items {
		wg.Go(func() {
			o, err := commit(bounded(t), l, p)
			switch i {
			case 0, 7:
				if err != nil || o.State != wire.OrderFailed || o.Reason != ReasonSeatGone {
					t.Errorf("loser %d: %+v, %v", i, o, err)
				}
			case 11:
				if err == nil {
					t.Errorf("broken one: %+v", o)
				}
			default:
				if err != nil || o.State != wire.OrderPaid {
					t.Errorf("neighbour %d: %+v, %v", i, o, err)
				}
			}
		})
	}
	wg.Wait()
	if a := sound(t, l); a.Sold != 1+17*2 || a.Orders[wire.OrderPending] != 1 {
		t.Errorf("%+v", a)
	}
}

func TestDecideInOneBatch(t *testing.T) {
	t.Parallel()
	seat := func(i int) seatKey { return seatKey{testEvent, seatID(i)} }
	all := []wire.OrderMessage{order(0, 1), order(1, 2), order(2, 3), order(4), order(5), order(6, 6), order(7), order(8)}
	states := map[string]wire.OrderState{}
	var ps []Purchase
	for _, m := range all {
		states[m.Order] = wire.OrderPending
		ps = append(ps, purchase(m, 10))
	}
	delete(states, all[4].Order)
	states[all[6].Order], states[all[7].Order] = wire.OrderFailed, wire.OrderRefunded
	seats := map[seatKey]seatRow{}
	for i := range 9 {
		seats[seat(i)] = seatRow{free: true, fence: 9}
	}
	seats[seat(4)] = seatRow{free: true, fence: 10}
	// The second loses seat 1 to the first and leaves seat 2 to the third.
	want := []verdict{wins, loses, wins, loses, unknown, loses, late, stands}
	if got := decide(ps, states, seats); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOlderHoldIsRefused(t *testing.T) {
	t.Parallel()
	l := opened(t, 1)
	m := begun(t, l, 0)
	_, err := commit(bounded(t), l, purchase(m, 100))
	must(t, err)
	_, err = l.Refund(bounded(t), RefundOrder{Order: m.Order, Why: "asked for", By: "desk"})
	must(t, err)
	for revision, want := range map[uint64]wire.OrderState{99: wire.OrderFailed, 100: wire.OrderFailed, 1 << 63: wire.OrderFailed} {
		if o, err := commit(bounded(t), l, purchase(begun(t, l, 0), revision)); err != nil || o.State != want {
			t.Errorf("revision %d: %+v, %v", revision, o, err)
		}
	}
	if o, err := commit(bounded(t), l, purchase(begun(t, l, 0), 101)); err != nil || o.State != wire.OrderPaid {
		t.Errorf("newer: %+v, %v", o, err)
	}
	sound(t, l)
}

func TestGiveUpAgainstCommit(t *testing.T) {
	t.Parallel()
	const n = 300
	dsn := pgtest.New(t)
	a, b := open(t, dsn), open(t, dsn)
	prepare(t, a, n)
	won := map[wire.OrderState]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			m := order(i)
			var bought, given wire.OrderState
			var both sync.WaitGroup
			both.Go(func() {
				o, err := a.Begin(bounded(t), m)
				if err == nil && o.State == wire.OrderPending {
					o, err = commit(bounded(t), a, purchase(m, 3))
				}
				if err != nil {
					t.Error(err)
				}
				bought = o.State
			})
			both.Go(func() {
				if i%3 > 0 { // let the order be begun, or even committed
					for range (i % 3) * 2 {
						_, _ = b.Order(bounded(t), m.Order)
					}
				}
				r, err := b.GiveUp(bounded(t), m.Order, m.Event, m.Fan)
				if err != nil {
					t.Error(err)
				}
				given = r.State
			})
			both.Wait()
			if bought != given || bought != wire.OrderPaid && bought != wire.OrderFailed {
				t.Errorf("order is %s for its buyer and %s for the writer", bought, given)
			}
			mu.Lock()
			won[given]++
			mu.Unlock()
		})
	}
	all.Wait()
	audit := sound(t, a)
	if audit.Orders[wire.OrderPaid] != won[wire.OrderPaid] || audit.Sold != won[wire.OrderPaid] || audit.Orders[wire.OrderPending] != 0 {
		t.Errorf("%v, %+v", won, audit)
	}
	t.Logf("%v", won)
}

// PostgreSQL is killed again and again under load: every order is settled
// exactly once, however often its caller has to ask.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	l := open(t, server.DSN())
	const n, rounds = 400, 3
	prepare(t, l, n)
	first := make(chan struct{}, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			m := order(i, (i+1)%n)
			ctx := bounded(t)
			for ctx.Err() == nil {
				o, err := l.Begin(ctx, m)
				if err == nil && o.State == wire.OrderPending {
					o, err = commit(ctx, l, purchase(m, 9))
				}
				if err == nil && o.State != wire.OrderPending {
					first <- struct{}{}
					return
				}
				select { // nothing else paces the loop while PostgreSQL is away
				case <-ctx.Done():
				case <-time.After(time.Millisecond):
				}
			}
			t.Errorf("%s is not settled: %v", m.Order, ctx.Err())
		})
	}
	for range rounds {
		<-first
		server.Kill()
		server.Start()
	}
	wg.Wait()
	// On fresh connections: one that died with its server fails only when it is used.
	if a := sound(t, open(t, server.DSN())); a.Orders[wire.OrderPending] != 0 || a.Orders[wire.OrderPaid]+a.Orders[wire.OrderFailed] != n || a.Orders[wire.OrderPaid]*2 != a.Sold {
		t.Errorf("%+v", a)
	}
}
