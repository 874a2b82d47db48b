package inventory

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"frontrow/internal/bus"
	"frontrow/internal/natstest"
	"frontrow/inventory/audit"
	"frontrow/inventory/checkout"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/inventory/payment/sandbox"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/plan"
	"frontrow/wire"
)

const seatPrice = 5600

// shop is a fixture where fans pay: the ledger, the checkout and the provider are
// the real ones.
type shop struct {
	*fixture
	ledger *ledger.Ledger
	pay    *sandbox.Client
}

func newShop(t testing.TB, env *natstest.Env, index *plan.Index) *shop {
	t.Helper()
	secret := []byte("shared with the provider")
	bank, err := sandbox.New(sandbox.Config{Dir: t.TempDir(), Secret: secret})
	must(t, err)
	h := newFixture(t, env, index, nil)
	h.Run(bank.Run)
	s := &shop{fixture: h, ledger: h.OpenLedger(), pay: sandbox.NewClient(bank.URL(), 0)}
	c, err := checkout.New(checkout.Config{Bus: bus.New(h.NC), Store: kv.JetStream(h.JS), Orders: checkout.OrdersIn(h.JS), Ledger: s.ledger, Outbox: s.ledger, Parking: s.ledger, Provider: s.pay,
		WebhookAddr: "127.0.0.1:0", Webhooks: payment.Signed(secret)})
	must(t, err)
	bank.SendTo(c.WebhookURL())
	h.Run(c.Run)
	return s
}

// begin takes seats to checkout.
func (s *shop) begin(method string, seats ...string) inventorytest.Held {
	s.T.Helper()
	hold := s.Hold(seats...)
	if hold.Problem != nil {
		s.T.Fatal(hold.Problem)
	}
	if r := ask[wire.HoldReply](s.fixture, wire.ActCheckout, wire.CheckoutRequest{Hold: hold.Hold, Fan: hold.Fan, Key: "k"}); r.Problem != nil {
		s.T.Fatal(r.Problem)
	}
	raw, err := json.Marshal(wire.OrderMessage{Order: wire.OrderOfHold(hold.Hold), Hold: hold.Hold, Event: "demo", Fan: hold.Fan, Seats: hold.Seats,
		Total: hold.Total, Currency: hold.Currency, Payment: wire.Payment{Method: method}, At: time.Now().UTC()})
	must(s.T, err)
	_, err = s.JS.Publish(s.Context(), wire.OrderSubject("demo", wire.OrderOfHold(hold.Hold)), raw)
	must(s.T, err)
	hold.Order = wire.OrderOfHold(hold.Hold)
	return hold
}

// buy pays for seats and waits until they are sold.
func (s *shop) buy(seats ...string) inventorytest.Held {
	s.T.Helper()
	hold := s.begin("tok_visa", seats...)
	for _, id := range seats {
		s.Becomes(id, func(r wire.Seat) bool { return r.State == wire.Sold && r.Order == hold.Order })
	}
	return hold
}

func (s *shop) order(id string) ledger.Order {
	s.T.Helper()
	o, err := s.ledger.Order(s.Context(), id)
	must(s.T, err)
	return o
}

// refund asks as an operator does.
func (s *shop) refund(payload string) (r wire.RefundReply, p *wire.Problem) {
	s.T.Helper()
	m, err := s.NC.Request(wire.OperatorSubject("inventory", "refund", "demo"), []byte(payload), 2*inventorytest.Patience)
	must(s.T, err)
	if m.Header.Get("Nats-Service-Error-Code") != "" {
		must(s.T, json.Unmarshal(m.Data, &p))
		return r, p
	}
	must(s.T, json.Unmarshal(m.Data, &r))
	return r, nil
}

// refunds wants an answer.
func (s *shop) refunds(payload string, want wire.RefundReply) {
	s.T.Helper()
	want.Currency = "EUR"
	if got, p := s.refund(payload); p != nil || got != want {
		s.T.Errorf("%s: %+v, %v; want %+v", payload, got, p, want)
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
	s.T.Helper()
	ctx := s.Context()
	log, err := s.JS.Stream(ctx, wire.SaleLogStream)
	must(s.T, err)
	for seq := uint64(1); seq <= log.CachedInfo().State.LastSeq; seq++ {
		m, err := log.GetMsg(ctx, seq)
		must(s.T, err)
		if m.Subject == wire.LogSubject("demo", wire.LogOperator) {
			var act wire.OperatorAct
			must(s.T, json.Unmarshal(m.Data, &act))
			acts = append(acts, act)
		}
	}
	return acts
}

// audit finds nothing, now.
func (s *shop) audit() audit.Report {
	s.T.Helper()
	report, err := audit.Run(s.Context(), s.JS, s.ledger, "demo", time.Now())
	must(s.T, err)
	for _, c := range report.Checks {
		if c.Broken != 0 {
			s.T.Errorf("audit: %s: %v", c.Rule, c.Samples)
		}
	}
	return report
}

// balanced waits until the provider has been told everything, and then has the
// money of what stands and no other.
func (s *shop) balanced(orders ...inventorytest.Held) {
	s.T.Helper()
	for ctx := s.Context(); s.audit().Ledger.Undone > 0; pause(ctx) {
		if ctx.Err() != nil {
			s.T.Fatal("the outbox does not run empty")
		}
	}
	for _, h := range orders {
		o := s.order(h.Order)
		a, err := s.pay.Get(s.Context(), h.Order)
		must(s.T, err)
		var kept, want int64
		if a.State == payment.Captured || a.State == payment.Refunded {
			kept = a.Amount - a.Refunded
		}
		if o.State == wire.OrderPaid {
			want = int64(len(o.Seats)) * seatPrice
		}
		if kept != want || a.State == payment.Authorized {
			s.T.Errorf("order %s of %d seats: the provider has it as %+v", o.ID, len(o.Seats), a)
		}
	}
}

// told wants the next notice to say that an order is paid and has these tickets.
// The seats of a purchase are seen as sold before its fan is told.
func (s *shop) told(notices *nats.Subscription, h inventorytest.Held, tickets []string) {
	s.T.Helper()
	var n wire.Notice
	m, err := notices.NextMsg(inventorytest.Patience)
	must(s.T, err)
	must(s.T, json.Unmarshal(m.Data, &n))
	if n.Order != h.Order || n.State != string(wire.OrderPaid) || !slices.Equal(n.Tickets, tickets) {
		s.T.Errorf("told %+v", n)
	}
}

// An operator gives one seat of an order back, then the rest, each of it twice;
// the seat is sold again, and others stay off sale.
func TestOperatorRefunds(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		s := newShop(t, env, seatingtest.Hall(t, 4, 20, 0))
		s.worker("one", s.ledger)
		told, err := s.NC.SubscribeSync(wire.NoticeAll("demo"))
		must(t, err)
		first := s.buy("A-1", "A-2", "A-3")
		before := s.order(first.Order)
		s.told(told, first, before.Tickets)

		s.refunds(one(first.Order, "", "A-2"), wire.RefundReply{Refunded: 1, Amount: seatPrice, State: wire.OrderPaid})
		s.refunds(one(first.Order, "", "A-2"), wire.RefundReply{State: wire.OrderPaid})
		if r := s.Record("A-2"); r.State != wire.Available || r.Fan != "" {
			t.Errorf("%+v", r)
		}
		ticket, err := s.ledger.Ticket(s.Context(), before.Tickets[1])
		if err != nil || ticket.State != "void" || ticket.Generation != 2 {
			t.Errorf("%+v, %v", ticket, err)
		}
		s.told(told, first, []string{before.Tickets[0], before.Tickets[2]})
		s.balanced(first)

		second := s.buy("A-2") // another fan
		s.refunds(one(first.Order, `,"block":true`), wire.RefundReply{Refunded: 1, Amount: 2 * seatPrice, State: wire.OrderRefunded})
		s.refunds(one(first.Order, ""), wire.RefundReply{State: wire.OrderRefunded})
		for seat, want := range map[string]wire.State{"A-1": wire.Blocked, "A-2": wire.Sold, "A-3": wire.Blocked} {
			if r := s.Record(seat); r.State != want || want == wire.Blocked && r.Why != "ill" {
				t.Errorf("seat %s: %+v", seat, r)
			}
		}
		s.balanced(first, second)
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
	s.worker("one", s.ledger)
	s.stage("other")
	paid, pending, failed := s.buy("A-1", "A-2"), s.begin("tok_3ds", "B-1"), s.begin("tok_decline", "C-1")
	s.Becomes("C-1", func(r wire.Seat) bool { return r.State == wire.Held && r.Order == "" && len(r.Tried) == 1 }) // its fan may pay in another way
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
		m, err := s.NC.Request(where(c.subject), []byte(c.payload), inventorytest.Patience)
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
	must(t, s.JS.DeleteStream(s.Context(), wire.SaleLogStream))
	for _, payload := range []string{one(paid.Order, ""), `{"all":true,"why":"rain","by":"ann"}`} {
		if _, p := s.refund(payload); p == nil || p.Code != wire.CodeUnavailable || !strings.Contains(p.Detail, "Nothing was done") {
			t.Errorf("without a log: %v", p)
		}
	}
	if o := s.order(paid.Order); o.State != wire.OrderPaid || len(o.Refunded) != 0 || s.Record("A-1").State != wire.Sold {
		t.Errorf("%+v", o)
	}
}

// awaits waits until an order's payment waits for its fan.
func (s *shop) awaits(h inventorytest.Held) payment.Auth {
	s.T.Helper()
	for ctx := s.Context(); ; pause(ctx) {
		a, err := s.pay.Get(ctx, h.Order)
		if err == nil && a.State == payment.RequiresAction {
			return a
		}
		if ctx.Err() != nil {
			s.T.Fatalf("order %s: %+v, %v", h.Order, a, err)
		}
	}
}

// The same refund asked for by many at once, of two workers, gives back once.
func TestRefundAtOnce(t *testing.T) {
	s := newShop(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0))
	for _, name := range []string{"one", "two"} {
		s.worker(name, s.ledger)
	}
	var orders []inventorytest.Held
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
				pause(s.Context())
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
	s.balanced(orders...)
	if r := s.audit(); r.Stock.Free != s.Index.Len() || r.Ledger.Orders[wire.OrderRefunded] != 3 {
		t.Errorf("%+v", r)
	}
}

// Captures that the provider refuses for good are listed, and end as an operator says:
// asked for again, written off, or with the tickets taken back, which their fan is told.
func TestRefusedCaptures(t *testing.T) {
	s := newShop(t, natstest.Run(t), seatingtest.Hall(t, 4, 20, 0))
	s.worker("one", s.ledger)
	call := func(act, payload string) (*nats.Msg, string) {
		t.Helper()
		m, err := s.NC.Request(wire.OperatorSubject("inventory", act, "demo"), []byte(payload), inventorytest.Patience)
		must(t, err)
		return m, m.Header.Get("Nats-Service-Error-Code")
	}
	var list wire.RefusedReply
	listed := func(want ...string) {
		t.Helper()
		slices.Sort(want)
		for ctx := s.Context(); ; inventorytest.Pause(ctx) {
			m, code := call("refused", "")
			list = wire.RefusedReply{}
			must(t, json.Unmarshal(m.Data, &list))
			var got []string
			for _, c := range list.Refused {
				got = append(got, c.Order)
			}
			if code == "" && slices.Equal(got, want) {
				return
			}
			if ctx.Err() != nil {
				t.Fatalf("refused are %v, want %v", got, want)
			}
		}
	}
	good := s.buy("C-1") // the worker is there
	listed()
	a, b := s.begin("tok_nocapture", "A-1", "A-2"), s.begin("tok_nocapture", "B-1")
	for seat, h := range map[string]inventorytest.Held{"A-1": a, "B-1": b} {
		s.Becomes(seat, func(r wire.Seat) bool { return r.State == wire.Sold && r.Order == h.Order })
	}
	listed(a.Order, b.Order)
	for _, c := range list.Refused {
		if c.Currency != "EUR" || c.Amount == 0 || c.Attempts == 0 || c.At.IsZero() || !strings.Contains(c.Why, "closed") {
			t.Errorf("%+v", c)
		}
	}
	for _, c := range []struct {
		act, payload string
		want         wire.Code
	}{
		{"write-off", one(good.Order, ""), wire.CodeInvalid}, {"write-off", `{"all":true,"why":"x","by":"ann"}`, wire.CodeInvalid},
		{"write-off", `{"order":"` + a.Order + `","by":"ann"}`, wire.CodeInvalid}, {"write-off", one(wire.OrderOfHold(wire.NewHold()), ""), wire.CodeNotFound},
		{"retry-capture", `{"why":"x","by":"ann"}`, wire.CodeInvalid}, {"retry-capture", one("o_1", ""), wire.CodeInvalid}, {"refused", `{"x":1}`, wire.CodeBadRequest},
	} {
		if m, code := call(c.act, c.payload); code != string(c.want) {
			t.Errorf("%s %s: %q %s, want %s", c.act, c.payload, code, m.Data, c.want)
		}
	}
	if m, code := call("retry-capture", `{"all":true,"why":"their outage","by":"ann"}`); code != "" || string(m.Data) != `{"captures":2}` {
		t.Errorf("%s %s", code, m.Data)
	}
	listed(a.Order, b.Order)
	if m, code := call("write-off", one(b.Order, "")); code != "" || string(m.Data) != fmt.Sprintf(`{"captures":1,"amount":%d,"currency":"EUR"}`, seatPrice) {
		t.Errorf("%s %s", code, m.Data)
	}
	listed(a.Order)
	if o := s.order(b.Order); o.State != wire.OrderPaid || len(o.Tickets) != 1 {
		t.Errorf("%+v", o)
	}
	told, err := s.NC.SubscribeSync(wire.NoticeSubject("demo", a.Fan))
	must(t, err)
	s.refunds(one(a.Order, `,"block":true`), wire.RefundReply{Refunded: 1, State: wire.OrderRefunded})
	listed()
	var n wire.Notice
	m, err := told.NextMsg(inventorytest.Patience)
	must(t, err)
	must(t, json.Unmarshal(m.Data, &n))
	if n.State != string(wire.OrderRefunded) || n.Reason != ledger.ReasonUncollected || n.Order != a.Order {
		t.Errorf("%+v", n)
	}
	if r := s.Record("A-1"); r.State != wire.Blocked {
		t.Errorf("%+v", r)
	}
	s.audit()
	var acts []string
	for _, act := range s.acts() {
		acts = append(acts, act.Act)
	}
	if fmt.Sprint(acts) != "[write-off retry-capture write-off refund]" {
		t.Errorf("%v", acts)
	}
}
