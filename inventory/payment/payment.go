package payment

import (
	"context"
	"errors"
)

var (
	// ErrPermanent is a request that will be refused however often it is made:
	// malformed, an idempotency key used for something else, or a step that the
	// payment's state rules out.
	ErrPermanent = errors.New("refused by the payment provider")
	// ErrNotFound is an order under which the provider has nothing.
	ErrNotFound = errors.New("no such payment")
)

// State of a payment.
type State string

const (
	Authorized State = "authorized"
	Declined   State = "declined"
	Captured   State = "captured"
	Voided     State = "voided"
)

// AuthRequest asks for an authorisation. Amount is in minor units, Method is
// the provider's token, never card data.
type AuthRequest struct {
	Order    string `json:"order"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Method   string `json:"method"`
}

// Auth is a payment as the provider knows it. Reason is set when declined: a
// sentence for the fan.
type Auth struct {
	Order     string `json:"order"`
	Reference string `json:"reference"`
	State     State  `json:"state"`
	Reason    string `json:"reason,omitempty"`
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
}

// Provider moves money. One order has one payment, ever, and its id makes each
// step idempotent.
//
// Authorize returns an authorized or a declined payment; asked again it
// returns the same one with the same reference, in the state it has meanwhile.
//
// Capture takes the whole authorised amount once, however often it is asked.
//
// Void gives an authorisation up. To void a voided or a declined one is
// success; a captured one gives ErrPermanent.
//
// Get finds the payment of an order, and ErrNotFound if there is none (yet: an
// Authorize may be under way).
type Provider interface {
	Authorize(ctx context.Context, r AuthRequest) (Auth, error)
	Capture(ctx context.Context, order, reference string) error
	Void(ctx context.Context, order, reference string) error
	Get(ctx context.Context, order string) (Auth, error)
}
