package checkout

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/inventory/payment/sandbox"
	"frontrow/wire"

	"github.com/prometheus/client_golang/prometheus"
)

// lies are wrong values for every field of a provider's answer.
var lies = []struct {
	name string
	tell func(said map[string]any)
	// gets and voids do not check it
	unseen bool
}{
	{"amount", func(said map[string]any) { said["amount"] = 1 }, true},
	{"currency", func(said map[string]any) { said["currency"] = "JPY" }, true},
	{"order", func(said map[string]any) { said["order"] = wire.OrderOfHold(wire.NewHold()) }, false},
	{"state", func(said map[string]any) { said["state"] = "settled" }, false},
	{"reference", func(said map[string]any) { said["reference"] = "" }, false},
}

// liar sits in front of the sandbox. Its first answer to each step of an order is a
// lie; asked again, it tells the truth.
type liar struct {
	mu   sync.Mutex
	tell map[string]func(map[string]any) // by order
	told map[string]bool                 // by order and step
}

func stepOf(r *http.Request) string {
	switch _, last, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/"), "/"); {
	case r.URL.Path == "/v1/authorizations":
		return "authorize"
	case strings.HasPrefix(r.URL.Path, "/v1/orders/"):
		return "get"
	default:
		return last[strings.LastIndexByte(last, '/')+1:]
	}
}

func (l *liar) edit(r *http.Response) error {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var said map[string]any
	if r.StatusCode < 300 && json.Unmarshal(raw, &said) == nil {
		order, _ := said["order"].(string)
		l.mu.Lock()
		tell, once := l.tell[order], order+stepOf(r.Request)
		if tell != nil && !l.told[once] {
			l.told[once] = true
			tell(said)
			raw, err = json.Marshal(said)
		}
		l.mu.Unlock()
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	r.Header.Del("Content-Length")
	return err
}

func (l *liar) before(t *testing.T, bank string) string {
	t.Helper()
	to, err := url.Parse(bank)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = l.edit
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	return s.URL
}

func (l *liar) about(m wire.OrderMessage, tell func(map[string]any)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell[m.Order] = tell
}

// A lie about a payment's amount, currency, order, state or reference, at any step,
// sells nothing and charges nobody.
func TestProviderLies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 40)
	l := &liar{tell: map[string]func(map[string]any){}, told: map[string]bool{}}
	registry := prometheus.NewRegistry()
	c := w.config()
	c.Provider, c.Registerer = sandbox.NewClient(l.before(t, w.bank.URL()), 2*time.Second), registry
	var lied, honest []wire.OrderMessage
	want := map[string]float64{}
	for i, lie := range lies {
		m := orderOf(i)
		l.about(m, lie.tell)
		w.seats.hold(m.Hold)
		w.publish(m)
		w.orders, lied = append(w.orders, m), append(lied, m)
		want["authorize"]++
		if !lie.unseen {
			want["get"]++
			want["void"]++
		}
	}
	w.run(c)
	w.settled()
	for i, m := range lied {
		o, err := w.ledger.Order(bounded(t), m.Order)
		must(t, err)
		if o.State != wire.OrderFailed || o.Reason != reasonDisagrees {
			t.Errorf("a wrong %s: the order is %s: %s", lies[i].name, o.State, o.Reason)
		}
		if a, err := w.pay.Get(bounded(t), m.Order); err != nil || a.State != payment.Voided {
			t.Errorf("a wrong %s: the payment is %+v, %v", lies[i].name, a, err)
		}
		if w.seats.ours(m.Hold) == 0 {
			t.Errorf("a wrong %s: the fan is blamed", lies[i].name)
		}
	}

	// Lies that come too late: at the capture and the refund of a paid order.
	for i, lie := range lies {
		m := w.buy("ok", 10+i)
		want["capture"]++
		honest = append(honest, m)
		l.mu.Lock()
		l.tell[m.Order], l.told[m.Order+"authorize"] = lie.tell, true
		l.mu.Unlock()
	}
	if got := w.settled(); got[wire.OrderPaid] != len(lies) {
		t.Fatalf("%v", got)
	}
	for _, m := range honest {
		want["refund"]++
		_, err := w.ledger.Refund(bounded(t), ledger.RefundOrder{Order: m.Order, Why: "ill", By: "ops"})
		must(t, err)
	}
	w.wait("refunds done", func(ctx context.Context) bool {
		a, err := w.ledger.Audit(ctx, testEvent)
		return err == nil && a.Undone == 0
	})
	for _, m := range honest {
		if a, err := w.pay.Get(bounded(t), m.Order); err != nil || a.State != payment.Refunded || a.Refunded != m.Total {
			t.Errorf("%+v, %v", a, err)
		}
	}
	got := map[string]float64{}
	families, err := registry.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == "frontrow_checkout_disagreements_total" {
			for _, m := range f.GetMetric() {
				got[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	for step, n := range want {
		if got[step] != n {
			t.Errorf("%s: %v alarms, want %v", step, got[step], n)
		}
	}
}

// A free order needs no provider: none is asked, and nobody is owed anything.
func TestFreeOrders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 4)
	c := w.config()
	c.Provider = never{t: t}
	w.run(c)
	free := func(seat int) wire.OrderMessage {
		m := orderOf(seat)
		m.Seats[0].Price, m.Total = wire.NewAmounts(0, 0, 0), 0
		w.seats.hold(m.Hold)
		return m
	}
	paid, late := free(0), free(1)
	w.publish(paid)
	w.wait("the order is paid", func(ctx context.Context) bool {
		o, err := w.ledger.Order(ctx, paid.Order)
		return err == nil && o.State == wire.OrderPaid && len(o.Tickets) == 1
	})
	if _, err := w.ledger.Begin(bounded(t), late); err != nil {
		t.Fatal(err)
	}
	if o, err := w.ledger.GiveUp(bounded(t), late.Order, late.Event, late.Fan); err != nil || o.State != wire.OrderFailed {
		t.Fatalf("%+v, %v", o, err)
	}
	r, err := w.ledger.Refund(bounded(t), ledger.RefundOrder{Order: paid.Order, Why: "ill", By: "ops"})
	if err != nil || r.Order.State != wire.OrderRefunded || r.Amount != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	must(t, w.ledger.Told(bounded(t), []ledger.Refunded{r}))
	a, err := w.ledger.Audit(bounded(t), testEvent)
	if err != nil || len(a.Violations) != 0 || a.Undone != 0 || len(a.Payments) != 0 {
		t.Errorf("%+v, %v", a, err)
	}
}

// never is a provider that must not be asked.
type never struct {
	payment.Provider
	t *testing.T
}

func (n never) Authorize(context.Context, payment.AuthRequest) (payment.Auth, error) {
	n.t.Error("asked to authorise")
	return payment.Auth{}, payment.ErrPermanent
}

func (n never) Get(context.Context, string) (payment.Auth, error) {
	n.t.Error("asked what there is")
	return payment.Auth{}, payment.ErrNotFound
}

// A checkout that the ledger refuses for good is buried, and its seats are not kept.
func TestRefusedByTheLedger(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 4)
	m := orderOf(0)
	m.Currency = "€" // three bytes, as decode asks, and one character, which the schema refuses
	w.seats.hold(m.Hold)
	w.run(w.config())
	w.publish(m)
	w.wait("the checkout is buried", func(ctx context.Context) bool {
		s, err := w.js.Stream(ctx, wire.SaleLogStream)
		if err != nil {
			return false
		}
		_, err = s.GetLastMsgForSubject(ctx, wire.LogSubject(testEvent, LogPoison))
		return err == nil
	})
	if n := w.seats.extends(m.Hold); n != 0 {
		t.Errorf("its seats were kept %d times", n)
	}
	if o, err := w.ledger.GiveUp(bounded(t), m.Order, m.Event, m.Fan); err != nil || o.State != wire.OrderFailed {
		t.Errorf("the deadline finds it %+v, %v", o, err)
	}
	if got := w.settled(); got[wire.OrderFailed] != 1 {
		t.Errorf("%v", got)
	}
}
