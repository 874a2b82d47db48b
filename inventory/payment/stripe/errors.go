package stripe

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"

	"frontrow/inventory/payment"

	"github.com/stripe/stripe-go/v85"
)

// errKeyUsed means that a key was used for another request before.
var errKeyUsed = errors.New("the key was used for another request")

// meant returns what an error of the library means to a caller: payment.ErrNotFound,
// payment.ErrPermanent, or an error that leaves the outcome open. A key that Stripe
// doesn't take may be replaced, so that is open, too.
func meant(err error) error {
	var e *stripe.Error
	if !errors.As(err, &e) {
		return err
	}
	said := fmt.Errorf("stripe: status %d, %s (request %s)", e.HTTPStatusCode, cmp.Or(string(e.Code), string(e.Type), "no code"), cmp.Or(e.RequestID, "unnamed"))
	switch s := e.HTTPStatusCode; {
	case e.Code == stripe.ErrorCodeIdempotencyKeyInUse || e.Code == stripe.ErrorCodeLockTimeout:
		return said
	case s == http.StatusNotFound:
		return fmt.Errorf("%w: %w", payment.ErrNotFound, said)
	case s == http.StatusUnauthorized || s == http.StatusForbidden || s == http.StatusConflict ||
		s == http.StatusTooManyRequests || s == http.StatusRequestTimeout || s < 400 || s >= 500:
		return said
	case e.Type == stripe.ErrorTypeIdempotency:
		return fmt.Errorf("%w: %w: %w", payment.ErrPermanent, errKeyUsed, said)
	}
	return fmt.Errorf("%w: %w", payment.ErrPermanent, said)
}

// replayed reports whether Stripe has given the answer that it gave before.
func replayed(r *stripe.APIResponse, err error) bool {
	var e *stripe.Error
	if errors.As(err, &e) {
		r = e.LastResponse
	}
	return r != nil && r.Header.Get("Idempotent-Replayed") == "true"
}

// sentence returns what a fan is told of a refused payment. Of a card said to be lost,
// stolen or used for fraud they are not told why.
func sentence(e *stripe.Error) string {
	if e == nil {
		return "The payment was declined."
	}
	switch e.DeclineCode {
	case stripe.DeclineCodeInsufficientFunds, stripe.DeclineCodeCardVelocityExceeded, stripe.DeclineCodeWithdrawalCountLimitExceeded:
		return "The card has not enough money left for this payment."
	case stripe.DeclineCodeExpiredCard:
		return "The card has expired."
	case stripe.DeclineCodeIncorrectCVC, stripe.DeclineCodeInvalidCVC:
		return "The card's security code is not right."
	case stripe.DeclineCodeIncorrectNumber, stripe.DeclineCodeInvalidNumber, stripe.DeclineCodeInvalidExpiryMonth, stripe.DeclineCodeInvalidExpiryYear, stripe.DeclineCodeIncorrectZip:
		return "The card's details are not right."
	case stripe.DeclineCodeCardNotSupported, stripe.DeclineCodeCurrencyNotSupported, stripe.DeclineCodeTransactionNotAllowed:
		return "The card can't be used for this payment."
	case stripe.DeclineCodeIssuerNotAvailable, stripe.DeclineCodeProcessingError, stripe.DeclineCodeTryAgainLater, stripe.DeclineCodeReenterTransaction:
		return "The card's bank could not be reached."
	case stripe.DeclineCodeAuthenticationRequired, stripe.DeclineCodeApproveWithID:
		return "The bank wants this payment to be confirmed, and it was not."
	}
	switch e.Code {
	case stripe.ErrorCodePaymentIntentAuthenticationFailure:
		return "The bank did not confirm the payment."
	case stripe.ErrorCodeExpiredCard:
		return "The card has expired."
	case stripe.ErrorCodeIncorrectCVC:
		return "The card's security code is not right."
	}
	return "The card was declined."
}
