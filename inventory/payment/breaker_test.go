package payment

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// scripted answers every call with err and counts them.
type scripted struct {
	err   error
	auth  Auth
	calls int
}

func (s *scripted) Authorize(context.Context, AuthRequest) (Auth, error) {
	s.calls++
	return s.auth, s.err
}
func (s *scripted) say() (Auth, error)                                  { s.calls++; return s.auth, s.err }
func (s *scripted) Capture(context.Context, Terms) (Auth, error)        { return s.say() }
func (s *scripted) Void(context.Context, Terms) (Auth, error)           { return s.say() }
func (s *scripted) Refund(context.Context, RefundRequest) (Auth, error) { return s.say() }
func (s *scripted) Get(context.Context, string) (Auth, error)           { return s.say() }
func (s *scripted) ask(t *testing.T, b *Breaker, n int) (last error) {
	t.Helper()
	for range n {
		_, last = b.Authorize(t.Context(), AuthRequest{})
	}
	return last
}

var errDown = errors.New("status 500")

func TestBreakerOpensTriesAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{err: errDown}
		changes := 0
		b := NewBreaker(BreakerConfig{Provider: p, Changed: func() { changes++ }})
		if err := p.ask(t, b, leastCalls-1); !errors.Is(err, errDown) {
			t.Fatalf("judged too early: %v", err)
		}
		began := time.Now()
		if err := p.ask(t, b, 1); !errors.Is(err, errDown) || errors.Is(err, ErrPaused) {
			t.Fatalf("the last call of the window: %v", err)
		}
		asked := p.calls
		if err := p.ask(t, b, 100); !errors.Is(err, ErrPaused) || p.calls != asked {
			t.Errorf("paused: %v, and %d calls got through", err, p.calls-asked)
		}
		if since, paused := b.Paused(); !paused || !since.Equal(began) {
			t.Errorf("paused since %v: %v", since, paused)
		}
		if _, err := b.Capture(t.Context(), Terms{Order: "o", Reference: "r"}); errors.Is(err, ErrPaused) {
			t.Error("another operation is paused with it")
		}

		time.Sleep(defaultPause + time.Millisecond)
		if err := p.ask(t, b, 1); !errors.Is(err, errDown) { // one try, which fails
			t.Errorf("not tried again: %v", err)
		}
		if err := p.ask(t, b, 1); !errors.Is(err, ErrPaused) {
			t.Errorf("tried twice: %v", err)
		}
		if since, paused := b.Paused(); !paused || !since.Equal(began) {
			t.Errorf("still paused, since %v: %v", since, paused)
		}

		time.Sleep(defaultPause + time.Millisecond)
		p.err = nil
		if err := p.ask(t, b, probes-1); err != nil {
			t.Errorf("tried again: %v", err)
		}
		if _, paused := b.Paused(); !paused {
			t.Error("resumed before it was sure")
		}
		if err := p.ask(t, b, 1); err != nil {
			t.Error(err)
		}
		if _, paused := b.Paused(); paused || changes < 3 {
			t.Errorf("paused %v, %d changes told", paused, changes)
		}
	})
}

// A provider that nobody asks does not count as down for ever.
func TestBreakerThatNobodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{err: errDown}
		b := NewBreaker(BreakerConfig{Provider: p})
		_ = p.ask(t, b, leastCalls)
		time.Sleep(idleAfter - time.Second)
		if _, paused := b.Paused(); !paused {
			t.Error("somebody may still be waiting")
		}
		time.Sleep(2 * time.Second)
		if _, paused := b.Paused(); paused {
			t.Error("down, although nobody has tried for a while")
		}
	})
}

func TestWhatIsNoFailure(t *testing.T) {
	for name, p := range map[string]*scripted{
		"declined":  {auth: Auth{State: Declined}},
		"permanent": {err: ErrPermanent},
		"not found": {err: ErrNotFound},
		"cancelled": {err: context.Canceled},
	} {
		b := NewBreaker(BreakerConfig{Provider: p})
		_ = p.ask(t, b, 10*leastCalls)
		if _, paused := b.Paused(); paused || p.calls != 10*leastCalls {
			t.Errorf("%s: paused %v after %d calls", name, paused, p.calls)
		}
	}
}

// Failures below a half, and failures long ago, do not pause the provider.
func TestBreakerBearsSomeFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{}
		b := NewBreaker(BreakerConfig{Provider: p})
		for i := range 300 {
			p.err = nil
			if i%3 == 0 {
				p.err = errDown
			}
			_ = p.ask(t, b, 1)
		}
		p.err = nil
		_ = p.ask(t, b, 100)
		time.Sleep(breakerWindow + breakerBucket)
		p.err = errDown
		_ = p.ask(t, b, leastCalls-1)
		if _, paused := b.Paused(); paused {
			t.Error("paused")
		}
	})
}
