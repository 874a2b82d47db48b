package checkout

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"frontrow/internal/bus"
	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/wire"
)

// faults makes calls fail at random, before or after they are made: a crash before
// or after the step, or a lost answer.
type faults struct {
	mu   sync.Mutex
	rand *rand.Rand
}

var errFault = errors.New("fault")

func hit[T any](f *faults, call func() (T, error)) (T, error) {
	f.mu.Lock()
	n := f.rand.IntN(40)
	f.mu.Unlock()
	var none T
	if n == 0 {
		return none, errFault
	}
	v, err := call()
	if n == 1 {
		return none, errors.Join(errFault, err)
	}
	return v, err
}

type (
	faultyLedger struct {
		Ledger
		f *faults
	}
	faultyOutbox struct {
		Outbox
		f *faults
	}
	faultyParking struct {
		Parking
		f *faults
	}
	faultySeats struct {
		Seats
		f *faults
	}
	faultyProvider struct {
		payment.Provider
		f *faults
	}
)

func (l faultyLedger) Begin(ctx context.Context, m wire.OrderMessage) (ledger.Order, error) {
	return hit(l.f, func() (ledger.Order, error) { return l.Ledger.Begin(ctx, m) })
}

// Commit leaves captures whose commits are not answered to others soon.
func (l faultyLedger) Commit(ctx context.Context, p ledger.Purchase) (ledger.Committed, error) {
	p.Lease = 300 * time.Millisecond
	return hit(l.f, func() (ledger.Committed, error) { return l.Ledger.Commit(ctx, p) })
}

func (l faultyLedger) Fail(ctx context.Context, order, reason string, declined bool) (ledger.Order, error) {
	return hit(l.f, func() (ledger.Order, error) { return l.Ledger.Fail(ctx, order, reason, declined) })
}

func (o faultyOutbox) Claim(ctx context.Context, n int, lease time.Duration) ([]ledger.Task, error) {
	return hit(o.f, func() ([]ledger.Task, error) { return o.Outbox.Claim(ctx, n, lease) })
}

func (o faultyOutbox) Finish(ctx context.Context, ends []ledger.End) error {
	_, err := hit(o.f, func() (any, error) { return nil, o.Outbox.Finish(ctx, ends) })
	return err
}

func (o faultyOutbox) Settle(ctx context.Context, f ledger.Found) (ledger.Order, error) {
	return hit(o.f, func() (ledger.Order, error) { return o.Outbox.Settle(ctx, f) })
}

func (p faultyParking) Park(ctx context.Context, o ledger.Parked, until time.Time) (ledger.Order, error) {
	return hit(p.f, func() (ledger.Order, error) { return p.Parking.Park(ctx, o, until) })
}

// Due leaves those that fail to the next look soon.
func (p faultyParking) Due(ctx context.Context, n int, _ time.Duration) ([]ledger.Parked, error) {
	return hit(p.f, func() ([]ledger.Parked, error) { return p.Parking.Due(ctx, n, time.Second) })
}

func (p faultyParking) Unpark(ctx context.Context, orders []string) error {
	_, err := hit(p.f, func() (any, error) { return nil, p.Parking.Unpark(ctx, orders) })
	return err
}

func (s faultySeats) Extend(ctx context.Context, event string, r wire.ExtendRequest) (wire.ExtendReply, error) {
	return hit(s.f, func() (wire.ExtendReply, error) { return s.Seats.Extend(ctx, event, r) })
}

func (s faultySeats) Confirm(ctx context.Context, event string, r wire.ConfirmRequest) error {
	_, err := hit(s.f, func() (any, error) { return nil, s.Seats.Confirm(ctx, event, r) })
	return err
}

func (s faultySeats) Release(ctx context.Context, event string, r wire.ReleaseRequest) (wire.StandingReply, error) {
	return hit(s.f, func() (wire.StandingReply, error) { return s.Seats.Release(ctx, event, r) })
}

func (p faultyProvider) Authorize(ctx context.Context, r payment.AuthRequest) (payment.Auth, error) {
	return hit(p.f, func() (payment.Auth, error) { return p.Provider.Authorize(ctx, r) })
}

func (p faultyProvider) Capture(ctx context.Context, t payment.Terms) (payment.Auth, error) {
	return hit(p.f, func() (payment.Auth, error) { return p.Provider.Capture(ctx, t) })
}

func (p faultyProvider) Void(ctx context.Context, t payment.Terms) (payment.Auth, error) {
	return hit(p.f, func() (payment.Auth, error) { return p.Provider.Void(ctx, t) })
}

func (p faultyProvider) Get(ctx context.Context, order string) (payment.Auth, error) {
	return hit(p.f, func() (payment.Auth, error) { return p.Provider.Get(ctx, order) })
}

// Two workers fail at random in every gap of the crash table while deadlines pass:
// each order ends once, and PostgreSQL, the writer and the provider agree.
func TestFaultsInEveryGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 150)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for i := range uint64(2) {
		f := &faults{rand: rand.New(rand.NewPCG(seed, i))}
		c := w.config()
		if i == 0 {
			c = w.hooked()
		}
		c.Ledger, c.Outbox = faultyLedger{c.Ledger, f}, faultyOutbox{shortLease{c.Outbox}, f}
		c.Parking = faultyParking{c.Parking, f}
		c.Seats, c.Provider = faultySeats{writer{bus.New(w.nc)}, f}, faultyProvider{c.Provider, f}
		w.run(c)
	}
	var deadlines, fans sync.WaitGroup
	for i := range 150 {
		method := []string{"ok", "tok_3ds_duplicate", "ok", "tok_decline", "tok_flaky", "ok"}[i%6]
		m := w.buy(method, i, (i+1)%150)
		if method == "tok_3ds_duplicate" {
			fans.Go(func() { w.approve(m) })
		}
		if i%4 == 0 {
			deadlines.Go(func() {
				if _, err := w.ledger.GiveUp(bounded(t), m.Order, m.Event, m.Fan); err != nil {
					t.Error(err)
				}
			})
		}
	}
	deadlines.Wait()
	fans.Wait()
	got := w.settled()
	if got[wire.OrderPaid] == 0 || got[wire.OrderPaid]+got[wire.OrderFailed] != 150 {
		t.Errorf("%v", got)
	}
	t.Log(got)
}

// approve confirms an order's payment when the fan is asked to, unless the order
// ends first.
func (w *world) approve(m wire.OrderMessage) {
	ctx := bounded(w.t)
	for {
		a, err := w.pay.Get(ctx, m.Order)
		if err == nil && a.State == payment.RequiresAction {
			decide(w.t, a.Action, "approve")
		}
		if o, err := w.ledger.Order(ctx, m.Order); err == nil && o.State != wire.OrderPending {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			w.t.Errorf("order %s has not ended", m.Order)
			return
		}
	}
}
