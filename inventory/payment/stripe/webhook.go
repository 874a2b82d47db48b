package stripe

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"frontrow/inventory/payment"

	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"
)

// signatureHeader of a webhook is t=<unix seconds>,v1=<hex>.
const signatureHeader = "Stripe-Signature"

// Webhooks reads Stripe's webhooks. It takes two secrets while one is rolled.
type Webhooks struct {
	Secrets []string
	Live    bool
}

// Event verifies a webhook and returns what it is about. The error wraps
// payment.ErrSignature if it isn't signed with a secret of ours, or was signed too long
// ago (payment.SignatureAge, by this machine's clock), or is of another account or mode;
// payment.ErrNotOurs if it is about nothing that concerns us.
func (w Webhooks) Event(h http.Header, body []byte, _ time.Time) (payment.Event, error) {
	e, err := w.verified(h.Get(signatureHeader), body)
	if err != nil {
		return payment.Event{}, err
	}
	if e.Account != "" || e.Context != "" || e.Livemode != w.Live {
		return payment.Event{}, fmt.Errorf("%w: it is of another account, or of the other mode", payment.ErrSignature)
	}
	said := payment.Event{ID: e.ID, At: time.Unix(e.Created, 0).UTC()}
	switch e.Type {
	case stripe.EventTypePaymentIntentAmountCapturableUpdated:
		said.State = payment.Authorized
	case stripe.EventTypePaymentIntentPaymentFailed:
		said.State = payment.Declined
	case stripe.EventTypePaymentIntentSucceeded:
		said.State = payment.Captured
	case stripe.EventTypePaymentIntentCanceled:
		said.State = payment.Voided
	case stripe.EventTypeChargeDisputeCreated, stripe.EventTypeChargeDisputeClosed:
		return disputed(said, e)
	default:
		return payment.Event{}, fmt.Errorf("%w: %.60q", payment.ErrNotOurs, e.Type)
	}
	var i struct {
		Metadata map[string]string `json:"metadata"`
	}
	if e.Data == nil || json.Unmarshal(e.Data.Raw, &i) != nil {
		return payment.Event{}, errors.New("stripe: the event has no intent")
	}
	if said.Order = i.Metadata[metaOrder]; said.Order == "" {
		return payment.Event{}, fmt.Errorf("%w: a payment of something else", payment.ErrNotOurs)
	}
	return said, nil
}

// verified checks the signature by each secret. The API version of the event may be another
// than ours, since all that we read of it is the same in each.
func (w Webhooks) verified(header string, body []byte) (e stripe.Event, err error) {
	err = errors.New("there is no secret")
	for _, secret := range w.Secrets {
		e, err = webhook.ConstructEventWithOptions(body, header, secret, webhook.ConstructEventOptions{Tolerance: payment.SignatureAge, IgnoreAPIVersionMismatch: true})
		if err == nil {
			return e, nil
		}
	}
	return stripe.Event{}, fmt.Errorf("%w: %w", payment.ErrSignature, err)
}

// disputed reads a dispute, which names the payment, not the order.
func disputed(said payment.Event, e stripe.Event) (payment.Event, error) {
	var d struct {
		PaymentIntent string `json:"payment_intent"`
		Status        string `json:"status"`
	}
	if e.Data == nil || json.Unmarshal(e.Data.Raw, &d) != nil {
		return payment.Event{}, errors.New("stripe: the event has no dispute")
	}
	if d.PaymentIntent == "" { // all of ours have one
		return payment.Event{}, fmt.Errorf("%w: a dispute of something else", payment.ErrNotOurs)
	}
	said.Dispute = &payment.Dispute{Reference: d.PaymentIntent, Status: payment.DisputeOpen}
	if e.Type == stripe.EventTypeChargeDisputeClosed {
		said.Dispute.Status = payment.DisputeLost
		if d.Status == string(stripe.DisputeStatusWon) || d.Status == string(stripe.DisputeStatusWarningClosed) {
			said.Dispute.Status = payment.DisputeWon
		}
	}
	return said, nil
}
