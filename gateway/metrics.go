package gateway

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of requests. Labels are routes, status classes and codes, which
// are few; never an id.
type metrics struct {
	requests  *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	joins     *prometheus.CounterVec
	codes     *prometheus.CounterVec
	holds     *prometheus.CounterVec
	checkouts *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_gateway_" + name, Help: help}, labels)
	}
	return &metrics{
		requests: counters("requests_total", "Requests, by route and status class.", "route", "status"),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{Name: "frontrow_gateway_request_seconds", Help: "Time to answer, by route.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2.5, 11)}, []string{"route"}),
		joins:     counters("joins_total", "Places given, new or again.", "place"),
		codes:     counters("codes_total", "Access codes presented, by outcome: taken, or why not.", "outcome"),
		holds:     counters("holds_total", "Holds asked for, by outcome.", "outcome"),
		checkouts: counters("checkouts_total", "Checkouts asked for, by outcome.", "outcome"),
	}
}
