package ledger

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	flushes *prometheus.HistogramVec
	items   *prometheus.HistogramVec
	errors  *prometheus.CounterVec
	retries *prometheus.CounterVec
	lost    prometheus.Counter
	reads   *prometheus.CounterVec
	hanging atomic.Pointer[hanging]
}

func newMetrics(reg prometheus.Registerer, now func() time.Time) *metrics {
	by := []string{"act"}
	m := &metrics{
		flushes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "frontrow_ledger_flush_seconds", Help: "Time of one group's transaction, retries included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}, by),
		items: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "frontrow_ledger_flush_orders", Help: "Orders settled in one transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12)}, by),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontrow_ledger_flush_errors_total", Help: "Transactions given up after all attempts."}, by),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontrow_ledger_retries_total", Help: "Transactions tried again."}, by),
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontrow_ledger_history_reads_total", Help: "Histories read, by the server that answered: replica or primary."}, []string{"server"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "frontrow_ledger_lost_purchases_total", Help: "Authorised purchases refused at commit and voided."}),
	}
	hanging := m.hangingMetrics(now)
	if reg != nil {
		reg.MustRegister(hanging...)
		reg.MustRegister(m.flushes, m.items, m.errors, m.retries, m.lost, m.reads)
	}
	return m
}

func (m *metrics) flushed(act string, n int, took time.Duration, err error) {
	m.flushes.WithLabelValues(act).Observe(took.Seconds())
	m.items.WithLabelValues(act).Observe(float64(n))
	if err != nil {
		m.errors.WithLabelValues(act).Inc()
	}
}
