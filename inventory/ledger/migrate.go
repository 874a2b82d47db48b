package ledger

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed schema/*.sql
var schema embed.FS

// migrationLock is the key of the advisory lock that lets one migration run at
// a time. It lives and dies with the transaction, so poolers don't matter.
const migrationLock = 0x66726f6e74726f77 // "frontrow"

// Migrate brings the schema up to date: all that is missing in one
// transaction, or nothing. It may be called by many processes at once, and on
// a schema newer than this program, which it leaves alone.
func (l *Ledger) Migrate(ctx context.Context) error {
	names, err := fs.Glob(schema, "schema/*.sql") // sorted, as fs.ReadDir is
	if err != nil {
		return err
	}
	err = l.transact(ctx, "migrate", func(ctx context.Context, tx pgx.Tx) error {
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
