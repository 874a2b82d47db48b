package checkout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/wire"

	"github.com/prometheus/client_golang/prometheus"
)

// away is a ledger that doesn't answer its first calls.
type away struct {
	Ledger
	asked, until int
}

func (l *away) Order(context.Context, string) (ledger.Order, error) {
	if l.asked++; l.asked <= l.until {
		return ledger.Order{}, errors.New("away")
	}
	return ledger.Order{}, ledger.ErrNotFound
}

// A webhook that can't be handled is refused, and accepted once when it comes again.
func TestWebhookComesAgain(t *testing.T) {
	t.Parallel()
	now, orders := time.Now(), &away{until: 2}
	h := &webhooks{taken: map[string]bool{}, ids: make([]string, 3), slots: make(chan struct{}, 1), Checkout: &Checkout{metrics: newMetrics(nil),
		cfg: Config{Ledger: orders, Webhooks: payment.Signed(testSecret), Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}}}
	body, err := json.Marshal(payment.Event{ID: "evt_1", Order: wire.OrderOfHold(wire.NewHold()), State: payment.Captured})
	must(t, err)
	for i, want := range []int{http.StatusServiceUnavailable, http.StatusServiceUnavailable, http.StatusOK, http.StatusOK} {
		r := httptest.NewRequest(http.MethodPost, webhookPath, bytes.NewReader(body))
		r.Header.Set(payment.SignatureHeader, payment.Sign([]byte(testSecret), body, now))
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("time %d: %d, want %d", i+1, w.Code, want)
		}
	}
	if orders.asked != 3 {
		t.Errorf("the ledger was asked %d times, want 3", orders.asked)
	}
}

// What concerns nobody is taken, and a dispute is counted once.
func TestWebhooksWithoutAnOrder(t *testing.T) {
	t.Parallel()
	var said saying
	registry := prometheus.NewRegistry()
	h := &webhooks{taken: map[string]bool{}, ids: make([]string, 3), slots: make(chan struct{}, 1), Checkout: &Checkout{metrics: newMetrics(registry),
		cfg: Config{Webhooks: &said, Logger: slog.New(slog.DiscardHandler), Now: time.Now}}}
	for _, c := range []struct {
		said   saying
		status int
	}{
		{saying{err: payment.ErrNotOurs}, http.StatusOK},
		{saying{err: payment.ErrSignature}, http.StatusUnauthorized},
		{saying{err: errors.New("no event")}, http.StatusBadRequest},
		{saying{e: payment.Event{ID: "evt_1", Dispute: &payment.Dispute{Reference: "pi_1", Status: payment.DisputeOpen}}}, http.StatusOK},
		{saying{e: payment.Event{ID: "evt_1", Dispute: &payment.Dispute{Reference: "pi_1", Status: payment.DisputeOpen}}}, http.StatusOK},
		{saying{e: payment.Event{Dispute: &payment.Dispute{Reference: "pi_1", Status: payment.DisputeOpen}}}, http.StatusBadRequest},
	} {
		said = c.said
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, webhookPath, nil)); w.Code != c.status {
			t.Errorf("%+v: %d, want %d", c.said, w.Code, c.status)
		}
	}
	families, err := registry.Gather()
	must(t, err)
	counted := 0.0
	for _, f := range families {
		if f.GetName() == "frontrow_checkout_disputes_total" {
			counted = f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	if counted != 1 {
		t.Errorf("%v disputes were counted", counted)
	}
}

// saying is what a webhook says.
type saying struct {
	e   payment.Event
	err error
}

func (s *saying) Event(http.Header, []byte, time.Time) (payment.Event, error) { return s.e, s.err }

// A webhook that is read and written again reads the same.
func FuzzWebhook(f *testing.F) {
	order := wire.OrderOfHold(wire.NewHold())
	right, err := json.Marshal(payment.Event{ID: "evt_1", Order: order, State: payment.Captured, At: time.Unix(1_900_000_000, 0).UTC()})
	must(f, err)
	read := func(body []byte) (payment.Event, bool) {
		at := time.Now()
		e, err := payment.Signed(testSecret).Event(http.Header{payment.SignatureHeader: {payment.Sign([]byte(testSecret), body, at)}}, body, at)
		return e, err == nil && understood(e)
	}
	if _, ok := read(right); !ok {
		f.Fatalf("%s is not understood", right)
	}
	for _, s := range []string{string(right), `{"id":"<>","order":"` + order + `","state":"declined","at":"2027-06-19T20:00:00.5+02:00"}`,
		`{"ID":"e","Order":"` + order + `","STATE":"voided","state":"paid"}`, `{"id":"e","order":"` + order + `~2","state":"captured"}`, `null`, `[]`, string(right) + `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, ok := read(body)
		if !ok {
			return
		}
		raw, err := json.Marshal(e)
		must(t, err)
		if again, ok := read(raw); !ok || !again.At.Equal(e.At) || again.ID != e.ID || again.Order != e.Order || again.State != e.State {
			t.Fatalf("%s says %+v, and again %+v", body, e, again)
		}
	})
}
