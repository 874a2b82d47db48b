package payment

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrDisagrees means that a provider's answer can't be about the payment asked
// for, or describes it in an impossible way. Nothing may be decided from it.
var ErrDisagrees = errors.New("the payment provider's word does not agree with the order")

// Bounds of a provider's answer.
const (
	maxReference = 255
	maxReason    = 300 // characters
)

// Terms is what must hold of a payment in any state. An empty Reference matches
// any reference, an empty Currency any amount.
type Terms struct {
	Order     string
	Reference string
	Amount    int64
	Currency  string
}

// Known returns all states of a payment.
func Known() []State {
	return []State{RequiresAction, Authorized, Declined, Captured, Voided, Refunded}
}

// Agree checks that a provider's answer is about the payment of these terms, in
// one of the states possible after the request. The error wraps ErrDisagrees and
// names the field.
//
// An answer that passes may be stored: it has a reference of printable characters
// (a declined payment needs none), an amount that is not negative, no more than
// that amount refunded, and a currency of three capital letters.
func Agree(want Terms, said Auth, possible ...State) error {
	wrong := func(field, format string, a ...any) error {
		return fmt.Errorf("%w: %s: %s", ErrDisagrees, field, fmt.Sprintf(format, a...))
	}
	none := said.Reference == "" && said.State == Declined
	switch {
	case said.Order != want.Order:
		return wrong("order", "it is another one's")
	case !slices.Contains(possible, said.State):
		return wrong("state", "%.40q, want one of %v", said.State, possible)
	case !none && !reference(said.Reference):
		return wrong("reference", "it is empty, too long, or not printable")
	case want.Reference != "" && said.Reference != want.Reference:
		return wrong("reference", "it is another one")
	case len(said.Currency) != 3 || strings.ContainsFunc(said.Currency, func(r rune) bool { return r < 'A' || r > 'Z' }):
		return wrong("currency", "%.10q is no code of ISO 4217", said.Currency)
	case said.Amount < 0 || said.Refunded < 0 || said.Refunded > said.Amount:
		return wrong("amount", "%d, of which %d is refunded", said.Amount, said.Refunded)
	case want.Currency != "" && said.Currency != want.Currency:
		return wrong("currency", "%s, want %s", said.Currency, want.Currency)
	case want.Currency != "" && said.Amount != want.Amount:
		return wrong("amount", "%d, want %d", said.Amount, want.Amount)
	case said.State == RequiresAction && !address(said.Action):
		return wrong("action", "it is no address of a page")
	}
	return nil
}

// AgreeRefund is Agree for the answer to a refund in a currency: at least the
// requested amount must have been given back.
func AgreeRefund(r RefundRequest, currency string, said Auth) error {
	if err := Agree(Terms{Order: r.Order, Reference: r.Reference}, said, Captured, Refunded); err != nil {
		return err
	}
	if said.Currency != currency || said.Refunded < r.Amount {
		return fmt.Errorf("%w: refunded: %d %s, want at least %d %s", ErrDisagrees, said.Refunded, said.Currency, r.Amount, currency)
	}
	return nil
}

func reference(s string) bool {
	return s != "" && len(s) <= maxReference && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

func address(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// Told returns the provider's reason for the fan, or instead if it can't be shown.
func Told(reason, instead string) string {
	if strings.TrimSpace(reason) == "" || !utf8.ValidString(reason) || utf8.RuneCountInString(reason) > maxReason || strings.ContainsFunc(reason, unicode.IsControl) {
		return instead
	}
	return reason
}
