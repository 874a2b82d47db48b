package checkout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"frontrow/internal/consume"
	"frontrow/inventory/ledger"
	"frontrow/inventory/payment"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// trimEvery is how often acknowledged messages are dropped from ORDERS.
const trimEvery = 10 * time.Minute

// Ledger records orders. Each call returns the order as it stands afterwards,
// may be repeated, and leaves the outcome open if it fails. ledger.ErrNotFound
// means that the order was never begun. Package ledger documents the rest.
type Ledger interface {
	Begin(ctx context.Context, m wire.OrderMessage) (ledger.Order, error)
	Commit(ctx context.Context, p ledger.Purchase) (ledger.Committed, error)
	Fail(ctx context.Context, order, reason string, declined bool) (ledger.Order, error)
	Order(ctx context.Context, id string) (ledger.Order, error)
}

// Seats is the writer of an event's seats. An error that is a *wire.Problem is the
// writer's refusal; any other means that the writer could not be reached or has not
// answered, and the call may be repeated.
type Seats interface {
	Extend(ctx context.Context, event string, r wire.ExtendRequest) (wire.ExtendReply, error)
	Confirm(ctx context.Context, event string, r wire.ConfirmRequest) error
	Release(ctx context.Context, event string, r wire.ReleaseRequest) (wire.StandingReply, error)
}

// Config configures a Checkout.
type Config struct {
	Bus      Bus              // to the writers and the fans; required
	Store    kv.Store         // of ORDERS and CHECKOUTS; required
	Orders   Orders           // required
	Ledger   Ledger           // required
	Outbox   Outbox           // required
	Parking  Parking          // required
	Provider payment.Provider // required
	Seats    Seats            // nil: the writers, over Bus

	ProviderName   string        // as recorded with payments; default "sandbox"
	MaxInFlight    int           // orders under way at once; default 2048
	Patience       time.Duration // how long an order waits for a provider that does not answer; default 10 min
	ActionPatience time.Duration // how long it waits for its fan to confirm the payment; default 5 min
	Pause          time.Duration // how long a failing provider is left alone; default 5 s

	WebhookAddr string   // where to listen for webhooks; empty: none, and the provider is polled
	Webhooks    Webhooks // reads them; required with WebhookAddr

	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nowhere
	Now        func() time.Time      // nil means time.Now
}

// Validate reports what makes the configuration unusable.
func (c Config) Validate() error {
	if c.Bus == nil || c.Store == nil || c.Orders == nil || c.Ledger == nil || c.Outbox == nil || c.Parking == nil || c.Provider == nil {
		return errors.New("checkout: Bus, Store, Orders, Ledger, Outbox, Parking and Provider are needed")
	}
	if c.MaxInFlight < 0 || c.MaxInFlight > wire.MaxCheckouts || min(c.Patience, c.ActionPatience, c.Pause) < 0 {
		return fmt.Errorf("checkout: MaxInFlight must be in 0…%d, durations not negative", wire.MaxCheckouts)
	}
	if c.WebhookAddr != "" && c.Webhooks == nil {
		return errors.New("checkout: WebhookAddr needs Webhooks")
	}
	return nil
}

// Checkout processes ORDERS and the outbox.
type Checkout struct {
	cfg     Config
	metrics *metrics
	breaker *payment.Breaker // cfg.Provider
	changed chan struct{}    // holds a token when the breaker may have changed
	waiting *kv.Committer    // of CHECKOUTS
	hooks   *webhooks        // nil without a WebhookAddr
	due     chan struct{}    // holds a token when the outbox may have something new
	taken   chan taken       // captures of orders committed here
	ended   chan string      // parked orders to forget
}

// New checks the configuration and listens for webhooks; they wait for Run.
func New(c Config) (*Checkout, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Seats == nil {
		c.Seats = writer{c.Bus}
	}
	c.ProviderName = cmp.Or(c.ProviderName, "sandbox")
	c.MaxInFlight = cmp.Or(c.MaxInFlight, 2048)
	c.Patience = cmp.Or(c.Patience, 10*time.Minute)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.ActionPatience = cmp.Or(c.ActionPatience, 5*time.Minute)
	co := &Checkout{metrics: newMetrics(c.Registerer), changed: make(chan struct{}, 1), due: make(chan struct{}, 1), taken: make(chan taken, maxTaken),
		ended: make(chan string, parkedEnded)}
	co.breaker = payment.NewBreaker(payment.BreakerConfig{Provider: c.Provider, Pause: c.Pause, Changed: func() {
		select {
		case co.changed <- struct{}{}:
		default:
		}
	}})
	c.Provider = co.breaker
	co.cfg = c
	co.waiting = kv.NewCommitter(kv.CommitterConfig{Stream: &kv.NewBucket(c.Store, wire.CheckoutsBucket).Stream})
	if c.WebhookAddr != "" {
		var err error
		if co.hooks, err = newWebhooks(co); err != nil {
			return nil, err
		}
	}
	return co, nil
}

// WebhookURL returns where the provider should send webhooks, or "" for nowhere.
func (c *Checkout) WebhookURL() string {
	if c.hooks == nil {
		return ""
	}
	return "http://" + c.hooks.listener.Addr().String() + webhookPath
}

// Run works until ctx ends. ORDERS and its consumer must be there.
func (c *Checkout) Run(ctx context.Context) error {
	source, err := c.cfg.Orders.Source(ctx)
	if err != nil {
		return fmt.Errorf("checkout: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return consume.Run(ctx, consume.Config{Source: source, Handle: c.handle, Dead: c.bury,
			MaxInFlight: c.cfg.MaxInFlight, Logger: c.cfg.Logger, Registerer: c.cfg.Registerer})
	})
	g.Go(func() error { c.relay(ctx); return nil })
	g.Go(func() error { c.wakeParked(ctx); return nil })
	g.Go(func() error { c.trim(ctx); return nil })
	g.Go(func() error { c.reconcile(ctx); return nil })
	g.Go(func() error { c.tellHealth(ctx); return nil })
	g.Go(func() error { return c.waiting.Run(ctx) })
	if c.hooks != nil {
		g.Go(func() error { return c.hooks.run(ctx) })
	}
	err = g.Wait()
	c.handBack(ctx)
	return err
}

// trim drops the acknowledged head of ORDERS from time to time.
func (c *Checkout) trim(ctx context.Context) {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		if err := c.cfg.Orders.Trim(ctx); err != nil && ctx.Err() == nil {
			c.cfg.Logger.Warn("trim "+wire.OrdersStream, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
