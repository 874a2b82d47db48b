package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// ErrPoison marks a message that no retry will fix.
var ErrPoison = errors.New("poison message")

const (
	firstDelay = 100 * time.Millisecond
	maxDelay   = 10 * time.Second
	maxWaiting = 256
	// reopenPause is the pause between attempts to pull from a failing consumer.
	reopenPause = time.Second
	drainLimit  = time.Second
	warnEvery   = time.Second
	deadLimit   = 5 * time.Second
)

// Config says what to consume and how.
type Config struct {
	Source Source // required
	// Handle settles one message; see the package comment for what its error
	// means. Required, called concurrently.
	Handle func(ctx context.Context, m jetstream.Msg) error
	// Dead records a poison message before it is terminated; if that fails, the
	// message is given back instead. If nil, poison is only logged.
	Dead func(ctx context.Context, m jetstream.Msg, reason error) error

	MaxInFlight int           // default 256
	Heartbeat   time.Duration // default a third of the consumer's AckWait
	Grace       time.Duration // for Handles to finish once Run's ctx ends; default 10 s

	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nowhere
}

// Validate reports what makes the configuration unusable.
func (c Config) Validate() error {
	if c.Source == nil || c.Handle == nil {
		return errors.New("consume: Source and Handle are needed")
	}
	if c.MaxInFlight < 0 || c.Heartbeat < 0 || c.Grace < 0 {
		return errors.New("consume: bounds must not be negative")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.MaxInFlight == 0 {
		c.MaxInFlight = 256
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = 10 * time.Second
		if wait := c.Source.AckWait(); wait > 0 {
			c.Heartbeat = wait / 3
		}
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Run consumes until ctx ends, then returns nil. It returns an error only if going on is
// pointless: the consumer or the connection is gone for good.
func Run(ctx context.Context, c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	c = c.withDefaults()
	handling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	l := &loop{cfg: c, handling: handling, slots: make(chan struct{}, c.MaxInFlight),
		metrics: newMetrics(c.Registerer, c.Source.Name())}
	var err error
	for err == nil && ctx.Err() == nil {
		err = l.pull(ctx)
	}
	l.finish(cancel)
	return err
}

type loop struct {
	cfg      Config
	handling context.Context // of Handles: outlives Run's ctx by Grace
	slots    chan struct{}   // one taken for each Handle
	busy     sync.WaitGroup
	warned   atomic.Int64 // instant of the last warning
	metrics  *metrics
}

// pull hands out messages until ctx ends or the iterator breaks. It returns nil if pulling
// again makes sense.
func (l *loop) pull(ctx context.Context) error {
	it, err := l.cfg.Source.Pull(min(l.cfg.MaxInFlight, maxWaiting))
	if err != nil {
		return l.broken(ctx, err)
	}
	defer l.giveBack(it)
	for {
		select {
		case l.slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		m, err := it.Next(ctx)
		if err != nil {
			<-l.slots
			if errors.Is(err, jetstream.ErrNoHeartbeat) {
				l.cfg.Logger.Debug("no heartbeat from the consumer, pulling again")
				continue
			}
			return l.broken(ctx, err)
		}
		l.busy.Go(func() {
			defer func() { <-l.slots }()
			l.handle(m)
		})
	}
}

// broken returns err if it is final; otherwise it waits a little and returns nil.
func (l *loop) broken(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, jetstream.ErrConnectionClosed), errors.Is(err, jetstream.ErrConsumerDeleted),
		errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrInvalidOption):
		return fmt.Errorf("consume: %w", err)
	}
	l.cfg.Logger.Warn("pulling failed, trying again", "err", err)
	select {
	case <-ctx.Done():
	case <-time.After(reopenPause):
	}
	return nil
}

// giveBack gives back what was delivered and not begun.
func (l *loop) giveBack(it Pull) {
	ctx, cancel := context.WithTimeout(l.handling, drainLimit)
	defer cancel()
	it.Drain()
	for {
		m, err := it.Next(ctx)
		if err != nil {
			it.Stop()
			return
		}
		l.count(m, "given_back", m.Nak())
	}
}

func (l *loop) handle(m jetstream.Msg) {
	start := time.Now()
	var beat *time.Timer
	var mu sync.Mutex
	ended := false
	mu.Lock()
	beat = time.AfterFunc(l.cfg.Heartbeat, func() {
		mu.Lock()
		defer mu.Unlock()
		if !ended {
			_ = m.InProgress() // if it is lost, the message comes again
			beat.Reset(l.cfg.Heartbeat)
		}
	})
	mu.Unlock()
	l.metrics.inFlight.Inc()
	err := l.cfg.Handle(l.handling, m)
	mu.Lock()
	ended = true
	mu.Unlock()
	beat.Stop()
	l.metrics.inFlight.Dec()
	l.metrics.seconds.Observe(time.Since(start).Seconds())
	l.acknowledge(m, err)
}

// acknowledge tells the server what became of a message.
func (l *loop) acknowledge(m jetstream.Msg, err error) {
	if err == nil {
		l.count(m, "acked", m.Ack())
		return
	}
	if errors.Is(err, ErrPoison) {
		unrecorded := l.recordPoison(m, err)
		if unrecorded == nil {
			l.count(m, "poison", m.TermWithReason(err.Error()))
			return
		}
		err = errors.Join(err, unrecorded)
	}
	delay := time.Duration(0)
	if l.handling.Err() == nil { // otherwise another worker could get it at once
		delay = l.delay(m)
		l.cfg.Logger.Log(l.handling, l.level(), "message will come again", "subject", m.Subject(), "delay", delay, "err", err)
	}
	l.count(m, "given_back", m.NakWithDelay(delay))
}

// level returns Warn once per warnEvery and otherwise Debug: when something that every
// message needs is down, thousands of messages fail.
func (l *loop) level() slog.Level {
	now, last := time.Now().UnixNano(), l.warned.Load()
	if now-last > int64(warnEvery) && l.warned.CompareAndSwap(last, now) {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// recordPoison logs a message that can't be handled, and has Dead record it.
func (l *loop) recordPoison(m jetstream.Msg, reason error) error {
	l.cfg.Logger.Error("message cannot be handled", "subject", m.Subject(), "err", reason)
	if l.cfg.Dead == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(l.handling, deadLimit)
	defer cancel()
	return l.cfg.Dead(ctx, m, reason)
}

// delay doubles with each delivery.
func (l *loop) delay(m jetstream.Msg) time.Duration {
	d := firstDelay
	if md, err := m.Metadata(); err == nil {
		for n := uint64(1); n < md.NumDelivered && d < maxDelay; n++ {
			d *= 2
		}
	}
	return min(d, maxDelay)
}

// count counts an outcome. If the answer was lost, nothing else is needed: the message
// comes again.
func (l *loop) count(m jetstream.Msg, outcome string, err error) {
	if err != nil {
		outcome = "unanswered"
		l.cfg.Logger.Warn("answer to the consumer failed", "subject", m.Subject(), "err", err)
	}
	l.metrics.messages.WithLabelValues(outcome).Inc()
}

// finish waits for the Handles under way, then cancels them.
func (l *loop) finish(cancel func()) {
	ended := make(chan struct{})
	go func() { l.busy.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(l.cfg.Grace):
		cancel()
		<-ended
	}
}

type metrics struct {
	messages *prometheus.CounterVec
	inFlight prometheus.Gauge
	seconds  prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, consumer string) *metrics {
	labels := prometheus.Labels{"consumer": consumer}
	m := &metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_consume_messages_total", ConstLabels: labels,
			Help: "Messages by what became of them: acked, given_back, poison, unanswered."}, []string{"outcome"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "frontrow_consume_in_flight_messages", ConstLabels: labels,
			Help: "Messages being handled."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "frontrow_consume_handle_seconds", ConstLabels: labels,
			Help: "Time to handle a message.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 16)}),
	}
	if reg != nil {
		reg.MustRegister(m.messages, m.inFlight, m.seconds)
	}
	return m
}
