package writer

import (
	"errors"
	"time"

	"frontrow/kv"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	writing  prometheus.Gauge
	flushes  *prometheus.CounterVec // by outcome
	acts     prometheus.Counter
	records  prometheus.Counter
	rebuilt  prometheus.Counter
	duration prometheus.Histogram
	rounds   prometheus.Histogram
	expired  prometheus.Counter
	shed     prometheus.Counter
	late     prometheus.Counter
	together prometheus.Histogram
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
		flushes:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_inventory_flushes_total", Help: "Records of the sale log, and vouchers, by outcome."}, []string{"outcome"}),
		acts:     prometheus.NewCounter(prometheus.CounterOpts{Name: "frontrow_inventory_acts_total", Help: "Decisions stored in the sale log."}),
		records:  prometheus.NewCounter(prometheus.CounterOpts{Name: "frontrow_inventory_records_total", Help: "Seat records written behind the log."}),
		rebuilt:  prometheus.NewCounter(prometheus.CounterOpts{Name: "frontrow_inventory_rebuilt_records_total", Help: "Seat records that were not as a writer had left them, and are written again from the log."}),
		rounds:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "frontrow_inventory_checkpoint_seconds", Help: "To write the seat records that are behind the log.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "frontrow_inventory_flush_seconds", Help: "From publishing a batch to its certain outcome.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
		expired:  prometheus.NewCounter(prometheus.CounterOpts{Name: "frontrow_inventory_expired_holds_total", Help: "Holds freed by their deadline."}),
		shed:     prometheus.NewCounter(prometheus.CounterOpts{Name: "frontrow_inventory_shed_commands_total", Help: "Commands refused because the queue was full."}),
		late:     prometheus.NewCounter(prometheus.CounterOpts{Name: "frontrow_inventory_late_commands_total", Help: "Commands not begun because nobody waited for them any more."}),
		together: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "frontrow_inventory_message_commands", Help: "Commands that came together in one message.", Buckets: prometheus.ExponentialBuckets(1, 2, 10)}),
		repairs:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "frontrow_inventory_repairs_total", Help: "Orders about which seats and ledger disagreed, by what was done; anything under \"none\" needs an operator."}, []string{"done"}),
	}
	if reg != nil {
		reg.MustRegister(m.writing, m.flushes, m.acts, m.records, m.rebuilt, m.duration, m.rounds, m.expired, m.shed, m.late, m.together, m.repairs)
	}
	return m
}

// round notes that the records of some seats are written.
func (m *metrics) round(records int, took time.Duration) {
	m.records.Add(float64(records))
	m.rounds.Observe(took.Seconds())
}

func (m *metrics) flush(acts int, took time.Duration, err error) {
	outcome := "stored"
	switch {
	case errors.Is(err, kv.ErrFenced):
		outcome = "fenced"
	case err != nil:
		outcome = "not_stored"
	default:
		m.acts.Add(float64(acts))
	}
	m.flushes.WithLabelValues(outcome).Inc()
	m.duration.Observe(took.Seconds())
}
