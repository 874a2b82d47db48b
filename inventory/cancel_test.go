package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/ledger"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go"
)

// frail is a ledger whose caller dies as soon as something is committed: it
// never hears of it.
type frail struct {
	*ledger.Ledger
	dying atomic.Bool
}

var errDied = errors.New("the worker died")

func (f *frail) Refund(ctx context.Context, r ledger.RefundOrder) (ledger.Refunded, error) {
	done, err := f.Ledger.Refund(ctx, r)
	if f.dying.Load() {
		return ledger.Refunded{}, errors.Join(errDied, err)
	}
	return done, err
}

func (f *frail) RefundEvent(ctx context.Context, r ledger.RefundEvent) ([]ledger.Refunded, error) {
	done, err := f.Ledger.RefundEvent(ctx, r)
	if f.dying.Load() {
		return nil, errors.Join(errDied, err)
	}
	return done, err
}

// A crash between the ledger and the writer leaves the seats sold. The same
// request gives them back, and so does the next writer by itself; both off sale
// if that is what was asked, and the audit finds nothing in between.
func TestRefundAfterACrash(t *testing.T) {
	for _, who := range []string{"the same request", "the next writer"} {
		t.Run(who, func(t *testing.T) {
			natstest.Each(t, func(t *testing.T, env *natstest.Env) {
				s := newShop(t, env, seatingtest.Hall(t, 4, 20, 0))
				l := &frail{Ledger: s.ledger}
				first := s.worker(who, l)
				a, b, c, d := s.buy("A-1", "A-2"), s.buy("B-1"), s.buy("C-1"), s.buy("D-3")
				s.Becomes("D-3", func(r wire.Seat) bool { return r.State == wire.Sold })
				l.dying.Store(true)
				payloads := []string{one(a.Order, `,"block":true`, "A-2"), one(b.Order, ""), `{"all":true,"block":true,"why":"rain","by":"ann"}`}
				for _, payload := range payloads {
					if _, p := s.refund(payload); p == nil || p.Code != wire.CodeUnavailable {
						t.Errorf("%s: %v", payload, p)
					}
				}
				l.dying.Store(false)
				if r := s.audit(); len(r.Ledger.Returning) != 4 || r.Stock.Sold != 5 || r.Ledger.Bookings != 0 {
					t.Errorf("in between: %+v", r)
				}
				if who == "the same request" {
					s.refunds(payloads[0], wire.RefundReply{State: wire.OrderRefunded})
					s.refunds(payloads[1], wire.RefundReply{State: wire.OrderRefunded})
					s.refunds(payloads[2], wire.RefundReply{})
				} else {
					first.Crash()
					s.worker("second", l)
				}
				for seat, want := range map[string]wire.State{"A-1": wire.Blocked, "A-2": wire.Blocked, "B-1": wire.Available, "C-1": wire.Blocked, "D-3": wire.Blocked} {
					s.Becomes(seat, func(r wire.Seat) bool { return r.State == want })
				}
				s.balanced(a, b, c, d)
				if who == "the same request" {
					if r := s.audit(); len(r.Ledger.Returning) != 0 {
						t.Errorf("still returning: %v", r.Ledger.Returning)
					}
				}
				s.refunds(payloads[2], wire.RefundReply{})
			})
		})
	}
}

// Without a writer the money goes back and the seats don't: the same request
// gives them back when there is one.
func TestRefundWithoutAWriter(t *testing.T) {
	s := newShop(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0))
	w := s.worker("one", s.ledger)
	a, b := s.buy("A-1", "A-2"), s.buy("B-1")
	w.Stop()
	// A worker that can't become writer still answers operators.
	free := s.hogLease()
	s.worker("two", s.ledger)
	deaf := s.Context()
	for {
		m, err := s.NC.RequestWithContext(deaf, wire.OperatorSubject("inventory", "refund", "demo"), []byte(one(a.Order, "")))
		if errors.Is(err, nats.ErrNoResponders) {
			pause(deaf)
			continue
		}
		must(t, err)
		if code := m.Header.Get("Nats-Service-Error-Code"); code == string(wire.CodeNotFound) { // it doesn't know the event yet
			pause(deaf)
			continue
		}
		if p := (wire.Problem{}); json.Unmarshal(m.Data, &p) != nil || p.Code != wire.CodeUnavailable || !strings.Contains(p.Detail, "the same request gives its seats back") {
			t.Fatalf("%s", m.Data)
		}
		break
	}
	if _, p := s.refund(`{"all":true,"why":"rain","by":"ann"}`); p == nil || p.Code != wire.CodeUnavailable || !strings.Contains(p.Detail, "the same request does the rest") {
		t.Errorf("%v", p)
	}
	s.balanced(a, b)
	if r := s.audit(); r.Stock.Sold != 3 || len(r.Ledger.Returning) != 2 {
		t.Errorf("%+v", r)
	}
	free()
	for r, p := s.refund(`{"all":true,"why":"rain","by":"ann"}`); ; r, p = s.refund(`{"all":true,"why":"rain","by":"ann"}`) {
		if p == nil {
			if r.Left != 0 {
				t.Errorf("%+v", r)
			}
			break
		}
		pause(deaf)
	}
	if r := s.audit(); r.Stock.Sold != 0 || len(r.Ledger.Returning) != 0 {
		t.Errorf("%+v", r)
	}
}

// A cancelled event: hundreds of orders, some of them being paid for, are
// refunded by two operators at once; those that are paid later by asking again.
func TestCancelledEvent(t *testing.T) {
	const orders, pending = 300, 12
	s := newShop(t, natstest.Run(t), seatingtest.Hall(t, 26, 40, 0))
	s.worker("one", s.ledger)
	ask[wire.Stock](s.fixture, wire.ActStatus, nil)
	seat := func(i int) string { return s.Index.ID(2 * i) } // no accessible seat: those are last
	all := make([]inventorytest.Held, orders)
	for i := range all {
		method := "tok_visa"
		if i < pending {
			method = "tok_3ds"
		}
		all[i] = s.begin(method, seat(i))
	}
	for ctx := s.Context(); ask[wire.Stock](s.fixture, wire.ActStatus, nil).All.Sold < orders/2; pause(ctx) { // the rest is under way
		if ctx.Err() != nil {
			t.Fatal("the orders are not paid")
		}
	}
	s.Event.State = wire.EventClosed
	s.Put(wire.EventsBucket, "demo", s.Event)

	const rain = `{"all":true,"block":true,"why":"rain","by":"ann"}`
	var refunded, amount atomic.Int64
	long, cancel := context.WithTimeout(t.Context(), 4*inventorytest.Patience) // audits and payments take the processors meanwhile
	defer cancel()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for ; ; pause(long) {
				r, p := s.refund(rain)
				if p != nil || long.Err() != nil {
					t.Errorf("%v, %+v, %v", p, r, long.Err())
					return
				}
				refunded.Add(int64(r.Refunded))
				amount.Add(r.Amount)
				if r.Left == pending && r.Pending == pending {
					return
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	for busy := true; busy; { // while they are at it
		s.audit()
		select {
		case <-ended:
			busy = false
		default:
		}
	}
	if refunded.Load() != orders-pending || amount.Load() != (orders-pending)*seatPrice {
		t.Errorf("%d refunded, %d", refunded.Load(), amount.Load())
	}
	for i, h := range all[:pending] {
		s.decide(h, []string{"approve", "decline"}[i%2])
	}
	for ctx := s.Context(); ; pause(ctx) {
		r, p := s.refund(rain)
		refunded.Add(int64(r.Refunded))
		if p == nil && r.Left == 0 {
			break
		}
		if p != nil || ctx.Err() != nil {
			t.Fatalf("%+v, %v", r, p)
		}
	}
	if refunded.Load() != orders-pending/2 {
		t.Errorf("%d refunded in the end", refunded.Load())
	}
	s.balanced(all...)
	r := s.audit()
	if r.Stock.Sold != 0 || r.Stock.Blocked != orders-pending/2 || r.Ledger.Orders[wire.OrderRefunded] != orders-pending/2 || len(r.Ledger.Returning) != 0 {
		t.Errorf("%+v", r)
	}
}

// decide is what a fan tells the bank.
func (s *shop) decide(h inventorytest.Held, decision string) {
	s.T.Helper()
	res, err := http.PostForm(s.awaits(h).Action, url.Values{"decision": {decision}})
	must(s.T, err)
	res.Body.Close()
}

// Holds count as what is left of a cancelled event, and so does a checkout of which
// the ledger has not heard. Those that nobody is paying for are given back, their
// fans are told, and none can be paid for.
func TestCancelledEventHolds(t *testing.T) {
	s := newShop(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0))
	s.worker("one", s.ledger)
	ask[wire.Stock](s.fixture, wire.ActStatus, nil)
	notices := make(chan *nats.Msg, 16)
	_, err := s.NC.ChanSubscribe(wire.NoticeAll("demo"), notices)
	must(t, err)
	hold := func(seat string) (string, string) {
		id, fan := wire.NewHold(), wire.NewFan()
		r := ask[wire.HoldReply](s.fixture, wire.ActHold, wire.HoldRequest{Hold: id, Claims: wire.Claims{Pass: "p", Fan: fan, Limit: 4, Expires: time.Now().Add(time.Hour)}, Seats: []string{seat}})
		if r.Problem != nil {
			t.Fatal(r.Problem)
		}
		return id, fan
	}
	idle, fan := hold("A-1")
	paying, payer := hold("B-1")
	if r := ask[wire.HoldReply](s.fixture, wire.ActCheckout, wire.CheckoutRequest{Hold: paying, Fan: payer, Key: "k", Body: "b"}); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	const rain = `{"all":true,"why":"rain","by":"ann"}`
	s.refunds(rain, wire.RefundReply{Left: 2, Standing: 1, Pending: 1})
	s.Event.State = wire.EventClosed
	s.Put(wire.EventsBucket, "demo", s.Event)
	for ctx, released := s.Context(), 0; ; pause(ctx) {
		r, p := s.refund(rain)
		if p != nil || ctx.Err() != nil || r.Left == 0 {
			t.Fatalf("%+v, %v", r, p)
		}
		if released += r.Released; r.Standing == 0 {
			if released != 1 || r.Left != 1 || r.Pending != 1 {
				t.Errorf("%d released, %+v", released, r)
			}
			break
		}
	}
	var n wire.Notice
	for n.Hold != idle {
		select {
		case m := <-notices:
			must(t, json.Unmarshal(m.Data, &n))
		case <-s.Context().Done():
			t.Fatal("the fan is not told")
		}
	}
	if n.State != "released" || !strings.Contains(n.Reason, "closed") {
		t.Errorf("%+v", n)
	}
	if r := ask[wire.HoldReply](s.fixture, wire.ActCheckout, wire.CheckoutRequest{Hold: idle, Fan: fan, Key: "k"}); r.Problem == nil {
		t.Error("paid for after all")
	}
	ask[wire.StandingReply](s.fixture, wire.ActGiveBack, wire.ReleaseRequest{Hold: paying, Order: wire.OrderOfHold(paying), Again: true})
	s.refunds(rain, wire.RefundReply{})
}

// hogLease takes the writer's lease in nobody's name, until it is freed.
func (s *shop) hogLease() (free func()) {
	s.T.Helper()
	leases, err := kv.NewLeases(kv.LeasesConfig{Bucket: kv.Open(s.JS, wire.LeasesBucket), Holder: "nobody"})
	must(s.T, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	has := make(chan struct{})
	wg.Go(func() { _ = leases.Run(ctx) })
	wg.Go(func() {
		_ = leases.Hold(ctx, wire.LeaseKey(wire.RoleWriter, "demo"), func(ctx context.Context, _ uint64) error {
			close(has)
			<-ctx.Done()
			return nil
		})
	})
	free = sync.OnceFunc(func() { cancel(); wg.Wait() })
	s.T.Cleanup(free)
	select {
	case <-has:
	case <-s.Context().Done():
		s.T.Fatal("no lease")
	}
	return free
}
