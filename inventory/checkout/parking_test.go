package checkout

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/kv"
	"frontrow/wire"
)

var waiting = flag.Int("waiting", 600, "how many orders of TestWaitingOrdersHoldUpNobody wait for their fans")

// banks are those of instant, and one that asks its fans to confirm, and waits.
type banks struct {
	instant
	asked atomic.Int64
}

func (b *banks) Authorize(ctx context.Context, r payment.AuthRequest) (payment.Auth, error) {
	a, err := b.instant.Authorize(ctx, r)
	if r.Method == "tok_3ds" {
		b.asked.Add(1)
		a.State, a.Action = payment.RequiresAction, "https://bank.example/"+r.Order
	}
	return a, err
}

// Extend keeps holds for as long as an event does by default.
func (b *banks) Extend(context.Context, string, wire.ExtendRequest) (wire.ExtendReply, error) {
	return wire.ExtendReply{Expires: time.Now().Add(3 * time.Minute), Revision: 1}, nil
}

// More orders wait for their fans than messages may be under way. Those behind them are
// paid, and nobody had to confirm for that.
func TestWaitingOrdersHoldUpNobody(t *testing.T) {
	t.Parallel()
	const ordinary = 100
	w := newWorld(t, natstest.Run(t), pgtest.New(t), *waiting+ordinary)
	most := min(wire.MaxCheckouts, *waiting/4)
	consumer, err := w.js.Consumer(bounded(t), wire.OrdersStream, wire.CheckoutConsumer)
	must(t, err)
	cfg := consumer.CachedInfo().Config
	cfg.MaxAckPending = most
	_, err = w.js.UpdateConsumer(bounded(t), wire.OrdersStream, cfg)
	must(t, err)
	bank := &banks{}
	c := w.config()
	c.Provider, c.Seats = bank, bank
	c.WebhookAddr, c.Webhooks = "127.0.0.1:0", payment.Signed(testSecret)
	send := func(method string, from, n int) (sent []wire.OrderMessage) {
		for i := range n {
			m := orderOf(from + i)
			m.Payment.Method = method
			raw, err := json.Marshal(m)
			must(t, err)
			_, err = w.js.PublishAsync(wire.OrderSubject(m.Event, m.Order), raw)
			must(t, err)
			sent = append(sent, m)
			if i%1000 == 999 || i == n-1 {
				<-w.js.PublishAsyncComplete()
			}
		}
		return sent
	}
	begun := time.Now()
	send("tok_3ds", 0, *waiting)
	co := w.run(c)
	defer co()
	ctx, cancel := context.WithTimeout(context.Background(), limit+time.Duration(*waiting)*20*time.Millisecond)
	defer cancel()
	parked := func() int {
		a, err := w.ledger.Audit(ctx, testEvent)
		must(t, err)
		return len(a.Parked)
	}
	for parked() < *waiting {
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("%d orders wait after %v", *waiting, time.Since(begun))
	begun = time.Now()
	for _, m := range send("ok", *waiting, ordinary) {
		for {
			o, err := w.ledger.Order(ctx, m.Order)
			if err == nil && o.State == wire.OrderPaid {
				break
			}
			if err != nil && !errors.Is(err, ledger.ErrNotFound) {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
	}
	t.Logf("%d ordinary ones are paid after %v; banks were asked %d times", ordinary, time.Since(begun), bank.asked.Load())
	if n := parked(); n != *waiting {
		t.Errorf("%d wait, want %d", n, *waiting)
	}
}

// An order that waits outlives its message, which ORDERS drops, and its worker. The next
// worker goes on with it, and forgets it when it has ended.
func TestWaitsInTheLedger(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 2)
	w.reads()
	stop := w.run(w.config())
	m := w.buy("tok_3ds", 0)
	action := w.action(m)
	w.wait("it is acknowledged", func(ctx context.Context) bool {
		c, err := w.js.Consumer(ctx, wire.OrdersStream, wire.CheckoutConsumer)
		return err == nil && c.CachedInfo().AckFloor.Stream == 1
	})
	stop()
	must(t, OrdersIn(w.js).Trim(bounded(t)))
	decide(t, action, "approve")
	if o := w.ask(m); o.State != wire.OrderPending {
		t.Fatalf("%+v", o)
	}
	w.run(w.config())
	if got := w.settled(); got[wire.OrderPaid] != 1 {
		t.Errorf("%v", got)
	}
	if n := w.seats.extends(m.Hold); n < 2 {
		t.Errorf("its hold was extended %d times", n)
	}
}

// The hold of an order that waits ends: the ledger gives it up, its fan is told, and an
// authorisation that comes later is voided.
func TestGivenUpWhileItWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 2)
	w.reads()
	w.run(w.hooked())
	m := w.buy("tok_3ds_silent", 0)
	action := w.action(m)
	_, err := w.ledger.GiveUp(bounded(t), m.Order, m.Event, m.Fan)
	must(t, err)
	w.seats.end(m.Hold)
	decide(t, action, "approve")
	if got := w.settled(); got[wire.OrderFailed] != 1 {
		t.Errorf("%v", got)
	}
	if a, err := w.pay.Get(bounded(t), m.Order); err != nil || a.State != payment.Voided {
		t.Errorf("%+v, %v", a, err)
	}
}

// An order that can't go on after it was parked is not forgotten.
func TestParkedWhileNobodyWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 2)
	co, err := New(w.config())
	must(t, err)
	m := orderOf(0)
	_, err = w.ledger.Begin(bounded(t), m)
	must(t, err)
	p := ledger.Parked{Order: m, Since: time.Now()}
	_, err = w.ledger.Park(bounded(t), p, time.Now())
	must(t, err)
	w.seats.leave()
	if err := co.goOn(bounded(t), p); err == nil {
		t.Error("an order goes on without a writer")
	}
	co.unpark(bounded(t))
	_, err = w.ledger.Parked(bounded(t), m.Order)
	must(t, err)
}

// endsFirst is a ledger in which an order is given up just before it would wait.
type endsFirst struct {
	Parking
	w *world
}

func (e endsFirst) Park(ctx context.Context, p ledger.Parked, until time.Time) (ledger.Order, error) {
	if _, err := e.w.ledger.GiveUp(ctx, p.Order.Order, p.Order.Event, p.Order.Fan); err != nil {
		return ledger.Order{}, err
	}
	return e.Parking.Park(ctx, p, until)
}

// An order that has ended waits for nobody.
func TestEndedBeforeItWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 2)
	c := w.config()
	c.Parking = endsFirst{w.ledger, w}
	w.run(c)
	m := w.buy("tok_3ds", 0)
	if got := w.settled(); got[wire.OrderFailed] != 1 {
		t.Errorf("%v", got)
	}
	if _, err := w.ledger.Parked(bounded(t), m.Order); !errors.Is(err, ledger.ErrNotFound) {
		t.Error(err)
	}
}

// hurried notes whose fans look at orders that wait.
type hurried struct {
	Records
	orders chan string
}

func (h hurried) Hurry(_ context.Context, order string, _ time.Duration) error {
	h.orders <- order
	return nil
}

// Whoever looks at their order that waits for them makes it due; others don't.
func TestFanWakesTheirOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 4)
	h := hurried{w.ledger, make(chan string, 100)}
	start(t, Reads{NATS: w.nc, Store: kv.JetStream(w.js), Records: h}.Run)
	plain, waits := orderOf(0), orderOf(1)
	for _, m := range []wire.OrderMessage{plain, waits} {
		_, err := w.ledger.Begin(bounded(t), m)
		must(t, err)
	}
	co, err := New(w.config())
	must(t, err)
	start(t, co.waiting.Run)
	co.wait(bounded(t), waits, wire.Waiting{Reason: reasonConfirm, Action: &wire.Action{URL: "https://bank.example"}, Until: time.Now().Add(time.Minute)})
	stranger := waits
	stranger.Fan = wire.NewFan()
	for _, m := range []wire.OrderMessage{plain, stranger, waits} {
		w.ask(m)
	}
	if first := <-h.orders; first != waits.Order || len(h.orders) > 0 {
		t.Errorf("%s, and %d more", first, len(h.orders))
	}
}

// An order is looked at in time for its hold and for its end, and less often the longer
// it waits.
func TestNextLook(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	polls := &Checkout{cfg: Config{ActionPatience: 5 * time.Minute}}
	hooked := &Checkout{cfg: polls.cfg, hooks: &webhooks{}}
	for _, c := range []struct {
		c             *Checkout
		waited, holds time.Duration // so far, and from now on
		want          time.Duration
	}{
		{hooked, 0, 3 * time.Minute, firstLook},
		{hooked, 20 * time.Second, 3 * time.Minute, 10 * time.Second},
		{hooked, 3 * time.Minute, 3 * time.Minute, lookedAtEvery},
		{polls, 3 * time.Minute, 3 * time.Minute, polledEvery},
		{hooked, 3 * time.Minute, 20 * time.Second, 10 * time.Second},
		{hooked, 3 * time.Minute, time.Second, leastLook},
		{hooked, 3 * time.Minute, -time.Hour, leastLook},
		{hooked, 5*time.Minute - time.Second, 3 * time.Minute, time.Second + time.Millisecond},
		{hooked, 5 * time.Minute, 3 * time.Minute, time.Millisecond},
	} {
		now := since.Add(c.waited)
		if got := c.c.nextLook(now, since, now.Add(c.holds)).Sub(now); got != c.want {
			t.Errorf("after %v, held for %v: %v, want %v", c.waited, c.holds, got, c.want)
		}
	}
}
