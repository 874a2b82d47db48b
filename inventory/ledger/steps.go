package ledger

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Each file of the schema is a version, made of steps. Each step is done on its own and
// recorded in schema_steps, so that a ledger of millions of orders can be migrated while
// services run, and an interrupted migration goes on where it stopped. A line
// "-- step: KIND" begins a step:
//
//	transaction  statements done together, and recorded with them; what comes
//	             before the first such line is one. Nothing in it may take long: a
//	             constraint is added NOT VALID and validated in a step of its own.
//	batches      one statement, repeated until it changes nothing; each run changes
//	             at most :rows rows in a transaction of its own.
//	alone        one statement outside any transaction, which may be repeated: an index
//	             made CONCURRENTLY, IF NOT EXISTS. A half-made one is dropped first.

//go:embed schema/*.sql
var schema embed.FS

type step struct{ kind, sql string }

var stepLine = regexp.MustCompile(`(?m)^-- step: *(\w*) *\n`)

// stepsOf splits a file into its steps.
func stepsOf(file string) ([]step, error) {
	marks := stepLine.FindAllStringSubmatchIndex(file, -1)
	steps := []step{{"transaction", file}}
	if len(marks) > 0 {
		steps[0].sql = file[:marks[0][0]]
	}
	for i, m := range marks {
		end := len(file)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		steps = append(steps, step{file[m[2]:m[3]], file[m[1]:end]})
	}
	for _, s := range steps {
		switch {
		case s.kind != "transaction" && s.kind != "batches" && s.kind != "alone":
			return nil, fmt.Errorf("there is no kind of step called %q", s.kind)
		case s.kind == "batches" && !strings.Contains(s.sql, ":rows"):
			return nil, errors.New("batches without :rows")
		}
	}
	return steps, nil
}

// step does one step and records it.
func (m *migration) step(ctx context.Context, s step, version, i int) error {
	note := func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO schema_steps (version, step) VALUES ($1, $2)", version, i)
		return err
	}
	switch s.kind {
	case "batches":
		if err := m.batches(ctx, s.sql); err != nil {
			return err
		}
	case "alone":
		if err := m.index(ctx, s.sql); err != nil {
			return err
		}
	default:
		return m.migrating(ctx, func(ctx context.Context, tx pgx.Tx) error {
			// Many statements in one text need the simple protocol.
			if _, err := tx.Conn().PgConn().Exec(ctx, s.sql).ReadAll(); err != nil {
				return err
			}
			return note(ctx, tx)
		})
	}
	return m.migrating(ctx, note)
}

// batches repeats a statement until it changes nothing.
func (m *migration) batches(ctx context.Context, sql string) error {
	sql = strings.ReplaceAll(sql, ":rows", strconv.Itoa(m.rows))
	for {
		var changed int64
		err := m.migrating(ctx, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, sql)
			changed = tag.RowsAffected()
			return err
		})
		if err != nil || changed == 0 {
			return err
		}
		m.told(sql, changed)
	}
}

var indexName = regexp.MustCompile(`INDEX CONCURRENTLY IF NOT EXISTS (\w+)`)

// index builds an index alongside readers and writers. PostgreSQL waits for the
// transactions that began earlier, as long as they last, and blocks nobody meanwhile.
func (m *migration) index(ctx context.Context, sql string) error {
	waiting, done := context.WithCancel(ctx)
	defer done()
	go m.tellWaits(waiting)
	return m.again(ctx, func() error {
		if name := indexName.FindStringSubmatch(sql); name != nil {
			if err := m.dropHalf(ctx, name[1]); err != nil {
				return err
			}
		}
		_, err := m.pool.Exec(ctx, sql)
		return err
	})
}

// dropHalf drops an index whose building was interrupted.
func (m *migration) dropHalf(ctx context.Context, name string) error {
	half, err := query(ctx, m.Ledger, pgx.RowTo[bool], "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)", name)
	if err != nil || len(half) == 0 || !half[0] {
		return err
	}
	_, err = m.pool.Exec(ctx, "DROP INDEX CONCURRENTLY IF EXISTS "+name)
	return err
}

// tellWaits logs from time to time what an index may be waiting for.
func (m *migration) tellWaits(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(waitTold):
			m.cfg.Logger.Warn("the migration makes an index, which may have to wait for others", "blockers", m.openTransactions(ctx))
		}
	}
}
