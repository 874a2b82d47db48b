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

// ErrPoison marks a message that no repetition will make good.
var ErrPoison = errors.New("poison message")

const (
	firstDelay = 100 * time.Millisecond
	maxDelay   = 10 * time.Second
	maxWaiting = 256
	// pullHeartbeat is what the consumer owes an idle pull. Two missed ones mean
	// that the pull was lost, as one is that finds no leader.
	pullHeartbeat = 2 * time.Second
	// reopenPause is between two tries to pull from a consumer that fails.
	reopenPause = time.Second
	drainLimit  = time.Second
	warnEvery   = time.Second
	deadLimit   = 5 * time.Second
)

// Config says what to consume and how.
type Config struct {
	Consumer jetstream.Consumer // explicit acks; required
	// Handle settles one message; see the package comment for what its error
	// means. Required, called concurrently.
	Handle func(ctx context.Context, m jetstream.Msg) error
	// Dead records a poison message before it is buried; if it fails, the
	// message is given back instead. nil only logs.
	Dead func(ctx context.Context, m jetstream.Msg, reason error) error

	MaxInFlight int           // default 256
	Heartbeat   time.Duration // default a third of the consumer's AckWait
	Grace       time.Duration // for Handles to finish when Run is to end; default 10 s

	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nowhere
}

// Validate reports what makes the configuration unusable.
func (c Config) Validate() error {
	if c.Consumer == nil || c.Handle == nil {
		return errors.New("consume: Consumer and Handle are needed")
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
		if wait := c.Consumer.CachedInfo().Config.AckWait; wait > 0 {
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

// Run consumes until ctx ends, then returns nil; or returns the error that
// makes going on pointless: the consumer or the connection is gone for good.
func Run(ctx context.Context, c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	c = c.withDefaults()
	handling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	l := &loop{cfg: c, handling: handling, slots: make(chan struct{}, c.MaxInFlight),
		metrics: newMetrics(c.Registerer, c.Consumer.CachedInfo().Name)}
	var err error
	for err == nil && ctx.Err() == nil {
		err = l.pull(ctx)
	}
	l.finish(cancel)
	return err
}

type loop struct {
	cfg      Config
	handling context.Context // of Handles: outlives Run's by Grace
	slots    chan struct{}   // one taken for each Handle
	busy     sync.WaitGroup
	warned   atomic.Int64 // instant of the last warning
	metrics  *metrics
}

// pull hands messages out until ctx ends or the iterator breaks. It returns
// nil if it makes sense to pull again.
func (l *loop) pull(ctx context.Context) error {
	it, err := l.cfg.Consumer.Messages(jetstream.PullMaxMessages(min(l.cfg.MaxInFlight, maxWaiting)),
		jetstream.PullHeartbeat(pullHeartbeat))
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
		m, err := it.Next(jetstream.NextContext(ctx))
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

// broken reports whether err is final; if not, it waits a little.
func (l *loop) broken(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, jetstream.ErrConnectionClosed), errors.Is(err, jetstream.ErrConsumerDeleted),
		errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrInvalidOption):
		return fmt.Errorf("consume: %w", err)
	}
	l.cfg.Logger.Warn("pulling failed, trying again", "error", err)
	select {
	case <-ctx.Done():
	case <-time.After(reopenPause):
	}
	return nil
}

// giveBack returns what was delivered and not begun.
func (l *loop) giveBack(it jetstream.MessagesContext) {
	ctx, cancel := context.WithTimeout(l.handling, drainLimit)
	defer cancel()
	it.Drain()
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			it.Stop()
			return
		}
		l.settled(m, "given_back", m.Nak())
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
	l.settle(m, err)
}

// settle tells the consumer what became of a message.
func (l *loop) settle(m jetstream.Msg, err error) {
	if err == nil {
		l.settled(m, "acked", m.Ack())
		return
	}
	if errors.Is(err, ErrPoison) {
		buried := l.bury(m, err)
		if buried == nil {
			l.settled(m, "poison", m.TermWithReason(err.Error()))
			return
		}
		err = errors.Join(err, buried)
	}
	delay := time.Duration(0)
	if l.handling.Err() == nil { // else another worker may have it at once
		delay = l.delay(m)
		l.cfg.Logger.Log(l.handling, l.level(), "message will come again", "subject", m.Subject(), "delay", delay, "error", err)
	}
	l.settled(m, "given_back", m.NakWithDelay(delay))
}

// level is Warn once in a warnEvery, and Debug else: when something everybody
// needs is away, thousands of messages say so.
func (l *loop) level() slog.Level {
	now, last := time.Now().UnixNano(), l.warned.Load()
	if now-last > int64(warnEvery) && l.warned.CompareAndSwap(last, now) {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

func (l *loop) bury(m jetstream.Msg, reason error) error {
	l.cfg.Logger.Error("message cannot be handled", "subject", m.Subject(), "error", reason)
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

// settled counts. A failed answer needs no more: the message comes again.
func (l *loop) settled(m jetstream.Msg, outcome string, err error) {
	if err != nil {
		outcome = "unanswered"
		l.cfg.Logger.Warn("answer to the consumer failed", "subject", m.Subject(), "error", err)
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
