package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"frontrow/inventory/checkout"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/inventory/payment/sandbox"
	"frontrow/inventory/payment/stripe"
)

// byStripe is the value of --payments that isn't a URL.
const byStripe = "stripe"

// providerWithin bounds the first question to the payment provider.
const providerWithin = 20 * time.Second

// paymentFlags say who takes the money.
type paymentFlags struct {
	liveFlag
	Payments      string `required:"" placeholder:"PROVIDER" help:"The payment provider: \"stripe\", or the URL of a frontrow sandbox."`
	StripeKeyFile string `placeholder:"FILE" help:"File with Stripe's secret or restricted key: of test mode, or live with --live."`
	StripeURL     string `name:"stripe-url" placeholder:"URL" help:"Another address of Stripe's API, for tests. Not with --live."`
	PublicURL     string `name:"public-url" placeholder:"URL" help:"Where fans reach the shop, as the gateway's: its page takes their cards for Stripe."`
	Webhooks      string `placeholder:"ADDR" help:"Address for the provider's webhooks. Without it, the provider is polled instead."`
	WebhookSecret string `placeholder:"FILE" help:"File with the secret that signs the webhooks. Of Stripe's there may be two, each on a line, while one is rolled."`
}

// till is a payment provider as it was configured.
type till struct {
	name     string // in the ledger
	webhooks checkout.Webhooks
	provider func(*ledger.Ledger) (payment.Provider, error)
}

// sandboxTill is the till of a sandbox.
func sandboxTill(url string, secret []byte) till {
	return till{name: "sandbox", webhooks: payment.Signed(secret), provider: func(*ledger.Ledger) (payment.Provider, error) { return sandbox.NewClient(url, 0), nil }}
}

// till checks the flags, and that the provider can be reached and has the right mode.
func (f *paymentFlags) till(ctx context.Context) (till, error) {
	var secret []byte
	if f.WebhookSecret != "" {
		var err error
		if secret, err = readSecret(f.WebhookSecret); err != nil {
			return till{}, fmt.Errorf("--webhook-secret: %w", err)
		}
	}
	switch {
	case f.Webhooks != "" && f.WebhookSecret == "":
		return till{}, usageError{errors.New("--webhooks needs --webhook-secret")}
	case f.Payments == byStripe:
		return f.stripeTill(ctx, secret)
	case !isWebAddress(f.Payments):
		return till{}, usageError{errors.New("--payments takes \"stripe\", or the URL of a sandbox, as in http://127.0.0.1:8090")}
	case f.Live:
		return till{}, usageError{errors.New("--live is set, and --payments names a sandbox, which moves no money: every order would be paid with nothing")}
	case f.StripeKeyFile != "" || f.StripeURL != "":
		return till{}, usageError{errors.New("flags of Stripe are set, and --payments names a sandbox: which is it to be?")}
	}
	return sandboxTill(f.Payments, secret), nil
}

func (f *paymentFlags) stripeTill(ctx context.Context, secret []byte) (till, error) {
	switch {
	case f.StripeKeyFile == "":
		return till{}, usageError{errors.New("--payments stripe needs --stripe-key-file")}
	case !isWebAddress(f.PublicURL):
		return till{}, usageError{errors.New("--payments stripe needs --public-url, as in https://tickets.example.com: that is where fans pay")}
	case f.Live && !strings.HasPrefix(f.PublicURL, "https://"):
		return till{}, usageError{errors.New("--live needs a --public-url with https")}
	case f.StripeURL != "" && (f.Live || !isWebAddress(f.StripeURL)):
		return till{}, usageError{errors.New("--stripe-url takes a URL, and is for tests, without --live")}
	}
	key, err := readSecret(f.StripeKeyFile)
	if err == nil {
		err = stripe.CheckSecretKey(string(key), f.Live)
	}
	if err != nil {
		return till{}, fmt.Errorf("--stripe-key-file: %w", err)
	}
	secrets := strings.Fields(string(secret))
	if f.Webhooks != "" {
		if err := stripe.CheckWebhookSecrets(secrets); err != nil {
			return till{}, fmt.Errorf("--webhook-secret: %w", err)
		}
	}
	build := func(o stripe.Orders) (*stripe.Provider, error) {
		return stripe.New(stripe.Config{Key: string(key), Live: f.Live, Shop: strings.TrimSuffix(f.PublicURL, "/"), Orders: o, URL: f.StripeURL})
	}
	p, err := build(payables{})
	if err != nil {
		return till{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, providerWithin)
	defer cancel()
	if err := p.Ping(ctx); err != nil {
		return till{}, fmt.Errorf("--payments stripe: the account can't be asked, so nothing is sold: %w", err)
	}
	return till{name: byStripe, webhooks: stripe.Webhooks{Secrets: secrets, Live: f.Live},
		provider: func(l *ledger.Ledger) (payment.Provider, error) { return build(payables{l}) }}, nil
}

// payables are the ledger's orders as Stripe's provider asks for them.
type payables struct{ *ledger.Ledger }

func (p payables) Payable(ctx context.Context, order string) (stripe.Order, error) {
	o, err := p.Ledger.Payable(ctx, order)
	if errors.Is(err, ledger.ErrNotFound) {
		return stripe.Order{}, fmt.Errorf("%w: %w", payment.ErrNotFound, err)
	}
	return stripe.Order(o), err
}
