package inventory

import (
	"errors"
	"time"

	"frontrow/kv"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	writing  prometheus.Gauge
	flushes  *prometheus.CounterVec // by outcome
	records  prometheus.Counter
	duration prometheus.Histogram
	expired  prometheus.Counter
	shed     prometheus.Counter
	repairs  *prometheus.CounterVec // by what was done
}

// What a reconciliation does with an order about which seats and ledger disagree.
const (
	repairSold  = "sold"  // booked: the seats are sold now
	repairFreed = "freed" // refunded or failed: the seats are free now
	repairNone  = "none"  // nothing, but to say so: somebody must look into it
)

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		writing:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "frontrow_inventory_writing_events", Help: "Events this process is the writer of."}),
		flushes:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_inventory_flushes_total", Help: "Batches of seat records, by outcome."}, []string{"outcome"}),
		records:  prometheus.NewCounter(prometheus.CounterOpts{Name: "frontrow_inventory_records_total", Help: "Seat records stored."}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "frontrow_inventory_flush_seconds", Help: "From publishing a batch to its certain outcome.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
		expired:  prometheus.NewCounter(prometheus.CounterOpts{Name: "frontrow_inventory_expired_holds_total", Help: "Holds freed by their deadline."}),
		shed:     prometheus.NewCounter(prometheus.CounterOpts{Name: "frontrow_inventory_shed_commands_total", Help: "Commands refused because the queue was full."}),
		repairs:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_inventory_repairs_total", Help: "Orders about which seats and ledger disagreed, by what was done; anything under \"none\" needs an operator."}, []string{"done"}),
	}
	if reg != nil {
		reg.MustRegister(m.writing, m.flushes, m.records, m.duration, m.expired, m.shed, m.repairs)
	}
	return m
}

func (m *metrics) flush(records int, took time.Duration, err error) {
	outcome := "stored"
	switch {
	case errors.Is(err, kv.ErrFenced):
		outcome = "fenced"
	case err != nil:
		outcome = "not_stored"
	default:
		m.records.Add(float64(records))
	}
	m.flushes.WithLabelValues(outcome).Inc()
	m.duration.Observe(took.Seconds())
}
