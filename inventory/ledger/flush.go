package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/internal/group"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Bounds of retrying a transaction.
const (
	maxAttempts = 5
	firstPause  = 5 * time.Millisecond // times 0.5 to 1.5; doubled after each attempt
	lastPause   = firstPause << (maxAttempts - 2)
)

// errConflict means that another transaction changed a row between our reading
// and writing it. Nothing was done, and another attempt sees the change.
var errConflict = errors.New("changed meanwhile")

// A transaction decides every item in one database transaction. The error of a
// single item goes into its result; a returned error rolls everything back. It
// may be called several times for the same items, with again from the second on, and
// finds what earlier calls committed.
type transaction[I, O any] func(ctx context.Context, tx pgx.Tx, items []I, results []group.Result[O], again bool) error

func newGroup[I, O any](l *Ledger, name string, apply transaction[I, O], weight func(I) int) *group.Group[I, O] {
	var flush func(ctx context.Context, items []I, results []group.Result[O])
	flush = func(ctx context.Context, items []I, results []group.Result[O]) {
		start, attempts := time.Now(), 0
		err := l.transact(ctx, name, func(ctx context.Context, tx pgx.Tx) error {
			clear(results)
			attempts++
			if err := apply(ctx, tx, items, results, attempts > 1); err != nil {
				return err
			}
			failpoint.Here(failpoint.TransactionWritten)
			return nil
		})
		if refused(err) && len(items) > 1 {
			half := len(items) / 2
			flush(ctx, items[:half], results[:half])
			flush(ctx, items[half:], results[half:])
			return
		}
		l.metrics.flushed(name, len(items), time.Since(start), err)
		if err == nil {
			failpoint.Here(failpoint.TransactionCommitted)
			return
		}
		if refused(err) {
			err = fmt.Errorf("%w: %w", ErrRefused, err)
		}
		for i := range results {
			results[i] = group.Result[O]{Err: fmt.Errorf("ledger %s: %w", name, err)}
		}
	}
	return group.New(group.Config[I, O]{Flush: flush, MaxBatch: maxBatchRows, MaxQueue: maxQueue, Weight: weight})
}

// transact runs fn in a transaction and retries after failures that another
// attempt can settle: a conflict, a deadlock, or a lost connection, even
// during COMMIT, since fn finds what it has committed.
func (l *Ledger) transact(ctx context.Context, name string, fn func(context.Context, pgx.Tx) error) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := l.attempt(ctx, fn)
		if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == readOnly {
			l.distrust()
		}
		if err != nil && !passing(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithMaxTries(maxAttempts), backoff.WithBackOff(&backoff.ExponentialBackOff{InitialInterval: firstPause, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: lastPause}),
		backoff.WithNotify(func(error, time.Duration) { l.metrics.retries.WithLabelValues(name).Inc() }))
	return err
}

func (l *Ledger) attempt(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.FlushTimeout)
	defer cancel()
	return pgx.BeginTxFunc(ctx, l.pool, pgx.TxOptions{BeginQuery: beginSteady}, func(tx pgx.Tx) error { return fn(ctx, tx) })
}

// beginSteady begins a transaction that finds its rows by index. A sale begins with
// empty tables, for which the planner prefers sequential scans, and it would keep such
// a plan as they fill. The settings last for one transaction, so they work through
// poolers.
//
// They don't make it join by index: it may still read a whole index for each row of the
// batch, while it believes that the table is small. A statement that every order passes
// through names its rows with = ANY, which leaves no choice.
const beginSteady = `BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off;
	SET LOCAL enable_mergejoin = off; SET LOCAL jit = off`

// readOnly is PostgreSQL's read_only_sql_transaction.
const readOnly = "25006"

// refused reports whether PostgreSQL rejected a value or a constraint was
// violated. In a batch that is one item's fault, and its neighbours must not
// suffer.
func refused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23"))
}

// passing reports whether another attempt may succeed.
func passing(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return !errors.Is(err, context.Canceled)
	}
	switch pg.Code {
	case "40001", "40P01", // serialization failure, deadlock
		"23505": // unique violation: another was faster, and is visible now
		return true
	}
	// Connection exception, shutdown or recovery, too many connections, read-only.
	return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P") || pg.Code == "53300" || pg.Code == readOnly
}

// distinct returns the first item of each id and, for each item, its index
// among them: a message delivered twice may be in one batch twice.
func distinct[I any](items []I, id func(I) string) (first []I, index []int) {
	seen := make(map[string]int, len(items))
	for _, it := range items {
		n, ok := seen[id(it)]
		if !ok {
			n = len(first)
			seen[id(it)] = n
			first = append(first, it)
		}
		index = append(index, n)
	}
	return first, index
}

// run sends a pipeline of statements and returns the first error.
func run(ctx context.Context, db sender, b *pgx.Batch) error { return db.SendBatch(ctx, b).Close() }

// exactly makes a statement fail with errConflict unless it changed n rows.
func exactly(q *pgx.QueuedQuery, n int) {
	q.Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != int64(n) {
			return errConflict
		}
		return nil
	})
}
