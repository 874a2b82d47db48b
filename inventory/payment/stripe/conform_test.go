package stripe

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"frontrow/inventory/payment"
	"frontrow/inventory/payment/paymenttest"
	"frontrow/inventory/payment/stripe/stripetest"
)

const testKey = "sk_test_1"

// books are the orders that were begun.
type books struct{ orders sync.Map }

func (b *books) Payable(_ context.Context, order string) (Order, error) {
	if o, ok := b.orders.Load(order); ok {
		return o.(Order), nil
	}
	return Order{}, payment.ErrNotFound
}

// begun adds an order to the books.
func (b *books) begun(r payment.AuthRequest, at time.Time) {
	b.orders.LoadOrStore(r.Order, Order{Event: r.Event, Amount: r.Amount, Currency: r.Currency, Began: at})
}

// fan is a provider whose fans act at once on the page: the method says how.
type fan struct {
	*Provider
	fake  *stripetest.Fake
	books *books
}

func (f fan) Authorize(ctx context.Context, r payment.AuthRequest) (payment.Auth, error) {
	f.books.begun(r, time.Now())
	a, err := f.Provider.Authorize(ctx, r)
	if err != nil || a.State != payment.RequiresAction || r.Method == "waits" {
		return a, err
	}
	f.fake.Confirm(a.Reference, map[string]string{"good": "", "declined": "insufficient_funds"}[r.Method])
	return f.Provider.Authorize(ctx, r)
}

// start returns a provider, and the fake that it asks.
func start(t *testing.T) (fan, *paymenttest.Line) {
	t.Helper()
	f, b := stripetest.New(), &books{}
	line := paymenttest.NewLine(f)
	server := httptest.NewServer(line)
	t.Cleanup(server.Close)
	p, err := New(Config{Key: testKey, Shop: "https://shop.example", Orders: b, URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return fan{p, f, b}, line
}

func TestConformance(t *testing.T) {
	t.Parallel()
	paymenttest.Conform(t, func(t *testing.T) paymenttest.Subject {
		p, line := start(t)
		return paymenttest.Subject{Provider: p, Line: line, Good: "good", Declined: "declined", Asks: "waits",
			Decide: func(_ *testing.T, a payment.Auth, approve bool) {
				p.fake.Confirm(a.Reference, map[bool]string{true: "", false: "do_not_honor"}[approve])
			},
			Captures: func(_ *testing.T, ref string) (times, sum int64) {
				for _, n := range p.fake.Captures(ref) {
					times, sum = times+1, sum+n
				}
				return times, sum
			}}
	})
}
