package payment

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// ErrPaused means that the provider was not asked, because it has failed too
// often lately. Try again later.
var ErrPaused = errors.New("payments are paused")

// When an operation is paused, and for how long.
const (
	breakerWindow = 10 * time.Second // failures are counted over
	breakerBucket = time.Second      // and forgotten in steps of
	leastCalls    = 20               // in the window before the share counts
	failedShare   = 0.5              // of them that pauses the operation
	probes        = 5                // successes in a row that end the pause
	defaultPause  = 5 * time.Second
	idleAfter     = 15 * time.Second // exceeds the longest pause of an order between two attempts
)

// BreakerConfig configures a Breaker.
type BreakerConfig struct {
	Provider Provider      // required
	Pause    time.Duration // before a failing operation is tried again; default 5 s
	Changed  func()        // called when an operation is paused or resumed; must not block; may be nil
}

// Breaker is a Provider that asks another one only while that one answers. Each
// operation has a breaker of its own. ErrPermanent, ErrNotFound and a declined
// payment are answers; a caller that gives up waiting says nothing about the
// provider.
type Breaker struct {
	provider                              Provider
	authorize, capture, void, refund, get *operation
}

var _ Provider = (*Breaker)(nil)

// NewBreaker returns a breaker in front of c.Provider.
func NewBreaker(c BreakerConfig) *Breaker {
	return &Breaker{provider: c.Provider, authorize: newOperation("authorize", c), capture: newOperation("capture", c),
		void: newOperation("void", c), refund: newOperation("refund", c), get: newOperation("get", c)}
}

// Authorize implements Provider.
func (b *Breaker) Authorize(ctx context.Context, r AuthRequest) (Auth, error) {
	return b.authorize.do(func() (Auth, error) { return b.provider.Authorize(ctx, r) })
}

// Capture implements Provider.
func (b *Breaker) Capture(ctx context.Context, t Terms) (Auth, error) {
	return b.capture.do(func() (Auth, error) { return b.provider.Capture(ctx, t) })
}

// Void implements Provider.
func (b *Breaker) Void(ctx context.Context, t Terms) (Auth, error) {
	return b.void.do(func() (Auth, error) { return b.provider.Void(ctx, t) })
}

// Refund implements Provider.
func (b *Breaker) Refund(ctx context.Context, r RefundRequest) (Auth, error) {
	return b.refund.do(func() (Auth, error) { return b.provider.Refund(ctx, r) })
}

// Get implements Provider.
func (b *Breaker) Get(ctx context.Context, order string) (Auth, error) {
	return b.get.do(func() (Auth, error) { return b.provider.Get(ctx, order) })
}

// Paused reports whether payments can't be authorised, as far as is known, and
// since when. A provider that may be tried again but that nobody has tried for a
// while does not count as down: otherwise nobody would ever try it.
func (b *Breaker) Paused() (since time.Time, paused bool) { return b.authorize.paused() }

// operation is one operation of the provider and its breaker.
type operation struct {
	breaker *gobreaker.CircuitBreaker[Auth]

	mu    sync.Mutex
	since time.Time // when the breaker left the closed state
	asked time.Time // when it was last asked, whether let through or not
}

func newOperation(name string, c BreakerConfig) *operation {
	o := &operation{}
	pause := c.Pause
	if pause == 0 {
		pause = defaultPause
	}
	o.breaker = gobreaker.NewCircuitBreaker[Auth](gobreaker.Settings{
		Name: name, MaxRequests: probes, Interval: breakerWindow, BucketPeriod: breakerBucket, Timeout: pause,
		ReadyToTrip: func(n gobreaker.Counts) bool {
			judged := n.TotalSuccesses + n.TotalFailures
			return judged >= leastCalls && float64(n.TotalFailures) >= failedShare*float64(judged)
		},
		OnStateChange: func(_ string, from, _ gobreaker.State) {
			if from == gobreaker.StateClosed {
				o.mu.Lock()
				o.since = time.Now()
				o.mu.Unlock()
			}
			if c.Changed != nil {
				c.Changed()
			}
		},
		IsSuccessful: func(err error) bool {
			return err == nil || errors.Is(err, ErrPermanent) || errors.Is(err, ErrNotFound)
		},
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
	})
	return o
}

func (o *operation) do(call func() (Auth, error)) (Auth, error) {
	o.mu.Lock()
	o.asked = time.Now()
	o.mu.Unlock()
	a, err := o.breaker.Execute(call)
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return Auth{}, fmt.Errorf("%s: %w: %w", o.breaker.Name(), ErrPaused, err)
	}
	return a, err
}

func (o *operation) paused() (since time.Time, paused bool) {
	state := o.breaker.State()
	o.mu.Lock()
	defer o.mu.Unlock()
	switch state {
	case gobreaker.StateOpen:
		return o.since, true
	case gobreaker.StateHalfOpen:
		return o.since, time.Since(o.asked) < idleAfter
	}
	return time.Time{}, false
}
