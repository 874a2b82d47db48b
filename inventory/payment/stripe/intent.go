package stripe

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"frontrow/inventory/payment"

	"github.com/stripe/stripe-go/v85"
)

// What an intent's metadata says of it.
const (
	metaOrder = "frontrow_order"
	metaEvent = "frontrow_event"
	metaKey   = "frontrow_key" // of a refund
)

// abandoned marks an intent that was canceled because the fan's payment was refused.
const abandoned = stripe.PaymentIntentCancellationReasonAbandoned

// auth returns a payment as its intent says it is.
func (p *Provider) auth(i *stripe.PaymentIntent) payment.Auth {
	currency := strings.ToUpper(string(i.Currency))
	a := payment.Auth{Order: i.Metadata[metaOrder], Reference: i.ID, Currency: currency, Amount: minor(i.Amount, currency)}
	switch i.Status {
	case stripe.PaymentIntentStatusRequiresCapture:
		a.State = payment.Authorized
	case stripe.PaymentIntentStatusSucceeded:
		a.State = payment.Captured
		if i.LatestCharge != nil {
			a.Refunded = minor(i.LatestCharge.AmountRefunded, currency)
		}
		if a.Refunded == a.Amount {
			a.State = payment.Refunded
		}
	case stripe.PaymentIntentStatusCanceled:
		a.State = payment.Voided
		if i.CancellationReason == abandoned {
			a.State, a.Reason = payment.Declined, sentence(i.LastPaymentError)
		}
	default:
		a.State = payment.RequiresAction
		a.Action = p.cfg.Shop + "/pay/" + url.PathEscape(a.Order) + "#" + i.ClientSecret
	}
	return a
}

// refused reports whether the fan's bank has refused an intent, which may be
// confirmed again.
func refused(i *stripe.PaymentIntent) bool {
	return i.Status == stripe.PaymentIntentStatusRequiresPaymentMethod && i.LastPaymentError != nil
}

// settled returns the payment of an intent as it is now. One that was refused is
// canceled first.
func (p *Provider) settled(ctx context.Context, order string, i *stripe.PaymentIntent) (payment.Auth, error) {
	if err := p.ours(order, i); err != nil {
		return payment.Auth{}, err
	}
	if refused(i) {
		var err error
		if i, err = p.step(ctx, order, i, "decline", refused, p.cancel(ctx, i.ID, abandoned)); err != nil {
			return payment.Auth{}, err
		}
	}
	return p.auth(i), nil
}

// ours checks that an intent is an order's, and of our mode.
func (p *Provider) ours(order string, i *stripe.PaymentIntent) error {
	switch {
	case i.Metadata[metaOrder] != order:
		return fmt.Errorf("%w: order: it is another one's", payment.ErrDisagrees)
	case i.Livemode != p.cfg.Live:
		return fmt.Errorf("%w: livemode: %v", payment.ErrDisagrees, i.Livemode)
	case i.CaptureMethod != stripe.PaymentIntentCaptureMethodManual:
		return fmt.Errorf("%w: capture_method: %.20q", payment.ErrDisagrees, i.CaptureMethod)
	}
	return nil
}

// retrieve returns an intent as it is now.
func (p *Provider) retrieve(ctx context.Context, reference string) (*stripe.PaymentIntent, error) {
	if reference == "" {
		return nil, payment.ErrNotFound
	}
	i, err := p.client.V1PaymentIntents.Retrieve(ctx, reference, &stripe.PaymentIntentRetrieveParams{Expand: expand()})
	return i, meant(err)
}

// expand names what an intent is to come with: what was refunded of its charge.
func expand() []*string { return []*string{stripe.String("latest_charge")} }

// step has an intent changed while its state allows it, and returns it as it is then.
// Whether that is what was wanted, the caller sees.
func (p *Provider) step(ctx context.Context, order string, i *stripe.PaymentIntent, name string, allowed func(*stripe.PaymentIntent) bool,
	do func(key string) (*stripe.PaymentIntent, error)) (*stripe.PaymentIntent, error) {
	for attempt := 1; attempt <= maxAttempts; attempt++ {
		if !allowed(i) {
			return i, nil
		}
		next, err := do(key(order, name, attempt))
		again := replayed(next.LastResponse, err)
		if err == nil && !again {
			return next, nil
		}
		id := i.ID
		var gone error
		if i, gone = p.retrieve(ctx, id); gone != nil {
			return nil, gone
		}
		if err != nil && !again && allowed(i) {
			return nil, meant(err)
		}
	}
	if allowed(i) {
		return nil, fmt.Errorf("stripe: %d attempts of %s have failed", maxAttempts, name)
	}
	return i, nil
}

// cancel cancels an intent.
func (p *Provider) cancel(ctx context.Context, id string, why stripe.PaymentIntentCancellationReason) func(key string) (*stripe.PaymentIntent, error) {
	return func(key string) (*stripe.PaymentIntent, error) {
		return p.client.V1PaymentIntents.Cancel(ctx, id, &stripe.PaymentIntentCancelParams{Params: stripe.Params{IdempotencyKey: &key},
			CancellationReason: stripe.String(string(why)), Expand: expand()})
	}
}

// key is the idempotency key of an attempt at a step.
func key(order, step string, attempt int) string {
	return fmt.Sprintf("%s:%s:%d", order, step, attempt)
}
