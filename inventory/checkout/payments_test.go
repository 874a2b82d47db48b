package checkout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/pgtest"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/inventory/payment/sandbox"
	"frontrow/keyring"
	"frontrow/kv"
	"frontrow/wire"
)

// ask returns the order as its buyer sees it.
func (w *world) ask(m wire.OrderMessage) wire.OrderReply {
	w.t.Helper()
	return ask[wire.OrderReply](w, wire.LedgerOrder, wire.OrderQuery{Order: m.Order, Fan: m.Fan})
}

// action waits until the fan is asked to confirm, and returns the page to do it on.
func (w *world) action(m wire.OrderMessage) string {
	w.t.Helper()
	var o wire.OrderReply
	w.wait("the fan is asked to confirm", func(context.Context) bool { o = w.ask(m); return o.Action != nil })
	if o.State != wire.OrderPending || o.Reason != reasonConfirm {
		w.t.Errorf("%+v", o)
	}
	return o.Action.URL
}

// decide presses a button of the challenge page and returns where it leads.
func decide(t *testing.T, action, decision string) (back string) {
	t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := browser.PostForm(action, url.Values{"decision": {decision}, "return": {"http://127.0.0.1/e/demo"}})
	must(t, err)
	defer r.Body.Close()
	return r.Header.Get("Location")
}

func (w *world) reads() {
	start(w.t, Reads{NATS: w.nc, Store: kv.JetStream(w.js), Records: w.ledger, Signer: keyring.New()}.Run)
}

// The fan confirms or refuses on their bank's page; the webhook comes once, three
// times, late, out of order or never.
func TestConfirmedByTheFan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 20)
	w.reads()
	w.run(w.hooked())
	n, paid := 0, 0
	for _, script := range []string{"", "_duplicate", "_late", "_reordered", "_silent"} {
		for decision, want := range map[string]wire.OrderState{"approve": wire.OrderPaid, "decline": wire.OrderFailed} {
			m := w.buy("tok_3ds"+script, n, n+1)
			n += 2
			if back := decide(t, w.action(m), decision); back != "http://127.0.0.1/e/demo" {
				t.Errorf("sent back to %q", back)
			}
			var o wire.OrderReply
			w.wait("the order ends", func(context.Context) bool { o = w.ask(m); return o.State != wire.OrderPending })
			if o.State != want || o.Action != nil || (want == wire.OrderFailed) != strings.HasPrefix(o.Reason, "The bank did not confirm the payment. Nothing was charged.") {
				t.Errorf("tok_3ds%s, %s: %+v", script, decision, o)
			}
			if want == wire.OrderPaid {
				paid++
			}
		}
	}
	if got := w.settled(); got[wire.OrderPaid] != paid || got[wire.OrderFailed] != paid {
		t.Errorf("%v", got)
	}
}

// A webhook alone resumes an order that no worker is processing.
func TestWebhookWakesAnOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 2)
	w.reads()
	co, err := New(w.hooked())
	must(t, err)
	w.bank.SendTo(co.WebhookURL())
	start(t, co.waiting.Run)
	start(t, co.hooks.run)
	m := w.buy("tok_3ds", 0)
	if err := co.purchase(bounded(t), m, time.Now()); !errors.Is(err, errParked) {
		t.Fatal(err)
	}
	decide(t, w.action(m), "approve")
	w.wait("the order is paid", func(context.Context) bool { return w.ask(m).State == wire.OrderPaid })
	w.wait("its seats are sold", func(context.Context) bool { return w.seats.state(m.Hold) == "sold" })
	if n := w.seats.extends(m.Hold); n != 2 {
		t.Errorf("extended %d times", n)
	}
	w.run(w.config()) // for the outbox and ORDERS
	if got := w.settled(); got[wire.OrderPaid] != 1 {
		t.Errorf("%v", got)
	}
}

// A fan who never comes back from their bank loses the seats and can't pay for
// them later.
func TestNeverConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 2)
	w.reads()
	c := w.hooked()
	var ahead atomic.Int64
	c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	w.run(c)
	m := w.buy("tok_3ds", 0)
	action := w.action(m)
	ahead.Store(int64(6 * time.Minute))
	if got := w.settled(); got[wire.OrderFailed] != 1 {
		t.Errorf("%v", got)
	}
	if o := w.ask(m); !strings.HasPrefix(o.Reason, reasonUnconfirmed) || o.Action != nil {
		t.Errorf("%+v", o)
	}
	if n := w.seats.ours(m.Hold); n != 0 {
		t.Errorf("the fan let it wait, and we took the blame %d times", n)
	}
	decide(t, action, "approve")
	if a, err := w.pay.Get(bounded(t), m.Order); err != nil || a.State != payment.Voided {
		t.Errorf("%+v, %v", a, err)
	}
}

// counting counts the voids and refunds that were answered: on a busy machine a
// request may time out and be repeated, with the same meaning.
type counting struct {
	payment.Provider
	voids, refunds atomic.Int32
}

func (c *counting) Void(ctx context.Context, t payment.Terms) (payment.Auth, error) {
	a, err := c.Provider.Void(ctx, t)
	if err == nil {
		c.voids.Add(1)
	}
	return a, err
}

func (c *counting) Refund(ctx context.Context, r payment.RefundRequest) (payment.Auth, error) {
	a, err := c.Provider.Refund(ctx, r)
	if err == nil {
		c.refunds.Add(1)
	}
	return a, err
}

// blind hides the orders that reconciliation should look for.
type blind struct{ Outbox }

func (blind) Unsettled(context.Context, ledger.Unsettled, int) ([]ledger.Unsettled, error) {
	return nil, nil
}

// The provider finishes long after the order was given up and there was nothing to
// void. A webhook or reconciliation finds the payment; however often it is found,
// it is voided once.
func TestLateSuccessIsVoidedOnce(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{true, false} {
		w := newWorld(t, natstest.Run(t), pgtest.New(t), 2)
		c := w.config()
		if told {
			c = w.hooked()
		}
		c.Outbox = blind{w.ledger}
		count := &counting{Provider: sandbox.NewClient(w.bank.URL(), 100*time.Millisecond)}
		c.Provider, c.Patience = count, 10*time.Millisecond
		w.run(c)
		m := w.buy("tok_delayed", 0)
		w.wait("given up, and nothing found to void", func(ctx context.Context) bool {
			u, err := w.ledger.Unsettled(ctx, ledger.Unsettled{}, 10)
			return err == nil && len(u) == 1
		})
		w.wait("the payment turns up", func(ctx context.Context) bool { _, err := w.pay.Get(ctx, m.Order); return err == nil })
		c.WebhookAddr, c.Outbox = "", w.ledger
		co, err := New(c)
		must(t, err)
		if !told {
			var g sync.WaitGroup
			for range 4 {
				g.Go(func() {
					if err := co.reconcileOnce(bounded(t), time.Hour); err != nil {
						t.Error(err)
					}
				})
			}
			g.Wait()
		}
		w.wait("it is voided", func(ctx context.Context) bool {
			a, err := w.pay.Get(ctx, m.Order)
			return err == nil && a.State == payment.Voided
		})
		if got := w.settled(); got[wire.OrderFailed] != 1 {
			t.Errorf("%v", got)
		}
		must(t, co.reconcileOnce(bounded(t), time.Hour))
		if n := count.voids.Load(); n != 1 {
			t.Errorf("told %v: voided %d times", told, n)
		}
		if u, err := w.ledger.Unsettled(bounded(t), ledger.Unsettled{}, 10); err != nil || len(u) != 0 {
			t.Errorf("%+v, %v", u, err)
		}
	}
}

// A provider captures, for an order given up, what it should only authorise: the
// money goes back once.
func TestCapturedForAnOrderGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 2)
	c := w.config()
	count := &counting{Provider: w.pay}
	c.Provider = count
	m := orderOf(0)
	if _, err := w.ledger.GiveUp(bounded(t), m.Order, m.Event, m.Fan); err != nil {
		t.Fatal(err)
	}
	auth, err := w.pay.Authorize(bounded(t), payment.AuthRequest{Order: m.Order, Amount: m.Total, Currency: "EUR", Method: "ok"})
	must(t, err)
	_, err = w.pay.Capture(bounded(t), payment.Terms{Order: m.Order, Reference: auth.Reference})
	must(t, err)
	w.run(c)
	w.wait("it is refunded", func(ctx context.Context) bool {
		a, err := w.pay.Get(ctx, m.Order)
		return err == nil && a.State == payment.Refunded && a.Refunded == m.Total
	})
	w.settled()
	co, err := New(c)
	must(t, err)
	must(t, co.reconcileOnce(bounded(t), time.Hour))
	w.settled()
	if n := count.refunds.Load(); n != 1 {
		t.Errorf("refunded %d times", n)
	}
}

// The ledger's partial refunds reach the provider.
func TestRefundsReachTheProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 2)
	w.run(w.config())
	m := w.buy("ok", 0, 1)
	w.settled()
	for i := range 2 {
		if _, err := w.ledger.Refund(bounded(t), ledger.RefundOrder{Order: m.Order, Seats: []string{seatID(i)}, Why: "ill", By: "ops"}); err != nil {
			t.Fatal(err)
		}
		want := int64(i+1) * m.Seats[0].Price.Total
		w.wait("the money is back", func(ctx context.Context) bool {
			a, err := w.pay.Get(ctx, m.Order)
			return err == nil && a.Refunded == want
		})
	}
	if a, err := w.pay.Get(bounded(t), m.Order); err != nil || a.State != payment.Refunded {
		t.Errorf("%+v, %v", a, err)
	}
}

// In a burst of 500s payments are paused, all seats are kept, every fan is told so,
// and admission is asked to stop. When it is over, all orders are paid.
func TestOutageOfTheProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 40)
	w.reads()
	must(t, w.pay.Outage(bounded(t), time.Hour))
	c := w.config()
	c.Pause = 300 * time.Millisecond
	w.run(c)
	var orders []wire.OrderMessage
	for i := range 30 {
		orders = append(orders, w.buy("ok", i))
	}
	health := func(ctx context.Context) (h wire.PaymentHealth) {
		e, err := kv.Open(w.js, wire.CheckoutsBucket).Get(ctx, wire.HealthKey("sandbox"))
		if err == nil {
			must(t, json.Unmarshal(e.Value, &h))
		}
		return h
	}
	w.wait("payments are down", func(ctx context.Context) bool { return health(ctx).Down(time.Now()) })
	for _, m := range append(orders, w.buy("ok", 30)) {
		var o wire.OrderReply
		w.wait("the fan is told", func(context.Context) bool { o = w.ask(m); return o.Reason != "" })
		if o.State != wire.OrderPending || !strings.HasPrefix(o.Reason, reasonPaused+" Your seats are kept ") {
			t.Errorf("%+v", o)
		}
		if w.seats.state(m.Hold) != "held" || w.seats.extends(m.Hold) == 0 || w.seats.ours(m.Hold) == 0 {
			t.Errorf("seats are %s, extended %d times, %d on our account", w.seats.state(m.Hold), w.seats.extends(m.Hold), w.seats.ours(m.Hold))
		}
	}
	must(t, w.pay.Outage(bounded(t), 0))
	if got := w.settled(); got[wire.OrderPaid] != 31 {
		t.Errorf("%v", got)
	}
	w.wait("payments are up", func(ctx context.Context) bool { return !health(ctx).Open })
	if o := w.ask(orders[0]); o.State != wire.OrderPaid || o.Reason != "" {
		t.Errorf("%+v", o)
	}
}

// A bank takes eight seconds to answer.
func TestSlowProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 2)
	s, err := sandbox.New(sandbox.Config{Dir: t.TempDir()})
	must(t, err)
	start(t, s.Run)
	w.pay = sandbox.NewClient(s.URL(), 0)
	w.run(w.config())
	m := w.buy("tok_slow", 0)
	if got := w.settled(); got[wire.OrderPaid] != 1 {
		t.Errorf("%v", got)
	}
	if n := w.seats.extends(m.Hold); n != 1 {
		t.Errorf("tried %d times", n)
	}
}

func TestWebhooksAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t), pgtest.New(t), 2)
	co, err := New(w.hooked())
	must(t, err)
	start(t, co.Run)
	post := func(body []byte, header string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(bounded(t), http.MethodPost, co.WebhookURL(), bytes.NewReader(body))
		must(t, err)
		r.Header.Set(payment.SignatureHeader, header)
		got, err := http.DefaultClient.Do(r)
		must(t, err)
		defer got.Body.Close()
		_, _ = io.Copy(io.Discard, got.Body)
		return got.StatusCode
	}
	event := func(e payment.Event) []byte {
		b, err := json.Marshal(e)
		must(t, err)
		return b
	}
	sign := func(body []byte, at time.Time) string { return payment.Sign([]byte(testSecret), body, at) }
	good := event(payment.Event{ID: "evt_1", Order: wire.OrderOfHold(wire.NewHold()), State: payment.Authorized})
	now := time.Now()
	for _, c := range []struct {
		name   string
		body   []byte
		header string
		want   int
	}{
		{"of another house", good, sign(good, now), http.StatusOK},
		{"twice", good, sign(good, now), http.StatusOK},
		{"replayed later", good, sign(good, now.Add(-6*time.Minute)), http.StatusUnauthorized},
		{"forged", good, payment.Sign([]byte("guessed"), good, now), http.StatusUnauthorized},
		{"unsigned", good, "", http.StatusUnauthorized},
		{"signature of another", event(payment.Event{ID: "evt_2"}), sign(good, now), http.StatusUnauthorized},
		{"no JSON", []byte("x"), sign([]byte("x"), now), http.StatusBadRequest},
		{"no order", event(payment.Event{ID: "evt_3", Order: "x.>"}), sign(event(payment.Event{ID: "evt_3", Order: "x.>"}), now), http.StatusBadRequest},
		{"too large", make([]byte, maxWebhook+1), "", http.StatusBadRequest},
	} {
		if got := post(c.body, c.header); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// Ids are remembered, but not for ever; a webhook that failed is accepted again.
func TestWebhooksAreRemembered(t *testing.T) {
	t.Parallel()
	h := &webhooks{taken: map[string]bool{}, ids: make([]string, 3)}
	for i, step := range []struct {
		id    string
		fresh bool
	}{{"a", true}, {"a", false}, {"b", true}, {"c", true}, {"a", false}, {"d", true}, {"a", true}, {"c", false}} {
		if got := h.begin(step.id); got != step.fresh {
			t.Errorf("step %d, %s: fresh %v", i, step.id, got)
		}
	}
	h.forget("c")
	if !h.begin("c") || len(h.taken) > 3 {
		t.Errorf("forgotten, and not taken again; %d remembered", len(h.taken))
	}
}
