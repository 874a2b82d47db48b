package payment

import (
	"errors"
	"strings"
	"testing"
)

func TestAgree(t *testing.T) {
	terms := Terms{Order: "o_1", Reference: "pay_1", Amount: 5600, Currency: "EUR"}
	right := Auth{Order: "o_1", Reference: "pay_1", State: Authorized, Amount: 5600, Currency: "EUR"}
	for _, state := range Known() {
		said := right
		said.State, said.Action = state, "https://bank.example/confirm"
		if err := Agree(terms, said, Known()...); err != nil {
			t.Errorf("%s: %v", state, err)
		}
	}
	if err := Agree(Terms{Order: "o_1"}, Auth{Order: "o_1", State: Declined, Amount: 1, Currency: "JPY"}, Known()...); err != nil {
		t.Errorf("a declined payment of unknown terms: %v", err)
	}
	for field, wrong := range map[string][]Auth{
		"order":     edits(right, func(a *Auth) { a.Order = "o_2" }, func(a *Auth) { a.Order = "" }),
		"reference": edits(right, func(a *Auth) { a.Reference = "" }, func(a *Auth) { a.Reference = "pay_2" }, func(a *Auth) { a.Reference = "pay\x00" }, func(a *Auth) { a.Reference = strings.Repeat("p", maxReference+1) }),
		"state":     edits(right, func(a *Auth) { a.State = "" }, func(a *Auth) { a.State = "authorised" }, func(a *Auth) { a.State = "AUTHORIZED" }),
		"amount":    edits(right, func(a *Auth) { a.Amount = 1 }, func(a *Auth) { a.Amount = 5601 }, func(a *Auth) { a.Amount = 0 }, func(a *Auth) { a.Amount = -5600 }, func(a *Auth) { a.Refunded = 5601 }, func(a *Auth) { a.Refunded = -1 }),
		"currency":  edits(right, func(a *Auth) { a.Currency = "JPY" }, func(a *Auth) { a.Currency = "" }, func(a *Auth) { a.Currency = "eur" }, func(a *Auth) { a.Currency = "€" }),
		"action":    edits(right, func(a *Auth) { a.State = RequiresAction }, func(a *Auth) { a.State, a.Action = RequiresAction, "javascript:alert(1)" }),
	} {
		for _, said := range wrong {
			if err := Agree(terms, said, Known()...); !errors.Is(err, ErrDisagrees) || !strings.Contains(err.Error(), field) {
				t.Errorf("%+v: %v, want a word about the %s", said, err, field)
			}
		}
	}
	if err := Agree(terms, right, Captured, Refunded); !errors.Is(err, ErrDisagrees) {
		t.Errorf("authorized after a capture: %v", err)
	}
}

func TestAgreeRefund(t *testing.T) {
	ask := RefundRequest{Order: "o_1", Reference: "pay_1", Amount: 600}
	right := Auth{Order: "o_1", Reference: "pay_1", State: Captured, Amount: 5600, Refunded: 600, Currency: "EUR"}
	for _, said := range append(edits(right, func(a *Auth) { a.Refunded = 5600 }, func(a *Auth) { a.State, a.Refunded = Refunded, 5600 }), right) {
		if err := AgreeRefund(ask, "EUR", said); err != nil {
			t.Errorf("%+v: %v", said, err)
		}
	}
	for _, said := range edits(right, func(a *Auth) { a.Refunded = 599 }, func(a *Auth) { a.Currency = "JPY" }, func(a *Auth) { a.State = Voided }, func(a *Auth) { a.Reference = "pay_2" }) {
		if err := AgreeRefund(ask, "EUR", said); !errors.Is(err, ErrDisagrees) {
			t.Errorf("%+v: %v", said, err)
		}
	}
}

func edits(a Auth, edit ...func(*Auth)) (all []Auth) {
	for _, e := range edit {
		b := a
		e(&b)
		all = append(all, b)
	}
	return all
}

func TestToldIsFitToBeShown(t *testing.T) {
	for reason, want := range map[string]string{
		"The card has expired.": "The card has expired.", "": "declined", " ": "declined", "a\x00b": "declined", "\xff": "declined", strings.Repeat("x", maxReason+1): "declined",
	} {
		if got := Told(reason, "declined"); got != want {
			t.Errorf("%.20q is told as %.20q", reason, got)
		}
	}
}
