package ledger

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// What every order passes through finds its rows by key, whatever the planner believes of
// the tables: at the start of a sale, that they are small.
func TestPlansOfASale(t *testing.T) {
	t.Parallel()
	const sold = 50 // autovacuum looks at no smaller table
	l := opened(t, sold)
	for seat := range sold {
		paid(t, l, 1, seat)
	}
	_, err := l.pool.Exec(bounded(t), "ANALYZE")
	must(t, err)
	var orders []string
	var tasks []int64
	for i := range 500 { // as many as a batch has
		orders, tasks = append(orders, fmt.Sprint("o_", i)), append(tasks, int64(i))
	}
	for table, args := range map[string][]any{"orders": {orders, time.Now()}, "outbox": {tasks, 1, time.Now()}} {
		sql := map[string]string{"orders": setPaid, "outbox": endCaptures}[table]
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			plan := planOf(t, l, mode, sql, args...)
			if !strings.Contains(plan, table+"_pkey") || strings.Contains(plan, "Join Filter") {
				t.Errorf("%s of %s:\n%s", mode, table, plan)
			}
			if scans, keyed := strings.Count(plan, "_pkey"), strings.Count(plan, "Index Cond: "); scans != keyed {
				t.Errorf("%s of %s reads a whole index:\n%s", mode, table, plan)
			}
		}
	}
}

// planOf returns how PostgreSQL would run a statement in a transaction of the ledger's.
func planOf(t *testing.T, l *Ledger, mode, sql string, args ...any) (plan string) {
	t.Helper()
	must(t, l.transact(bounded(t), "explain", func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL plan_cache_mode = "+mode); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "EXPLAIN "+sql, args...)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		plan = strings.Join(lines, "\n")
		return err
	}))
	return plan
}
