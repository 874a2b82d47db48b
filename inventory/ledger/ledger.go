package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"frontrow/internal/group"
	"frontrow/wire"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

var (
	// ErrNotFound means that the ledger has no such order, ticket or event.
	ErrNotFound = errors.New("not in the ledger")
	// ErrUnknownEvent means that PutEvent has not recorded the order's event
	// yet; the order may be tried again later.
	ErrUnknownEvent = errors.New("event is not in the ledger")
	// ErrRefused means that PostgreSQL rejects the data itself, however often it
	// is asked: a text it can't store, or a constraint of the schema.
	ErrRefused = errors.New("refused by the ledger's rules")
	// ErrReadOnly means that PostgreSQL takes no writes: it is a standby, or a
	// primary that has become one.
	ErrReadOnly = errors.New("PostgreSQL takes no writes")
)

// Bounds of the ledger.
const (
	maxBatchRows = 2048 // seats in one transaction
	maxQueue     = 16384
	maxConns     = 12
)

// Config configures a Ledger.
type Config struct {
	// DSN of PostgreSQL, as a URL or as keywords. Behind a pooler in
	// transaction mode that does not support prepared statements, add
	// default_query_exec_mode=exec. pool_max_conns bounds the connections
	// (default 12); with fewer than five, calls wait for each other.
	DSN string
	// ReplicaDSN is a streaming replica. Only History reads from it: every
	// decision is made by the primary. Empty means there is none.
	ReplicaDSN string
	// FlushTimeout bounds one attempt of one transaction; default 5 s.
	FlushTimeout time.Duration
	// VoidAfter is how long after an order fails the provider is asked to void
	// what it may have under it. It must exceed the longest time an
	// authorisation can be under way; default 1 min.
	VoidAfter time.Duration

	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nowhere
	Now        func() time.Time      // nil means time.Now
}

func (c Config) withDefaults() Config {
	if c.FlushTimeout == 0 {
		c.FlushTimeout = 5 * time.Second
	}
	if c.VoidAfter == 0 {
		c.VoidAfter = time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Validate reports what makes the configuration unusable.
func (c Config) Validate() error {
	if c.DSN == "" {
		return errors.New("ledger: DSN is empty")
	}
	if c.FlushTimeout < 0 || c.VoidAfter < 0 {
		return errors.New("ledger: durations must not be negative")
	}
	return nil
}

// Ledger is the record of orders, bookings, tickets and payments. Begin,
// Commit, Fail, GiveUp and Park wait for Run, which flushes them in groups; every
// other method is a transaction of its own. All are safe for concurrent use.
type Ledger struct {
	cfg     Config
	pool    *pgxpool.Pool
	replica *replica // nil without one
	metrics *metrics

	begins  *group.Group[wire.OrderMessage, Order]
	commits *group.Group[Purchase, Committed]
	fails   *group.Group[failure, Order]
	parks   *group.Group[parking, Order]
}

// Open returns a Ledger. It does not wait for PostgreSQL, which may start later.
func Open(ctx context.Context, c Config) (*Ledger, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	pool, err := c.connect(ctx, c.DSN, pgconn.ValidateConnectTargetSessionAttrsReadWrite)
	if err != nil {
		return nil, fmt.Errorf("ledger: DSN: %w", err)
	}
	l := &Ledger{cfg: c, pool: pool, metrics: newMetrics(c.Registerer, c.Now)}
	if c.ReplicaDSN != "" {
		pool, err := c.connect(ctx, c.ReplicaDSN, nil)
		if err != nil {
			l.pool.Close()
			return nil, fmt.Errorf("ledger: ReplicaDSN: %w", err)
		}
		l.replica = &replica{pool: pool}
	}
	l.begins = newGroup(l, "begin", l.begin, func(m wire.OrderMessage) int { return len(m.Seats) })
	l.commits = newGroup(l, "commit", l.commit, func(p Purchase) int { return len(p.Order.Seats) })
	l.fails = newGroup(l, "fail", l.fail, func(failure) int { return 1 })
	l.parks = newGroup(l, "park", l.park, func(parking) int { return 1 })
	return l, nil
}

// connect makes a pool that has not connected yet. Each new connection must pass
// fit, unless the DSN names its own target_session_attrs.
func (c Config) connect(ctx context.Context, dsn string, fit pgconn.ValidateConnectFunc) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		pc.MaxConns = maxConns
	}
	if pc.ConnConfig.ConnectTimeout == 0 {
		pc.ConnConfig.ConnectTimeout = c.FlushTimeout
	}
	if pc.ConnConfig.ValidateConnect == nil {
		pc.ConnConfig.ValidateConnect = fit
	}
	return pgxpool.NewWithConfig(ctx, pc)
}

// Run flushes the groups until ctx ends. Calls still waiting then fail.
func (l *Ledger) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.begins.Run(ctx) })
	g.Go(func() error { return l.commits.Run(ctx) })
	g.Go(func() error { return l.fails.Run(ctx) })
	g.Go(func() error { return l.parks.Run(ctx) })
	g.Go(func() error { l.watch(ctx); return nil })
	return g.Wait()
}

// Ping reports whether PostgreSQL takes writes.
func (l *Ledger) Ping(ctx context.Context) error {
	var readOnly bool
	err := l.pool.QueryRow(ctx, "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean").Scan(&readOnly)
	if err == nil && readOnly {
		l.distrust()
		err = ErrReadOnly
	}
	return err
}

// distrust closes the connections. After a failover they may lead to a server
// that is no longer the primary, and would do so for ever; new ones are checked
// first.
func (l *Ledger) distrust() { l.pool.Reset() }

// Close closes the connections; call it after Run has returned.
func (l *Ledger) Close() {
	l.pool.Close()
	if l.replica != nil {
		l.replica.pool.Close()
	}
}

// query runs one statement outside any group and collects its rows.
func query[T any](ctx context.Context, l *Ledger, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.FlushTimeout)
	defer cancel()
	rows, err := l.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}
