package gateway

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are those of requests. Labels are routes, status classes and codes, which are
// few; never ids.
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

// routeMetrics are those of one route, each looked up once: at the first answer that it
// counts, so that there is none of what never happened.
type routeMetrics struct {
	seconds func() prometheus.Observer
	classes [6]func() prometheus.Counter // by the first digit of the status
}

func (m *metrics) of(route string) *routeMetrics {
	r := &routeMetrics{seconds: sync.OnceValue(func() prometheus.Observer { return m.seconds.WithLabelValues(route) })}
	for class := range r.classes {
		r.classes[class] = sync.OnceValue(func() prometheus.Counter { return m.requests.WithLabelValues(route, statusClass(class*100)) })
	}
	return r
}

// note counts an answer. A status is one of HTTP's: from 100 to 599.
func (r *routeMetrics) note(status int, took time.Duration) {
	r.classes[min(status/100, len(r.classes)-1)]().Inc()
	r.seconds().Observe(took.Seconds())
}
