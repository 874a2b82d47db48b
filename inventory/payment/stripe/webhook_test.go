package stripe

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"frontrow/inventory/payment"

	"github.com/stripe/stripe-go/v85/webhook"
)

func signed(secret string, at time.Time, body string) http.Header {
	return http.Header{signatureHeader: {fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(webhook.ComputeSignature(at, []byte(body), secret)))}}
}

func event(kind, object string) string {
	return fmt.Sprintf(`{"id":"evt_1","object":"event","api_version":"2026-03-25.dahlia","created":1790000000,"livemode":false,"type":%q,"data":{"object":%s}}`, kind, object)
}

const intentOfOrder = `{"id":"pi_1","object":"payment_intent","metadata":{"frontrow_order":"o_1"}}`

func TestWebhooks(t *testing.T) {
	t.Parallel()
	w := Webhooks{Secrets: []string{"whsec_new", "whsec_old"}}
	for kind, want := range map[string]payment.State{"payment_intent.amount_capturable_updated": payment.Authorized, "payment_intent.payment_failed": payment.Declined,
		"payment_intent.succeeded": payment.Captured, "payment_intent.canceled": payment.Voided} {
		body := event(kind, intentOfOrder)
		for _, secret := range w.Secrets {
			e, err := w.Event(signed(secret, time.Now(), body), []byte(body), time.Now())
			if err != nil || e.Order != "o_1" || e.State != want || e.ID != "evt_1" || e.Dispute != nil {
				t.Errorf("%s: %+v, %v", kind, e, err)
			}
		}
	}
	dispute := `{"id":"dp_1","object":"dispute","payment_intent":"pi_1","status":%q}`
	for status, want := range map[string]string{"created needs_response": payment.DisputeOpen, "closed won": payment.DisputeWon, "closed warning_closed": payment.DisputeWon, "closed lost": payment.DisputeLost} {
		kind, status, _ := strings.Cut(status, " ")
		body := event("charge.dispute."+kind, fmt.Sprintf(dispute, status))
		e, err := w.Event(signed("whsec_new", time.Now(), body), []byte(body), time.Now())
		if err != nil || e.Dispute == nil || *e.Dispute != (payment.Dispute{Reference: "pi_1", Status: want}) {
			t.Errorf("%s: %+v, %v", status, e, err)
		}
	}
}

// What nobody signed, what is old, and what is another's is refused; the rest that is not ours is not.
func TestWebhooksAreRefused(t *testing.T) {
	t.Parallel()
	w := Webhooks{Secrets: []string{"whsec_1"}}
	now, right := time.Now(), event("payment_intent.succeeded", intentOfOrder)
	edit := func(old, with string) string { return strings.Replace(right, old, with, 1) }
	for name, c := range map[string]struct {
		body   string
		header http.Header
		want   error
	}{
		"unsigned":         {right, http.Header{}, payment.ErrSignature},
		"another secret":   {right, signed("whsec_2", now, right), payment.ErrSignature},
		"another body":     {edit("o_1", "o_2"), signed("whsec_1", now, right), payment.ErrSignature},
		"old":              {right, signed("whsec_1", now.Add(-payment.SignatureAge-time.Minute), right), payment.ErrSignature},
		"sandbox's header": {right, http.Header{payment.SignatureHeader: {payment.Sign([]byte("whsec_1"), []byte(right), now)}}, payment.ErrSignature},
		"other mode":       {edit(`"livemode":false`, `"livemode":true`), nil, payment.ErrSignature},
		"other account":    {edit(`"livemode"`, `"account":"acct_2","livemode"`), nil, payment.ErrSignature},
		"unknown type":     {event("customer.created", `{"id":"cus_1"}`), nil, payment.ErrNotOurs},
		"other payment":    {event("payment_intent.succeeded", `{"id":"pi_1","metadata":{}}`), nil, payment.ErrNotOurs},
		"other dispute":    {event("charge.dispute.created", `{"id":"dp_1","payment_intent":null}`), nil, payment.ErrNotOurs},
	} {
		if c.header == nil {
			c.header = signed("whsec_1", now, c.body)
		}
		if e, err := w.Event(c.header, []byte(c.body), now); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	if e, err := (Webhooks{}).Event(signed("", now, right), []byte(right), now); !errors.Is(err, payment.ErrSignature) {
		t.Errorf("without a secret: %+v, %v", e, err)
	}
}

// No body, signed as it may be, does more than be refused.
func FuzzWebhook(f *testing.F) {
	for _, body := range []string{event("payment_intent.succeeded", intentOfOrder), event("payment_intent.succeeded", `null`), event("charge.dispute.created", `[]`), `{"object":"event"}`, `null`} {
		f.Add([]byte(body))
	}
	w := Webhooks{Secrets: []string{"whsec_1"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := w.Event(signed("whsec_1", time.Now(), string(body)), body, time.Now())
		if err == nil && e.Order == "" && e.Dispute == nil || err == nil && !bytes.Contains(body, []byte("event")) {
			t.Errorf("%q is taken: %+v", body, e)
		}
	})
}
