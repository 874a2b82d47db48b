package checkout

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

func TestEveryPaymentMethod(t *testing.T) {
	t.Parallel()
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env, pgtest.New(t), 40)
		want := map[string]wire.OrderState{"ok": wire.OrderPaid, "tok_visa": wire.OrderPaid, "tok_slow": wire.OrderPaid,
			"tok_timeout": wire.OrderPaid, "tok_flaky": wire.OrderPaid, "tok_decline": wire.OrderFailed, "x": wire.OrderFailed}
		notices := make(chan *nats.Msg, 100)
		_, err := w.nc.ChanSubscribe(wire.NoticeAll(testEvent), notices)
		must(t, err)
		w.run(w.config())
		n, orders := 0, map[string]wire.OrderMessage{}
		for method := range want {
			orders[method] = w.buy(method, n, n+1)
			n += 2
		}
		w.settled()
		told := map[string]wire.Notice{}
		for len(told) < len(want) {
			select {
			case m := <-notices:
				var n wire.Notice
				must(t, json.Unmarshal(m.Data, &n))
				told[n.Order] = n
			case <-time.After(limit):
				t.Fatal("a fan was not told")
			}
		}
		for method, m := range orders {
			o, err := w.ledger.Order(bounded(t), m.Order)
			if err != nil || o.State != want[method] || (o.Reason != "") != (o.State == wire.OrderFailed) {
				t.Errorf("%s: %+v, %v", method, o, err)
			}
			n := told[m.Order]
			if n.State != string(o.State) || n.Kind != "order" || len(n.Tickets) != len(o.Tickets) || !strings.HasPrefix(n.Reason, o.Reason) || !n.Expires.IsZero() {
				t.Errorf("%s: told %+v", method, n)
			}
		}
		if o, _ := w.ledger.Order(bounded(t), orders["tok_decline"].Order); o.Reason != "The card was declined. Nothing was charged." {
			t.Errorf("declined for %q", o.Reason)
		}
	})
}

// A faulty writer holds the same seats for everybody: the ledger sells them once, and
// the losers get their money back.
func TestOneWinnerASeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 3)
	w.run(w.config())
	for range 40 {
		w.buy("ok", 0, 1)
		w.buy("ok", 1, 2)
	}
	if got := w.settled(); got[wire.OrderPaid] != 1 || got[wire.OrderFailed] != 79 {
		t.Errorf("%v", got)
	}
	totals, err := w.pay.Totals(bounded(t))
	if err != nil || totals[payment.Voided].Count != 79 {
		t.Errorf("%v, %v", totals, err)
	}
}

func TestHoldThatHasEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 2)
	m := w.buy("ok", 0)
	w.seats.end(m.Hold)
	w.run(w.config())
	if got := w.settled(); got[wire.OrderFailed] != 1 {
		t.Errorf("%v", got)
	}
	if o, err := w.ledger.Order(bounded(t), m.Order); err != nil || o.Reason != reasonHoldOver {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestNoWriterForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 10)
	w.seats.leave()
	begun := &hook{Ledger: w.ledger, begun: make(chan struct{}, 100)}
	c := w.config()
	c.Ledger = begun
	w.run(c)
	for i := range 5 {
		w.buy("ok", i)
	}
	for range 10 { // each is tried twice
		<-begun.begun
	}
	w.seats.listen()
	if got := w.settled(); got[wire.OrderPaid] != 5 {
		t.Errorf("%v", got)
	}
}

// shortLease is for tests that lose the answer to a claim and must wait for the end
// of its lease.
type shortLease struct{ Outbox }

func (o shortLease) Claim(ctx context.Context, n int, _ time.Duration) ([]ledger.Task, error) {
	return o.Outbox.Claim(ctx, n, 300*time.Millisecond)
}

// hook signals each Begin.
type hook struct {
	Ledger
	begun chan struct{}
}

func (h *hook) Begin(ctx context.Context, m wire.OrderMessage) (ledger.Order, error) {
	o, err := h.Ledger.Begin(ctx, m)
	select {
	case h.begun <- struct{}{}:
	default:
	}
	return o, err
}

// The deadline passes while the payment is under way: an authorisation after that is
// voided.
func TestGivenUpWhileAuthorising(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 10)
	slow := &gate{Provider: w.pay, reached: make(chan struct{}), open: make(chan struct{})}
	c := w.config()
	c.Provider = slow
	w.run(c)
	m := w.buy("ok", 0)
	<-slow.reached
	reply, err := w.ledger.GiveUp(bounded(t), m.Order, m.Event, m.Fan)
	if err != nil || reply.State != wire.OrderFailed {
		t.Fatalf("%+v, %v", reply, err)
	}
	close(slow.open)
	if got := w.settled(); got[wire.OrderFailed] != 1 {
		t.Errorf("%v", got)
	}
	if totals, err := w.pay.Totals(bounded(t)); err != nil || totals[payment.Voided].Count != 1 {
		t.Errorf("%v, %v", totals, err)
	}
}

// gate holds authorisations until it is opened.
type gate struct {
	payment.Provider
	once          sync.Once
	reached, open chan struct{}
}

func (g *gate) Authorize(ctx context.Context, r payment.AuthRequest) (payment.Auth, error) {
	g.once.Do(func() { close(g.reached) })
	select {
	case <-g.open:
		return g.Provider.Authorize(ctx, r)
	case <-ctx.Done():
		return payment.Auth{}, ctx.Err()
	}
}

// mute authorises but never answers.
type mute struct{ payment.Provider }

func (m mute) Authorize(ctx context.Context, r payment.AuthRequest) (payment.Auth, error) {
	_, err := m.Provider.Authorize(ctx, r)
	return payment.Auth{}, errors.Join(errors.New("no answer"), err)
}

func TestPatienceWithAMuteProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 10)
	c := w.config()
	c.Provider, c.Patience = mute{w.pay}, 300*time.Millisecond
	w.run(c)
	m := w.buy("ok", 0)
	if got := w.settled(); got[wire.OrderFailed] != 1 {
		t.Errorf("%v", got)
	}
	if w.seats.extends(m.Hold) < 2 {
		t.Error("given up at the first try")
	}
	if n := w.seats.ours(m.Hold); n < 2 { // an extension and the release
		t.Errorf("%d times on our account", n)
	}
	if totals, err := w.pay.Totals(bounded(t)); err != nil || totals[payment.Voided].Count != 1 {
		t.Errorf("%v, %v", totals, err)
	}
}

func TestPoisonIsBuried(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 4)
	buried := make(chan *nats.Msg, 10)
	_, err := w.nc.ChanSubscribe(wire.LogSubject("*", LogPoison), buried)
	must(t, err)
	_, err = w.js.Publish(bounded(t), "order.demo.h_x", []byte(`{"buyer":{"email":"secret@example.org"`))
	must(t, err)
	w.run(w.config())
	w.buy("ok", 0)
	select {
	case m := <-buried:
		var p Poison
		must(t, json.Unmarshal(m.Data, &p))
		if p.Subject != "order.demo.h_x" || p.Reason == "" || strings.Contains(string(m.Data), "secret") {
			t.Errorf("%s", m.Data)
		}
	case <-time.After(limit):
		t.Fatal("not buried")
	}
	if got := w.settled(); got[wire.OrderPaid] != 1 {
		t.Errorf("%v", got)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	hold := wire.NewHold()
	q := wire.SeatQuote{ID: "a", Price: wire.NewAmounts(3, 2, 1)}
	good := wire.OrderMessage{Order: wire.OrderOfHold(hold), Hold: hold, Event: "demo", Fan: wire.NewFan(), Currency: "EUR",
		Seats: []wire.SeatQuote{q}, Total: 6}
	must(t, check(good))
	for name, change := range map[string]func(*wire.OrderMessage){
		"event":     func(o *wire.OrderMessage) { o.Event = "De mo" },
		"order":     func(o *wire.OrderMessage) { o.Order = wire.OrderOfHold(wire.NewHold()) },
		"currency":  func(o *wire.OrderMessage) { o.Currency = "euro" },
		"no seats":  func(o *wire.OrderMessage) { o.Seats, o.Total = nil, 0 },
		"twice":     func(o *wire.OrderMessage) { o.Seats, o.Total = []wire.SeatQuote{q, q}, 12 },
		"total":     func(o *wire.OrderMessage) { o.Total = 7 },
		"negative":  func(o *wire.OrderMessage) { o.Seats[0].Price, o.Total = wire.NewAmounts(-3, 2, 1), 0 },
		"not a sum": func(o *wire.OrderMessage) { o.Seats[0].Price.Total, o.Total = 9, 9 },
		"zero byte": func(o *wire.OrderMessage) { o.Buyer.Name = "a\x00" },
	} {
		o := good
		o.Seats = append([]wire.SeatQuote{}, good.Seats...)
		change(&o)
		if check(o) == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// PostgreSQL is away in the middle of a sale, once stopped and once killed: orders
// wait, and none is lost or doubled.
func TestPostgreSQLAway(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	w := newWorld(t, natstest.Run(t), server.DSN(), 200)
	tried := &hook{Ledger: w.ledger, begun: make(chan struct{}, 1000)}
	c := w.config()
	c.Ledger, c.Outbox = tried, shortLease{c.Outbox}
	w.run(c)
	next := 0
	for _, end := range []func(){server.Stop, server.Kill} {
		for range 50 {
			w.buy("ok", next)
			next++
		}
		<-tried.begun
		end()
		m := w.buy("ok", next)
		next++
		w.wait("an order that waits keeps its seats", func(context.Context) bool { return w.seats.extends(m.Hold) > 1 && w.seats.ours(m.Hold) > 0 })
		server.Start()
	}
	if got := w.settled(); got[wire.OrderPaid] != next || len(got) != 1 {
		t.Errorf("%v of %d", got, next)
	}
}

// Only acknowledged messages are dropped from ORDERS.
func TestTrimKeepsWhatWaits(t *testing.T) {
	t.Parallel()
	env := natstest.Run(t)
	w := newWorld(t, env, pgtest.New(t), 4)
	stop := w.run(w.config())
	w.buy("ok", 0)
	w.buy("ok", 1)
	w.settled()
	stop()
	w.buy("ok", 2)
	co, err := New(w.config())
	must(t, err)
	for range 2 {
		must(t, co.cfg.Orders.Trim(bounded(t)))
		s, err := w.js.Stream(bounded(t), wire.OrdersStream)
		if err != nil || s.CachedInfo().State.Msgs != 1 {
			t.Errorf("%+v, %v", s.CachedInfo().State, err)
		}
	}
	w.run(w.config())
	if got := w.settled(); got[wire.OrderPaid] != 3 {
		t.Errorf("%v", got)
	}
}
