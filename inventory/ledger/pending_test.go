package ledger

import (
	"testing"
	"time"

	"frontrow/internal/pgtest"

	"github.com/prometheus/client_golang/prometheus"
)

// Hanging orders are counted, with the age of the oldest, until they end.
func TestHangingOrders(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t)
	prepare(t, open(t, dsn), 4)
	begin := time.Now().UTC().Truncate(time.Second)
	now, registry := begin, prometheus.NewRegistry()
	// This ledger does not run, so that only the test calls look; another settles the orders.
	l, err := Open(t.Context(), Config{DSN: dsn, Registerer: registry, Now: func() time.Time { return now }})
	must(t, err)
	t.Cleanup(l.Close)
	worker := open(t, dsn)
	shown := func(when string, orders, seconds float64) {
		t.Helper()
		families, err := registry.Gather()
		must(t, err)
		got := map[string]float64{}
		for _, f := range families {
			if m := f.GetMetric()[0]; m.GetGauge() != nil {
				got[f.GetName()] = m.GetGauge().GetValue()
			}
		}
		if n, age := got["frontrow_ledger_hanging_orders"], got["frontrow_ledger_oldest_hanging_seconds"]; n != orders || age < seconds || seconds == 0 && age != 0 {
			t.Errorf("%s: %v hang, the oldest for %v s, want %v for %v s at least", when, n, age, orders, seconds)
		}
	}
	shown("before it has looked", 0, 0)
	first, second := begun(t, worker, 0), begun(t, worker, 1)
	must(t, l.look(bounded(t)))
	shown("at once", 0, 0)
	now = time.Now().Add(hangsAfter + time.Second)
	must(t, l.look(bounded(t)))
	shown("after a minute", 2, hangsAfter.Seconds())
	now = now.Add(time.Hour)
	shown("while nobody looks", 2, time.Hour.Seconds())
	_, err = commit(bounded(t), worker, purchase(first, 1))
	must(t, err)
	must(t, l.look(bounded(t)))
	shown("one is paid", 1, time.Hour.Seconds())
	_, err = worker.Fail(bounded(t), second.Order, "no", true)
	must(t, err)
	must(t, l.look(bounded(t)))
	shown("the other failed", 0, 0)
}
