package paymenttest

import (
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"testing"

	"frontrow/inventory/payment"
)

// Subject is a provider to check, and what plays the world around it.
type Subject struct {
	Provider payment.Provider
	Line     *Line // that all of the provider's requests take

	Good, Declined, Asks string                                                  // methods: authorized, declined, requires an action
	Decide               func(t *testing.T, a payment.Auth, approve bool)        // plays the fan on the page of a.Action
	Captures             func(t *testing.T, reference string) (times, sum int64) // what the provider's own books say was taken
}

// callers ask at once.
const callers = 8

// amount of each payment, in minor units.
const amount = 5400

// Conform checks every promise, each with a subject of its own.
func Conform(t *testing.T, start func(t *testing.T) Subject) {
	t.Helper()
	for name, check := range map[string]func(*testing.T, Subject){
		"SamePayment": samePayment, "LostAnswers": lostAnswers, "OtherTerms": otherTerms, "Declined": declined, "Action": action,
		"CaptureOnce": captureOnce, "Void": void, "CaptureOrVoid": captureOrVoid, "Refunds": refunds, "RefundsAtOnce": refundsAtOnce, "Unknown": unknown,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, start(t))
		})
	}
}

func request(method string) payment.AuthRequest {
	return payment.AuthRequest{Order: "o_" + rand.Text(), Amount: amount, Currency: "EUR", Method: method}
}

func terms(a payment.Auth) payment.Terms {
	return payment.Terms{Order: a.Order, Reference: a.Reference, Amount: amount, Currency: "EUR"}
}

// authorize makes a payment in a state.
func (s Subject) authorize(t *testing.T, method string, want payment.State) payment.Auth {
	t.Helper()
	r := request(method)
	a, err := s.Provider.Authorize(t.Context(), r)
	s.is(t, a, err, terms(payment.Auth{Order: r.Order}), want)
	return a
}

// is checks an answer.
func (s Subject) is(t *testing.T, a payment.Auth, err error, of payment.Terms, want payment.State) {
	t.Helper()
	if err == nil {
		err = payment.Agree(of, a, want)
	}
	if err != nil {
		t.Fatalf("%+v, %v", a, err)
	}
}

// stands checks what Get and Authorize say of a payment now.
func (s Subject) stands(t *testing.T, a payment.Auth, method string, want payment.State) {
	t.Helper()
	got, err := s.Provider.Get(t.Context(), a.Order)
	s.is(t, got, err, terms(a), want)
	got, err = s.Provider.Authorize(t.Context(), payment.AuthRequest{Order: a.Order, Amount: amount, Currency: "EUR", Method: method})
	s.is(t, got, err, terms(a), want)
}

// refused checks that an error is exactly one of ErrPermanent and ErrNotFound.
func refused(t *testing.T, what string, err, want error) {
	t.Helper()
	for _, e := range []error{payment.ErrPermanent, payment.ErrNotFound} {
		if errors.Is(err, e) != (e == want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
}

// atOnce runs n calls at once.
func atOnce(n int, call func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { call(i) })
	}
	wg.Wait()
}

func samePayment(t *testing.T, s Subject) {
	r := request(s.Good)
	got := make([]payment.Auth, callers)
	atOnce(callers, func(i int) {
		var err error
		for got[i], err = s.Provider.Authorize(t.Context(), r); err != nil; got[i], err = s.Provider.Authorize(t.Context(), r) {
			if refused(t, "at once", err, nil); t.Context().Err() != nil || t.Failed() {
				return
			}
		}
	})
	for _, a := range got {
		s.is(t, a, nil, terms(got[0]), payment.Authorized)
	}
	s.stands(t, got[0], s.Good, payment.Authorized)
}

// lost calls while answers are lost, and wants an open error.
func (s Subject) lost(t *testing.T, what string, call func() (payment.Auth, error)) {
	t.Helper()
	s.Line.Cut()
	defer s.Line.Mend()
	_, err := call()
	if refused(t, what+" without an answer", err, nil); err == nil {
		t.Fatalf("%s was answered", what)
	}
}

func lostAnswers(t *testing.T, s Subject) {
	r := request(s.Good)
	s.lost(t, "authorize", func() (payment.Auth, error) { return s.Provider.Authorize(t.Context(), r) })
	a, err := s.Provider.Authorize(t.Context(), r)
	s.is(t, a, err, terms(payment.Auth{Order: r.Order}), payment.Authorized)
	s.stands(t, a, s.Good, payment.Authorized)

	capture := func() (payment.Auth, error) { return s.Provider.Capture(t.Context(), terms(a)) }
	s.lost(t, "capture", capture)
	got, err := capture()
	s.is(t, got, err, terms(a), payment.Captured)
	if times, sum := s.Captures(t, a.Reference); times != 1 || sum != amount {
		t.Errorf("captured %d times, %d", times, sum)
	}
	part := payment.RefundRequest{Order: a.Order, Reference: a.Reference, Key: a.Order + ".1", Amount: 400}
	refund := func() (payment.Auth, error) { return s.Provider.Refund(t.Context(), part) }
	s.lost(t, "refund", refund)
	if got, err = refund(); err != nil || got.Refunded != part.Amount {
		t.Errorf("%+v, %v", got, err)
	}
	v := s.authorize(t, s.Good, payment.Authorized)
	undo := func() (payment.Auth, error) { return s.Provider.Void(t.Context(), terms(v)) }
	s.lost(t, "void", undo)
	got, err = undo()
	s.is(t, got, err, terms(v), payment.Voided)
}

func otherTerms(t *testing.T, s Subject) {
	a := s.authorize(t, s.Good, payment.Authorized)
	for _, r := range []payment.AuthRequest{{Order: a.Order, Amount: 1, Currency: "EUR", Method: s.Good}, {Order: a.Order, Amount: amount, Currency: "USD", Method: s.Good}} {
		_, err := s.Provider.Authorize(t.Context(), r)
		refused(t, "other terms", err, payment.ErrPermanent)
	}
	s.stands(t, a, s.Good, payment.Authorized)
}

func declined(t *testing.T, s Subject) {
	a := s.authorize(t, s.Declined, payment.Declined)
	if payment.Told(a.Reason, "") == "" {
		t.Errorf("no reason for the fan: %+v", a)
	}
	s.stands(t, a, s.Declined, payment.Declined)
	_, err := s.Provider.Capture(t.Context(), terms(a))
	refused(t, "capture of a declined payment", err, payment.ErrPermanent)
	got, err := s.Provider.Void(t.Context(), terms(a))
	s.is(t, got, err, terms(a), payment.Declined)
}

func action(t *testing.T, s Subject) {
	for approve, want := range map[bool]payment.State{true: payment.Authorized, false: payment.Declined} {
		a := s.authorize(t, s.Asks, payment.RequiresAction)
		s.stands(t, a, s.Asks, payment.RequiresAction)
		_, err := s.Provider.Capture(t.Context(), terms(a))
		refused(t, "capture before the fan's action", err, payment.ErrPermanent)
		s.Decide(t, a, approve)
		s.stands(t, a, s.Asks, want)
	}
	early := s.authorize(t, s.Asks, payment.RequiresAction)
	_, err := s.Provider.Capture(t.Context(), terms(early))
	refused(t, "capture before the fan's action", err, payment.ErrPermanent)
	s.Decide(t, early, true)
	got, err := s.Provider.Capture(t.Context(), terms(early))
	s.is(t, got, err, terms(early), payment.Captured)
}

func captureOnce(t *testing.T, s Subject) {
	a := s.authorize(t, s.Good, payment.Authorized)
	atOnce(callers, func(int) {
		_, err := s.Provider.Capture(t.Context(), terms(a))
		refused(t, "capture at once", err, nil)
	})
	got, err := s.Provider.Capture(t.Context(), terms(a))
	s.is(t, got, err, terms(a), payment.Captured)
	s.stands(t, a, s.Good, payment.Captured)
	if times, sum := s.Captures(t, a.Reference); times != 1 || sum != amount {
		t.Errorf("captured %d times, %d", times, sum)
	}
}

func void(t *testing.T, s Subject) {
	for _, c := range []struct {
		method   string
		from, to payment.State
	}{{s.Good, payment.Authorized, payment.Voided}, {s.Asks, payment.RequiresAction, payment.Voided}, {s.Declined, payment.Declined, payment.Declined}} {
		a := s.authorize(t, c.method, c.from)
		unpriced := payment.Terms{Order: a.Order, Reference: a.Reference}
		for range 2 {
			got, err := s.Provider.Void(t.Context(), unpriced)
			if err != nil || !slices.Contains([]payment.State{payment.Voided, payment.Declined}, got.State) {
				t.Fatalf("void of %s: %+v, %v", c.from, got, err)
			}
		}
		if c.from == payment.RequiresAction {
			s.Decide(t, a, true) // too late
		}
		if c.to == payment.Voided {
			s.stands(t, a, c.method, payment.Voided)
		}
		_, err := s.Provider.Capture(t.Context(), terms(a))
		refused(t, "capture of a voided payment", err, payment.ErrPermanent)
	}
	a := s.authorize(t, s.Good, payment.Authorized)
	_, err := s.Provider.Capture(t.Context(), terms(a))
	refused(t, "capture", err, nil)
	_, err = s.Provider.Void(t.Context(), terms(a))
	refused(t, "void of a captured payment", err, payment.ErrPermanent)
	s.stands(t, a, s.Good, payment.Captured)
}

func captureOrVoid(t *testing.T, s Subject) {
	a := s.authorize(t, s.Good, payment.Authorized)
	atOnce(callers, func(i int) {
		if i%2 == 0 {
			_, _ = s.Provider.Capture(t.Context(), terms(a))
		} else {
			_, _ = s.Provider.Void(t.Context(), terms(a))
		}
	})
	now, err := s.Provider.Get(t.Context(), a.Order)
	s.is(t, now, err, terms(a), now.State)
	_, captured := s.Provider.Capture(t.Context(), terms(a))
	_, voided := s.Provider.Void(t.Context(), terms(a))
	times, _ := s.Captures(t, a.Reference)
	switch now.State {
	case payment.Captured:
		refused(t, "void", voided, payment.ErrPermanent)
	case payment.Voided:
		refused(t, "capture", captured, payment.ErrPermanent)
	default:
		t.Errorf("%+v", now)
	}
	if (times == 1) != (now.State == payment.Captured) {
		t.Errorf("captured %d times, and is %s", times, now.State)
	}
}

func refunds(t *testing.T, s Subject) {
	a := s.authorize(t, s.Good, payment.Authorized)
	refund := func(key string, n int64) (payment.Auth, error) {
		return s.Provider.Refund(t.Context(), payment.RefundRequest{Order: a.Order, Reference: a.Reference, Key: a.Order + key, Amount: n})
	}
	_, err := refund(".0", 400)
	refused(t, "refund before the capture", err, payment.ErrPermanent)
	_, err = s.Provider.Capture(t.Context(), terms(a))
	refused(t, "capture", err, nil)
	for range 2 {
		if got, err := refund(".1", 400); err != nil || got.State != payment.Captured || got.Refunded != 400 {
			t.Fatalf("a part: %+v, %v", got, err)
		}
	}
	_, err = refund(".1", 500)
	refused(t, "another amount under the same key", err, payment.ErrPermanent)
	_, err = refund(".2", amount-399)
	refused(t, "more than is left", err, payment.ErrPermanent)
	if got, err := refund(".3", amount-400); err != nil || got.State != payment.Refunded || got.Refunded != amount {
		t.Fatalf("the rest: %+v, %v", got, err)
	}
	if got, err := refund(".1", 400); err != nil || got.Refunded != amount {
		t.Errorf("the first part again: %+v, %v", got, err)
	}
	_, err = refund(".4", 1)
	refused(t, "when nothing is left", err, payment.ErrPermanent)
	s.stands(t, a, s.Good, payment.Refunded)
	got, err := s.Provider.Capture(t.Context(), terms(a))
	s.is(t, got, err, terms(a), payment.Refunded)
}

func refundsAtOnce(t *testing.T, s Subject) {
	a := s.authorize(t, s.Good, payment.Authorized)
	_, err := s.Provider.Capture(t.Context(), terms(a))
	refused(t, "capture", err, nil)
	one := payment.RefundRequest{Order: a.Order, Reference: a.Reference, Key: a.Order + ".1", Amount: amount / 3}
	atOnce(callers, func(int) {
		_, err := s.Provider.Refund(t.Context(), one)
		refused(t, "a part at once", err, nil)
	})
	if got, err := s.Provider.Refund(t.Context(), one); err != nil || got.Refunded != one.Amount {
		t.Fatalf("%+v, %v", got, err)
	}
	two := one
	two.Key, two.Amount = a.Order+".2", amount/2
	three := two
	three.Key = a.Order + ".3"
	atOnce(callers, func(i int) { _, _ = s.Provider.Refund(t.Context(), []payment.RefundRequest{two, three}[i%2]) })
	_, first := s.Provider.Refund(t.Context(), two)
	_, second := s.Provider.Refund(t.Context(), three)
	got, err := s.Provider.Get(t.Context(), a.Order)
	if err != nil || (first == nil) == (second == nil) || got.Refunded != one.Amount+two.Amount {
		t.Errorf("two that exceed what is left: %+v, %v, %v, %v", got, err, first, second)
	}
}

func unknown(t *testing.T, s Subject) {
	_, err := s.Provider.Get(t.Context(), "o_"+rand.Text())
	refused(t, "get", err, payment.ErrNotFound)
	none := payment.Auth{Order: "o_" + rand.Text(), Reference: "pi_" + rand.Text()}
	_, err = s.Provider.Capture(t.Context(), terms(none))
	refused(t, "capture", err, payment.ErrNotFound)
	_, err = s.Provider.Void(t.Context(), terms(none))
	refused(t, "void", err, payment.ErrNotFound)
	_, err = s.Provider.Refund(t.Context(), payment.RefundRequest{Order: none.Order, Reference: none.Reference, Key: "k", Amount: 1})
	refused(t, "refund", err, payment.ErrNotFound)
}
