package checkout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/wire"
)

// tasks is an outbox of one task that records what becomes of it.
type tasks struct {
	Outbox
	task    ledger.Task
	done    int
	retried int
	refused int
	ends    []ledger.End
	settled []string // the states reported to the ledger
}

func (o *tasks) Claim(context.Context, int, time.Duration) ([]ledger.Task, error) {
	return []ledger.Task{o.task}, nil
}

func (o *tasks) Finish(_ context.Context, ends []ledger.End) error {
	o.ends = ends
	for _, e := range ends {
		switch {
		case e.Refused != "":
			o.refused++
		case !e.Again.IsZero():
			o.retried++
		default:
			o.done++
		}
	}
	return nil
}

func (o *tasks) Settle(_ context.Context, f ledger.Found) (ledger.Order, error) {
	o.settled = append(o.settled, f.State)
	return ledger.Order{ID: f.Order, State: wire.OrderFailed}, nil
}

// A worker that stops leaves the captures it had taken to others at once, but for those
// whose leases have ended: they may be another's.
func TestTakenIsHandedBack(t *testing.T) {
	t.Parallel()
	now, o := time.Now(), &tasks{}
	c := &Checkout{taken: make(chan taken, 3), cfg: Config{Outbox: o, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}}
	for id, left := range []time.Duration{time.Second, -time.Second, time.Minute, time.Minute} { // the last finds no room
		c.take(taken{ledger.Task{ID: int64(id)}, now.Add(left)})
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	c.handBack(ctx)
	want := []ledger.End{{Task: ledger.Task{ID: 0}, Again: now}, {Task: ledger.Task{ID: 2}, Again: now}}
	if !slices.Equal(o.ends, want) {
		t.Errorf("%v, want %v", o.ends, want)
	}
}

// forgetful is a ledger whose callers die as they hear that an order is committed.
type forgetful struct{ Ledger }

func (l forgetful) Commit(ctx context.Context, p ledger.Purchase) (ledger.Committed, error) {
	p.Lease = 300 * time.Millisecond
	c, err := l.Ledger.Commit(ctx, p)
	c.Capture = ledger.Task{}
	return c, err
}

// A capture whose worker has died is made by any other when its lease ends.
func TestCaptureOfTheDead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 2)
	c := w.config()
	c.Ledger = forgetful{c.Ledger}
	w.run(c)
	w.buy("ok", 0, 1)
	if got := w.settled(); got[wire.OrderPaid] != 1 {
		t.Errorf("%v", got)
	}
}

// A capture that the provider refuses for good is asked for no more, and holds up nobody.
// An operator has it asked for again, and takes the tickets back.
func TestCaptureIsRefusedForGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 4)
	w.run(w.config())
	m, other := w.buy("tok_nocapture", 0, 1), w.buy("ok", 2)
	refused := func() {
		t.Helper()
		w.wait("refused", func(ctx context.Context) bool {
			a, err := w.ledger.Audit(ctx, testEvent)
			for _, v := range a.Violations {
				t.Errorf("audit: %+v", v)
			}
			return err == nil && len(a.Refused) == 1 && a.Payments["captured"].Amount == other.Total
		})
	}
	refused()
	n, err := w.ledger.RetryCaptures(bounded(t), testEvent, m.Order)
	if err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	refused()
	r, err := w.ledger.Refund(bounded(t), ledger.RefundOrder{Order: m.Order, Why: "never paid", By: "ann"})
	if err != nil || !r.Uncollected {
		t.Fatalf("%+v, %v", r, err)
	}
	w.wait("voided", func(ctx context.Context) bool {
		totals, err := w.pay.Totals(ctx)
		return err == nil && totals[payment.Voided].Amount == m.Total
	})
}

// A provider that has mislaid a payment may find it again. One that says no is believed.
func TestRefusedForGood(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err      error
		attempts int
		want     bool
	}{
		{payment.ErrPermanent, 1, true}, {payment.ErrNotFound, maxMissing - 1, false}, {payment.ErrNotFound, maxMissing, true},
		{payment.ErrDisagrees, 100, false}, {payment.ErrPaused, 100, false}, {errors.New("timeout"), 100, false},
	} {
		if got := refusedForGood(fmt.Errorf("capture: %w", c.err), c.attempts); got != c.want {
			t.Errorf("%v after %d: %v", c.err, c.attempts, got)
		}
	}
}

// oneWord is a provider that gives the same answer to every void, and has one
// payment or none.
type oneWord struct {
	payment.Provider
	void error
	has  payment.State // empty: no payment
}

func (p oneWord) auth(t payment.Terms, state payment.State) payment.Auth {
	return payment.Auth{Order: t.Order, Reference: "pay_1", State: state, Amount: 5600, Currency: "EUR"}
}

func (p oneWord) Void(_ context.Context, t payment.Terms) (payment.Auth, error) {
	return p.auth(t, payment.Voided), p.void
}

func (p oneWord) Get(_ context.Context, order string) (payment.Auth, error) {
	if p.has == "" {
		return payment.Auth{}, payment.ErrNotFound
	}
	return p.auth(payment.Terms{Order: order}, p.has), nil
}

// A void is done when the provider confirms it or has no payment, or when the ledger
// knows what the provider has instead. Anything else is tried again.
func TestVoidIsToldToItsEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		reference string // as the task knows it
		provider  oneWord
		done      int
		settled   []string
	}{
		{"voided", "pay_1", oneWord{}, 1, nil},
		{"no answer", "pay_1", oneWord{void: errors.New("timeout")}, 0, nil},
		{"captured meanwhile", "pay_1", oneWord{void: payment.ErrPermanent, has: payment.Captured}, 1, []string{"captured"}},
		{"nothing there", "", oneWord{}, 1, nil},
		{"turned up", "", oneWord{has: payment.Authorized}, 1, []string{"voided"}},
		{"turned up, no answer", "", oneWord{has: payment.Authorized, void: errors.New("timeout")}, 0, nil},
	} {
		o := &tasks{task: ledger.Task{ID: 1, Kind: ledger.KindVoid, Order: "o_1", Reference: c.reference, Attempts: 1}}
		co := &Checkout{metrics: newMetrics(nil), due: make(chan struct{}, 1),
			cfg: Config{Outbox: o, Provider: c.provider, Logger: slog.New(slog.DiscardHandler), Now: time.Now}}
		if err := co.relayDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if o.done != c.done || o.retried != 1-c.done || fmt.Sprint(o.settled) != fmt.Sprint(c.settled) {
			t.Errorf("%s: done %d, tried again %d, settled %v", c.name, o.done, o.retried, o.settled)
		}
	}
}
