package sandbox

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"frontrow/inventory/payment"
	"frontrow/inventory/payment/paymenttest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	paymenttest.Conform(t, func(t *testing.T) paymenttest.Subject {
		s, err := New(Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		line := paymenttest.NewLine(s)
		server := httptest.NewServer(line)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		t.Cleanup(func() {
			server.Close()
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
		return paymenttest.Subject{Provider: NewClient(server.URL, time.Minute), Line: line, Good: "tok_visa", Declined: "tok_decline", Asks: "tok_3ds",
			Decide: func(t *testing.T, a payment.Auth, approve bool) {
				decision := map[bool]string{true: "approve", false: "decline"}[approve]
				resp, err := http.Post(a.Action, "application/x-www-form-urlencoded", strings.NewReader(url.Values{"decision": {decision}}.Encode()))
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
			},
			Captures: func(_ *testing.T, ref string) (times, sum int64) {
				if e, ok := s.book.reference(ref); ok && (e.State == payment.Captured || e.State == payment.Refunded) {
					return 1, e.Amount
				}
				return 0, 0
			}}
	})
}
