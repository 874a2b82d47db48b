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

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// trimEvery is how long acknowledged messages may stay in ORDERS.
const trimEvery = 10 * time.Minute

// Ledger records orders. Each call returns the order as it stands afterwards,
// may be repeated, and leaves the outcome open if it fails. ledger.ErrNotFound
// is an order never begun. Package ledger says what else holds.
type Ledger interface {
	Begin(ctx context.Context, m wire.OrderMessage) (ledger.Order, error)
	Commit(ctx context.Context, p ledger.Purchase) (ledger.Order, error)
	Fail(ctx context.Context, order, reason string, declined bool) (ledger.Order, error)
	Order(ctx context.Context, id string) (ledger.Order, error)
}

// Seats is the writer of an event's seats. A *wire.Problem among the errors is
// the writer's refusal; any other error means that it could not be asked, or
// has not answered, and the call may be repeated.
type Seats interface {
	Extend(ctx context.Context, event string, r wire.ExtendRequest) (wire.ExtendReply, error)
	Confirm(ctx context.Context, event string, r wire.ConfirmRequest) error
	Release(ctx context.Context, event string, r wire.ReleaseRequest) (wire.StandingReply, error)
}

// Config of the checkout.
type Config struct {
	NATS      *nats.Conn          // for notices and, if Seats is nil, the writer; required
	JetStream jetstream.JetStream // where ORDERS is; required
	Ledger    Ledger              // required
	Outbox    Outbox              // required
	Provider  payment.Provider    // required
	Seats     Seats               // nil: NewSeats(NATS)

	ProviderName   string        // as recorded with payments; default "sandbox"
	MaxInFlight    int           // orders under way at once; default 2048
	Patience       time.Duration // how long an order waits for a payment provider that does not answer; default 10 min
	ActionPatience time.Duration // how long it waits for its fan to confirm the payment; default 5 min
	Pause          time.Duration // how long a provider that fails is left alone; default 5 s

	WebhookAddr   string // where the provider's webhooks are taken; empty for nowhere: then it is asked
	WebhookSecret []byte // that they are signed with; required with WebhookAddr

	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nowhere
	Now        func() time.Time      // nil means time.Now
}

// Validate reports what makes the configuration unusable.
func (c Config) Validate() error {
	if c.NATS == nil || c.JetStream == nil || c.Ledger == nil || c.Outbox == nil || c.Provider == nil {
		return errors.New("checkout: NATS, JetStream, Ledger, Outbox and Provider are needed")
	}
	if c.MaxInFlight < 0 || c.MaxInFlight > wire.MaxCheckouts || min(c.Patience, c.ActionPatience, c.Pause) < 0 {
		return fmt.Errorf("checkout: MaxInFlight must be in 0…%d, durations not negative", wire.MaxCheckouts)
	}
	if c.WebhookAddr != "" && len(c.WebhookSecret) == 0 {
		return errors.New("checkout: WebhookAddr needs a WebhookSecret")
	}
	return nil
}

// Checkout works off ORDERS and the outbox.
type Checkout struct {
	cfg     Config
	metrics *metrics
	breaker *payment.Breaker // cfg.Provider
	changed chan struct{}    // holds a token when the breaker may have
	waiting *kv.Committer    // of CHECKOUTS
	hooks   *webhooks        // nil without a WebhookAddr
	due     chan struct{}    // holds a token when the outbox may have something new
}

// New checks the configuration and listens for webhooks; they wait for Run.
func New(c Config) (*Checkout, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Seats == nil {
		c.Seats = NewSeats(c.NATS)
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
	co := &Checkout{metrics: newMetrics(c.Registerer), changed: make(chan struct{}, 1), due: make(chan struct{}, 1)}
	co.breaker = payment.NewBreaker(payment.BreakerConfig{Provider: c.Provider, Pause: c.Pause, Changed: func() {
		select {
		case co.changed <- struct{}{}:
		default:
		}
	}})
	c.Provider = co.breaker
	co.cfg = c
	co.waiting = kv.NewCommitter(kv.CommitterConfig{Stream: &kv.Open(c.JetStream, wire.CheckoutsBucket).Stream})
	if c.WebhookAddr != "" {
		var err error
		if co.hooks, err = newWebhooks(co); err != nil {
			return nil, err
		}
	}
	return co, nil
}

// WebhookURL is where the provider should send webhooks; empty for nowhere.
func (c *Checkout) WebhookURL() string {
	if c.hooks == nil {
		return ""
	}
	return "http://" + c.hooks.listener.Addr().String() + webhookPath
}

// Run works until ctx ends. ORDERS and its consumer must be there.
func (c *Checkout) Run(ctx context.Context) error {
	consumer, err := c.cfg.JetStream.Consumer(ctx, wire.OrdersStream, wire.CheckoutConsumer)
	if err != nil {
		return fmt.Errorf("checkout: consumer %s: %w", wire.CheckoutConsumer, err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return consume.Run(ctx, consume.Config{Consumer: consumer, Handle: c.handle, Dead: c.bury,
			MaxInFlight: c.cfg.MaxInFlight, Logger: c.cfg.Logger, Registerer: c.cfg.Registerer})
	})
	g.Go(func() error { return c.relay(ctx) })
	g.Go(func() error { c.trim(ctx); return nil })
	g.Go(func() error { c.reconcile(ctx); return nil })
	g.Go(func() error { c.tellHealth(ctx); return nil })
	g.Go(func() error { return c.waiting.Run(ctx) })
	if c.hooks != nil {
		g.Go(func() error { return c.hooks.run(ctx) })
	}
	return g.Wait()
}

// trim drops the acknowledged head of ORDERS now and then, if the stream does
// not drop each message by itself: that costs a write to disk for every one.
func (c *Checkout) trim(ctx context.Context) {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		if err := c.trimOnce(ctx); err != nil && ctx.Err() == nil {
			c.cfg.Logger.Warn("trim "+wire.OrdersStream, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *Checkout) trimOnce(ctx context.Context) error {
	consumer, err := c.cfg.JetStream.Consumer(ctx, wire.OrdersStream, wire.CheckoutConsumer)
	if err != nil {
		return err
	}
	stream, err := c.cfg.JetStream.Stream(ctx, wire.OrdersStream)
	if err != nil {
		return err
	}
	floor := consumer.CachedInfo().AckFloor.Stream
	if floor < stream.CachedInfo().State.FirstSeq {
		return nil
	}
	return stream.Purge(ctx, jetstream.WithPurgeSequence(floor+1))
}
