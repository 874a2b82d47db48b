package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"frontrow/inventory/payment/sandbox"
)

// liveFlag says that a deployment takes real money. It is one flag wherever it
// matters, and so one variable and one line of a file: what a deployment sets for all
// its commands refuses everything that only plays with money.
type liveFlag struct {
	Live bool `help:"This deployment takes real money: live keys of the payment provider, and no sandbox."`
}

// sandboxCmd is dev's payment provider as a process of its own.
type sandboxCmd struct {
	liveFlag
	HTTP          string     `name:"http" default:"127.0.0.1:8090" placeholder:"ADDR" help:"Address for inventory (--payments) and for fans who confirm a payment."`
	Data          string     `default:".data/payments" placeholder:"DIR" help:"Directory of its journal."`
	PublicURL     string     `name:"public-url" placeholder:"URL" help:"Where fans reach it. Without it, they are sent to the address above."`
	Webhooks      string     `placeholder:"URL" help:"Where it sends webhooks: http://ADDR/webhooks/payments, with the ADDR of inventory's --webhooks. Without it, none are sent."`
	WebhookSecret string     `placeholder:"FILE" help:"File with the secret that signs the webhooks, the same as inventory's."`
	LogLevel      slog.Level `default:"info" placeholder:"LEVEL" help:"Log level: debug, info, warn or error."`
}

func (*sandboxCmd) Help() string {
	return `A payment provider that moves no money. The name of a payment method says what becomes
of the payment: tok_visa, tok_decline, tok_3ds (docs/payments.md has them all).`
}

func (s *sandboxCmd) Run(ctx context.Context, c terminal) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	cfg.Logger = c.newProcess(serviceFlags{LogLevel: s.LogLevel}).log("payments")
	server, err := sandbox.New(cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "ready payments=%s\n", server.URL())
	return server.Run(ctx)
}

func (s *sandboxCmd) config() (sandbox.Config, error) {
	cfg := sandbox.Config{Dir: s.Data, Addr: s.HTTP, Public: s.PublicURL, Webhook: s.Webhooks}
	switch {
	case s.Live:
		return cfg, usageError{errors.New("--live is set: the sandbox moves no money, and every order would be paid with nothing")}
	case s.PublicURL != "" && !isWebAddress(s.PublicURL):
		return cfg, usageError{errors.New("--public-url takes a URL, as in https://payments.example.org")}
	case s.Webhooks != "" && !isWebAddress(s.Webhooks):
		return cfg, usageError{errors.New("--webhooks takes a URL, as in http://127.0.0.1:8091/webhooks/payments")}
	case (s.Webhooks == "") != (s.WebhookSecret == ""):
		return cfg, usageError{errors.New("--webhooks and --webhook-secret go together")}
	case s.WebhookSecret == "":
		return cfg, nil
	}
	var err error
	if cfg.Secret, err = readSecret(s.WebhookSecret); err != nil {
		return cfg, fmt.Errorf("--webhook-secret: %w", err)
	}
	return cfg, nil
}

// isWebAddress reports whether a text is the URL of a web server.
func isWebAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}
