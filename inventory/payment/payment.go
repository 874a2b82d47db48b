package payment

import (
	"context"
	"errors"
)

var (
	// ErrPermanent means that a request will be refused however often it is made:
	// it is malformed, its idempotency key was used for something else, or the
	// payment's state rules it out.
	ErrPermanent = errors.New("refused by the payment provider")
	// ErrNotFound means that the provider has no payment under the order.
	ErrNotFound = errors.New("no such payment")
)

// State of a payment.
type State string

const (
	RequiresAction State = "requires_action" // the fan must take a step at Auth.Action
	Authorized     State = "authorized"
	Declined       State = "declined"
	Captured       State = "captured"
	Voided         State = "voided"
	Refunded       State = "refunded" // all of it
)

// AuthRequest asks for an authorisation. Amount is in minor units, Method is
// the provider's token, never card data. Event is what the order is for: a note for
// the provider's books.
type AuthRequest struct {
	Order    string `json:"order"`
	Event    string `json:"event,omitempty"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Method   string `json:"method"`
}

// Auth is a payment as the provider knows it. Reason, a sentence for the fan, is
// set when the payment is declined. Action, the page that asks the fan, is set
// while an action is required.
type Auth struct {
	Order     string `json:"order"`
	Reference string `json:"reference"`
	State     State  `json:"state"`
	Reason    string `json:"reason,omitempty"`
	Action    string `json:"action,omitempty"`
	Amount    int64  `json:"amount"`
	Refunded  int64  `json:"refunded,omitempty"` // of Amount, so far
	Currency  string `json:"currency"`
}

// RefundRequest asks to give back Amount, in minor units, of what was captured
// under Reference. An order may be refunded in parts; Key is the idempotency key
// of one part.
type RefundRequest struct {
	Order     string `json:"order"`
	Reference string `json:"reference"`
	Key       string `json:"key"`
	Amount    int64  `json:"amount"`
}

// Provider moves money. An order only ever has one payment, and its id makes each
// step idempotent. Each step returns the payment as it is then; the caller checks
// that against the request (Agree), since a provider may be wrong.
//
// Authorize returns an authorized or a declined payment, or one that first requires
// an action of the fan. Called again it returns the same payment with the same
// reference, in its current state.
//
// Capture takes the whole amount of the terms once, however often it is called.
//
// Void gives up a payment that is authorized or requires an action; its terms need
// not name an amount. Voiding a voided or declined payment succeeds; for a captured
// one the error is ErrPermanent.
//
// Refund gives back a part of the captured amount once, however often it is
// called. If less than that is left, the error is ErrPermanent.
//
// Get returns the payment of an order. The error is ErrNotFound if there is none,
// or none yet: an Authorize may be under way.
type Provider interface {
	Authorize(ctx context.Context, r AuthRequest) (Auth, error)
	Capture(ctx context.Context, t Terms) (Auth, error)
	Void(ctx context.Context, t Terms) (Auth, error)
	Refund(ctx context.Context, r RefundRequest) (Auth, error)
	Get(ctx context.Context, order string) (Auth, error)
}
