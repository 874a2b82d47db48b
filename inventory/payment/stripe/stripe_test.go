package stripe

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"frontrow/inventory/payment"
	"frontrow/inventory/payment/stripe/stripetest"
)

func request(order, method string) payment.AuthRequest {
	return payment.AuthRequest{Order: order, Event: "show", Amount: 5400, Currency: "EUR", Method: method}
}

func (f fan) must(t *testing.T, r payment.AuthRequest, want payment.State) payment.Auth {
	t.Helper()
	a, err := f.Authorize(t.Context(), r)
	if err != nil || a.State != want {
		t.Fatalf("%+v, %v, want %s", a, err, want)
	}
	return a
}

func termsOf(a payment.Auth) payment.Terms {
	return payment.Terms{Order: a.Order, Reference: a.Reference, Amount: a.Amount, Currency: a.Currency}
}

// What may pass is open, and settled by asking again; what won't is permanent.
func TestFailures(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{
		http.StatusBadRequest: payment.ErrPermanent, http.StatusPaymentRequired: payment.ErrPermanent, http.StatusNotFound: payment.ErrNotFound,
		http.StatusUnauthorized: nil, http.StatusForbidden: nil, http.StatusConflict: nil, http.StatusTooManyRequests: nil,
		http.StatusInternalServerError: nil, http.StatusBadGateway: nil, http.StatusServiceUnavailable: nil,
	} {
		p, _ := start(t)
		fails := func(step string, err error) {
			t.Helper()
			permanent, missing := errors.Is(err, payment.ErrPermanent), errors.Is(err, payment.ErrNotFound)
			if err == nil || permanent != (want == payment.ErrPermanent) || missing != (want == payment.ErrNotFound) || strings.Contains(err.Error(), "_secret_") {
				t.Errorf("%s, %d: %v", step, status, err)
			}
		}
		p.fake.Breaks(status)
		_, err := p.Authorize(t.Context(), request("o_1", "good"))
		fails("authorize", err)
		if want != nil {
			continue
		}
		a := p.must(t, request("o_1", "good"), payment.Authorized)
		p.fake.Breaks(status)
		_, err = p.Capture(t.Context(), termsOf(a))
		fails("capture", err)
		if got, err := p.Capture(t.Context(), termsOf(a)); err != nil || got.State != payment.Captured {
			t.Errorf("capture after %d: %+v, %v", status, got, err)
		}
		b := p.must(t, request("o_2", "good"), payment.Authorized)
		p.fake.Breaks(status)
		_, err = p.Void(t.Context(), termsOf(b))
		fails("void", err)
		if got, err := p.Void(t.Context(), termsOf(b)); err != nil || got.State != payment.Voided {
			t.Errorf("void after %d: %+v, %v", status, got, err)
		}
	}
}

// A failed refund that Stripe replays stays open until the key is forgotten, and then no money goes back twice.
func TestRefundUnderOneKey(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	a := p.must(t, request("o_1", "good"), payment.Authorized)
	if _, err := p.Capture(t.Context(), termsOf(a)); err != nil {
		t.Fatal(err)
	}
	r := payment.RefundRequest{Order: "o_1", Reference: a.Reference, Key: "o_1.1", Amount: 1000}
	p.fake.Breaks(http.StatusInternalServerError)
	for range 3 {
		if _, err := p.Refund(t.Context(), r); err == nil || errors.Is(err, payment.ErrPermanent) {
			t.Errorf("replayed: %v", err)
		}
	}
	for range 3 {
		p.fake.Forgets()
		if got, err := p.Refund(t.Context(), r); err != nil || got.Refunded != 1000 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	p.fake.Refunds()[0]["status"] = "failed"
	if _, err := p.Refund(t.Context(), r); !errors.Is(err, payment.ErrPermanent) {
		t.Errorf("a refund that the bank sent back: %v", err)
	}
}

// Get finds a payment by the order alone.
func TestGet(t *testing.T) {
	t.Parallel()
	p, line := start(t)
	line.Cut()
	r := request("o_lost", "waits")
	if _, err := p.Authorize(t.Context(), r); err == nil {
		t.Fatal("answered")
	}
	line.Mend()
	a, err := p.Get(t.Context(), "o_lost")
	if err != nil || a.State != payment.RequiresAction || len(p.fake.All()) != 1 {
		t.Fatalf("%+v, %v, %d intents", a, err, len(p.fake.All()))
	}

	// Asked for before it is authorised: what is voided then stays so.
	late := request("o_late", "good")
	p.books.begun(late, time.Now())
	b, err := p.Get(t.Context(), "o_late")
	if err != nil || b.State != payment.RequiresAction {
		t.Fatalf("%+v, %v", b, err)
	}
	if _, err := p.Void(t.Context(), termsOf(b)); err != nil {
		t.Fatal(err)
	}
	p.must(t, late, payment.Voided)

	// When Stripe has forgotten the key: by the reference, or by a search that proves nothing.
	p.fake.Forgets()
	p.books.orders.Store("o_lost", Order{Amount: 5400, Currency: "EUR", Began: time.Now(), Reference: a.Reference})
	if got, err := p.Get(t.Context(), "o_lost"); err != nil || got != a {
		t.Errorf("by its reference: %+v, %v", got, err)
	}
	p.books.orders.Store("o_lost", Order{Amount: 5400, Currency: "EUR", Began: time.Now().Add(-keyLife)})
	if got, err := p.Get(t.Context(), "o_lost"); err != nil || got != a {
		t.Errorf("searched for: %+v, %v", got, err)
	}
	p.books.orders.Store("o_lost", Order{Amount: 5400, Currency: "EUR", Began: time.Now(), Reference: "pi_of_another_account"})
	if _, err := p.Get(t.Context(), "o_lost"); err == nil || errors.Is(err, payment.ErrNotFound) || errors.Is(err, payment.ErrPermanent) {
		t.Errorf("by a reference that this account doesn't know: %v", err)
	}
	p.books.orders.Store("o_lost", Order{Amount: 5400, Currency: "EUR", Began: time.Now().Add(-keyLife)})
	p.fake.Hide()
	if _, err := p.Get(t.Context(), "o_lost"); err == nil || errors.Is(err, payment.ErrNotFound) || errors.Is(err, payment.ErrPermanent) {
		t.Errorf("not found by a search: %v", err)
	}
	if len(p.fake.All()) != 2 {
		t.Errorf("%d intents", len(p.fake.All()))
	}
}

// Nothing is taken or given back for an intent that is not the order's.
func TestIntentsAreCompared(t *testing.T) {
	t.Parallel()
	for field, to := range map[string]any{"amount": int64(5401), "currency": "usd", "livemode": true, "capture_method": "automatic", "metadata": stripetest.Object{metaOrder: "o_other"}} {
		p, _ := start(t)
		a := p.must(t, request("o_1", "good"), payment.Authorized)
		p.fake.Change(a.Reference, field, to)
		if got, err := p.Capture(t.Context(), termsOf(a)); !errors.Is(err, payment.ErrDisagrees) || len(p.fake.Captures(a.Reference)) > 0 {
			t.Errorf("%s: %+v, %v", field, got, err)
		}
		if field == "amount" || field == "currency" {
			continue // the caller compares these (payment.Agree), and voids all the more
		}
		if got, err := p.Void(t.Context(), termsOf(a)); !errors.Is(err, payment.ErrDisagrees) {
			t.Errorf("void, %s: %+v, %v", field, got, err)
		}
		if got, err := p.Authorize(t.Context(), request("o_1", "good")); !errors.Is(err, payment.ErrDisagrees) {
			t.Errorf("authorize, %s: %+v, %v", field, got, err)
		}
		p.fake.Change(a.Reference, "status", "succeeded")
		if got, err := p.Refund(t.Context(), payment.RefundRequest{Order: "o_1", Reference: a.Reference, Key: "k", Amount: 1}); !errors.Is(err, payment.ErrDisagrees) || len(p.fake.Refunds()) > 0 {
			t.Errorf("refund, %s: %+v, %v", field, got, err)
		}
	}
}

// A card that was refused can't be tried again on the same intent: another order can.
func TestRefusedIntentIsCanceled(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	a := p.must(t, request("o_1", "declined"), payment.Declined)
	if want := "The card has not enough money left for this payment."; a.Reason != want {
		t.Errorf("%q, want %q", a.Reason, want)
	}
	p.fake.Confirm(a.Reference, "")
	p.must(t, request("o_1", "good"), payment.Declined)
	p.must(t, request("o_1~2", "good"), payment.Authorized)
}

// Each step and attempt has a key of its own, made of the order.
func TestKeysOfSteps(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	a := p.must(t, request("o_1", "good"), payment.Authorized)
	p.fake.Breaks(http.StatusInternalServerError)
	for range 2 {
		_, _ = p.Capture(t.Context(), termsOf(a))
	}
	_, _ = p.Void(t.Context(), termsOf(p.must(t, request("o_2", "good"), payment.Authorized)))
	p.must(t, request("o_3", "declined"), payment.Declined)
	asked := p.fake.Asked()
	for _, want := range []string{"o_1:create:1", "o_1:capture:1", "o_1:capture:2", "o_2:create:1", "o_2:void:1", "o_3:create:1", "o_3:decline:1"} {
		if asked[want] == 0 {
			t.Errorf("no %s in %v", want, asked)
		}
		delete(asked, want)
	}
	if len(asked) > 0 {
		t.Errorf("other keys: %v", asked)
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount   int64
		currency string
		want     int64 // 0: refused
	}{
		{5400, "EUR", 5400}, {1, "USD", 1}, {99_999_999, "EUR", 99_999_999}, {100_000_000, "EUR", 0}, {0, "EUR", 0}, {-1, "EUR", 0}, {5400, "EUX", 0}, {5400, "eur", 0},
		{5400, "JPY", 5400}, {5400, "KRW", 5400}, {5400, "ISK", 540000}, {5400, "UGX", 540000}, {1_000_000, "UGX", 0}, {5400, "MGA", 54}, {5401, "MGA", 0},
		{5400, "KWD", 5400}, {5401, "KWD", 0}, {5410, "BHD", 5410}, {5405, "TND", 0}, {5400, "IQD", 0}, {5400, "LYD", 0}, {5400, "HUF", 5400}, {5400, "TWD", 5400},
	} {
		got, err := units(c.amount, c.currency)
		if got != c.want || (err == nil) != (c.want > 0) || err != nil && !errors.Is(err, payment.ErrPermanent) {
			t.Errorf("%d %s: %d, %v, want %d", c.amount, c.currency, got, err, c.want)
		}
		if err == nil && minor(got, c.currency) != c.amount {
			t.Errorf("%d %s comes back as %d", c.amount, c.currency, minor(got, c.currency))
		}
	}
	if got := minor(540001, "ISK"); got != -1 {
		t.Errorf("parts of a króna: %d", got)
	}
}

func TestKeysAndModes(t *testing.T) {
	t.Parallel()
	secret := map[bool]func(string, bool) error{true: CheckSecretKey, false: CheckPublishableKey}
	for _, c := range []struct {
		key                string
		secret, live, good bool
	}{
		{"sk_test_abcd", true, false, true}, {"rk_test_abcd", true, false, true}, {"sk_live_abcd", true, true, true}, {"rk_live_abcd", true, true, true},
		{"pk_test_abcd", false, false, true}, {"pk_live_abcd", false, true, true},
		{"sk_live_abcd", true, false, false}, {"sk_test_abcd", true, true, false}, {"pk_live_abcd", false, false, false}, {"pk_test_abcd", false, true, false},
		{"pk_test_abcd", true, false, false}, {"sk_test_abcd", false, false, false}, {"rk_test_abcd", false, false, false}, {"whsec_abcd", true, false, false},
		{"", true, false, false}, {"sk_test_", true, false, false}, {"sk_test_ab cd", true, false, false}, {"sk_test_ab\nsk_test_cd", true, false, false},
	} {
		err := secret[c.secret](c.key, c.live)
		if (err == nil) != c.good || err != nil && strings.Contains(err.Error(), "abcd") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for secrets, good := range map[string]bool{"whsec_a": true, "whsec_a whsec_b": true, "": false, "whsec_a whsec_b whsec_c": false, "sk_test_abcd": false} {
		if err := CheckWebhookSecrets(strings.Fields(secrets)); (err == nil) != good || err != nil && strings.Contains(err.Error(), "abcd") {
			t.Errorf("%q: %v", secrets, err)
		}
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	p, line := start(t)
	if err := p.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	p.cfg.Live = true
	if err := p.Ping(t.Context()); err == nil {
		t.Error("an account in test mode was taken for a live one")
	}
	line.Cut()
	if err := p.Ping(t.Context()); err == nil {
		t.Error("nobody answered")
	}
}
