package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// migrationLock is the key of the advisory lock that lets one migration run at
// a time. It lives and dies with a transaction, so poolers don't matter.
const migrationLock = 0x66726f6e74726f77 // "frontrow"

// ErrNewer means that the database belongs to a later frontrow.
var ErrNewer = errors.New("this database is of a newer frontrow: use that one's migrate, or a newer binary")

// errTurn means that another migration is running.
var errTurn = errors.New("another migration runs")

// Bounds of a migration. It waits at most lockWait for a lock, since later
// requests queue behind it, and tries again until its caller's context ends.
const (
	lockWait  = "2s"
	lockPause = time.Second
	batchRows = 10_000           // of a back-fill, in one transaction
	waitTold  = 10 * time.Second // between two log lines about what it waits for
)

// Migrate brings the schema up to date, step by step: a finished step stays, and
// the next call goes on with the one after it (steps.go). It may be called by many
// processes at once, alongside running services and readers that hold locks for a
// while, and takes as long as ctx allows. A schema newer than this program is left
// alone, with ErrNewer.
func (l *Ledger) Migrate(ctx context.Context) error {
	m := &migration{Ledger: l, rows: batchRows, told: func(string, int64) {}}
	if err := m.run(ctx, 0); err != nil {
		return fmt.Errorf("ledger: migrate: %w", err)
	}
	return nil
}

// migration is one call of Migrate.
type migration struct {
	*Ledger
	rows int                           // of a batch
	told func(step string, rows int64) // after each step, and each batch of one
}

// run migrates to version to, or the last one if to is 0, while no other
// migration runs.
func (m *migration) run(ctx context.Context, to int) error {
	names, err := fs.Glob(schema, "schema/*.sql") // sorted, as fs.ReadDir is
	if err != nil {
		return err
	}
	return m.alone(ctx, func(ctx context.Context) error {
		done, err := m.done(ctx)
		if err != nil {
			return err
		}
		for v := range done.versions {
			if v > len(names) { // they count from 1
				return fmt.Errorf("schema version %d, known are %d: %w", v, len(names), ErrNewer)
			}
		}
		for _, name := range names {
			version, err := versionOf(name)
			if err == nil && !done.versions[version] && (to == 0 || version <= to) {
				err = m.apply(ctx, name, version, done.steps)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", path.Base(name), err)
			}
		}
		return nil
	})
}

func versionOf(name string) (int, error) {
	number, _, _ := strings.Cut(path.Base(name), "_")
	return strconv.Atoi(number)
}

// alone runs fn while this is the only migration. Others try again until it, or
// the connection that holds the lock, ends. They don't wait inside PostgreSQL:
// CREATE INDEX CONCURRENTLY would wait for their transactions.
func (m *migration) alone(ctx context.Context, fn func(context.Context) error) error {
	var result error
	err := m.migrating(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
			return err
		}
		// Use the simple protocol, which leaves no portal open: concurrent index
		// builds would wait for its snapshot.
		said, err := tx.Conn().PgConn().Exec(ctx, fmt.Sprintf("SELECT pg_try_advisory_xact_lock(%d)", int64(migrationLock))).ReadAll()
		if err == nil && string(said[0].Rows[0][0]) != "t" {
			err = errTurn
		}
		if err == nil {
			result = fn(ctx) // which retries its steps one by one
		}
		return err
	})
	return cmp.Or(result, err)
}

// progress is how far the schema has been migrated.
type progress struct {
	versions map[int]bool
	steps    map[[2]int]bool // of the versions begun
}

func (m *migration) done(ctx context.Context) (p progress, err error) {
	p = progress{map[int]bool{}, map[[2]int]bool{}}
	err = m.migrating(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Conn().PgConn().Exec(ctx, `
			CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL);
			CREATE TABLE IF NOT EXISTS schema_steps (version integer, step integer, PRIMARY KEY (version, step))`).ReadAll()
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "SELECT version, -1 FROM schema_migrations UNION ALL SELECT version, step FROM schema_steps")
		if err != nil {
			return err
		}
		var version, step int
		_, err = pgx.ForEachRow(rows, []any{&version, &step}, func() error {
			if step < 0 {
				p.versions[version] = true
			} else {
				p.steps[[2]int{version, step}] = true
			}
			return nil
		})
		return err
	})
	return p, err
}

// apply does the steps of a version that are not done.
func (m *migration) apply(ctx context.Context, name string, version int, done map[[2]int]bool) error {
	sql, err := schema.ReadFile(name)
	if err != nil {
		return err
	}
	steps, err := stepsOf(string(sql))
	if err != nil {
		return err
	}
	for i, s := range steps {
		if done[[2]int{version, i}] {
			continue
		}
		if err := m.step(ctx, s, version, i); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		m.told(s.sql, 0)
	}
	return m.migrating(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM schema_steps WHERE version = $1", version); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)", version, path.Base(name), m.cfg.Now())
		return err
	})
}

// migrating runs fn in a transaction and retries while others hold a lock it needs.
func (l *Ledger) migrating(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	return l.again(ctx, func() error {
		return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+lockWait+"'"); err != nil {
				return err
			}
			return fn(ctx, tx)
		})
	})
}

// again calls try until it succeeds, fails for good, or ctx ends, and returns the
// last error.
func (l *Ledger) again(ctx context.Context, try func() error) (last error) {
	said := time.Time{}
	_, _ = backoff.Retry(ctx, func() (struct{}, error) {
		last = try()
		var pg *pgconn.PgError
		if held := errors.As(last, &pg) && pg.Code == "55P03"; last != nil && !held && !passing(last) { // lock_not_available
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	}, backoff.WithBackOff(backoff.NewConstantBackOff(lockPause)), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, _ time.Duration) {
		if time.Since(said) > waitTold {
			said = time.Now()
			l.cfg.Logger.Warn("the migration waits and tries again", "err", err, "blockers", l.openTransactions(ctx))
		}
	}))
	return last
}

// openTransactions describes others' transactions older than lockWait, which a
// migration may be waiting for: pid, program and start.
func (l *Ledger) openTransactions(ctx context.Context) []string {
	open, _ := query(ctx, l, pgx.RowTo[string], `
		SELECT format('pid %s (%s), since %s', pid, application_name, date_trunc('second', now() - xact_start))
		FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND now() - xact_start > interval '`+lockWait+`'
		ORDER BY xact_start LIMIT 5`) // only for the log
	return slices.Clip(open)
}
