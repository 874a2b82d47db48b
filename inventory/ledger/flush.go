package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"frontrow/internal/failpoint"
	"frontrow/internal/group"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Bounds of trying a transaction again.
const (
	maxAttempts = 5
	firstPause  = 5 * time.Millisecond
)

// errConflict means that a row read in this transaction was changed by another
// before it could be written: nothing was done, and trying again sees why.
var errConflict = errors.New("changed meanwhile")

// A settler decides every item within one transaction. An error of one item
// goes into its result; the error returned undoes the transaction. It may be
// called several times for the same items, and finds what the earlier calls
// have committed.
type settler[I, O any] func(ctx context.Context, tx pgx.Tx, items []I, results []group.Result[O]) error

func newGroup[I, O any](l *Ledger, name string, settle settler[I, O], weight func(I) int) *group.Group[I, O] {
	var flush func(ctx context.Context, items []I, results []group.Result[O])
	flush = func(ctx context.Context, items []I, results []group.Result[O]) {
		start := time.Now()
		err := l.transact(ctx, name, func(ctx context.Context, tx pgx.Tx) error {
			clear(results)
			if err := settle(ctx, tx, items, results); err != nil {
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

// transact runs fn in a transaction, and again after a failure that another
// attempt can settle: a conflict, a deadlock, or a connection lost, even
// during COMMIT, since fn finds what it has committed.
func (l *Ledger) transact(ctx context.Context, name string, fn func(context.Context, pgx.Tx) error) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := l.attempt(ctx, fn)
		if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == readOnly {
			l.distrust()
		}
		if err == nil || !passing(err) || attempt == maxAttempts || ctx.Err() != nil {
			return err
		}
		l.metrics.retries.WithLabelValues(name).Inc()
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause/2 + rand.N(pause)):
			pause *= 2
		}
	}
}

func (l *Ledger) attempt(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.FlushTimeout)
	defer cancel()
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, steadyPlans); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// steadyPlans makes every statement find its rows by index. A sale begins on
// empty tables, for which the planner prefers to read them whole, and it would
// keep such a plan while they fill. Within the transaction alone, so that
// poolers may be used.
const steadyPlans = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
	set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true)`

// readOnly is PostgreSQL's code of a write where none is taken.
const readOnly = "25006"

// refused tells that PostgreSQL rejected a value or a constraint was broken.
// In a batch that is the fault of one item, whose neighbours must not suffer.
func refused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23"))
}

// passing tells whether another attempt may succeed.
func passing(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return !errors.Is(err, context.Canceled)
	}
	switch pg.Code {
	case "40001", "40P01", // serialization failure, deadlock
		"23505": // unique: somebody was faster, and is visible now
		return true
	}
	// Connection exception, shutdown or recovery, too many connections, read-only.
	return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P") || pg.Code == "53300" || pg.Code == readOnly
}

// distinct returns the first item of each id and, for each item, its index
// among them: a message delivered twice may stand in one batch twice.
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

// run sends a pipeline of statements and reports the first failure.
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
