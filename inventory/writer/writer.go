package writer

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"frontrow/internal/bus"
	"frontrow/internal/leader"
	"frontrow/internal/records"
	"frontrow/inventory/ledger"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// Ledger is what the writer needs of PostgreSQL.
type Ledger interface {
	Sales
	// PutEvent makes the event and its seats known to the ledger, once or again.
	PutEvent(ctx context.Context, event wire.Event, seats []string) error
	// GiveUp decides the fate of an order whose hold has passed its deadline in
	// checkout: an order paid by now is answered as paid; any other is failed
	// for good, so that no later commit can succeed.
	GiveUp(ctx context.Context, order, event, fan string) (wire.OrderReply, error)
}

// Sales is what PostgreSQL says is sold.
type Sales interface {
	// Bookings lists the seats of an event that are sold: no other seats are.
	Bookings(ctx context.Context, event string) ([]ledger.Booking, error)
	// Reopen is Bookings for a writer under whose revisions nothing was offered
	// yet: they begin anew, above the given one, and no hold of before exists any
	// more. What was sold before can be sold again, what was being bought before
	// can't be any more.
	Reopen(ctx context.Context, event string, revision uint64) ([]ledger.Booking, error)
	// Order reads an order as it stands, or ledger.ErrNotFound.
	Order(ctx context.Context, order string) (ledger.Order, error)
}

// Bus carries commands to the writer, its answers, and notices.
type Bus interface {
	// Subscribe has handle called for every message to subject, one after the other,
	// until stop. When it returns, whoever sends one reaches it.
	Subscribe(subject string, handle func(bus.Msg)) (stop func() error, err error)
	// Publish sends data to whoever listens, once at most, and doesn't wait.
	Publish(subject string, data []byte) error
}

// Config of the writer of a process. Store, Bus, Ledger and Name are needed.
type Config struct {
	Store      kv.Store
	Bus        Bus
	Ledger     Ledger
	Name       string // of this process, unlike any other
	Queue      int    // most commands of an event that wait to be decided, the next are refused; 0: 16,384
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
}

// Validate says what is missing.
func (c Config) Validate() error {
	if c.Store == nil || c.Bus == nil || c.Ledger == nil || c.Name == "" {
		return errors.New("writer: Store, Bus, Ledger and Name are needed")
	}
	return nil
}

// Bounds of a writer's dealings with the ledger.
const (
	maxQuestions    = 64               // about overdue holds, to the ledger at once, per process
	questionTimeout = 10 * time.Second // for one of them
	ledgerAgain     = 2 * time.Second  // before the ledger is asked again for what a writer can't do without
)

// Writer writes the events whose leases its process has, each in a term of its own.
// Nothing of it changes, and each part may be used by many goroutines at once.
type Writer struct {
	cfg       Config
	metrics   *metrics
	spoiled   *records.Spoiled
	questions chan struct{} // has one element for each question the ledger is being asked
}

// New returns a writer of any number of events.
func New(cfg Config) (*Writer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Queue = cmp.Or(cfg.Queue, maxQueue)
	return &Writer{cfg: cfg, metrics: newMetrics(cfg.Registerer), spoiled: records.NewSpoiled(cfg.Logger, cfg.Registerer),
		questions: make(chan struct{}, maxQuestions)}, nil
}

// Run is one term of one event: it writes until ctx ends, or somebody else is
// writer (kv.ErrFenced), starting anew as often as it must.
func (w *Writer) Run(ctx context.Context, e *Event, number uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	stock := newStockPublisher(kv.NewBucket(w.cfg.Store, wire.StockBucket), e.id, w.cfg.Logger)
	wg.Go(func() { stock.run(ctx) })
	introduce := sync.OnceFunc(func() { wg.Go(func() { w.introduce(ctx, e) }) })
	return leader.Restarting(ctx, w.cfg.Logger.With("event", e.id, "term", number), func(ctx context.Context) error {
		return newTerm(w, e, number, stock).run(ctx, introduce)
	})
}

// introduce makes the event known to the ledger, however long that takes; holds don't wait
// for it, and it begins when nobody waits for the seats to be read any more.
func (w *Writer) introduce(ctx context.Context, e *Event) {
	seats := make([]string, e.index.Len())
	for i := range seats {
		seats[i] = e.index.ID(i)
	}
	_, _ = untilLedger(ctx, func() (struct{}, error) {
		return struct{}{}, w.cfg.Ledger.PutEvent(ctx, e.facts.Record(), seats)
	}, func(err error, _ time.Duration) {
		w.cfg.Logger.Warn("the ledger doesn't know the event yet", "event", e.id, "err", err)
	})
}

// untilLedger asks the ledger until it answers, or ctx ends.
func untilLedger[T any](ctx context.Context, ask func() (T, error), failed backoff.Notify) (T, error) {
	return backoff.Retry(ctx, ask, backoff.WithBackOff(backoff.NewConstantBackOff(ledgerAgain)), backoff.WithMaxElapsedTime(0), backoff.WithNotify(failed))
}
