package checkout

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	orders    *prometheus.CounterVec
	tasks     *prometheus.CounterVec
	authorize prometheus.Histogram
	settled   *prometheus.CounterVec
	webhooks  *prometheus.CounterVec
	paused    prometheus.Gauge

	disagreements *prometheus.CounterVec
	disputes      *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		orders: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_checkout_orders_total",
			Help: "Orders concluded, redelivered ones included, by state; poison for those buried."}, []string{"state"}),
		tasks: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_checkout_tasks_total",
			Help: "Tasks of the outbox told to the payment provider."}, []string{"kind", "outcome"}),
		authorize: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "frontrow_checkout_authorize_seconds",
			Help: "Time of one authorisation.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)}),
		settled: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_checkout_settled_payments_total",
			Help: "Payments that the provider was found to have for orders not to be paid, by their state."}, []string{"state"}),
		webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_checkout_webhooks_total",
			Help: "Webhooks: taken, duplicate, ignored, refused, shed, failed."}, []string{"outcome"}),
		disagreements: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_checkout_disagreements_total",
			Help: "Answers of the payment provider that contradict the order they are about, by what was asked. Any is a reason to look."}, []string{"step"}),
		disputes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_checkout_disputes_total",
			Help: "Payments disputed by their cardholders, as webhooks say: open, won, lost."}, []string{"status"}),
		paused: prometheus.NewGauge(prometheus.GaugeOpts{Name: "frontrow_checkout_payments_paused",
			Help: "1 while the payment provider is left alone because it fails."}),
	}
	if reg != nil {
		reg.MustRegister(m.orders, m.tasks, m.authorize, m.settled, m.webhooks, m.paused, m.disagreements, m.disputes)
	}
	return m
}

func (m *metrics) setPaused(paused bool) {
	if paused {
		m.paused.Set(1)
	} else {
		m.paused.Set(0)
	}
}
