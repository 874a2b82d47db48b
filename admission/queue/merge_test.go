package queue

import (
	"context"
	"slices"
	"sort"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// instants is a queue in memory: the instant of each place.
type instants []time.Time

func (q instants) Instant(_ context.Context, n uint64) (time.Time, error) { return q[n-1], nil }

func (q instants) Until(_ context.Context, t time.Time) (uint64, error) {
	return uint64(sort.Search(len(q), func(i int) bool { return !q[i].Before(t) })), nil
}

// The n earliest are those that a stable sort of all by instant puts first.
func TestEarliestIsTheMergedOrder(t *testing.T) {
	start := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		type place struct {
			queue int
			at    time.Time
		}
		var queues []waiting
		var all []place
		for i := range rapid.IntRange(1, 4).Draw(t, "queues") {
			offsets := rapid.SliceOfN(rapid.IntRange(0, 30), 0, 40).Draw(t, "instants") // few instants: many ties
			slices.Sort(offsets)
			var q instants
			for _, o := range offsets {
				q = append(q, start.Add(time.Duration(o)))
			}
			from := uint64(rapid.IntRange(0, len(q)).Draw(t, "from"))
			queues = append(queues, waiting{arrivals: q, from: from, to: uint64(len(q))})
			for _, at := range q[from:] {
				all = append(all, place{i, at})
			}
		}
		slices.SortStableFunc(all, func(a, b place) int { return a.at.Compare(b.at) })
		n := uint64(rapid.IntRange(0, len(all)+3).Draw(t, "n"))
		got, err := earliest(t.Context(), queues, n)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]uint64, len(queues))
		for i, q := range queues {
			want[i] = q.from
		}
		for _, p := range all[:min(n, uint64(len(all)))] {
			want[p.queue]++
		}
		if !slices.Equal(got, want) {
			t.Fatalf("the %d earliest end at %v, want %v", n, got, want)
		}
	})
}
