package checkout

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	orders    *prometheus.CounterVec
	tasks     *prometheus.CounterVec
	authorize prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		orders: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_checkout_orders_total",
			Help: "Orders concluded, redelivered ones included, by state; poison for those buried."}, []string{"state"}),
		tasks: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_checkout_tasks_total",
			Help: "Tasks of the outbox told to the payment provider."}, []string{"kind", "outcome"}),
		authorize: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "frontrow_checkout_authorize_seconds",
			Help: "Time of one authorisation.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)}),
	}
	if reg != nil {
		reg.MustRegister(m.orders, m.tasks, m.authorize)
	}
	return m
}
