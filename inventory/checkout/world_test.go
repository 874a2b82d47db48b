package checkout

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"frontrow/internal/asking"
	"frontrow/internal/bus"
	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/internal/streams"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/inventory/payment/sandbox"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const (
	testEvent  = "demo"
	testSecret = "shared with the provider"
	limit      = time.Minute
)

// world is everything a checkout needs; only the writer of the seats is not real.
type world struct {
	t      *testing.T
	nc     *nats.Conn
	js     jetstream.JetStream
	ledger *ledger.Ledger
	pay    *sandbox.Client
	bank   *sandbox.Server
	seats  *seatsWriter
	orders []wire.OrderMessage
}

func newWorld(t *testing.T, env *natstest.Env, dsn string, seats int) *world {
	t.Helper()
	nc := env.Connect(t)
	js, err := jetstream.New(nc)
	must(t, err)
	ctx := bounded(t)
	must(t, streams.CreateCore(ctx, js, env.Replicas))
	l, err := ledger.Open(ctx, ledger.Config{DSN: dsn, VoidAfter: time.Millisecond})
	must(t, err)
	must(t, l.Migrate(ctx))
	var ids []string
	for i := range seats {
		ids = append(ids, seatID(i))
	}
	must(t, l.PutEvent(ctx, wire.Event{Spec: wire.Spec{ID: testEvent, Name: "Demo", Currency: "EUR"}, Places: seats}, ids))
	t.Cleanup(l.Close)
	start(t, l.Run)
	s, err := sandbox.New(sandbox.Config{Dir: t.TempDir(), Slow: 300 * time.Millisecond, Late: time.Second, Secret: []byte(testSecret)})
	must(t, err)
	start(t, s.Run)
	w := &world{t: t, nc: nc, js: js, ledger: l, pay: sandbox.NewClient(s.URL(), 2*time.Second), bank: s}
	w.seats = &seatsWriter{t: t, nc: nc, holds: map[string]*testHold{}}
	w.seats.listen()
	return w
}

// config returns the config of a checkout in this world, for a test to change.
func (w *world) config() Config {
	return Config{Bus: asking.New(bus.New(w.nc), wire.TogetherOrders), Store: kv.JetStream(w.js), Orders: OrdersIn(w.js), Ledger: w.ledger, Outbox: w.ledger, Parking: w.ledger, Provider: w.pay}
}

func (w *world) run(c Config) (stop func()) {
	w.t.Helper()
	co, err := New(c)
	must(w.t, err)
	if url := co.WebhookURL(); url != "" {
		w.bank.SendTo(url)
	}
	return start(w.t, co.Run)
}

// hooked returns a config that listens for webhooks.
func (w *world) hooked() Config {
	c := w.config()
	c.WebhookAddr, c.Webhooks = "127.0.0.1:0", payment.Signed(testSecret)
	return c
}

// start runs a service and returns a function that stops it.
func start(t *testing.T, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("service ended: %v", err)
			}
		case <-time.After(limit):
			t.Error("service does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// buy holds seats and publishes a checkout of them.
func (w *world) buy(method string, seats ...int) wire.OrderMessage {
	w.t.Helper()
	m := orderOf(seats...)
	m.Payment.Method = method
	w.seats.hold(m.Hold)
	w.publish(m)
	w.orders = append(w.orders, m)
	return m
}

// orderOf returns an order of the given seats under a fresh hold.
func orderOf(seats ...int) wire.OrderMessage {
	hold := wire.NewHold()
	m := wire.OrderMessage{Order: wire.OrderOfHold(hold), Hold: hold, Event: testEvent, Fan: wire.NewFan(), Currency: "EUR",
		Payment: wire.Payment{Method: "ok"}, Buyer: wire.Buyer{Name: "A", Email: "a@example.org"}, At: time.Now().UTC()}
	for _, s := range seats {
		q := wire.SeatQuote{ID: seatID(s), Label: seatID(s), Level: "a", Price: wire.NewAmounts(5000, 300, 100), Version: 1}
		m.Seats = append(m.Seats, q)
		m.Total += q.Price.Total
	}
	return m
}

func (w *world) publish(m wire.OrderMessage) {
	w.t.Helper()
	b, err := json.Marshal(m)
	must(w.t, err)
	_, err = w.js.Publish(bounded(w.t), wire.OrderSubject(m.Event, m.Order), b, jetstream.WithExpectLastSequencePerSubject(0))
	must(w.t, err)
}

// settled waits until nothing is left to do in ORDERS and the outbox, then checks that
// PostgreSQL, the writer and the provider agree.
func (w *world) settled() map[wire.OrderState]int {
	w.t.Helper()
	w.wait("every checkout acknowledged", func(ctx context.Context) bool {
		// Not the consumer's number of pending messages, which rises only some time
		// after a message's publication was acknowledged.
		orders, err := w.js.Stream(ctx, wire.OrdersStream)
		if err != nil {
			return false
		}
		c, err := orders.Consumer(ctx, wire.CheckoutConsumer)
		return err == nil && c.CachedInfo().AckFloor.Stream >= orders.CachedInfo().State.LastSeq
	})
	var a ledger.Audit
	w.wait("outbox empty, and nobody waited for", func(ctx context.Context) bool {
		var err error
		a, err = w.ledger.Audit(ctx, testEvent)
		return err == nil && a.Undone == 0 && len(a.Parked) == 0
	})
	for _, v := range a.Violations {
		w.t.Errorf("audit: %+v", v)
	}
	if a.Orders[wire.OrderPending] != 0 {
		w.t.Errorf("pending orders are left: %+v", a)
	}
	var paid int64
	for _, m := range w.orders {
		o, err := w.ledger.Order(bounded(w.t), m.Order)
		must(w.t, err)
		want := map[wire.OrderState]string{wire.OrderPaid: "sold", wire.OrderFailed: "released"}[o.State]
		if got := w.seats.state(m.Hold); got != want && got != "over" && w.seats.holds[m.Hold].left.IsZero() {
			w.t.Errorf("order %s is %s, its seats are %s", m.Order, o.State, got)
		}
		if o.State == wire.OrderPaid {
			paid += m.Total
		}
	}
	totals, err := w.pay.Totals(bounded(w.t))
	must(w.t, err)
	if totals[payment.Captured] != (sandbox.Total{Count: a.Orders[wire.OrderPaid], Amount: paid}) || totals[payment.Authorized].Count+totals[payment.RequiresAction].Count != 0 {
		w.t.Errorf("provider has %+v, ledger %+v", totals, a)
	}
	return a.Orders
}

func (w *world) wait(what string, done func(context.Context) bool) {
	w.t.Helper()
	ctx := bounded(w.t)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatalf("%s: not within %s", what, limit)
		}
	}
}

// seatsWriter answers as the writer of the event's seats does, but lets two holds
// have the same seats.
type seatsWriter struct {
	t  *testing.T
	nc *nats.Conn

	mu       sync.Mutex
	sub      *nats.Subscription
	holds    map[string]*testHold
	revision uint64
}

type testHold struct {
	state   string // held, sold, released, over
	extends int
	left    time.Time // until when the hold can be paid for again
	ours    int       // extensions and releases that say it is our fault
}

func (s *seatsWriter) listen() {
	sub, err := s.nc.Subscribe(wire.SeatsAll(testEvent), func(m *nats.Msg) {
		if err := m.Respond(s.answers(m)); err != nil {
			s.t.Error(err)
		}
	})
	must(s.t, err)
	must(s.t, s.nc.Flush())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sub = sub
}

// answers is what a command is answered, or each command of a message.
func (s *seatsWriter) answers(m *nats.Msg) []byte {
	if m.Subject != wire.SeatsSubject(testEvent, wire.TogetherOrders) {
		raw, err := json.Marshal(s.answer(m))
		if err != nil {
			s.t.Error(err)
		}
		return raw
	}
	_, lines, refused := wire.LinesTogether(m.Data)
	if refused != nil {
		s.t.Error(refused)
	}
	var answers [][]byte
	for _, line := range lines {
		c, ok := wire.ReadTogether(line)
		if !ok || !wire.TravelsTogether(wire.TogetherOrders, c.Act) {
			s.t.Errorf("%q is no command", line)
		}
		answers = append(answers, s.answers(&nats.Msg{Subject: wire.SeatsSubject(testEvent, c.Act), Data: c.Request}))
	}
	return wire.AppendAnswers(nil, answers)
}

// leave stops answering, as if the event had no writer.
func (s *seatsWriter) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	must(s.t, s.sub.Unsubscribe())
	must(s.t, s.nc.Flush())
}

func (s *seatsWriter) hold(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds[id] = &testHold{state: "held"}
}

func (s *seatsWriter) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds[id].state = "over"
}

func (s *seatsWriter) state(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holds[id].state
}

func (s *seatsWriter) extends(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holds[id].extends
}

func (s *seatsWriter) ours(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holds[id].ours
}

func (s *seatsWriter) answer(m *nats.Msg) any {
	var r struct {
		wire.ConfirmRequest // other requests have fewer of its fields
		Ours, Again         bool
	}
	if err := json.Unmarshal(m.Data, &r); err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.holds[r.Hold]
	if h == nil || wire.HoldOfOrder(r.Order) != r.Hold {
		s.t.Errorf("%s: %s", m.Subject, m.Data)
		return wire.Reply{Problem: wire.Refuse(wire.CodeNotFound, "no such hold")}
	}
	if r.Ours {
		h.ours++
	}
	switch m.Subject {
	case wire.SeatsSubject(testEvent, wire.ActExtend):
		if h.state != "held" {
			return wire.ExtendReply{Problem: wire.Refuse(wire.CodeHoldOver, "it is "+h.state)}
		}
		h.extends++
		s.revision++
		return wire.ExtendReply{Expires: time.Now().Add(time.Minute), Revision: s.revision}
	case wire.SeatsSubject(testEvent, wire.ActConfirm):
		if len(r.Seats) == 0 || !slices.Contains([]string{"held", "sold"}, h.state) {
			s.t.Errorf("confirm of a hold that is %s: %s", h.state, m.Data)
		}
		h.state = "sold"
	case wire.SeatsSubject(testEvent, wire.ActGiveBack):
		if h.state == "sold" {
			s.t.Errorf("release of sold seats: %s", m.Data)
		}
		if h.state == "held" && r.Again && !h.left.IsZero() {
			return wire.StandingReply{Expires: h.left}
		}
		if h.state == "held" {
			h.state = "released"
		}
	case wire.SeatsSubject(testEvent, wire.ActStanding):
		if h.state == "held" {
			return wire.StandingReply{Expires: h.left}
		}
	}
	return wire.Reply{}
}

func seatID(i int) string { return fmt.Sprintf("101-%04d", i) }

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
