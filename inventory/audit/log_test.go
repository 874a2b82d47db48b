package audit

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

// told is sound by a writer whose log says what becomes of the seats: five flushes, the
// records true up to the third, and that of A-2 up to the fourth.
func told(t *testing.T) *scene {
	s := sound(t)
	now, old := s.now, s.records
	until := now.Add(time.Minute)
	q := *old["A-1"].Quote
	change := func(seat wire.Seat, ids ...string) wire.Change {
		c := wire.Change{IDs: ids, Was: make([]uint64, len(ids)), Seat: seat}
		for _, id := range ids {
			if c.Quote = nil; seat.Quote != nil {
				q := *seat.Quote
				q.ID = id
				c.Quotes = append(c.Quotes, q)
			}
		}
		return c
	}
	act := func(kind, hold string, ids ...string) wire.Act { return wire.Act{Kind: kind, Hold: hold, Seats: ids} }
	held := func(hold, fan string) wire.Seat {
		return wire.Seat{State: wire.Held, At: now, Hold: hold, Fan: fan, Until: &until, Quote: &q}
	}
	sold := wire.Seat{State: wire.Sold, At: now, Hold: "h_1", Fan: "f_1", Order: "o_1", Quote: &q}
	free, blocked := wire.Seat{State: wire.Available, At: now}, wire.Seat{State: wire.Blocked, At: now, Why: "stage"}
	s.flushes = nil
	for i, f := range []wire.Flush{
		{Acts: []wire.Act{{Kind: wire.ActKindOpen, Count: 4}}, Seats: []wire.Change{change(free, "A-1", "A-2", "A-3", "A-4")}},
		{Acts: []wire.Act{act(wire.ActKindHold, "h_1", "A-1", "A-3"), act(wire.ActKindBlock, "", "A-4")}, Seats: []wire.Change{change(held("h_1", "f_1"), "A-1", "A-3"), change(blocked, "A-4")}},
		{Acts: []wire.Act{act(wire.ActKindRelease, "h_1", "A-3"), act(wire.ActKindHold, "h_1", "A-1")}, Seats: []wire.Change{change(free, "A-3"), change(held("h_1", "f_1"), "A-1")}},
		{Acts: []wire.Act{act(wire.ActKindHold, "h_2", "A-2")}, Seats: []wire.Change{change(held("h_2", "f_2"), "A-2")}},
		{Acts: []wire.Act{act(wire.ActKindSell, "h_1", "A-1")}, Seats: []wire.Change{change(sold, "A-1")}},
	} {
		f.N, f.Term, f.Writer, f.At = uint64(i+1), 1, "w", now
		s.flushes = append(s.flushes, stored{f, kv.Revision(10 * (i + 1)), nil})
	}
	s.chain(1)
	s.copied = len(s.flushes)
	clear(s.records)
	for id, n := range map[string]uint64{"A-1": 3, "A-2": 4, "A-3": 3, "A-4": 2} {
		for _, c := range s.flushes[n-1].Seats {
			if k := slices.Index(c.IDs, id); k >= 0 {
				s.records[id] = record{c.Record(k, n, 10*n), kv.Revision(60 + n)}
			}
		}
	}
	s.checkpoint = wire.Checkpoint{Sum: "0", Flush: 3, Revision: 30, Digest: wire.Digest(s.flushes[2].value())}
	return s
}

// chain lets each flush from index i on name the one before.
func (s *scene) chain(i int) {
	for ; i < len(s.flushes); i++ {
		s.flushes[i].Prev = wire.Digest(s.flushes[i-1].value())
	}
}

// Each fault of a log that says what becomes of the seats breaks the rules it violates, and
// no others.
func TestEveryFaultOfTheLogBreaksItsRule(t *testing.T) {
	t.Parallel()
	const gaps, chained, fed, replays, follows = "the flushes' log records", "each log record names", "the sale log has", "the log replays", "each seat's record"
	seat := func(id string, change func(*record)) func(*scene) {
		return func(s *scene) {
			r := s.records[id]
			change(&r)
			s.records[id] = r
		}
	}
	junk := func(n int) func(*scene) { return func(s *scene) { s.flushes[n-1].raw = []byte("{") } }
	before := func(s *scene, n int) { // the version before has written up to the flush n
		for i := range n {
			s.flushes[i].Prev, s.flushes[i].Seats = "", nil
		}
		for id, r := range s.records {
			if r.Flush <= uint64(n) {
				r.revision = kv.Revision(10*r.Flush - 1)
				r.Flush, r.Seat.Revision = 0, 0
				s.records[id] = r
			}
		}
		s.checkpoint = wire.Checkpoint{}
	}
	for name, c := range map[string]struct {
		fault func(*scene)
		rules string
	}{
		"nothing":       {func(*scene) {}, ""},
		"no checkpoint": {func(s *scene) { s.checkpoint = wire.Checkpoint{} }, ""},
		"changed since": {func(s *scene) { s.flushes[1].Writer = "x" }, chained},
		"changed, and the next with it": {func(s *scene) {
			s.flushes[1].Writer = "x"
			s.flushes[2].Prev = wire.Digest(s.flushes[1].value())
		}, chained},
		"the last is changed":       {func(s *scene) { s.checkpoint.Flush = 5; s.checkpoint.Digest = "x" }, chained + "|" + follows},
		"checkpoint beyond the end": {func(s *scene) { s.checkpoint.Flush = 6 }, chained + "|" + follows},
		"names none":                {func(s *scene) { s.flushes[2].Prev = ""; s.chain(3); s.checkpoint = wire.Checkpoint{} }, chained},
		"the first names one":       {func(s *scene) { s.flushes[0].Prev = wire.Digest(nil); s.chain(1); s.checkpoint = wire.Checkpoint{} }, chained},
		"names no digest":           {func(s *scene) { s.flushes[4].Prev = "x" }, chained},
		"one is left out":           {func(s *scene) { s.flushes = slices.Delete(s.flushes, 3, 4); s.copied-- }, gaps + "|" + follows},
		"left out, and linked anew": {func(s *scene) { s.flushes = slices.Delete(s.flushes, 3, 4); s.copied--; s.chain(3) }, gaps + "|" + follows},
		"not copied":                {func(s *scene) { s.copied = 4 }, fed},
		"copied as something else": {func(s *scene) {
			s.also = [][]byte{[]byte(`{"n":5,"term":1,"writer":"w","at":"2026-11-30T12:00:00Z","acts":[]}`)}
		}, fed},
		"acts of something else":                          {func(s *scene) { s.flushes[4].Acts[0].Hold = "h_3" }, replays},
		"acts of another seat":                            {func(s *scene) { s.flushes[4].Acts[0].Seats = []string{"A-1", "A-2"} }, replays},
		"the record says otherwise":                       {seat("A-4", func(r *record) { r.Why = "sound" }), follows},
		"the record says another fan":                     {seat("A-1", func(r *record) { r.Fan = "f_9" }), follows},
		"the record is of a flush that has nothing of it": {seat("A-4", func(r *record) { r.Flush = 4 }), follows},
		"the record is of a flush to come":                {seat("A-4", func(r *record) { r.Flush = 9 }), follows + "|" + "no such"},
		"the record is old": {seat("A-1", func(r *record) {
			r.Flush, r.Seat.Revision = 2, 20
		}), follows},
		"the record is older than the checkpoint": {func(s *scene) { s.checkpoint.Flush, s.checkpoint.Digest = 5, wire.Digest(s.flushes[4].value()) }, follows},
		"a seat's record is missing":              {func(s *scene) { delete(s.records, "A-4") }, "every place of the plan"},
		"held by the log for too long":            {func(s *scene) { s.now = s.now.Add(time.Hour) }, "no hold outlives"},

		"a record of a seat to come":                {func(s *scene) { delete(s.records, "A-2"); s.checkpoint = wire.Checkpoint{} }, ""},
		"its first writer is of the version before": {func(s *scene) { before(s, 2); s.chain(2) }, ""},
		"the version before in between": {func(s *scene) {
			before(s, 4)
			s.flushes[0] = stored{wire.Flush{N: 1, Term: 1, Acts: s.flushes[0].Acts, Seats: []wire.Change{{IDs: []string{"A-4"}, Was: []uint64{0}, Seat: wire.Seat{State: wire.Available}}}}, 10, nil}
			s.chain(4)
		}, ""},
		"copied twice, and junk": {func(s *scene) { s.also = [][]byte{s.flushes[1].value(), []byte("x"), []byte(`{"n":2}`)[:4]} }, ""},
		"stored again": {func(s *scene) {
			again := s.flushes[1]
			again.revision = 70
			s.flushes = append(slices.Delete(s.flushes, 1, 2), again)
		}, ""},
		"stored again, another": {func(s *scene) {
			again := s.flushes[1]
			again.revision, again.Writer = 70, "x"
			s.flushes = append(slices.Delete(s.flushes, 1, 2), again)
		}, chained},
		"spoiled":                {junk(2), "every record of the event"},
		"spoiled, of the record": {junk(4), "every record of the event"},
	} {
		t.Run(name, func(t *testing.T) {
			s := told(t)
			c.fault(s)
			broken(t, s.play(), c.rules)
		})
	}
}

// What is true of a seat the log says, if its record is behind or can't be read; that is
// named, and breaks nothing.
func TestTheLogIsTheTruth(t *testing.T) {
	t.Parallel()
	s := told(t)
	delete(s.records, "A-3")
	s.readSeat(kv.Entry{Key: wire.SeatKey("A-3"), Value: []byte("junk"), Revision: 90})
	checks := s.play()
	broken(t, checks, "")
	if c := checks[0]; len(c.Samples) != 1 {
		t.Errorf("%+v", c)
	}
	if s.records["A-1"].Order != "o_1" || s.records["A-3"].State != wire.Available {
		t.Errorf("%+v", s.records)
	}
	s = sound(t) // nothing but the record says what this seat is
	delete(s.records, "A-3")
	s.readSeat(kv.Entry{Key: wire.SeatKey("A-3"), Value: []byte("junk"), Revision: 90})
	broken(t, s.play(), "every record of the event")
}

// An audit of a long log keeps no more than a digest of each record.
func TestLongLog(t *testing.T) {
	t.Parallel()
	const flushes = 2000
	a := newAudit(time.Now())
	a.event.Spec.ID = "demo"
	prev := ""
	for n := range uint64(flushes) {
		f := wire.Flush{N: n + 1, Term: 1, Writer: "w", Prev: prev, Acts: []wire.Act{{Kind: wire.ActKindHold, Hold: fmt.Sprint("h_", n), Seats: []string{"A-1"}}, {Kind: wire.ActKindRelease, Hold: fmt.Sprint("h_", n), Seats: []string{"A-1"}}},
			Seats: []wire.Change{{IDs: []string{"A-1"}, Was: []uint64{n}, Seat: wire.Seat{State: wire.Available}}}}
		raw := f.AppendJSON(nil)
		prev = wire.Digest(raw)
		a.flush(kv.Entry{Key: fmt.Sprint(wire.LogPrefix, n+1), Value: raw, Revision: kv.Revision(n + 1)})
	}
	l := &a.log
	if n := len(l.sums); n != flushes || len(l.wanted)+len(l.torn) > 0 || len(l.folded)+len(a.records)+len(l.changed) > 2 {
		t.Errorf("%d flushes, %+v", n, l)
	}
	for _, c := range []Check{a.logHasNoGaps(), a.logIsAChain(), a.logReplays(), a.recordsFollowTheLog()} {
		if c.Broken > 0 {
			t.Errorf("%+v", c)
		}
	}
}
