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
	RequiresAction State = "requires_action" // the fan has a step to do at Auth.Action
	Authorized     State = "authorized"
	Declined       State = "declined"
	Captured       State = "captured"
	Voided         State = "voided"
	Refunded       State = "refunded" // all of it
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
// sentence for the fan. Action is set while an action is required: the page at
// which the fan's browser is asked for it.
type Auth struct {
	Order     string `json:"order"`
	Reference string `json:"reference"`
	State     State  `json:"state"`
	Reason    string `json:"reason,omitempty"`
	Action    string `json:"action,omitempty"`
	Amount    int64  `json:"amount"`
	Refunded  int64  `json:"refunded,omitempty"` // of the amount, so far
	Currency  string `json:"currency"`
}

// RefundRequest asks for money back: Amount in minor units of what was captured
// under Reference. An order may be refunded in parts; Key is the idempotency key
// of one of them.
type RefundRequest struct {
	Order     string `json:"order"`
	Reference string `json:"reference"`
	Key       string `json:"key"`
	Amount    int64  `json:"amount"`
}

// Provider moves money. One order has one payment, ever, and its id makes each
// step idempotent. Each step answers with the payment as it is then; whoever asks
// compares that with what they asked for (Agree), since a provider may be wrong.
//
// Authorize returns an authorized or a declined payment, or one that requires
// an action of the fan first; asked again it returns the same one with the same
// reference, in the state it has meanwhile.
//
// Capture takes the whole amount of the terms once, however often it is asked.
//
// Void, of which the terms need not name an amount, gives an authorisation up, and one that requires an action. To void a
// voided or a declined one is success; a captured one gives ErrPermanent.
//
// Refund gives a part of the captured amount back once, however often it is
// asked. More than is left of it gives ErrPermanent.
//
// Get finds the payment of an order, and ErrNotFound if there is none (yet: an
// Authorize may be under way).
type Provider interface {
	Authorize(ctx context.Context, r AuthRequest) (Auth, error)
	Capture(ctx context.Context, t Terms) (Auth, error)
	Void(ctx context.Context, t Terms) (Auth, error)
	Refund(ctx context.Context, r RefundRequest) (Auth, error)
	Get(ctx context.Context, order string) (Auth, error)
}
