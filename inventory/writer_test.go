package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/ledger"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const patience = 30 * time.Second

// ledgerDouble stands for PostgreSQL, which decides about holds past their
// deadline; its own tests are in package ledger.
type ledgerDouble struct {
	Refunds  // of nothing
	mu       sync.Mutex
	paid     map[string]wire.OrderReply
	bookings []ledger.Booking
	orders   map[string]ledger.Order
	failing  bool
	asked    chan string
}

func (l *ledgerDouble) Bookings(context.Context, string) ([]ledger.Booking, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing {
		select {
		case l.asked <- "bookings":
		default:
		}
		return nil, errors.New("down")
	}
	return slices.Clone(l.bookings), nil
}

func (l *ledgerDouble) Reopen(ctx context.Context, event string, _ uint64) ([]ledger.Booking, error) {
	return l.Bookings(ctx, event)
}

func (l *ledgerDouble) Order(_ context.Context, id string) (ledger.Order, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing {
		return ledger.Order{}, errors.New("down")
	}
	if o, ok := l.orders[id]; ok {
		return o, nil
	}
	return ledger.Order{}, ledger.ErrNotFound
}

func (l *ledgerDouble) fail(failing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = failing
}

func (l *ledgerDouble) PutEvent(context.Context, wire.Event, []string) error { return nil }

func (l *ledgerDouble) GiveUp(_ context.Context, order, _, _ string) (wire.OrderReply, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.asked <- order:
	default:
	}
	if l.failing {
		return wire.OrderReply{}, errors.New("down")
	}
	if r, ok := l.paid[order]; ok {
		return r, nil
	}
	return wire.OrderReply{Order: order, State: wire.OrderFailed}, nil
}

// house is one event on real servers.
type house struct {
	t      testing.TB
	env    *natstest.Env
	nc     *nats.Conn
	js     jetstream.JetStream
	index  *plan.Index
	event  wire.Event
	ledger *ledgerDouble
}

func newHouse(t testing.TB, env *natstest.Env, index *plan.Index, change func(*wire.Spec)) *house {
	t.Helper()
	h := &house{t: t, env: env, js: env.JetStream(t), index: index, ledger: &ledgerDouble{paid: map[string]wire.OrderReply{}, asked: make(chan string, 100)}}
	h.nc = h.js.Conn()
	ctx := h.context()
	must(t, wire.CreateCore(ctx, h.js, env.Replicas))
	must(t, wire.CreateForEvent(ctx, h.js, "demo", env.Replicas))
	raw, err := plan.Encode(index.Plan())
	must(t, err)
	store, err := h.js.ObjectStore(ctx, wire.PlansObjects)
	must(t, err)
	digest := plan.Digest(index.Plan())
	_, err = store.PutBytes(ctx, digest, raw)
	must(t, err)
	event := seatingtest.Concert()
	event.Plan, event.Places = digest, index.Len()
	if change != nil {
		change(&event.Spec)
	}
	h.event = event
	h.put(wire.EventsBucket, "demo", event)
	for _, l := range event.Spec.Levels {
		h.put(wire.PricesBucket, wire.PriceKey("demo", l.ID), wire.Price{Amounts: wire.NewAmounts(5000, 500, 100), Version: 1})
	}
	return h
}

func (h *house) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	h.t.Cleanup(cancel)
	return ctx
}

func (h *house) put(bucket, key string, v any) {
	h.t.Helper()
	raw, err := json.Marshal(v)
	must(h.t, err)
	_, err = h.js.Publish(h.context(), wire.KVSubject(bucket, key), raw)
	must(h.t, err)
}

// worker starts a service; stop hands over cleanly, crash goes silent.
type worker struct {
	stop  func()
	crash func()
}

func (h *house) worker(name string, now func() time.Time) worker {
	h.t.Helper()
	return h.workerWith(name, now, h.ledger)
}

// books are PostgreSQL, or stand for it.
type books interface {
	Ledger
	Refunds
}

func (h *house) workerWith(name string, now func() time.Time, l books) worker {
	h.t.Helper()
	nc := h.env.Connect(h.t)
	s, err := New(Config{NATS: nc, Ledger: l, Refunds: l, Name: name, Now: now, LeaseTTL: time.Second})
	must(h.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	wait := func() {
		once.Do(func() {
			cancel()
			select {
			case <-done:
			case <-time.After(patience):
				h.t.Error("the worker does not stop")
			}
		})
	}
	h.t.Cleanup(wait)
	return worker{stop: wait, crash: func() { nc.Close(); wait() }}
}

// ask sends a command until a writer answers it.
func ask[R any](h *house, act string, request any) R {
	h.t.Helper()
	return askOf[R](h, "demo", act, request)
}

func askOf[R any](h *house, event, act string, request any) (reply R) {
	h.t.Helper()
	raw, err := json.Marshal(request)
	must(h.t, err)
	ctx := h.context()
	for ctx.Err() == nil {
		m, err := h.nc.RequestWithContext(ctx, wire.SeatsSubject(event, act), raw)
		if errors.Is(err, nats.ErrNoResponders) {
			pause(ctx)
			continue
		}
		must(h.t, err)
		var busy wire.Reply
		must(h.t, json.Unmarshal(m.Data, &busy))
		if busy.Problem != nil && busy.Problem.Code == wire.CodeUnavailable {
			pause(ctx)
			continue
		}
		must(h.t, json.Unmarshal(m.Data, &reply))
		return reply
	}
	h.t.Fatal("no writer answered")
	return reply
}

// pause spaces the tries of a poll whose end is a condition, not a time.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}

func (h *house) record(seat string) wire.Seat {
	h.t.Helper()
	e, err := kv.Open(h.js, wire.SeatsBucket("demo")).Get(h.context(), wire.SeatKey(seat))
	must(h.t, err)
	var r wire.Seat
	must(h.t, json.Unmarshal(e.Value, &r))
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fanClaims(fan string) wire.Claims {
	return wire.Claims{Pass: "p", Fan: fan, Limit: 6, Expires: time.Now().Add(time.Hour)}
}

func TestWriterStoresWhatItAnswers(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newHouse(t, env, seatingtest.Hall(t, 4, 20, 50), nil)
		h.worker("one", nil)
		fan := wire.NewFan()
		hold := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(fan), Seats: []string{"A-1", "A-2"}})
		if hold.Problem != nil || hold.Total != 2*5600 {
			t.Fatalf("%+v", hold)
		}
		r := h.record("A-1")
		if r.State != wire.Held || r.Hold != hold.Hold || r.Fan != fan || r.Quote.Price.Total != 5600 || !r.Until.Equal(hold.Expires) {
			t.Errorf("%+v", r)
		}
		if r := h.record("B-1"); r.State != wire.Available {
			t.Errorf("%+v", r)
		}
		stock := ask[wire.Stock](h, wire.ActStatus, nil)
		if stock.All != (wire.Count{Free: h.index.Len() - 2, Held: 2}) {
			t.Errorf("%+v", stock)
		}
		h.checkLog(env)
	})
}

// checkLog compares the sale log with the seats' own log records.
func (h *house) checkLog(env *natstest.Env) {
	h.t.Helper()
	ctx := h.context()
	s, err := h.js.Stream(ctx, wire.SaleLogStream)
	must(h.t, err)
	var own []kv.Entry
	for {
		info, err := s.Info(ctx) // before the flushes: it never has more
		must(h.t, err)
		own, err = kv.Open(h.js, wire.SeatsBucket("demo")).All(ctx, wire.LogPrefix+"*")
		must(h.t, err)
		if info.State.Msgs == uint64(len(own)) {
			break
		}
		if info.State.Msgs > uint64(len(own)) {
			h.t.Fatalf("the sale log has %d records of %d flushes", info.State.Msgs, len(own))
		}
		pause(ctx)
	}
	for i, e := range own {
		if e.Key != logKey(uint64(i+1)) {
			h.t.Fatalf("log record %d is %s: a gap", i+1, e.Key)
		}
	}
	m, err := s.GetMsg(ctx, uint64(len(own)))
	must(h.t, err)
	if m.Subject != wire.LogSubject("demo", wire.LogSeats) || string(m.Data) != string(own[len(own)-1].Value) {
		h.t.Errorf("sale log ends with %s %s", m.Subject, m.Data)
	}
}

func TestOneOfAThousandGetsTheSeats(t *testing.T) {
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	h.worker("one", nil)
	ask[wire.Stock](h, wire.ActStatus, nil)
	var won, taken int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			raw, _ := json.Marshal(wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(wire.NewFan()), Seats: []string{"B-5", "B-6"}})
			m, err := h.nc.Request(wire.SeatsSubject("demo", wire.ActHold), raw, patience)
			if err != nil {
				t.Error(err)
				return
			}
			var r wire.HoldReply
			_ = json.Unmarshal(m.Data, &r)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case r.Problem == nil:
				won++
			case r.Problem.Code == wire.CodeTaken && len(r.Problem.Seats) == 2:
				taken++
			}
		})
	}
	wg.Wait()
	if won != 1 || taken != 999 {
		t.Errorf("%d got the seats, %d were told they are taken", won, taken)
	}
}

func TestTakeOver(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		for _, how := range []string{"clean", "crash"} {
			t.Run(how, func(t *testing.T) {
				h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 50), nil)
				first := h.worker("first", nil)
				fan := wire.NewFan()
				request := wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(fan), Best: &wire.Best{Count: 3}}
				hold := ask[wire.HoldReply](h, wire.ActHold, request)
				if hold.Problem != nil {
					t.Fatal(hold.Problem)
				}
				h.worker("second", nil)
				if how == "crash" {
					first.crash()
				} else {
					first.stop()
				}
				again := ask[wire.HoldReply](h, wire.ActHold, request)
				if again.Problem != nil || !again.Expires.Equal(hold.Expires) || fmt.Sprint(again.Seats) != fmt.Sprint(hold.Seats) {
					t.Errorf("after the take-over\n%+v, was\n%+v", again, hold)
				}
				over := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(fan), Best: &wire.Best{Count: 4}})
				if code(over.Problem) != wire.CodeLimit {
					t.Errorf("the limit was forgotten: %+v", over)
				}
			})
		}
	})
}

// What came back unbought rests from who kept it, also when another is writer; and
// gateways are told of it.
func TestTakeOverKnowsWhoKeptSeats(t *testing.T) {
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), func(s *wire.Spec) { s.Hold.TTL = wire.Duration(time.Second) })
	told, err := h.nc.SubscribeSync(wire.NoticeAll("demo"))
	must(t, err)
	first := h.worker("first", nil)
	fan := wire.NewFan()
	claims := fanClaims(fan)
	claims.Net = "n"
	held := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: claims, Seats: []string{"A-1", "A-2"}})
	if held.Problem != nil {
		t.Fatal(held.Problem)
	}
	for n := (wire.Notice{}); n.Kind != wire.NoticeReturn; {
		m, err := told.NextMsgWithContext(h.context())
		must(t, err)
		must(t, json.Unmarshal(m.Data, &n))
		if n.Kind == wire.NoticeReturn && (n.Hold != held.Hold || n.Net != "n" || n.Seats != 2 || m.Subject != wire.NoticeSubject("demo", fan)) {
			t.Errorf("%s: %s", m.Subject, m.Data)
		}
	}
	first.crash()
	h.worker("second", nil)
	again := wire.HoldRequest{Hold: wire.NewHold(), Claims: claims, Seats: []string{"A-1"}}
	if r := ask[wire.HoldReply](h, wire.ActHold, again); code(r.Problem) != wire.CodeResting {
		t.Errorf("%+v", r)
	}
}

// A writer that was paused and wakes up after another took over must not get
// a single record in.
func TestLateWriterIsFenced(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newHouse(t, env, seatingtest.Hall(t, 4, 20, 0), nil)
		ctx := h.context()
		old := h.term(1)
		old.engine.Hold(wire.HoldRequest{Hold: "h_old", Claims: fanClaims("f_old"), Seats: []string{"A-1"}}, time.Now())
		young := h.term(2)
		young.engine.Hold(wire.HoldRequest{Hold: "h_new", Claims: fanClaims("f_new"), Seats: []string{"B-1"}}, time.Now())
		must(t, young.flush(ctx))
		if err := old.flush(ctx); !errors.Is(err, kv.ErrFenced) {
			t.Fatalf("the late writer's flush: %v", err)
		}
		if r := h.record("A-1"); r.State != wire.Available {
			t.Errorf("the late writer got its seat: %+v", r)
		}
		if r := h.record("B-1"); r.Hold != "h_new" {
			t.Errorf("%+v", r)
		}
	})
}

type shifted struct {
	mu sync.Mutex
	by time.Duration
}

func (s *shifted) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.by)
}

func (s *shifted) shift(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by += by
}

func TestOperatorEndpoints(t *testing.T) {
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	h.worker("one", nil)
	ask[wire.Stock](h, wire.ActStatus, nil)
	call := func(act, event, payload string) (*nats.Msg, string) {
		t.Helper()
		m, err := h.nc.Request(wire.OperatorSubject("inventory", act, event), []byte(payload), patience)
		must(t, err)
		return m, m.Header.Get("Nats-Service-Error-Code")
	}
	if _, code := call("block", "demo", `{"seats":["A-1"],"why":"sound desk","by":"ann"}`); code != "" {
		t.Error(code)
	}
	if r := h.record("A-1"); r.State != wire.Blocked || r.Why != "sound desk" {
		t.Errorf("%+v", r)
	}
	if m, code := call("status", "demo", ""); code != "" || !strings.Contains(string(m.Data), `"blocked":1`) {
		t.Errorf("%s %s", code, m.Data)
	}
	if _, code := call("unblock", "demo", `{"seats":["A-1"]}`); code != "" || h.record("A-1").State != wire.Available {
		t.Error(code)
	}
	hold := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(wire.NewFan()), Seats: []string{"A-2"}})
	if _, code := call("release", "demo", `{"hold":"`+hold.Hold+`","why":"left"}`); code != "" || h.record("A-2").State != wire.Available {
		t.Error(code)
	}
	bot := wire.NewFan()
	ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(bot), Seats: []string{"A-3"}})
	if _, code := call("release", "demo", `{"fan":"`+bot+`","why":"bot"}`); code != "" || h.record("A-3").State != wire.Available {
		t.Error(code)
	}
	if m, code := call("block", "demo", `{"sections":["101"],"channel":"presale","why":"members first","by":"ann"}`); code != "" || string(m.Data) != `{"changed":80,"skipped":0}` {
		t.Errorf("%s %s", code, m.Data)
	}
	if r := h.record("D-20"); r.State != wire.Blocked || r.Channel != "presale" || r.Why != "members first" {
		t.Errorf("%+v", r)
	}
	if m, code := call("unblock", "demo", `{"channel":"presale"}`); code != "" || string(m.Data) != `{"changed":80,"skipped":0}` || h.record("D-20").State != wire.Available {
		t.Errorf("%s %s", code, m.Data)
	}
	for _, bad := range [][3]string{
		{"unblock", "demo", "{}"}, {"block", "demo", `{"sections":["moon"]}`},
		{"block", "demo", "{"}, {"block", "demo", "{}"}, {"block", "demo", `{"seats":["Z-9"]}`},
		{"release", "demo", `{"hold":"x"}`}, {"release", "demo", `{"fan":"x"}`}, {"release", "demo", `{"hold":"` + hold.Hold + `","fan":"` + bot + `"}`}, {"status", "nothing", ""}, {"block", "demo", ""},
	} {
		if _, code := call(bad[0], bad[1], bad[2]); code == "" {
			t.Errorf("%v was accepted", bad)
		}
	}
}

// More places than one flush takes: the operator sends one request, the writer
// gets as many commands as it needs.
func TestOperatorBlocksALevel(t *testing.T) {
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 2500), nil)
	h.worker("one", nil)
	ask[wire.Stock](h, wire.ActStatus, nil)
	h.operate("block", `{"levels":["c"],"channel":"sponsor"}`, 2500, wire.Count{Free: 80, Blocked: 2500})
	h.operate("unblock", `{"channel":"sponsor"}`, 2500, wire.Count{Free: 2580})
}

// operate calls an operator endpoint and compares what it changed.
func (h *house) operate(act, payload string, changed int, want wire.Count) {
	h.t.Helper()
	m, err := h.nc.Request(wire.OperatorSubject("inventory", act, "demo"), []byte(payload), patience)
	must(h.t, err)
	var r wire.BlockReply
	must(h.t, json.Unmarshal(m.Data, &r))
	if stock := ask[wire.Stock](h, wire.ActStatus, nil); r.Changed != changed || stock.All != want {
		h.t.Errorf("%s changed %+v, now %+v; want %d, %+v", act, r, stock.All, changed, want)
	}
}

// Gateways, who may release, speak for fans alone: in an order's or an operator's name
// they end nothing.
func TestReleaseSpeaksForTheFanAlone(t *testing.T) {
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), nil)
	h.worker("one", nil)
	hold := h.hold("A-1")
	paying := h.hold("A-2")
	if r := ask[wire.HoldReply](h, wire.ActCheckout, wire.CheckoutRequest{Hold: paying.Hold, Fan: paying.Fan, Key: "k"}); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	for _, r := range []wire.ReleaseRequest{
		{Hold: hold.Hold, By: "ann"}, {Fan: hold.Fan, By: "ann"}, {Hold: paying.Hold, Order: wire.OrderOfHold(paying.Hold), Ours: true},
		{Hold: paying.Hold, Fan: paying.Fan, Order: wire.OrderOfHold(paying.Hold), Again: true},
	} {
		ask[wire.StandingReply](h, wire.ActRelease, r)
	}
	if a, b := h.record("A-1").State, h.record("A-2").State; a != wire.Held || b != wire.Held {
		t.Errorf("A-1 is %s, A-2 %s", a, b)
	}
	ask[wire.StandingReply](h, wire.ActGiveBack, wire.ReleaseRequest{Hold: paying.Hold, Order: wire.OrderOfHold(paying.Hold)})
	ask[wire.StandingReply](h, wire.ActRelease, wire.ReleaseRequest{Hold: hold.Hold, Fan: hold.Fan})
	if a, b := h.record("A-1").State, h.record("A-2").State; a != wire.Available || b != wire.Available {
		t.Errorf("given back, A-1 is %s, A-2 %s", a, b)
	}
}

func TestMoreTimeAndRefundAreStored(t *testing.T) {
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0), func(s *wire.Spec) { s.Hold.MoreTime = wire.Duration(time.Minute) })
	h.worker("one", nil)
	fan := wire.NewFan()
	hold := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(fan), Seats: []string{"A-1", "A-2"}})
	more := ask[wire.HoldReply](h, wire.ActMoreTime, wire.MoreTimeRequest{Hold: hold.Hold, Fan: fan})
	if r := h.record("A-1"); more.Problem != nil || !r.Until.Equal(hold.Expires.Add(time.Minute)) || !r.Extended {
		t.Errorf("%+v, stored %+v", more, r)
	}
	order := wire.OrderOfHold(hold.Hold)
	if r := ask[wire.Reply](h, wire.ActConfirm, wire.ConfirmRequest{Hold: hold.Hold, Order: order, Fan: fan, Seats: hold.Seats}); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	refund := wire.RefundRequest{Hold: hold.Hold, Order: order, Fan: fan, Seats: []string{"A-1"}, By: "ann", Why: "ill"}
	for range 2 {
		if r := ask[wire.Reply](h, wire.ActRefund, refund); r.Problem != nil || h.record("A-1").State != wire.Available || h.record("A-2").State != wire.Sold {
			t.Errorf("%+v: %+v %+v", r, h.record("A-1"), h.record("A-2"))
		}
	}
}

// held is a hold and whose it is.
type held struct {
	wire.HoldReply
	Fan string
}

// hold takes seats for a fan of their own.
func (h *house) hold(seats ...string) held {
	h.t.Helper()
	return h.holdOf("demo", seats...)
}

func (h *house) holdOf(event string, seats ...string) held {
	h.t.Helper()
	fan := wire.NewFan()
	return held{askOf[wire.HoldReply](h, event, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(fan), Seats: seats}), fan}
}

func code(p *wire.Problem) wire.Code {
	if p == nil {
		return ""
	}
	return p.Code
}
