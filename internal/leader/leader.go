package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Config configures a Leader. All but TTL, Prices and Registerer are required.
type Config struct {
	Store      kv.Store
	Role       string           // to contend for: one of the Role… constants of package wire
	Holder     string           // names this process uniquely
	TTL        time.Duration    // how long to wait for a leader that fell silent; 0: kv.DefaultTTL
	Prices     bool             // whether to watch PRICES too
	Spoiled    *records.Spoiled // notes records that can't be read
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: none
}

// Leader contends for a role in every event.
type Leader struct {
	cfg    Config
	leases *kv.Leases
	read   []chan struct{} // each closed once what is stored has been read

	mu     sync.RWMutex
	events map[string]*Event
}

// New builds a Leader. It makes no requests.
func New(cfg Config) (*Leader, error) {
	leases, err := kv.NewLeases(kv.LeasesConfig{
		Bucket: kv.NewBucket(cfg.Store, wire.LeasesBucket), Holder: cfg.Holder, TTL: cfg.TTL,
		Logger: cfg.Logger, Registerer: cfg.Registerer,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Role, err)
	}
	l := &Leader{cfg: cfg, leases: leases, read: []chan struct{}{make(chan struct{})}, events: map[string]*Event{}}
	if cfg.Prices {
		l.read = append(l.read, make(chan struct{}))
	}
	return l, nil
}

// Run watches events and calls contend for each, once and in its own goroutine, until ctx
// ends; it then returns nil. It ends early with an error of contend, or if a bucket does
// not exist. Run is called once.
func (l *Leader) Run(ctx context.Context, contend func(ctx context.Context, e *Event) error) error {
	outer := ctx
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.leases.Run(ctx) })
	g.Go(func() error {
		return records.Watch(ctx, l.cfg.Spoiled, kv.NewBucket(l.cfg.Store, wire.EventsBucket), ">", func(id string, record wire.Event) {
			e := l.entry(id)
			if e.see(record) {
				g.Go(func() error { return contend(ctx, e) })
			}
		}, sync.OnceFunc(func() { close(l.read[0]) }))
	})
	if l.cfg.Prices {
		g.Go(func() error {
			return records.Watch(ctx, l.cfg.Spoiled, kv.NewBucket(l.cfg.Store, wire.PricesBucket), ">", func(key string, p wire.Price) {
				if id, level, ok := wire.SplitPriceKey(key); ok {
					l.entry(id).price(level, p)
				}
			}, sync.OnceFunc(func() { close(l.read[1]) }))
		})
	}
	err := g.Wait()
	if outer.Err() != nil {
		return nil
	}
	return err
}

// Lead calls term whenever this process has the role in an event, until ctx ends; it
// returns ctx's error. kv.Leases.Hold says what term must observe.
func (l *Leader) Lead(ctx context.Context, event string, term func(ctx context.Context, term uint64) error) error {
	return l.leases.Hold(ctx, wire.LeaseKey(l.cfg.Role, event), term)
}

// Alone calls f once, while this process holds the lease of a key that no role uses.
func (l *Leader) Alone(ctx context.Context, key string, f func(ctx context.Context) error) (err error) {
	alone, done := context.WithCancel(ctx)
	defer done()
	held := false
	_ = l.leases.Hold(alone, key, func(ctx context.Context, _ uint64) error {
		defer done()
		held = true
		err = f(ctx)
		return nil
	})
	if !held {
		return fmt.Errorf("lease %s: %w", key, ctx.Err())
	}
	return err
}

// ErrRestart ends a term that must begin anew from what is stored, under the same lease.
var ErrRestart = errors.New("begin anew from what is stored")

// Restarting calls f, and again while it fails with ErrRestart.
func Restarting(ctx context.Context, log *slog.Logger, f func(ctx context.Context) error) error {
	for {
		err := f(ctx)
		if !errors.Is(err, ErrRestart) || ctx.Err() != nil {
			return err
		}
		log.Warn("the term begins anew", "err", err)
	}
}

// Ready returns nil once all that was stored has been read.
func (l *Leader) Ready() error {
	for _, read := range l.read {
		select {
		case <-read:
		default:
			return errors.New("events are not loaded yet")
		}
	}
	return nil
}

// Await waits until Ready returns nil. Its error is ctx's.
func (l *Leader) Await(ctx context.Context) error {
	for _, read := range l.read {
		select {
		case <-read:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
