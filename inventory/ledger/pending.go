package ledger

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// Bounds of watching for orders that hang.
const (
	hangsAfter = time.Minute // an order is settled within seconds, but for one that its fan has to confirm
	watchEvery = 30 * time.Second
)

// hanging is what has been pending for longer than hangsAfter.
type hanging struct {
	orders int
	oldest time.Time // begun; zero if there are none
}

// watch looks for orders that hang, now and then, until ctx ends. While PostgreSQL can't
// be asked, what was found last holds, and grows older.
func (l *Ledger) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := l.look(ctx); err != nil && ctx.Err() == nil {
			l.cfg.Logger.Warn("look for orders that hang", "error", err)
		}
	}
}

// look reads all orders in their order on disk: an index that knew their states would
// cost every sale another write.
func (l *Ledger) look(ctx context.Context) error {
	found, err := query(ctx, l, func(row pgx.CollectableRow) (h hanging, err error) {
		var oldest *time.Time
		if err = row.Scan(&h.orders, &oldest); oldest != nil {
			h.oldest = *oldest
		}
		return h, err
	}, "SELECT count(*), min(created_at) FROM orders WHERE state = 'pending' AND created_at < $1", l.cfg.Now().Add(-hangsAfter))
	if err != nil {
		return err
	}
	l.metrics.hanging.Store(&found[0])
	return nil
}

// hangingMetrics show what look found last.
func (m *metrics) hangingMetrics(now func() time.Time) []prometheus.Collector {
	m.hanging.Store(&hanging{})
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "frontrow_ledger_hanging_orders",
			Help: "Orders of all events that have been pending for longer than a minute."},
			func() float64 { return float64(m.hanging.Load().orders) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "frontrow_ledger_oldest_hanging_seconds",
			Help: "How long the oldest of them has been pending; 0 if there are none."},
			func() float64 {
				h := m.hanging.Load()
				if h.orders == 0 {
					return 0
				}
				return now().Sub(h.oldest).Seconds()
			}),
	}
}
