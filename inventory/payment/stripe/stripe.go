package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"frontrow/inventory/payment"

	"github.com/stripe/stripe-go/v85"
)

// Bounds of the client.
const (
	callTimeout = 15 * time.Second
	maxConns    = 256
	maxAttempts = 3              // at a step whose failure is replayed
	maxRefunds  = 1000           // of one payment
	keyLife     = 23 * time.Hour // Stripe keeps keys for a day at least
)

// Order is what is known of an order under which there may be a payment.
type Order struct {
	Event     string
	Amount    int64 // minor units
	Currency  string
	Reference string    // of its payment; empty if it is not known
	Began     time.Time // no later than its first Authorize
}

// Orders knows the orders that were begun. The error is payment.ErrNotFound if there is
// no such order, or nothing to pay for it.
type Orders interface {
	Payable(ctx context.Context, order string) (Order, error)
}

// Config configures a Provider.
type Config struct {
	Key    string // secret or restricted; of the mode that Live says
	Live   bool
	Shop   string // public URL of the shop, without a slash at its end: its pages take the card
	Orders Orders

	URL string           // of Stripe's API; empty for Stripe's own
	Now func() time.Time // nil means time.Now
}

// Validate reports what makes the configuration unusable.
func (c Config) Validate() error {
	if err := CheckSecretKey(c.Key, c.Live); err != nil {
		return fmt.Errorf("stripe: key: %w", err)
	}
	if c.Shop == "" || c.Orders == nil {
		return errors.New("stripe: Shop and Orders are needed")
	}
	return nil
}

// Provider is a payment.Provider that asks Stripe.
type Provider struct {
	cfg    Config
	client *stripe.Client
}

var _ payment.Provider = (*Provider)(nil)

// New returns a provider; Ping asks whether Stripe can be reached.
func New(c Config) (*Provider, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	backend := &stripe.BackendConfig{EnableTelemetry: stripe.Bool(false), MaxNetworkRetries: stripe.Int64(0), LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
		HTTPClient: &http.Client{Timeout: callTimeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
			MaxConnsPerHost: maxConns, MaxIdleConnsPerHost: maxConns, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: callTimeout}}}
	if c.URL != "" {
		backend.URL = stripe.String(c.URL)
	}
	return &Provider{cfg: c, client: stripe.NewClient(c.Key, stripe.WithBackends(stripe.NewBackendsWithConfig(backend)))}, nil
}

// Ping asks Stripe for the account's balance, and reports why it can't be had or is of
// the wrong mode.
func (p *Provider) Ping(ctx context.Context) error {
	b, err := p.client.V1Balance.Retrieve(ctx, nil)
	if err != nil {
		return meant(err)
	}
	if b.Livemode != p.cfg.Live {
		return fmt.Errorf("stripe: the account answers for livemode %v", b.Livemode)
	}
	return nil
}

// Authorize implements payment.Provider. The method is not used: the fan chooses one on
// the page.
func (p *Provider) Authorize(ctx context.Context, r payment.AuthRequest) (payment.Auth, error) {
	i, err := p.create(ctx, r.Order, Order{Event: r.Event, Amount: r.Amount, Currency: r.Currency})
	if err != nil {
		return payment.Auth{}, wrap("authorize", r.Order, err)
	}
	a, err := p.settled(ctx, r.Order, i)
	return a, wrap("authorize", r.Order, err)
}

// create returns the only intent of an order, as it is now.
func (p *Provider) create(ctx context.Context, order string, o Order) (*stripe.PaymentIntent, error) {
	amount, err := units(o.Amount, o.Currency)
	if err != nil {
		return nil, err
	}
	for attempt := 1; attempt <= maxAttempts; attempt++ {
		// Whatever is added here must be a function of the order, too.
		i, err := p.client.V1PaymentIntents.Create(ctx, &stripe.PaymentIntentCreateParams{Params: stripe.Params{IdempotencyKey: stripe.String(key(order, "create", attempt))},
			Amount: &amount, Currency: stripe.String(strings.ToLower(o.Currency)), CaptureMethod: stripe.String(string(stripe.PaymentIntentCaptureMethodManual)),
			PaymentMethodTypes: []*string{stripe.String("card")}, Description: stripe.String("Tickets, order " + order),
			Metadata: map[string]string{metaOrder: order, metaEvent: o.Event}, Expand: expand()})
		switch again := replayed(i.LastResponse, err); {
		case err == nil && again:
			return p.retrieve(ctx, i.ID)
		case err == nil:
			return i, nil
		case !again || errors.Is(meant(err), payment.ErrPermanent):
			return nil, meant(err)
		}
	}
	return nil, fmt.Errorf("stripe: %d attempts to create a payment have failed", maxAttempts)
}

// Capture implements payment.Provider.
func (p *Provider) Capture(ctx context.Context, t payment.Terms) (payment.Auth, error) {
	i, err := p.retrieve(ctx, t.Reference)
	if err != nil {
		return payment.Auth{}, wrap("capture", t.Order, err)
	}
	if err := p.agrees(t, i); err != nil {
		return payment.Auth{}, wrap("capture", t.Order, err)
	}
	amount := i.Amount
	i, err = p.step(ctx, t.Order, i, "capture", capturable, func(key string) (*stripe.PaymentIntent, error) {
		return p.client.V1PaymentIntents.Capture(ctx, t.Reference, &stripe.PaymentIntentCaptureParams{Params: stripe.Params{IdempotencyKey: &key},
			AmountToCapture: &amount, Expand: expand()})
	})
	if err == nil && i.Status != stripe.PaymentIntentStatusSucceeded {
		err = fmt.Errorf("%w: the payment is %s", payment.ErrPermanent, i.Status)
	}
	if err != nil {
		return payment.Auth{}, wrap("capture", t.Order, err)
	}
	return p.auth(i), nil
}

func capturable(i *stripe.PaymentIntent) bool {
	return i.Status == stripe.PaymentIntentStatusRequiresCapture
}

// agrees compares an intent with what is to be captured.
func (p *Provider) agrees(t payment.Terms, i *stripe.PaymentIntent) error {
	if err := p.ours(t.Order, i); err != nil {
		return err
	}
	return payment.Agree(t, p.auth(i), payment.Known()...)
}

// Void implements payment.Provider.
func (p *Provider) Void(ctx context.Context, t payment.Terms) (payment.Auth, error) {
	i, err := p.retrieve(ctx, t.Reference)
	if err == nil {
		err = p.ours(t.Order, i)
	}
	if err == nil {
		i, err = p.step(ctx, t.Order, i, "void", open, p.cancel(ctx, t.Reference, stripe.PaymentIntentCancellationReasonRequestedByCustomer))
	}
	if err == nil && i.Status == stripe.PaymentIntentStatusSucceeded {
		err = fmt.Errorf("%w: the payment is captured", payment.ErrPermanent)
	}
	if err != nil {
		return payment.Auth{}, wrap("void", t.Order, err)
	}
	return p.auth(i), nil
}

// open reports whether an intent may still come to take money.
func open(i *stripe.PaymentIntent) bool {
	return i.Status != stripe.PaymentIntentStatusCanceled && i.Status != stripe.PaymentIntentStatusSucceeded
}

// Refund implements payment.Provider.
func (p *Provider) Refund(ctx context.Context, r payment.RefundRequest) (payment.Auth, error) {
	i, err := p.retrieve(ctx, r.Reference)
	if err == nil {
		err = p.ours(r.Order, i)
	}
	if err == nil {
		err = p.refund(ctx, r, p.auth(i))
	}
	if err == nil {
		i, err = p.retrieve(ctx, r.Reference)
	}
	if err != nil {
		return payment.Auth{}, wrap("refund", r.Order, err)
	}
	return p.auth(i), nil
}

// refund makes a refund of a payment unless there is one of its key.
func (p *Provider) refund(ctx context.Context, r payment.RefundRequest, now payment.Auth) error {
	if now.State != payment.Captured && now.State != payment.Refunded {
		return fmt.Errorf("%w: the payment is %s", payment.ErrPermanent, now.State)
	}
	amount, err := units(r.Amount, now.Currency)
	if err != nil {
		return err
	}
	made, err := p.made(ctx, r)
	if err != nil {
		return err
	}
	if made == nil {
		if r.Amount > now.Amount-now.Refunded {
			return fmt.Errorf("%w: %d of %d is refunded already", payment.ErrPermanent, now.Refunded, now.Amount)
		}
		if made, err = p.client.V1Refunds.Create(ctx, &stripe.RefundCreateParams{Params: stripe.Params{IdempotencyKey: &r.Key}, Amount: &amount,
			PaymentIntent: &r.Reference, Metadata: map[string]string{metaOrder: r.Order, metaKey: r.Key}}); err != nil {
			return meant(err)
		}
	}
	switch {
	case made.Amount != amount:
		return fmt.Errorf("%w: the key is another refund's", payment.ErrPermanent)
	case made.Status == stripe.RefundStatusFailed || made.Status == stripe.RefundStatusCanceled:
		return fmt.Errorf("%w: the refund is %s: %.40q", payment.ErrPermanent, made.Status, made.FailureReason)
	}
	return nil
}

// made returns the refund of a key, nil if there is none.
func (p *Provider) made(ctx context.Context, r payment.RefundRequest) (*stripe.Refund, error) {
	seen := 0
	list := &stripe.RefundListParams{ListParams: stripe.ListParams{Limit: stripe.Int64(100)}, PaymentIntent: &r.Reference}
	for one, err := range p.client.V1Refunds.List(ctx, list).All(ctx) {
		if err != nil {
			return nil, meant(err)
		}
		if one.Metadata[metaKey] == r.Key {
			return one, nil
		}
		if seen++; seen == maxRefunds {
			return nil, errors.New("stripe: the payment has more refunds than can be looked through")
		}
	}
	return nil, nil
}

// Get implements payment.Provider.
func (p *Provider) Get(ctx context.Context, order string) (payment.Auth, error) {
	o, err := p.cfg.Orders.Payable(ctx, order)
	if err != nil {
		return payment.Auth{}, wrap("get", order, err)
	}
	var i *stripe.PaymentIntent
	switch {
	case o.Reference != "":
		// A payment that we know of is there, if not for the account of this key.
		if i, err = p.retrieve(ctx, o.Reference); errors.Is(err, payment.ErrNotFound) {
			err = fmt.Errorf("the account of this key lacks %s: %v", o.Reference, err)
		}
	case p.cfg.Now().Sub(o.Began) < keyLife:
		// What Stripe won't create, it hasn't created, unless for another amount.
		if i, err = p.create(ctx, order, o); errors.Is(err, payment.ErrPermanent) && !errors.Is(err, errKeyUsed) {
			err = fmt.Errorf("%w: it can't be created: %v", payment.ErrNotFound, err)
		}
	default:
		i, err = p.search(ctx, order)
	}
	if err != nil {
		return payment.Auth{}, wrap("get", order, err)
	}
	a, err := p.settled(ctx, order, i)
	return a, wrap("get", order, err)
}

// search looks for the intent of an order whose key may be forgotten. That it finds
// none proves nothing.
func (p *Provider) search(ctx context.Context, order string) (*stripe.PaymentIntent, error) {
	query := fmt.Sprintf("metadata[%s]:%s", strconv.Quote(metaOrder), strconv.Quote(order))
	list := &stripe.PaymentIntentSearchParams{SearchParams: stripe.SearchParams{Query: query, Limit: stripe.Int64(2)}}
	for i, err := range p.client.V1PaymentIntents.Search(ctx, list).All(ctx) {
		if err != nil {
			return nil, meant(err)
		}
		return p.retrieve(ctx, i.ID)
	}
	return nil, errors.New("stripe: the order is too old to ask for its payment, and a search finds none: look for it in the dashboard")
}

func wrap(step, order string, err error) error {
	if err != nil {
		return fmt.Errorf("%s payment of %s: %w", step, order, err)
	}
	return nil
}
