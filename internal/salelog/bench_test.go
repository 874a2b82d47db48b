package salelog

import (
	"fmt"
	"log/slog"
	"testing"

	"frontrow/internal/records"
	"frontrow/kv"
	"frontrow/wire"
)

// BenchmarkFollow is what a gateway does with a flush of 400 seats in 200 holds.
func BenchmarkFollow(b *testing.B) {
	log := slog.New(slog.DiscardHandler)
	ids := seats{}
	f := &Follower{cfg: Config{Seats: kv.NewBucket(nil, "SEATS_show"), Index: ids, Logger: log, Spoiled: records.NewSpoiled(log, nil)},
		tell:  Watcher{All: func([]wire.State, kv.Revision, bool) {}, Flush: func([]Change, kv.Revision) {}},
		known: make([]Version, 400), states: make([]wire.State, 400), round: round{current: true, end: func(error) {}}}
	var flushes [2][]byte
	for i := range 400 {
		ids[fmt.Sprintf("101-A-%d", i)] = i
	}
	for i, state := range []wire.State{wire.Held, wire.Sold} {
		r := big()
		for k := range r.Seats {
			r.Seats[k].State = state
		}
		flushes[i] = r.AppendJSON(nil)
	}
	b.ReportAllocs()
	for n := uint64(0); b.Loop(); n++ {
		raw := flushes[n%2]
		f.n = 1
		clear(f.known)
		f.log(b.Context(), kv.Entry{Key: "log.2", Value: raw, Revision: kv.Revision(n + 1)})
		if len(f.changes) != 400 {
			b.Fatal(len(f.changes))
		}
	}
}

type seats map[string]int

func (s seats) Len() int { return len(s) }
func (s seats) Lookup(id string) (int, bool) {
	i, ok := s[id]
	return i, ok
}
