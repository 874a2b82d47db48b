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
		cfg: Config{Ledger: orders, WebhookSecret: []byte(testSecret), Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}}}
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

// A webhook that is read and written again reads the same.
func FuzzWebhook(f *testing.F) {
	order := wire.OrderOfHold(wire.NewHold())
	right, err := json.Marshal(payment.Event{ID: "evt_1", Order: order, State: payment.Captured, At: time.Unix(1_900_000_000, 0).UTC()})
	must(f, err)
	if _, ok := readWebhook(right); !ok {
		f.Fatalf("%s is not understood", right)
	}
	for _, s := range []string{string(right), `{"id":"<>","order":"` + order + `","state":"declined","at":"2027-06-19T20:00:00.5+02:00"}`,
		`{"ID":"e","Order":"` + order + `","STATE":"voided","state":"paid"}`, `{"id":"e","order":"` + order + `~2","state":"captured"}`, `null`, `[]`, string(right) + `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, ok := readWebhook(body)
		if !ok {
			return
		}
		raw, err := json.Marshal(e)
		must(t, err)
		if again, ok := readWebhook(raw); !ok || !again.At.Equal(e.At) || again.ID != e.ID || again.Order != e.Order || again.State != e.State {
			t.Fatalf("%s says %+v, and again %+v", body, e, again)
		}
	})
}
