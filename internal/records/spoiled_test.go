package records

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// A record counts once however often it is met, under no event's name, until it is read.
func TestSpoiledCountsRecords(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	s := NewSpoiled(slog.New(slog.DiscardHandler), reg)
	count := func(bucket, kind string, want float64) {
		t.Helper()
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		n := 0.0
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if l := m.GetLabel(); f.GetName() == "frontrow_spoiled_records" && l[0].GetValue() == bucket && l[1].GetValue() == kind {
					n += m.GetGauge().GetValue()
				}
			}
		}
		if n != want {
			t.Errorf("%s %s: %v, not %v", bucket, kind, n, want)
		}
	}
	s.Note("EVENTS", "a", "")
	for range 2 {
		s.Note("SEATS_show", "seat.A-1", "empty")
		s.Note("KV_SEATS_gala", "seat.A-1", "empty")
		NewSpoiled(s.log, reg).Note("QUEUE_show_general", "fan.f", "not_json")
	}
	count("SEATS", "empty", 2)
	count("QUEUE", "not_json", 2) // two readers
	s.Note("SEATS_show", "seat.A-1", "newer")
	count("SEATS", "empty", 1)
	count("SEATS", "newer", 1)
	s.Note("SEATS_show", "seat.A-1", "")
	s.Note("SEATS_show", "seat.A-1", "")
	count("SEATS", "newer", 0)
	s.Note("SEATS_show", "seat.A-2", "empty")
	s.Forget("KV_SEATS_show")
	count("SEATS", "empty", 1) // of gala
}
