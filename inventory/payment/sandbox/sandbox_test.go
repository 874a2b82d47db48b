package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"frontrow/inventory/payment"
)

// start runs a sandbox on dir and returns a client and a function that stops it.
func start(t *testing.T, dir string, timeout time.Duration) (*Client, func()) {
	t.Helper()
	return startWith(t, Config{Dir: dir, Slow: 20 * time.Millisecond}, timeout)
}

func startWith(t *testing.T, c Config, timeout time.Duration) (*Client, func()) {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return NewClient(s.URL(), timeout), stop
}

func request(order, method string) payment.AuthRequest {
	return payment.AuthRequest{Order: order, Amount: 5400, Currency: "EUR", Method: method}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	c, _ := start(t, t.TempDir(), time.Minute)
	for method, want := range map[string]payment.State{
		"ok": payment.Authorized, "tok_visa": payment.Authorized, "tok_slow": payment.Authorized,
		"tok_decline": payment.Declined, "": payment.Declined, "4111111111111111": payment.Declined,
	} {
		a, err := c.Authorize(t.Context(), request("o_"+method, method))
		if err != nil || a.State != want || (a.Reason != "") != (want == payment.Declined) || a.Reference == "" || a.Amount != 5400 {
			t.Errorf("%q: %+v, %v", method, a, err)
		}
	}
}

func TestFlaky(t *testing.T) {
	t.Parallel()
	c, _ := start(t, t.TempDir(), time.Minute)
	for range flakyAnswers {
		_, err := c.Authorize(t.Context(), request("o", "tok_flaky"))
		if err == nil || errors.Is(err, payment.ErrPermanent) {
			t.Errorf("got %v, want a passing error", err)
		}
	}
	if a, err := c.Authorize(t.Context(), request("o", "tok_flaky")); err != nil || a.State != payment.Authorized {
		t.Errorf("%+v, %v", a, err)
	}
}

// The answer is lost but the authorisation is not: the same key finds it.
func TestTimeoutAfterSuccess(t *testing.T) {
	t.Parallel()
	c, _ := start(t, t.TempDir(), 200*time.Millisecond)
	_, err := c.Authorize(t.Context(), request("o", "tok_timeout"))
	if err == nil || errors.Is(err, payment.ErrPermanent) {
		t.Fatalf("first answer: %v", err)
	}
	stands, err := c.Get(t.Context(), "o")
	if err != nil || stands.State != payment.Authorized {
		t.Fatalf("%+v, %v", stands, err)
	}
	if again, err := c.Authorize(t.Context(), request("o", "tok_timeout")); err != nil || again != stands {
		t.Errorf("%+v, %v, want %+v", again, err, stands)
	}
}

func TestStepsAreIdempotentAndExclusive(t *testing.T) {
	t.Parallel()
	c, _ := start(t, t.TempDir(), time.Minute)
	auth := func(order, method string) payment.Auth {
		a, err := c.Authorize(t.Context(), request(order, method))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a, b, d := auth("a", "ok"), auth("b", "ok"), auth("d", "tok_decline")
	for _, step := range []struct {
		name string
		err  error
		want error
	}{
		{"capture", last(c.Capture(t.Context(), payment.Terms{Order: "a", Reference: a.Reference})), nil},
		{"capture again", last(c.Capture(t.Context(), payment.Terms{Order: "a", Reference: a.Reference})), nil},
		{"void captured", last(c.Void(t.Context(), payment.Terms{Order: "a", Reference: a.Reference})), payment.ErrPermanent},
		{"void", last(c.Void(t.Context(), payment.Terms{Order: "b", Reference: b.Reference})), nil},
		{"void again", last(c.Void(t.Context(), payment.Terms{Order: "b", Reference: b.Reference})), nil},
		{"capture voided", last(c.Capture(t.Context(), payment.Terms{Order: "b", Reference: b.Reference})), payment.ErrPermanent},
		{"void declined", last(c.Void(t.Context(), payment.Terms{Order: "d", Reference: d.Reference})), nil},
		{"capture declined", last(c.Capture(t.Context(), payment.Terms{Order: "d", Reference: d.Reference})), payment.ErrPermanent},
		{"capture unknown", last(c.Capture(t.Context(), payment.Terms{Order: "x", Reference: "pay_x"})), payment.ErrNotFound},
	} {
		if !errors.Is(step.err, step.want) {
			t.Errorf("%s: %v, want %v", step.name, step.err, step.want)
		}
	}
	other := request("a", "ok")
	other.Amount = 1
	if _, err := c.Authorize(t.Context(), other); !errors.Is(err, payment.ErrPermanent) {
		t.Errorf("same key, other body: %v", err)
	}
	if again := auth("a", "ok"); again.State != payment.Captured || again.Reference != a.Reference {
		t.Errorf("authorised after capture: %+v", again)
	}
	if _, err := c.Get(t.Context(), "x"); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	totals, err := c.Totals(t.Context())
	want := map[payment.State]Total{payment.Captured: {1, 5400, 0}, payment.Voided: {1, 5400, 0}, payment.Declined: {1, 5400, 0}}
	if err != nil || fmt.Sprint(totals) != fmt.Sprint(want) {
		t.Errorf("totals %v, %v", totals, err)
	}
}

// A repeated step has the same key, and no two steps share one.
func TestKeysNameTheStep(t *testing.T) {
	t.Parallel()
	keys := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get("Idempotency-Key")
		fmt.Fprint(w, "{}")
	}))
	t.Cleanup(server.Close)
	c := NewClient(server.URL, time.Minute)
	steps := []func() (payment.Auth, error){
		func() (payment.Auth, error) { return c.Authorize(t.Context(), request("o", "ok")) },
		func() (payment.Auth, error) { return c.Capture(t.Context(), payment.Terms{Order: "o", Reference: "r"}) },
		func() (payment.Auth, error) { return c.Void(t.Context(), payment.Terms{Order: "o", Reference: "r"}) },
		func() (payment.Auth, error) { return c.Capture(t.Context(), payment.Terms{Order: "p", Reference: "r"}) },
		func() (payment.Auth, error) {
			return c.Refund(t.Context(), payment.RefundRequest{Order: "o", Reference: "r", Key: "o.1", Amount: 1})
		},
		func() (payment.Auth, error) {
			return c.Refund(t.Context(), payment.RefundRequest{Order: "o", Reference: "r", Key: "o.2", Amount: 1})
		},
	}
	used := map[string]int{}
	for i, step := range steps {
		for range 2 {
			if _, err := step(); err != nil {
				t.Fatal(err)
			}
			key := <-keys
			if by, known := used[key]; key == "" || known && by != i {
				t.Errorf("step %d under %q, as step %d", i, key, by)
			}
			used[key] = i
		}
	}
	if len(used) != len(steps) {
		t.Errorf("%d steps under %v", len(steps), used)
	}
}

// Wherever the journal ends, everything answered before is there again.
func TestJournalSurvives(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, stop := start(t, dir, time.Minute)
	var auths []payment.Auth
	var sizes []int64
	path := filepath.Join(dir, "payments.jsonl")
	for i := range 6 {
		order := fmt.Sprint("o", i)
		a, err := c.Authorize(t.Context(), request(order, "ok"))
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if _, err := c.Capture(t.Context(), payment.Terms{Order: order, Reference: a.Reference}); err != nil {
				t.Fatal(err)
			}
			a.State = payment.Captured
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		auths, sizes = append(auths, a), append(sizes, info.Size())
	}
	stop()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) + 1 {
		cutPath := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(cutPath, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := openBook(cutPath)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		for i, a := range auths {
			if e, ok := b.order(a.Order); sizes[i] <= int64(cut) && (!ok || e.Auth != a) {
				t.Errorf("cut at %d: %+v, want %+v", cut, e.Auth, a)
			}
		}
		b.file.Close()
	}
	if err := os.WriteFile(path, whole[:len(whole)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	c, _ = start(t, dir, time.Minute)
	if a, err := c.Authorize(t.Context(), request("o0", "ok")); err != nil || a != auths[0] {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestLinesThatChangedPlaces(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	line := func(s payment.State) string {
		return fmt.Sprintf(`{"order":"o","reference":"r","state":%q,"amount":1,"currency":"EUR","key":"k","method":"ok"}`+"\n", s)
	}
	if err := os.WriteFile(path, []byte(line(payment.Captured)+line(payment.Authorized)), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := openBook(path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.file.Close()
	if e, _ := b.order("o"); e.State != payment.Captured {
		t.Errorf("%+v", e)
	}
}

// A capture is refused however often it is asked for; the authorisation can be voided.
func TestNoCapture(t *testing.T) {
	t.Parallel()
	c, _ := start(t, t.TempDir(), time.Minute)
	a, err := c.Authorize(t.Context(), request("o", "tok_nocapture"))
	if err != nil || a.State != payment.Authorized {
		t.Fatalf("%+v, %v", a, err)
	}
	terms := payment.Terms{Order: "o", Reference: a.Reference}
	for range 2 {
		if _, err := c.Capture(t.Context(), terms); !errors.Is(err, payment.ErrPermanent) {
			t.Errorf("%v", err)
		}
	}
	if a, err := c.Void(t.Context(), terms); err != nil || a.State != payment.Voided {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestClientErrors(t *testing.T) {
	t.Parallel()
	c := NewClient(httptest.NewServer(nil).URL+"/nowhere", time.Second)
	if _, err := c.Capture(t.Context(), payment.Terms{Order: "o", Reference: "r"}); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("%v", err)
	}
	c, stop := start(t, t.TempDir(), time.Second)
	if _, err := c.Authorize(t.Context(), payment.AuthRequest{Order: "o", Currency: "nothing"}); !errors.Is(err, payment.ErrPermanent) {
		t.Errorf("malformed: %v", err)
	}
	stop()
	if _, err := c.Get(t.Context(), "o"); err == nil || errors.Is(err, payment.ErrNotFound) || errors.Is(err, payment.ErrPermanent) {
		t.Errorf("nobody there: %v", err)
	}
}

// last returns the error of two results.
func last(_ payment.Auth, err error) error { return err }
