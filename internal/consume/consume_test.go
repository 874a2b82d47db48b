package consume

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/internal/natstest"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

const limit = 30 * time.Second

// queue makes a work queue with its consumer.
func queue(t *testing.T, env *natstest.Env, js jetstream.JetStream, ackWait time.Duration) jetstream.Consumer {
	t.Helper()
	ctx := bounded(t)
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "WORK", Subjects: []string{"work.>"},
		Retention: jetstream.WorkQueuePolicy, Replicas: env.Replicas})
	must(t, err)
	c, err := js.CreateConsumer(ctx, "WORK", jetstream.ConsumerConfig{Durable: "w", AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: ackWait, MaxAckPending: 8192, MaxDeliver: -1, Replicas: env.Replicas})
	must(t, err)
	return c
}

func publish(t *testing.T, js jetstream.JetStream, n int) {
	t.Helper()
	all := bounded(t)
	for i := range n {
		id := nuid.Next()
		for {
			// Until an election is over, there is nobody to store it, and what is sent as
			// the connection breaks is not answered.
			ctx, cancel := context.WithTimeout(all, time.Second)
			_, err := js.Publish(ctx, fmt.Sprint("work.", i), nil, jetstream.WithMsgID(id), jetstream.WithRetryAttempts(100))
			cancel()
			if err == nil {
				break
			}
			if all.Err() != nil {
				t.Fatal(err)
			}
		}
	}
}

// start runs c and returns a function that ends it.
func start(t *testing.T, c Config) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, c) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(limit):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// empty waits until every message is acknowledged.
func empty(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	ctx := bounded(t)
	for {
		s, err := js.Stream(ctx, "WORK")
		if err == nil && s.CachedInfo().State.Msgs == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("messages are left: %v", err)
		}
	}
}

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		js := env.JetStream(t)
		c := queue(t, env, js, time.Minute)
		var mu sync.Mutex
		tries, buried := map[string]int{}, map[string]int{}
		start(t, Config{Source: From(c), MaxInFlight: 8,
			Handle: func(_ context.Context, m jetstream.Msg) error {
				mu.Lock()
				defer mu.Unlock()
				tries[m.Subject()]++
				switch {
				case m.Subject() == "work.3":
					return fmt.Errorf("broken: %w", ErrPoison)
				case m.Subject() == "work.5" && tries["work.5"] < 3:
					return errors.New("not now")
				}
				return nil
			},
			Dead: func(_ context.Context, m jetstream.Msg, reason error) error {
				mu.Lock()
				defer mu.Unlock()
				buried[m.Subject()]++
				if !errors.Is(reason, ErrPoison) || buried[m.Subject()] == 1 {
					return errors.New("nobody to bury it")
				}
				return nil
			}})
		publish(t, js, 20)
		empty(t, js)
		mu.Lock()
		defer mu.Unlock()
		for s, n := range tries {
			want := map[string]int{"work.3": 2, "work.5": 3}[s]
			if n != max(want, 1) {
				t.Errorf("%s was handled %d times", s, n)
			}
		}
		if len(tries) != 20 || buried["work.3"] != 2 || len(buried) != 1 {
			t.Errorf("%d handled, buried %v", len(tries), buried)
		}
	})
}

// A Handle longer than AckWait is not given to another.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	env := natstest.Run(t)
	js := env.JetStream(t)
	c := queue(t, env, js, 300*time.Millisecond)
	var begun atomic.Int32
	start(t, Config{Source: From(c), Handle: func(ctx context.Context, _ jetstream.Msg) error {
		begun.Add(1)
		select {
		case <-time.After(1200 * time.Millisecond): // four times AckWait
		case <-ctx.Done():
		}
		return nil
	}})
	publish(t, js, 1)
	empty(t, js)
	if n := begun.Load(); n != 1 {
		t.Errorf("begun %d times", n)
	}
}

func TestInFlightIsBounded(t *testing.T) {
	t.Parallel()
	env := natstest.Run(t)
	js := env.JetStream(t)
	c := queue(t, env, js, time.Minute)
	publish(t, js, 50)
	var inside atomic.Int32
	full, release := make(chan struct{}, 50), make(chan struct{})
	start(t, Config{Source: From(c), MaxInFlight: 4, Handle: func(context.Context, jetstream.Msg) error {
		if inside.Add(1) > 4 {
			t.Error("more than 4 at once")
		}
		full <- struct{}{}
		<-release
		inside.Add(-1)
		return nil
	}})
	for range 4 {
		<-full
	}
	close(release)
	empty(t, js)
}

// Ending in the midst of work loses nothing: the next worker gets at once what
// was not finished.
func TestStopGivesBack(t *testing.T) {
	t.Parallel()
	env := natstest.Run(t)
	js := env.JetStream(t)
	c := queue(t, env, js, 10*time.Minute) // longer than the test
	publish(t, js, 40)
	begun := make(chan struct{}, 40)
	stop := start(t, Config{Source: From(c), MaxInFlight: 4, Grace: 50 * time.Millisecond,
		Handle: func(ctx context.Context, _ jetstream.Msg) error {
			begun <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}})
	for range 4 {
		<-begun
	}
	stop()
	start(t, Config{Source: From(c), Handle: func(context.Context, jetstream.Msg) error { return nil }})
	empty(t, js)
}

func TestSurvivesRestartOfServers(t *testing.T) {
	t.Parallel()
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		js := env.JetStream(t)
		c := queue(t, env, js, 2*time.Second)
		var handled atomic.Int32
		start(t, Config{Source: From(c), Handle: func(context.Context, jetstream.Msg) error { handled.Add(1); return nil }})
		publish(t, js, 10)
		empty(t, js)
		env.Restart()
		publish(t, js, 10)
		empty(t, js)
		if handled.Load() < 20 {
			t.Errorf("%d handled", handled.Load())
		}
	})
}

func TestConsumerGoneEndsRun(t *testing.T) {
	t.Parallel()
	env := natstest.Run(t)
	js := env.JetStream(t)
	c := queue(t, env, js, time.Minute)
	handled := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- Run(context.Background(), Config{Source: From(c), Handle: func(context.Context, jetstream.Msg) error { close(handled); return nil }})
	}()
	publish(t, js, 1)
	<-handled
	must(t, js.DeleteConsumer(bounded(t), "WORK", "w"))
	select {
	case err := <-ended:
		if !errors.Is(err, jetstream.ErrConsumerDeleted) {
			t.Error(err)
		}
	case <-time.After(limit):
		t.Error("Run does not end")
	}
}
