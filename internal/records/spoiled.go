package records

import (
	"errors"
	"log/slog"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// maxSpoiled bounds the spoiled records that are remembered in order to count each once.
const maxSpoiled = 65536

// Spoiled counts the records that a process could not read and has not read since, in the
// gauge frontrow_spoiled_records by kind of bucket and kind of damage. Several on one
// registry add up.
type Spoiled struct {
	log   *slog.Logger
	gauge *prometheus.GaugeVec

	mu   sync.Mutex
	kind map[[2]string]string // by bucket and key
}

// NewSpoiled returns an empty Spoiled. It logs records that are spoiled, and those that can
// be read again.
func NewSpoiled(log *slog.Logger, reg prometheus.Registerer) *Spoiled {
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "frontrow_spoiled_records",
		Help: "Records that were not understood when they were read last, by bucket (an event's buckets are one) and kind; frontrow audit names them.",
	}, []string{"bucket", "kind"})
	var twin prometheus.AlreadyRegisteredError
	if reg != nil {
		if err := reg.Register(gauge); errors.As(err, &twin) {
			gauge = twin.ExistingCollector.(*prometheus.GaugeVec)
		} else if err != nil {
			panic(err) // name and labels are constants of this file
		}
	}
	return &Spoiled{log: log, kind: map[[2]string]string{}, gauge: gauge}
}

// Note takes note of a record that was read. kind says how it is spoiled, "" that it is
// not. bucket may be the name of its stream.
func (s *Spoiled) Note(bucket, key, kind string) {
	bucket = strings.TrimPrefix(bucket, "KV_")
	at := [2]string{bucket, key}
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.kind[at]
	if was == kind || was == "" && len(s.kind) >= maxSpoiled {
		return
	}
	label, _, _ := strings.Cut(bucket, "_") // without the event
	if was != "" {
		s.gauge.WithLabelValues(label, was).Dec()
		delete(s.kind, at)
	}
	if kind == "" {
		s.log.Info("record is readable again", "bucket", bucket, "key", key)
		return
	}
	s.kind[at] = kind
	s.gauge.WithLabelValues(label, kind).Inc()
	s.log.Error("record is spoiled", "bucket", bucket, "key", key, "kind", kind)
}

// Forget notes that this process no longer reads a bucket.
func (s *Spoiled) Forget(bucket string) {
	bucket = strings.TrimPrefix(bucket, "KV_")
	label, _, _ := strings.Cut(bucket, "_")
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, kind := range s.kind {
		if at[0] == bucket {
			delete(s.kind, at)
			s.gauge.WithLabelValues(label, kind).Dec()
		}
	}
}
