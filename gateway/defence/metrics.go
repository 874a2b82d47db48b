package defence

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of the defences. Labels are routes, kinds, outcomes and reasons, which are
// few; never an id.
type metrics struct {
	limited      *prometheus.CounterVec
	challenges   *prometheus.CounterVec
	risk         prometheus.Histogram
	reasons      *prometheus.CounterVec
	refusedConns *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_gateway_" + name, Help: help}, labels)
	}
	return &metrics{
		limited:    counters("limited_total", "Requests refused because a budget is spent, by route and whose.", "route", "kind"),
		challenges: counters("challenges_total", "Challenges, by what became of them.", "outcome"),
		risk: f.NewHistogram(prometheus.HistogramOpts{Name: "frontrow_gateway_risk_score", Help: "Scores of joins, redeemings and holds.",
			Buckets: prometheus.LinearBuckets(0, 10, 11)}),
		reasons:      counters("risk_reasons_total", "Reasons found when scoring.", "reason"),
		refusedConns: counters("connections_refused_total", "Connections closed unasked, by reason.", "reason"),
	}
}
