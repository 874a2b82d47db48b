package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// migrationLock is the key of the advisory lock that lets one migration run at
// a time. It lives and dies with a transaction, so poolers don't matter.
const migrationLock = 0x66726f6e74726f77 // "frontrow"

// ErrNewer is the database of a later frontrow.
var ErrNewer = errors.New("this database is of a newer frontrow: use that one's migrate, or a newer binary")

// Bounds of a migration: it waits for a lock that stops others no longer than
// lockWait, since whoever comes after waits behind it, and asks again as long as its
// caller does.
const (
	lockWait  = "2s"
	lockPause = time.Second
	turnPause = 200 * time.Millisecond // before another migration is asked for again
	batchRows = 10_000                 // of a back-fill, in one transaction
	waitTold  = 10 * time.Second       // between two words on whom it waits for
)

// Migrate brings the schema up to date, step by step: what a step has done stays,
// and whoever calls it again goes on with the next (steps.go). It may be called by
// many processes at once, beside readers that hold their locks for a while and
// beside services at work, and takes as long as its context lets it. A schema newer
// than this program is left alone: ErrNewer.
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

// run migrates to a version, the last if it is 0, while no other migration runs.
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

// alone runs fn while this is the only migration: others ask until it ends, or the
// connection that holds the lock does. Nobody waits inside PostgreSQL for that: an
// index that is made beside readers would wait for whoever waits.
func (m *migration) alone(ctx context.Context, fn func(context.Context) error) error {
	for {
		var result error
		mine := false
		err := m.migrating(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
				return err
			}
			// By the simple protocol, which leaves no portal open: its snapshot would be
			// one more transaction that indexes wait for.
			said, err := tx.Conn().PgConn().Exec(ctx, fmt.Sprintf("SELECT pg_try_advisory_xact_lock(%d)", int64(migrationLock))).ReadAll()
			if mine = err == nil && string(said[0].Rows[0][0]) == "t"; !mine {
				return err
			}
			result = fn(ctx) // whose steps are tried again one by one
			return nil
		})
		if result != nil {
			return result
		}
		if err != nil || mine {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another migration runs: %w", ctx.Err())
		case <-time.After(turnPause):
		}
	}
}

// progress is what of the schema is there.
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

// migrating runs fn in a transaction, again for as long as a lock is held by others.
func (l *Ledger) migrating(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	for said := (time.Time{}); ; {
		err := pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+lockWait+"'"); err != nil {
				return err
			}
			return fn(ctx, tx)
		})
		var pg *pgconn.PgError
		held := errors.As(err, &pg) && pg.Code == "55P03" // lock_not_available
		if !held && (err == nil || !passing(err)) || ctx.Err() != nil {
			return err
		}
		if time.Since(said) > waitTold {
			said = time.Now()
			l.cfg.Logger.Warn("the migration waits and tries again", "err", err, "open transactions", l.openTransactions(ctx))
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(lockPause):
		}
	}
}

// openTransactions are those of others that are older than lockWait, which a
// migration may be waiting for: pid, program and age.
func (l *Ledger) openTransactions(ctx context.Context) []string {
	open, _ := query(ctx, l, pgx.RowTo[string], `
		SELECT format('pid %s (%s), since %s', pid, application_name, date_trunc('second', now() - xact_start))
		FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND now() - xact_start > interval '`+lockWait+`'
		ORDER BY xact_start LIMIT 5`) // only to be told
	return slices.Clip(open)
}
