package kv

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of this package; the committers and leases of one registry share them.
type metrics struct {
	batches *prometheus.CounterVec
	writes  prometheus.Histogram
	seconds prometheus.Histogram
	splits  prometheus.Counter
	held    prometheus.Gauge
	lost    prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	return &metrics{
		batches: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontrow_kv_batches_total", Help: "Batches sent, by outcome.",
		}, []string{"outcome"})),
		writes: register(reg, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "frontrow_kv_batch_writes", Help: "Writes in a batch.", Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		})),
		seconds: register(reg, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "frontrow_kv_batch_seconds", Help: "Time from sending a batch to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		})),
		splits: register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "frontrow_kv_splits_total", Help: "Batches sent by halves because no reason for their refusal showed.",
		})),
		held: register(reg, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "frontrow_kv_leases_held", Help: "Leases held by this process.",
		})),
		lost: register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "frontrow_kv_leases_lost_total", Help: "Leases that ended before their holder released them.",
		})),
	}
}

// register returns c, or its twin that reg already knows.
func register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	var already prometheus.AlreadyRegisteredError
	if err := reg.Register(c); errors.As(err, &already) {
		return already.ExistingCollector.(C)
	} else if err != nil {
		panic(err) // names and labels are constants of this file
	}
	return c
}

func (m *metrics) batch(writes int, took time.Duration, err error) {
	outcome := "refused"
	switch {
	case err == nil:
		outcome = "stored"
	case errors.Is(err, ErrConflict):
		outcome = "conflict"
	case errors.Is(err, ErrBusy):
		outcome = "busy"
	case errors.Is(err, ErrUnknown):
		outcome = "unknown"
	}
	m.batches.WithLabelValues(outcome).Inc()
	m.writes.Observe(float64(writes))
	m.seconds.Observe(took.Seconds())
}
