package writer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"frontrow/kv"
	"frontrow/wire"
)

// storedFlush is a log record and where it stands in the stream.
type storedFlush struct {
	wire.Flush
	revision uint64
}

// flushes reads the flush log.
func (h *fixture) flushes() (log []storedFlush) {
	h.T.Helper()
	entries, err := kv.Open(h.JS, wire.SeatsBucket("demo")).All(h.Context(), wire.LogPrefix+"*")
	must(h.T, err)
	for _, e := range entries {
		f := storedFlush{revision: uint64(e.Revision)}
		must(h.T, json.Unmarshal(e.Value, &f.Flush))
		log = append(log, f)
	}
	return log
}

// checkFlushes replays the flush log against the seats' records and against
// what was asked for, by hold.
func (h *fixture) checkFlushes(requests map[string][]string) {
	h.T.Helper()
	for {
		log, records := h.flushes(), h.records()
		if len(h.flushes()) != len(log) {
			continue // a deadline came in between
		}
		if err := checkChain(log, records, requests); err != nil {
			h.T.Error(err)
		}
		return
	}
}

func (h *fixture) records() map[string]storedSeat {
	h.T.Helper()
	records := map[string]storedSeat{}
	for id, r := range h.Records() {
		records[id] = storedSeat{r, r.Revision}
	}
	return records
}

type storedSeat struct {
	wire.Seat
	revision uint64
}

// checkChain walks the log once. Each seat must go from state to state as it
// may, a hold must take all seats it asked for, the records must say what the
// log says, and must have been stored in the batch of their last act.
func checkChain(log []storedFlush, records map[string]storedSeat, requests map[string][]string) error {
	seats := map[string]historySeat{}
	last := map[string]storedFlush{}
	for i, f := range log {
		if f.N != uint64(i+1) {
			return fmt.Errorf("flush %d is number %d", i+1, f.N)
		}
		if i > 0 && (f.revision <= log[i-1].revision || f.Term < log[i-1].Term) {
			return fmt.Errorf("flush %d: revision %d, term %d after revision %d, term %d", f.N, f.revision, f.Term, log[i-1].revision, log[i-1].Term)
		}
		for _, a := range f.Acts {
			if a.Kind == wire.ActKindHold && !slices.Equal(slices.Sorted(slices.Values(a.Seats)), requests[a.Hold]) {
				return fmt.Errorf("flush %d: hold %s has the seats %v and asked for %v", f.N, a.Hold, a.Seats, requests[a.Hold])
			}
			for _, seat := range a.Seats {
				s, ok := seats[seat]
				if !ok {
					s = freeSeat
				}
				next, err := follow(s, a)
				if err != nil {
					return fmt.Errorf("flush %d, seat %s: %w", f.N, seat, err)
				}
				seats[seat], last[seat] = next, f
			}
		}
	}
	return checkRecords(records, seats, last)
}

func checkRecords(records map[string]storedSeat, seats map[string]historySeat, last map[string]storedFlush) error {
	for id, r := range records {
		s, touched := seats[id]
		if !touched {
			s = freeSeat
		}
		if got := (historySeat{r.State, r.Hold, r.Order != ""}); got != s {
			return fmt.Errorf("seat %s: the record says %v, the log %v", id, got, s)
		}
		if f := last[id]; touched {
			if r.revision != f.revision || r.Flush != f.N {
				return fmt.Errorf("seat %s: flush %d at revision %d, its last act in flush %d at %d", id, r.Flush, r.revision, f.N, f.revision)
			}
		}
	}
	return nil
}

// follow is a seat after an act of the log.
func follow(s historySeat, a wire.Act) (historySeat, error) {
	mine := s.hold == a.Hold && s.state == wire.Held
	switch {
	case a.Kind == wire.ActKindHold && s == freeSeat:
		return historySeat{wire.Held, a.Hold, false}, nil
	case a.Kind == wire.ActKindExpire && mine && !s.checkout,
		a.Kind == wire.ActKindRelease && mine && s.checkout == (a.Order != ""):
		return freeSeat, nil
	case a.Kind == wire.ActKindCheckout && mine && !s.checkout:
		return historySeat{wire.Held, a.Hold, true}, nil
	case a.Kind == wire.ActKindExtend && mine && s.checkout:
		return s, nil
	case a.Kind == wire.ActKindSell && mine && s.checkout:
		return historySeat{wire.Sold, a.Hold, true}, nil
	}
	return s, fmt.Errorf("%s by hold %s of a seat that is %v", a.Kind, a.Hold, s)
}

// The walk along the log must find what it is there for.
func TestFlushCheckerFindsFaults(t *testing.T) {
	hold := func(id string, seats ...string) wire.Act {
		return wire.Act{Kind: wire.ActKindHold, Hold: id, Seats: seats}
	}
	story := func() ([]storedFlush, map[string]storedSeat, map[string][]string) {
		return []storedFlush{
				{wire.Flush{N: 1, Term: 1, Acts: []wire.Act{{Kind: wire.ActKindOpen, Count: 2}}}, 4},
				{wire.Flush{N: 2, Term: 1, Acts: []wire.Act{hold("a", "A-1", "B-1")}}, 7},
				{wire.Flush{N: 3, Term: 5, Acts: []wire.Act{{Kind: wire.ActKindRelease, Hold: "a", Seats: []string{"A-1", "B-1"}}, hold("b", "B-1")}}, 11},
			}, map[string]storedSeat{
				"A-1": {wire.Seat{State: wire.Available, Flush: 3}, 11},
				"B-1": {wire.Seat{State: wire.Held, Hold: "b", Flush: 3}, 11},
			}, map[string][]string{"a": {"A-1", "B-1"}, "b": {"B-1"}}
	}
	log, records, requests := story()
	if err := checkChain(log, records, requests); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		doctor     func(log []storedFlush, records map[string]storedSeat, requests map[string][]string)
	}{
		{"gap", "is number", func(log []storedFlush, _ map[string]storedSeat, _ map[string][]string) { log[2].N = 4 }},
		{"late writer", "term", func(log []storedFlush, _ map[string]storedSeat, _ map[string][]string) { log[2].Term = 0 }},
		{"held twice", "hold by hold b", func(log []storedFlush, _ map[string]storedSeat, _ map[string][]string) { log[2].Acts = log[2].Acts[1:] }},
		{"half a hold", "asked for", func(log []storedFlush, _ map[string]storedSeat, _ map[string][]string) {
			log[1].Acts[0].Seats = []string{"A-1"}
		}},
		{"record lost", "the record says", func(_ []storedFlush, records map[string]storedSeat, _ map[string][]string) {
			records["B-1"] = storedSeat{wire.Seat{State: wire.Available}, 10}
		}},
		{"record written beside the log", "at revision", func(_ []storedFlush, records map[string]storedSeat, _ map[string][]string) {
			records["A-1"] = storedSeat{records["A-1"].Seat, 12}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			log, records, requests := story()
			c.doctor(log, records, requests)
			if err := checkChain(log, records, requests); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}
