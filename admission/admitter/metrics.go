package admitter

import "github.com/prometheus/client_golang/prometheus"

// Metrics are those of all admitters of a process.
type Metrics struct {
	redeems *prometheus.CounterVec
	seconds prometheus.Histogram
	called  prometheus.Counter
	alive   prometheus.Gauge
	led     prometheus.Gauge
	boards  prometheus.Counter
	ticks   *prometheus.CounterVec
}

// NewMetrics registers them with reg, if that is not nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		redeems: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontrow_admission_redeems_total", Help: "Places brought to be redeemed, by what became of them.",
		}, []string{"outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "frontrow_admission_redeem_seconds", Help: "Time from a redeem's arrival to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}),
		called: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "frontrow_admission_fans_called_total", Help: "Fans called.",
		}),
		alive: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "frontrow_admission_passes_alive", Help: "Passes alive of the events this process admits to, at their last ticks.",
		}),
		led: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "frontrow_admission_events_led", Help: "Events of which this process is the admitter.",
		}),
		boards: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "frontrow_admission_boards_total", Help: "Boards published.",
		}),
		ticks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "frontrow_admission_ticks_total", Help: "Ticks, by what bounded the call.",
		}, []string{"bound"}),
	}
	if reg != nil {
		reg.MustRegister(m.redeems, m.seconds, m.called, m.alive, m.led, m.boards, m.ticks)
	}
	return m
}
