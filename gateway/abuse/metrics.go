package abuse

import (
	"sync"

	"frontrow/gateway/abuse/risk"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are those of the defences. Labels are routes, kinds, outcomes and reasons, which
// are few; never ids.
type metrics struct {
	limited      *prometheus.CounterVec
	challenges   *prometheus.CounterVec
	risk         prometheus.Histogram
	reasons      map[string]func() prometheus.Counter // each looked up once, when it is first found
	refusedConns *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, table risk.Table) *metrics {
	f := promauto.With(reg)
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_gateway_" + name, Help: help}, labels)
	}
	found, reasons := counters("risk_reasons_total", "Reasons found when scoring.", "reason"), map[string]func() prometheus.Counter{}
	for _, r := range table {
		reasons[r.Reason] = sync.OnceValue(func() prometheus.Counter { return found.WithLabelValues(r.Reason) })
	}
	return &metrics{
		limited:    counters("limited_total", "Requests refused because a budget is spent, by route and whose.", "route", "kind"),
		challenges: counters("challenges_total", "Challenges, by what became of them.", "outcome"),
		risk: f.NewHistogram(prometheus.HistogramOpts{Name: "frontrow_gateway_risk_score", Help: "Scores of joins, redeemings and holds.",
			Buckets: prometheus.LinearBuckets(0, 10, 11)}),
		reasons:      reasons,
		refusedConns: counters("connections_refused_total", "Connections closed unasked, by reason.", "reason"),
	}
}
