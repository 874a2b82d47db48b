package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"frontrow/internal/natstest"
	"frontrow/inventory/audit"
	"frontrow/inventory/checkout"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/inventory/payment/sandbox"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/plan"
	"frontrow/wire"
)

const seatPrice = 5600

// shop is a house where fans pay: the ledger, the checkout and the provider are
// the real ones.
type shop struct {
	*house
	ledger *ledger.Ledger
	pay    *sandbox.Client
}

func newShop(t testing.TB, env *natstest.Env, index *plan.Index) *shop {
	t.Helper()
	secret := []byte("shared with the provider")
	bank, err := sandbox.New(sandbox.Config{Dir: t.TempDir(), Secret: secret})
	must(t, err)
	h := newHouse(t, env, index, nil)
	h.background(bank.Run)
	s := &shop{house: h, ledger: h.realLedger(), pay: sandbox.NewClient(bank.URL(), 0)}
	c, err := checkout.New(checkout.Config{NATS: h.nc, JetStream: h.js, Ledger: s.ledger, Outbox: s.ledger, Provider: s.pay,
		WebhookAddr: "127.0.0.1:0", WebhookSecret: secret})
	must(t, err)
	bank.SendTo(c.WebhookURL())
	h.background(c.Run)
	return s
}

// background runs a service until the test ends.
func (h *house) background(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	h.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
	})
}

// begin takes seats to checkout.
func (s *shop) begin(method string, seats ...string) held {
	s.t.Helper()
	hold := s.hold(seats...)
	if hold.Problem != nil {
		s.t.Fatal(hold.Problem)
	}
	if r := ask[wire.HoldReply](s.house, wire.ActCheckout, wire.CheckoutRequest{Hold: hold.Hold, Fan: hold.Fan, Key: "k"}); r.Problem != nil {
		s.t.Fatal(r.Problem)
	}
	raw, err := json.Marshal(wire.OrderMessage{Order: wire.OrderOfHold(hold.Hold), Hold: hold.Hold, Event: "demo", Fan: hold.Fan, Seats: hold.Seats,
		Total: hold.Total, Currency: hold.Currency, Payment: wire.Payment{Method: method}, At: time.Now().UTC()})
	must(s.t, err)
	_, err = s.js.Publish(s.context(), wire.OrderSubject("demo", wire.OrderOfHold(hold.Hold)), raw)
	must(s.t, err)
	hold.Order = wire.OrderOfHold(hold.Hold)
	return hold
}

// buy pays for seats and waits until they are sold.
func (s *shop) buy(seats ...string) held {
	s.t.Helper()
	hold := s.begin("tok_visa", seats...)
	for _, id := range seats {
		s.becomes(id, func(r wire.Seat) bool { return r.State == wire.Sold && r.Order == hold.Order })
	}
	return hold
}

func (s *shop) order(id string) ledger.Order {
	s.t.Helper()
	o, err := s.ledger.Order(s.context(), id)
	must(s.t, err)
	return o
}

// refund asks as an operator does.
func (s *shop) refund(payload string) (r wire.RefundReply, p *wire.Problem) {
	s.t.Helper()
	m, err := s.nc.Request(wire.OperatorSubject("inventory", "refund", "demo"), []byte(payload), 2*patience)
	must(s.t, err)
	if m.Header.Get("Nats-Service-Error-Code") != "" {
		must(s.t, json.Unmarshal(m.Data, &p))
		return r, p
	}
	must(s.t, json.Unmarshal(m.Data, &r))
	return r, nil
}

// refunds wants an answer.
func (s *shop) refunds(payload string, want wire.RefundReply) {
	s.t.Helper()
	want.Currency = "EUR"
	if got, p := s.refund(payload); p != nil || got != want {
		s.t.Errorf("%s: %+v, %v; want %+v", payload, got, p, want)
	}
}

func one(order string, more string, seats ...string) string {
	raw, _ := json.Marshal(seats)
	if seats != nil {
		more += `,"seats":` + string(raw)
	}
	return fmt.Sprintf(`{"order":%q,"why":"ill","by":"ann"%s}`, order, more)
}

// acts are the operators' in the sale log.
func (s *shop) acts() (acts []wire.OperatorAct) {
	s.t.Helper()
	ctx := s.context()
	log, err := s.js.Stream(ctx, wire.SaleLogStream)
	must(s.t, err)
	for seq := uint64(1); seq <= log.CachedInfo().State.LastSeq; seq++ {
		m, err := log.GetMsg(ctx, seq)
		must(s.t, err)
		if m.Subject == wire.LogSubject("demo", wire.LogOperator) {
			var act wire.OperatorAct
			must(s.t, json.Unmarshal(m.Data, &act))
			acts = append(acts, act)
		}
	}
	return acts
}

// audit finds nothing, now.
func (s *shop) audit() audit.Report {
	s.t.Helper()
	report, err := audit.Run(s.context(), s.js, s.ledger, "demo", time.Now())
	must(s.t, err)
	for _, c := range report.Checks {
		if c.Broken != 0 {
			s.t.Errorf("audit: %s: %v", c.Rule, c.Samples)
		}
	}
	return report
}

// settled waits until the provider has been told everything, and then has the
// money of what stands and no other.
func (s *shop) settled(orders ...held) {
	s.t.Helper()
	for ctx := s.context(); s.audit().Ledger.Undone > 0; pause(ctx) {
		if ctx.Err() != nil {
			s.t.Fatal("the outbox does not run empty")
		}
	}
	for _, h := range orders {
		o := s.order(h.Order)
		a, err := s.pay.Get(s.context(), h.Order)
		must(s.t, err)
		var kept, want int64
		if a.State == payment.Captured || a.State == payment.Refunded {
			kept = a.Amount - a.Refunded
		}
		if o.State == wire.OrderPaid {
			want = int64(len(o.Seats)) * seatPrice
		}
		if kept != want || a.State == payment.Authorized {
			s.t.Errorf("order %s of %d seats: the provider has it as %+v", o.ID, len(o.Seats), a)
		}
	}
}

// told wants the next notice to say that an order is paid and has these tickets.
// The seats of a purchase are seen as sold before its fan is told.
func (s *shop) told(notices *nats.Subscription, h held, tickets []string) {
	s.t.Helper()
	var n wire.Notice
	m, err := notices.NextMsg(patience)
	must(s.t, err)
	must(s.t, json.Unmarshal(m.Data, &n))
	if n.Order != h.Order || n.State != string(wire.OrderPaid) || !slices.Equal(n.Tickets, tickets) {
		s.t.Errorf("told %+v", n)
	}
}

// An operator gives one seat of an order back, then the rest, each of it twice;
// the seat is sold again, and others stay off sale.
func TestOperatorRefunds(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		s := newShop(t, env, seatingtest.Hall(t, 4, 20, 0))
		s.workerWith("one", nil, s.ledger)
		told, err := s.nc.SubscribeSync(wire.NoticeAll("demo"))
		must(t, err)
		first := s.buy("A-1", "A-2", "A-3")
		before := s.order(first.Order)
		s.told(told, first, before.Tickets)

		s.refunds(one(first.Order, "", "A-2"), wire.RefundReply{Refunded: 1, Amount: seatPrice, State: wire.OrderPaid})
		s.refunds(one(first.Order, "", "A-2"), wire.RefundReply{State: wire.OrderPaid})
		if r := s.record("A-2"); r.State != wire.Available || r.Fan != "" {
			t.Errorf("%+v", r)
		}
		ticket, err := s.ledger.Ticket(s.context(), before.Tickets[1])
		if err != nil || ticket.State != "void" || ticket.Generation != 2 {
			t.Errorf("%+v, %v", ticket, err)
		}
		s.told(told, first, []string{before.Tickets[0], before.Tickets[2]})
		s.settled(first)

		second := s.buy("A-2") // another fan
		s.refunds(one(first.Order, `,"block":true`), wire.RefundReply{Refunded: 1, Amount: 2 * seatPrice, State: wire.OrderRefunded})
		s.refunds(one(first.Order, ""), wire.RefundReply{State: wire.OrderRefunded})
		for seat, want := range map[string]wire.State{"A-1": wire.Blocked, "A-2": wire.Sold, "A-3": wire.Blocked} {
			if r := s.record(seat); r.State != want || want == wire.Blocked && r.Why != "ill" {
				t.Errorf("seat %s: %+v", seat, r)
			}
		}
		s.settled(first, second)
		if r := s.audit(); len(r.Ledger.Returning) != 0 || r.Stock != (wire.Count{Free: 77, Sold: 1, Blocked: 2}) {
			t.Errorf("%+v", r)
		}
		acts := s.acts()
		if len(acts) != 4 {
			t.Fatalf("%d acts: %+v", len(acts), acts)
		}
		for _, a := range acts {
			p, _ := a.Payload.(map[string]any)
			if a.Act != "refund" || a.By != "ann" || a.At.IsZero() || p["why"] != "ill" || p["order"] != first.Order {
				t.Errorf("%+v", a)
			}
		}
	})
}

// What can't be refunded is refused, and leaves no trace.
func TestRefundIsRefused(t *testing.T) {
	s := newShop(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0))
	s.workerWith("one", nil, s.ledger)
	s.stage("other")
	paid, pending, failed := s.buy("A-1", "A-2"), s.begin("tok_3ds", "B-1"), s.begin("tok_decline", "C-1")
	s.becomes("C-1", func(r wire.Seat) bool { return r.State == wire.Held && r.Order == "" && len(r.Tried) == 1 }) // its fan may pay in another way
	s.awaits(pending)
	where := func(subject string) string { return wire.OperatorSubject("inventory", "refund", subject) }
	long := strings.Repeat("x", 501)
	for _, c := range []struct {
		subject, payload string
		want             wire.Code
	}{
		{"demo", "", wire.CodeInvalid}, {"demo", "{", wire.CodeBadRequest}, {"demo", "[]", wire.CodeBadRequest}, {"demo", `"all"`, wire.CodeBadRequest},
		{"demo", `{"all":true,"why":"rain","by":"ann"} {}`, wire.CodeBadRequest}, {"demo", `{"all":"yes","why":"rain","by":"ann"}`, wire.CodeBadRequest},
		{"demo", `{"all":true,"reason":"rain","by":"ann"}`, wire.CodeBadRequest}, {"demo", `{"order":"` + paid.Order + `","seat":["A-1"],"why":"ill","by":"ann"}`, wire.CodeBadRequest},
		{"demo", "null", wire.CodeInvalid}, {"demo", `{"why":"ill","by":"ann"}`, wire.CodeInvalid}, {"demo", one("o_1", ""), wire.CodeInvalid},
		{"demo", one(paid.Order, `,"all":true`), wire.CodeInvalid}, {"demo", `{"all":true,"seats":["A-1"],"why":"rain","by":"ann"}`, wire.CodeInvalid},
		{"demo", one(paid.Order, `,"seats":[]`), wire.CodeInvalid}, {"demo", one(paid.Order, "", make([]string, wire.MaxPerFan+1)...), wire.CodeInvalid},
		{"demo", `{"order":"` + paid.Order + `","by":"ann"}`, wire.CodeInvalid}, {"demo", `{"order":"` + paid.Order + `","why":" ","by":"ann"}`, wire.CodeInvalid},
		{"demo", `{"order":"` + paid.Order + `","why":"ill"}`, wire.CodeInvalid}, {"demo", `{"order":"` + paid.Order + `","why":"a\u0000b","by":"ann"}`, wire.CodeInvalid},
		{"demo", `{"all":true,"why":"` + long + `","by":"ann"}`, wire.CodeInvalid}, {"demo", `{"all":true,"why":"rain","by":"` + long + `"}`, wire.CodeInvalid},
		{"nothing", one(paid.Order, ""), wire.CodeNotFound}, {"nothing", `{"all":true,"why":"rain","by":"ann"}`, wire.CodeNotFound},
		{"demo", one(wire.OrderOfHold(wire.NewHold()), ""), wire.CodeNotFound},
		{"other", one(paid.Order, ""), wire.CodeForbidden},
		{"demo", one(pending.Order, ""), wire.CodeNotPaid}, {"demo", one(failed.Order, ""), wire.CodeNotPaid},
		{"demo", one(paid.Order, "", "A-1", "B-1"), wire.CodeUnknownSeat}, {"demo", one(paid.Order, "", "Z-9"), wire.CodeUnknownSeat},
	} {
		m, err := s.nc.Request(where(c.subject), []byte(c.payload), patience)
		must(t, err)
		var p wire.Problem
		if m.Header.Get("Nats-Service-Error-Code") != string(c.want) || json.Unmarshal(m.Data, &p) != nil || p.Code != c.want || p.Detail == "" {
			t.Errorf("%s %.80s: %v %s, want %s", c.subject, c.payload, m.Header, m.Data, c.want)
		}
	}
	if acts := s.acts(); len(acts) != 0 {
		t.Errorf("a refused refund was logged: %+v", acts)
	}
	// Nor is anything done that can't be logged.
	must(t, s.js.DeleteStream(s.context(), wire.SaleLogStream))
	for _, payload := range []string{one(paid.Order, ""), `{"all":true,"why":"rain","by":"ann"}`} {
		if _, p := s.refund(payload); p == nil || p.Code != wire.CodeUnavailable || !strings.Contains(p.Detail, "Nothing was done") {
			t.Errorf("without a log: %v", p)
		}
	}
	if o := s.order(paid.Order); o.State != wire.OrderPaid || len(o.Refunded) != 0 || s.record("A-1").State != wire.Sold {
		t.Errorf("%+v", o)
	}
}

// awaits waits until an order's payment waits for its fan.
func (s *shop) awaits(h held) payment.Auth {
	s.t.Helper()
	for ctx := s.context(); ; pause(ctx) {
		a, err := s.pay.Get(ctx, h.Order)
		if err == nil && a.State == payment.RequiresAction {
			return a
		}
		if ctx.Err() != nil {
			s.t.Fatalf("order %s: %+v, %v", h.Order, a, err)
		}
	}
}

// The same refund asked for by many at once, of two workers, gives back once.
func TestRefundAtOnce(t *testing.T) {
	s := newShop(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0))
	for _, name := range []string{"one", "two"} {
		s.workerWith(name, nil, s.ledger)
	}
	var orders []held
	for _, row := range []string{"A", "B", "C"} {
		orders = append(orders, s.buy(row+"-5", row+"-6"))
	}
	var refunded, amount atomic.Int64
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			payload := `{"all":true,"why":"rain","by":"ann"}`
			switch i % 3 {
			case 0:
				payload = one(orders[i/3%3].Order, "")
			case 1:
				payload = one(orders[i/3%3].Order, "", orders[i/3%3].Seats[i%2].ID)
			}
			r, p := s.refund(payload)
			for ; p != nil && p.Code == wire.CodeUnavailable; r, p = s.refund(payload) { // only so many at once
				pause(s.context())
			}
			if p != nil {
				t.Error(payload, p)
			}
			refunded.Add(int64(r.Refunded))
			amount.Add(r.Amount)
		})
	}
	wg.Wait()
	if refunded.Load() < 3 || refunded.Load() > 6 || amount.Load() != 6*seatPrice {
		t.Errorf("%d refunds of %d", refunded.Load(), amount.Load())
	}
	s.settled(orders...)
	if r := s.audit(); r.Stock.Free != s.index.Len() || r.Ledger.Orders[wire.OrderRefunded] != 3 {
		t.Errorf("%+v", r)
	}
}
