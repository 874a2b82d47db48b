package ledger

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// Bounds of watching for orders that hang.
const (
	hangsAfter = time.Minute // an order is settled within seconds, unless its fan has to confirm it
	watchEvery = 30 * time.Second
)

// hanging counts the orders that have been pending for longer than hangsAfter.
type hanging struct {
	orders  int
	parked  int       // that wait for their fans
	refused int       // whose captures the provider has refused for good
	oldest  time.Time // when it was begun; zero if there are none
}

// watch looks for hanging orders from time to time until ctx ends. While PostgreSQL
// can't be asked, the last finding stays and grows older.
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
			l.cfg.Logger.Warn("look for orders that hang", "err", err)
		}
	}
}

// look scans the whole table of orders: an index on their states would cost every
// sale another write.
func (l *Ledger) look(ctx context.Context) error {
	found, err := query(ctx, l, func(row pgx.CollectableRow) (h hanging, err error) {
		var oldest *time.Time
		if err = row.Scan(&h.orders, &oldest, &h.parked, &h.refused); oldest != nil {
			h.oldest = *oldest
		}
		return h, err
	}, `SELECT count(*), min(created_at), (SELECT count(*) FROM parked),
			(SELECT count(*) FROM outbox WHERE refused_at IS NOT NULL AND done_at IS NULL)
		FROM orders WHERE state = 'pending' AND created_at < $1`, l.cfg.Now().Add(-hangsAfter))
	if err != nil {
		return err
	}
	l.metrics.hanging.Store(&found[0])
	return nil
}

// hangingMetrics returns gauges of what look found last.
func (m *metrics) hangingMetrics(now func() time.Time) []prometheus.Collector {
	m.hanging.Store(&hanging{})
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "frontrow_ledger_parked_orders",
			Help: "Orders of all events that wait for their fans to confirm the payment."},
			func() float64 { return float64(m.hanging.Load().parked) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "frontrow_ledger_refused_captures",
			Help: "Captures of all events that the payment provider has refused for good, and of which no operator has said what is to become."},
			func() float64 { return float64(m.hanging.Load().refused) }),
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
