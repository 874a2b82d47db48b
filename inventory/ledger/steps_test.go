package ledger

import (
	"context"
	"errors"
	"strings"
	"testing"

	"frontrow/internal/pgtest"

	"github.com/jackc/pgx/v5"
)

func TestStepsOf(t *testing.T) {
	t.Parallel()
	steps, err := stepsOf("-- words\nCREATE TABLE a ();\n\n-- step: alone\nCREATE INDEX i;\n-- step: batches\nUPDATE a LIMIT :rows;\n")
	must(t, err)
	if len(steps) != 3 || steps[0].kind != "transaction" || steps[1] != (step{"alone", "CREATE INDEX i;\n"}) || steps[2].kind != "batches" {
		t.Errorf("%q", steps)
	}
	for _, bad := range []string{"-- step: some\nSELECT 1", "-- step:\nSELECT 1", "-- step: batches\nUPDATE a"} {
		if _, err := stepsOf(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// fill puts n refunded orders of two seats into a ledger of version 2.
func fill(t testing.TB, l *Ledger, n int) {
	t.Helper()
	for _, sql := range []string{
		`INSERT INTO orders SELECT 'o_' || lpad(i::text, 22, '0'), 'h_' || lpad(i::text, 22, '0'), 'show', 'f_' || i % 10007, 'paid', '', 2000, 'EUR', 'Ada', 'ada@example.com', now(), now() FROM generate_series(1, $1::int) i`,
		`INSERT INTO order_lines (order_id, seat_id, label, level, base, service_fee, facility_fee, total, price_version)
			SELECT 'o_' || lpad((i / 2 + 1)::text, 22, '0'), 'seat-' || i, 'Seat', 'all', 900, 90, 10, 1000, 1 FROM generate_series(0, 2 * $1::int - 1) i`,
		`INSERT INTO outbox (kind, order_id, payload, next_at, done_at) SELECT 'capture', 'o_' || lpad(i::text, 22, '0'), '{}', now(), now() FROM generate_series(1, $1::int) i`,
	} {
		_, err := l.pool.Exec(context.Background(), sql, n)
		must(t, err)
	}
}

func refundAll(t testing.TB, l *Ledger) {
	t.Helper()
	_, err := l.pool.Exec(context.Background(), `INSERT INTO refunds (order_id, refund_no, amount, why, asked_by, created_at) SELECT order_id, 1, 2000, 'rain', 'ann', created_at FROM orders`)
	must(t, err)
}

// count returns the number that a query yields.
func count(t testing.TB, l *Ledger, sql string) (n int) {
	t.Helper()
	must(t, l.pool.QueryRow(bounded(t), sql).Scan(&n))
	return n
}

// A ledger of some size is migrated in batches. Interrupted in one of them, or while
// building an index, the migration goes on where it stopped. An open reader delays it
// for as long as it reads, and nobody else waits meanwhile.
func TestMigrateAtSize(t *testing.T) {
	t.Parallel()
	const orders, rows = 50_000, 5_000
	l := open(t, pgtest.New(t))
	must(t, (&migration{Ledger: l, rows: rows, told: func(string, int64) {}}).run(bounded(t), 1))
	fill(t, l, orders)
	must(t, (&migration{Ledger: l, rows: rows, told: func(string, int64) {}}).run(bounded(t), 2))
	refundAll(t, l)

	// Interrupted in the third batch.
	ctx, stop := context.WithCancel(bounded(t))
	batches := 0
	err := (&migration{Ledger: l, rows: rows, told: func(_ string, n int64) {
		if n > rows {
			t.Errorf("a batch of %d", n)
		}
		if n > 0 {
			if batches++; batches == 3 {
				stop()
			}
		}
	}}).run(ctx, 0)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("broken off: %v", err)
	}
	told := `SELECT count(*) FROM refunds WHERE told_at = created_at`
	if n := count(t, l, told); n != 3*rows {
		t.Errorf("%d are done after three batches", n)
	}
	if n := count(t, l, `SELECT max(version) FROM schema_migrations`); n != 2 {
		t.Errorf("version %d", n)
	}
	// As an interrupted build leaves an index.
	_, err = l.pool.Exec(bounded(t), `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'refunds_untold'::regclass`)
	must(t, err)
	_, err = l.pool.Exec(bounded(t), `DELETE FROM schema_steps WHERE version = 3 AND step = 2`)
	must(t, err)

	// With a reader whose snapshot the index build has to wait for.
	reader, err := l.pool.Begin(bounded(t))
	must(t, err)
	_, err = reader.Exec(bounded(t), "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
	must(t, err)
	_, err = reader.Exec(bounded(t), "SELECT count(*) FROM orders")
	must(t, err)
	done := make(chan error, 1)
	batches = 0
	go func() {
		done <- (&migration{Ledger: l, rows: rows, told: func(_ string, n int64) {
			if n > 0 {
				batches++
			}
		}}).run(bounded(t), 0)
	}()
	waits := `SELECT count(*) FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for%' AND datname = current_database()`
	for until := bounded(t); count(t, l, waits) == 0; {
		select {
		case err := <-done:
			t.Fatalf("it did not wait for the reader: %v", err)
		case <-until.Done():
			t.Fatal("it never came to the index")
		default:
		}
	}
	_, err = l.pool.Exec(bounded(t), `UPDATE refunds SET done_at = now() WHERE order_id = 'o_0000000000000000000007'`) // a service at work
	must(t, err)
	must(t, reader.Rollback(bounded(t)))
	must(t, <-done)
	if n := count(t, l, told); n != orders || batches != orders/rows-3 {
		t.Errorf("%d are done, in %d more batches", n, batches)
	}
	if n := count(t, l, `SELECT count(*) FROM pg_index WHERE NOT indisvalid`); n != 0 {
		t.Errorf("%d indexes are half made", n)
	}
	if n := count(t, l, `SELECT count(*) FROM pg_constraint WHERE NOT convalidated AND conname <> 'orders_hold_check'`); n != 0 {
		t.Errorf("%d constraints were not looked at", n)
	}
	if n := count(t, l, `SELECT count(*) FROM schema_steps`); n != 0 {
		t.Errorf("%d steps are left", n)
	}
}

// An upgraded schema equals a newly made one.
func TestUpgradedSchemaIsTheSame(t *testing.T) {
	t.Parallel()
	describe := func(l *Ledger) string {
		rows, err := query(bounded(t), l, pgx.RowTo[string], `
			SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) FROM information_schema.columns WHERE table_schema = 'public'
			UNION ALL SELECT format('%s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
			UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
			UNION ALL SELECT format('%s %s', relname, reloptions) FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1`)
		must(t, err)
		return strings.Join(rows, "\n")
	}
	fresh, upgraded := open(t, pgtest.New(t)), open(t, pgtest.New(t))
	must(t, fresh.Migrate(bounded(t)))
	files, err := schema.ReadDir("schema")
	must(t, err)
	for version := 1; version <= len(files); version++ {
		must(t, (&migration{Ledger: upgraded, rows: 10, told: func(string, int64) {}}).run(bounded(t), version))
	}
	if a, b := describe(fresh), describe(upgraded); a != b || !strings.Contains(a, "outbox_order_id_kind_refund_no_key UNIQUE (order_id, kind, refund_no)") {
		t.Errorf("%s\n\n%s", a, b)
	}
}

// BenchmarkMigrate migrates 1,500,000 orders from the first version, all refunded
// (go test -run xxx -bench Migrate -benchtime 1x ./inventory/ledger); a hundredth with -short.
func BenchmarkMigrate(b *testing.B) {
	orders := 1_500_000
	if testing.Short() {
		orders /= 100
	}
	for range b.N {
		b.StopTimer()
		l := open(b, pgtest.New(b))
		slow := &migration{Ledger: l, rows: batchRows, told: func(string, int64) {}}
		must(b, slow.run(context.Background(), 1))
		fill(b, l, orders)
		b.StartTimer()
		must(b, slow.run(context.Background(), 2))
		b.StopTimer()
		refundAll(b, l)
		b.StartTimer()
		must(b, slow.run(context.Background(), 0))
		b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/migration")
	}
}
