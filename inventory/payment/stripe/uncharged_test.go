package stripe

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"frontrow/inventory/payment"
)

// An order that can't be charged has no payment. If Get said that it is refused, the
// order's void would be tried for ever.
func TestGetOfWhatCantBeCharged(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	for name, refusal := range map[string]struct {
		currency string
		status   int // of Stripe's answer to its creation, 0 if it isn't asked
	}{
		"a currency that Stripe doesn't take": {"IQD", 0},
		"less than Stripe takes":              {"EUR", http.StatusBadRequest},
	} {
		p.books.orders.Store(name, Order{Amount: 20, Currency: refusal.currency, Began: time.Now()})
		if refusal.status != 0 {
			p.fake.Breaks(refusal.status)
		}
		if _, err := p.Get(t.Context(), name); !errors.Is(err, payment.ErrNotFound) || errors.Is(err, payment.ErrPermanent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(p.fake.All()); n != 0 {
		t.Errorf("%d intents", n)
	}
}

// That the order's key was used for another amount proves that there is a payment.
func TestGetOfAnotherAmount(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	p.must(t, request("o_other", "waits"), payment.RequiresAction)
	p.books.orders.Store("o_other", Order{Amount: 1, Currency: "EUR", Began: time.Now()})
	if _, err := p.Get(t.Context(), "o_other"); !errors.Is(err, payment.ErrPermanent) || errors.Is(err, payment.ErrNotFound) {
		t.Error(err)
	}
}
