package ledger

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed schema/*.sql
var schema embed.FS

// migrationLock is the key of the advisory lock that lets one migration run at
// a time. It lives and dies with the transaction, so poolers don't matter.
const migrationLock = 0x66726f6e74726f77 // "frontrow"

// ErrNewer is the database of a later frontrow.
var ErrNewer = errors.New("this database is of a newer frontrow: use that one's migrate, or a newer binary")

// Bounds of a migration: it waits for a lock no longer than lockWait, since whoever
// comes after waits behind it, and asks again as long as its caller does.
const (
	lockWait  = "2s"
	lockPause = time.Second
)

// Migrate brings the schema up to date: all that is missing in one
// transaction, or nothing. It may be called by many processes at once, beside
// readers that hold their locks for a while, and takes as long as its context
// lets it. A schema newer than this program is left alone: ErrNewer.
func (l *Ledger) Migrate(ctx context.Context) error {
	names, err := fs.Glob(schema, "schema/*.sql") // sorted, as fs.ReadDir is
	if err != nil {
		return err
	}
	err = l.migrating(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS schema_migrations (
			version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL)`)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "SELECT version FROM schema_migrations")
		if err != nil {
			return err
		}
		versions, err := pgx.CollectRows(rows, pgx.RowTo[int])
		if err != nil {
			return err
		}
		done := map[int]bool{}
		for _, v := range versions {
			if v > len(names) { // they count from 1
				return fmt.Errorf("schema version %d, known are %d: %w", v, len(names), ErrNewer)
			}
			done[v] = true
		}
		for _, name := range names {
			if err := l.apply(ctx, tx, name, done); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("ledger: migrate: %w", err)
	}
	return nil
}

// migrating runs fn in a transaction, again for as long as a lock is held by others.
func (l *Ledger) migrating(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	for {
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
		select {
		case <-ctx.Done():
			return err
		case <-time.After(lockPause):
		}
	}
}

func (l *Ledger) apply(ctx context.Context, tx pgx.Tx, name string, done map[int]bool) error {
	number, _, _ := strings.Cut(path.Base(name), "_")
	version, err := strconv.Atoi(number)
	if err != nil || done[version] {
		return err
	}
	sql, err := schema.ReadFile(name)
	if err != nil {
		return err
	}
	// Many statements in one text need the simple protocol.
	if _, err := tx.Conn().PgConn().Exec(ctx, string(sql)).ReadAll(); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)",
		version, path.Base(name), l.cfg.Now())
	return err
}
