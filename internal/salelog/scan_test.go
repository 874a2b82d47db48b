package salelog

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"frontrow/kv"
	"frontrow/wire"
)

// changed returns a change that leaves seats in a state, as a writer makes it.
func changed(state wire.State, ids ...string) wire.Change {
	at := time.Date(2026, 11, 30, 12, 0, 0, 1, time.UTC)
	c := wire.Change{IDs: ids, Was: make([]uint64, len(ids)), Seat: wire.Seat{State: state, At: at}}
	if state != wire.Held && state != wire.Sold {
		return c
	}
	c.Hold, c.Fan, c.Net = "h_1", "f_1", "n"
	if state == wire.Held {
		c.Until, c.Kept = &at, &wire.Kept{Since: at, Until: at}
	}
	for _, id := range ids {
		c.Quotes = append(c.Quotes, wire.SeatQuote{ID: id, Label: `Row "A"`, Level: "all", Price: wire.NewAmounts(100, 10, 1), Notes: 1})
	}
	return c
}

// records are log records of every kind.
func logRecords() []wire.Flush {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	tried := changed(wire.Held, "A-1")
	tried.Tried = []wire.Tried{{Key: "k", Body: "b"}}
	why := changed(wire.Blocked, "A-2", "A-3")
	why.Why = `}]},"seats":[{"ids":["A-4"],"was":[0],"state":"sold"}]}`
	acts := []wire.Act{{Kind: wire.ActKindHold, Hold: "h_1", Seats: []string{"A-1"}, Prices: []wire.Amounts{{Base: 1}}}, {Kind: wire.ActKindBlock, Why: `],"seats":[{"ids":["`}}
	return []wire.Flush{
		{V: wire.RecordVersion, N: 1, Term: 1, Writer: "w", At: at, Acts: acts, Seats: []wire.Change{changed(wire.Available, "A-1", "A-2", "A-3")}},
		{V: wire.RecordVersion, N: 2, Term: 1, Writer: `a "writer"`, At: at, Prev: wire.Digest(nil), Acts: acts, Seats: []wire.Change{changed(wire.Held, "A-1", "A-2"), why, changed(wire.Sold, "A-3")}},
		{V: wire.RecordVersion, N: 3, Term: 1, Writer: "w", At: at, Prev: wire.Digest(nil), Acts: acts, Seats: []wire.Change{tried}},
		{V: wire.RecordVersion, N: 4, Term: 1, Writer: "w", At: at, Prev: wire.Digest(nil), Acts: acts, Seats: []wire.Change{tried, changed(wire.Sold, "A,1", `A"1`, "A<1", "Ä-1", `A\1`)}},
		{V: wire.RecordVersion, N: 5, Term: 1, Writer: "w", At: at, Prev: wire.Digest(nil)},
		{N: 6, Term: 1, Writer: "w", At: at, Acts: acts},
	}
}

// What the scan says is what is decoded, and of half a record it says nothing.
func TestScanIsDecoding(t *testing.T) {
	t.Parallel()
	scanned := 0
	for _, r := range logRecords() {
		raw, key := r.AppendJSON(nil), fmt.Sprintf("log.%d", r.N)
		decoded, err := wire.Read[wire.Flush](key, raw)
		if err != nil {
			t.Fatal(err)
		}
		want := flush{n: r.N, old: decoded.Old()}
		for _, c := range decoded.Seats {
			for _, id := range c.IDs {
				want.seats = append(want.seats, said{id, c.State})
			}
		}
		if got, ok := scan(string(raw), nil); ok {
			scanned++
			same(t, got, want)
		}
		got, err := readFlush(key, raw, nil)
		if err != nil {
			t.Error(err)
		}
		same(t, got, want)
		for n := range raw {
			if _, err := readFlush(key, raw[:n], nil); err == nil {
				t.Errorf("%s is read", raw[:n])
			}
		}
		if _, err := readFlush("log.9", raw, nil); err == nil {
			t.Error("record is read under another's key")
		}
	}
	if scanned < 2 {
		t.Errorf("%d records are scanned", scanned)
	}
}

func same(t *testing.T, got, want flush) {
	t.Helper()
	if got.n != want.n || got.old != want.old || !slices.Equal(got.seats, want.seats) {
		t.Errorf("%+v\nnot %+v", got, want)
	}
}

// A gateway decodes no record as the writer writes it now.
func TestWritersRecordsAreScanned(t *testing.T) {
	t.Parallel()
	c := changed(wire.Held, "A-1")
	r := c.Record(0, 7, 8)
	if state, ok := glance(string(r.AppendJSON(nil))); !ok || state != wire.Held {
		t.Errorf("%s: %q, %t", r.AppendJSON(nil), state, ok)
	}
	f := big()
	if n, ok := number(string(f.AppendJSON(nil))); !ok || n != f.N {
		t.Errorf("number %d, %t", n, ok)
	}
	if got, ok := scan(string(f.AppendJSON(nil)), nil); !ok || len(got.seats) == 0 {
		t.Errorf("%d seats, %t", len(got.seats), ok)
	}
}

func TestSeatsAreReadAsOfTheirFlush(t *testing.T) {
	t.Parallel()
	record := func(s wire.Seat) string { return string(s.AppendJSON(nil)) }
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for raw, want := range map[string]Version{
		record(wire.Seat{State: wire.Blocked, At: at}):                                          {Revision: 9},
		record(wire.Seat{State: wire.Blocked, At: at, Flush: 7, Revision: 8}):                   {7, 8},
		record(wire.Seat{State: wire.Blocked, At: at, Why: `,"flush":7,"revision":8`}):          {Revision: 9},
		record(wire.Seat{State: wire.Blocked, At: at, Kept: &wire.Kept{}, Flush: 7}):            {Revision: 9},
		`{"revision":8, "state":"blocked", "flush":7}`:                                          {7, 8},
		`{"state":"blocked","at":"2026-11-30T12:00:00Z","why":"x","flush":12345,"revision":23}`: {12345, 23},
	} {
		state, v, err := readSeat(kv.Entry{Key: "seat.A-1", Value: []byte(raw), Revision: 9})
		if err != nil || state != wire.Blocked || v != want {
			t.Errorf("%s: %v %+v %v", raw, state, v, err)
		}
	}
	for _, junk := range []string{"", `{"state":"blocked"`, `{"state":"gone"}`, `{"v":9,"state":"blocked"}`, `["state"]`} {
		if _, _, err := readSeat(kv.Entry{Key: "seat.A-1", Value: []byte(junk)}); wire.SpoiledKind(err) == "" {
			t.Errorf("%s is read", junk)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, r := range logRecords() {
		f.Add(r.AppendJSON(nil))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		decoded := wire.Flush{}
		got, ok := scan(string(raw), nil)
		if !ok || wire.Decode(raw, &decoded) != nil {
			return // a scan may not see junk in what it skips
		}
		var want []said
		for _, c := range decoded.Seats {
			for _, id := range c.IDs {
				want = append(want, said{id, c.State})
			}
		}
		if string(decoded.AppendJSON(nil)) == string(raw) {
			same(t, got, flush{decoded.N, decoded.Old(), want})
		}
	})
}

// BenchmarkScan is a flush of 400 seats in 200 holds, as a gateway reads it.
func BenchmarkScan(b *testing.B) {
	raw := big().AppendJSON(nil)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	var seats []said
	for b.Loop() {
		f, err := readFlush("log.2", raw, seats[:0])
		if err != nil || len(f.seats) != 400 {
			b.Fatal(err)
		}
		seats = f.seats
	}
}

// BenchmarkDecode is the same, decoded whole.
func BenchmarkDecode(b *testing.B) {
	raw := big().AppendJSON(nil)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.Read[wire.Flush]("log.2", raw); err != nil {
			b.Fatal(err)
		}
	}
}

func big() *wire.Flush {
	f := &wire.Flush{V: wire.RecordVersion, N: 2, Term: 1, Writer: "w", At: time.Now().UTC(), Prev: wire.Digest(nil)}
	for i := range 200 {
		c := changed(wire.Held, fmt.Sprintf("101-A-%d", 2*i), fmt.Sprintf("101-A-%d", 2*i+1))
		f.Seats = append(f.Seats, c)
		f.Acts = append(f.Acts, wire.Act{Kind: wire.ActKindHold, Hold: c.Hold, Fan: c.Fan, Seats: c.IDs, Prices: []wire.Amounts{c.Quotes[0].Price, c.Quotes[1].Price}, Until: c.Until})
	}
	return f
}
