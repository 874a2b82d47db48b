package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"frontrow/inventory/payment"
	"frontrow/inventory/payment/sandbox"
	"frontrow/inventory/payment/stripe/stripetest"
)

// The sandbox as a process: what it has answered is there after kill -9, and its
// webhooks are signed.
func TestSandboxProcess(t *testing.T) {
	t.Parallel()
	hooks := make(chan error, 8)
	l := freeAddr(t)
	server := &http.Server{Addr: l, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = payment.Verify([]byte("s3cret"), r.Header.Get(payment.SignatureHeader), body, time.Now())
		}
		hooks <- err
	})}
	go func() { _ = server.ListenAndServe() }()
	t.Cleanup(func() { server.Close() })
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("s3cret\n"), 0o600))
	args := []string{"sandbox", "--http", freeAddr(t), "--data", t.TempDir(), "--webhooks", "http://" + l + "/webhooks/payments", "--webhook-secret", secret}
	start := func() (*sandbox.Client, func()) {
		cmd := frontrow(args...)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		must(t, err)
		at, ok := strings.CutPrefix(strings.TrimSpace(line), "ready payments=")
		if !ok {
			t.Fatal(line)
		}
		return sandbox.NewClient(at, 0), func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	}
	c, kill := start()
	a, err := c.Authorize(t.Context(), payment.AuthRequest{Order: "o", Amount: 5400, Currency: "EUR", Method: "tok_visa"})
	must(t, err)
	must(t, <-hooks)
	kill()
	c, kill = start()
	defer kill()
	if again, err := c.Get(t.Context(), "o"); err != nil || again != a {
		t.Errorf("%+v, %v, want %+v", again, err, a)
	}
}

// The sandbox does not start where real money is taken, whoever says so.
func TestSandboxIsNeverLive(t *testing.T) {
	refused := func(t *testing.T, args ...string) {
		t.Helper()
		err := run(t.Context(), append([]string{"sandbox", "--data", t.TempDir()}, args...), io.Discard, io.Discard)
		if !errors.As(err, &usageError{}) || !strings.Contains(err.Error(), "--live is set") {
			t.Errorf("%v", err)
		}
	}
	refused(t, "--live")
	file := filepath.Join(t.TempDir(), "config.yaml")
	must(t, os.WriteFile(file, []byte("live: true\n"), 0o600))
	refused(t, "--config", file)
	t.Setenv("FRONTROW_LIVE", "true")
	refused(t)
}

func TestSandboxFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--webhooks", "127.0.0.1:1"}, {"--webhooks", "http://127.0.0.1:1/webhooks/payments"}, {"--webhook-secret", "x"}, {"--public-url", "shop"}} {
		if err := run(t.Context(), append([]string{"sandbox", "--data", t.TempDir()}, args...), io.Discard, io.Discard); !errors.As(err, &usageError{}) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// Who takes the money must be meant: keys of the right kind and mode, an account that
// answers, and no sandbox where money is real. No error says a key.
func TestPaymentFlags(t *testing.T) {
	t.Parallel()
	stripe := httptest.NewServer(stripetest.New())
	t.Cleanup(stripe.Close)
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "secret")
		must(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
		return path
	}
	right := func(change func(*paymentFlags)) paymentFlags {
		f := paymentFlags{Payments: byStripe, StripeKeyFile: file("sk_test_abcd"), StripeURL: stripe.URL, PublicURL: "https://shop.example", Webhooks: "127.0.0.1:0", WebhookSecret: file("whsec_abcd")}
		change(&f)
		return f
	}
	for want, f := range map[string]paymentFlags{
		"":                                 right(func(*paymentFlags) {}),
		"a live secret key: with it, fans": right(func(f *paymentFlags) { f.StripeKeyFile = file("sk_live_abcd") }),
		"a secret key of test mode, and --live is set": right(func(f *paymentFlags) { f.Live, f.StripeURL = true, "" }),
		"a publishable key of test mode":               right(func(f *paymentFlags) { f.StripeKeyFile = file("pk_test_abcd") }),
		"this is a webhook secret":                     right(func(f *paymentFlags) { f.StripeKeyFile = file("whsec_abcd") }),
		"no webhook secret":                            right(func(f *paymentFlags) { f.WebhookSecret = file("sk_test_abcd") }),
		"--webhooks needs --webhook-secret":            right(func(f *paymentFlags) { f.WebhookSecret = "" }),
		"needs --stripe-key-file":                      right(func(f *paymentFlags) { f.StripeKeyFile = "" }),
		"needs --public-url":                           right(func(f *paymentFlags) { f.PublicURL = "" }),
		"--live needs a --public-url with https":       right(func(f *paymentFlags) { f.Live, f.PublicURL = true, "http://shop.example" }),
		"is for tests, without --live":                 right(func(f *paymentFlags) { f.Live = true }),
		"can't be asked, so nothing is sold":           right(func(f *paymentFlags) { f.StripeURL = "http://" + freeAddr(t) }),
		"which is it to be?":                           right(func(f *paymentFlags) { f.Payments = "http://127.0.0.1:1" }),
		"which moves no money":                         {liveFlag: liveFlag{Live: true}, Payments: "http://127.0.0.1:1"},
		"or the URL of a sandbox":                      {Payments: "adyen"},
	} {
		_, err := f.till(t.Context())
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "abcd")) {
			t.Errorf("%q: %v", want, err)
		}
	}
	err := run(t.Context(), []string{"gateway", "--stripe-publishable-key", "sk_test_abcd"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "a secret key of test mode") || strings.Contains(err.Error(), "abcd") {
		t.Errorf("a secret key for the page: %v", err)
	}
}
