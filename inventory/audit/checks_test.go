package audit

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"frontrow/inventory/ledger"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"
)

// scene is an audit, and what it reads of the log.
type scene struct {
	*audit
	flushes []stored
	copied  int      // of them in the sale log
	also    [][]byte // in the sale log
}

// stored is a log record under a revision; raw is what is stored if that is something else.
type stored struct {
	wire.Flush
	revision kv.Revision
	raw      []byte
}

func (f *stored) value() []byte {
	if f.raw != nil {
		return f.raw
	}
	return f.AppendJSON(nil)
}

// play reads the log, after the records of the seats, and then the sale log.
func (s *scene) play() []Check {
	s.written = maps.Clone(s.records)
	for _, f := range s.flushes {
		s.flush(kv.Entry{Key: fmt.Sprint(wire.LogPrefix, f.N), Value: f.value(), Revision: f.revision})
	}
	s.feed = newFeed(&s.log)
	for _, f := range s.flushes[:s.copied] {
		s.feed.take(&s.log, f.value())
	}
	for _, raw := range s.also {
		s.feed.take(&s.log, raw)
	}
	s.feed.missing(&s.log)
	return s.checks()
}

// broken fails the test unless the rules that begin so are broken, and no others.
func broken(t *testing.T, checks []Check, rules string) {
	t.Helper()
	for _, check := range checks {
		want := false
		for rule := range strings.SplitSeq(rules, "|") {
			want = want || rule != "" && strings.HasPrefix(check.Rule, rule)
		}
		if (check.Broken > 0) != want {
			t.Errorf("%+v", check)
		}
	}
}

// sound returns an event of four seats: A-1 is sold, A-2 held, A-3 came back, A-4 is
// blocked. Three fans have joined, two have a pass. Its writer is of the version before.
func sound(t *testing.T) *scene {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	until := now.Add(time.Minute)
	q := wire.SeatQuote{ID: "A-1", Price: wire.NewAmounts(100, 10, 1)}
	general := line{wire.LaneGeneral, "home"}
	seats := func(kind, hold string, ids ...string) wire.Act { return wire.Act{Kind: kind, Hold: hold, Seats: ids} }
	flushed := func(n uint64, acts ...wire.Act) stored {
		return stored{wire.Flush{N: n, Term: 1, Acts: acts}, kv.Revision(10 * n), nil}
	}
	pass := func(fan string, number uint64, begins, ends time.Duration) wire.PassRecord {
		return wire.PassRecord{Fan: fan, Lane: general.lane, Region: general.region, Number: number, At: now.Add(begins), Expires: now.Add(ends)}
	}
	a := newAudit(now)
	a.index = seatingtest.Hall(t, 1, 4, 0)
	a.records = map[string]record{
		"A-1": {wire.Seat{State: wire.Sold, Hold: "h_1", Fan: "f_1", Order: "o_1", Quote: &q}, 25},
		"A-2": {wire.Seat{State: wire.Held, Hold: "h_2", Fan: "f_2", Until: &until}, 25},
		"A-3": {wire.Seat{State: wire.Available}, 29},
		"A-4": {wire.Seat{State: wire.Blocked}, 15},
	}
	a.passes = []wire.PassRecord{pass("f_1", 1, -2*time.Hour, -time.Hour), pass("f_2", 2, -time.Hour, time.Hour)}
	a.lines = map[line]uint64{general: 2}
	a.joined = map[line]uint64{general: 3}
	a.bookings = []ledger.Booking{{Seat: q, Order: "o_1", Hold: "h_1", Fan: "f_1"}}
	a.event.Spec = wire.Spec{ID: "demo", Limits: wire.Limits{PerFan: 1}, Admission: wire.AdmissionSpec{Ceiling: 1}}
	return &scene{a, []stored{
		flushed(1, seats(wire.ActKindOpen, ""), seats(wire.ActKindHold, "h_1", "A-1", "A-3")),
		flushed(2, seats(wire.ActKindBlock, "", "A-4")),
		flushed(3, seats(wire.ActKindRelease, "h_1", "A-3"), seats(wire.ActKindSell, "h_1", "A-1"), seats(wire.ActKindHold, "h_2", "A-2")),
	}, 3, nil}
}

// Each fault breaks the rules it violates, and no others.
func TestEveryFaultBreaksItsRule(t *testing.T) {
	t.Parallel()
	seat := func(id string, change func(*record)) func(*scene) {
		return func(a *scene) {
			r := a.records[id]
			change(&r)
			a.records[id] = r
		}
	}
	booking := func(change func(*ledger.Booking)) func(*scene) { return func(a *scene) { change(&a.bookings[0]) } }
	for name, c := range map[string]struct {
		fault func(*scene)
		rules string // how the names of the broken rules begin
	}{
		"nothing":                       {func(*scene) {}, ""},
		"spoiled":                       {func(a *scene) { a.spoiled = map[string]string{"SEATS_demo writer": "torn"} }, "every record of the event"},
		"no record":                     {func(a *scene) { delete(a.records, "A-3") }, "every place of the plan"},
		"a stranger's record":           {func(a *scene) { a.records["B-1"] = record{Seat: wire.Seat{State: wire.Available}} }, "every place of the plan"},
		"sold, and not booked":          {func(a *scene) { a.bookings = nil }, "a sold seat has"},
		"sold to another order":         {seat("A-1", func(r *record) { r.Order = "o_2" }), "a sold seat has|a booked seat is"},
		"booked, and another fan's":     {booking(func(b *ledger.Booking) { b.Fan = "f_2" }), "a booked seat is"},
		"booked, and another hold's":    {booking(func(b *ledger.Booking) { b.Hold = "h_2" }), "a booked seat is"},
		"booked twice":                  {func(a *scene) { a.bookings = append(a.bookings, a.bookings[0]) }, "a booked seat is"},
		"booked, and only held":         {func(a *scene) { a.bookings[0].Seat.ID, a.bookings[0].Order = "A-2", "o_1" }, "a sold seat has|a booked seat is"},
		"a promise kept":                {promisedFor(6, 300), ""},
		"promised the lower of two":     {promisedFor(5, 101), "nobody is quoted more"},
		"a promise broken":              {promisedFor(4, 101), "nobody is quoted more"},
		"a section's promise kept":      {ofSection(promisedFor(4, 100)), ""},
		"a section's promise broken":    {ofSection(promisedFor(4, 101)), "nobody is quoted more"},
		"promised nobody knows what":    {promisedFor(99, 1), "nobody is quoted more"},
		"booked for more":               {booking(func(b *ledger.Booking) { b.Seat.Price = wire.NewAmounts(101, 10, 1) }), "the price booked"},
		"a price that doesn't add up":   {func(a *scene) { a.records["A-1"].Quote.Price.Total++; a.bookings[0].Seat.Price.Total++ }, "the price booked"},
		"held for too long":             {func(a *scene) { *a.records["A-2"].Until = a.now.Add(-expireLate - 1) }, "no hold outlives"},
		"held for ever":                 {seat("A-2", func(r *record) { r.Until = nil }), "no hold outlives"},
		"beyond the limit":              {seat("A-2", func(r *record) { r.Fan = "f_1" }), "no fan has more"},
		"beyond the ceiling":            {func(a *scene) { a.passes[0].Expires = a.passes[1].At.Add(1) }, "passes alive never"},
		"a place twice":                 {func(a *scene) { a.passes[1].Number = 1 }, "passes alive never"},
		"not called":                    {func(a *scene) { a.passes[1].Number = 3 }, "every pass belongs"},
		"called before they came":       {func(a *scene) { a.lines[line{wire.LaneGeneral, "home"}] = 4 }, "every pass belongs"},
		"a flush is missing":            {func(a *scene) { a.flushes, a.copied = append(a.flushes[:1:1], a.flushes[2]), 2 }, "the flushes' log records"},
		"a term goes back":              {func(a *scene) { a.flushes[1].Term = 2 }, "the flushes' log records"},
		"the sale log lags":             {func(a *scene) { a.copied = 2 }, "the sale log has"},
		"the log says something else":   {func(a *scene) { a.flushes[2].Acts = a.flushes[2].Acts[1:] }, "the log replays"},
		"the log says another hold":     {func(a *scene) { a.flushes[2].Acts[2].Hold = "h_3" }, "the log replays"},
		"the ledger contradicts itself": {func(a *scene) { a.sum.Violations = []ledger.Violation{{Rule: "x", Count: 1}} }, "the ledger's own"},

		"sold, being given back":   {func(a *scene) { a.bookings, a.returning = nil, map[string]bool{"o_1": true} }, ""},
		"sold, it moved meanwhile": {func(a *scene) { a.bookings, a.moved = nil, map[string]bool{"A-1": true} }, ""},
		"booked, worked on":        {func(a *scene) { a.bookings[0].Fan, a.waiting = "f_2", map[string]bool{"o_1": true} }, ""},
		"in checkout for long":     {seat("A-2", func(r *record) { *r.Until, r.Order = r.Until.Add(-time.Hour), "o_2" }), ""},
		"ended before the next":    {func(a *scene) { a.passes[0].Expires = a.passes[1].At }, ""},
		"revoked before the next":  {func(a *scene) { a.passes[0].Expires, a.passes[0].Revoked = a.now, a.passes[1].At.Add(-1) }, ""},
		"all withdrawn before":     {func(a *scene) { a.passes[0].Expires, a.withdrawn.At = a.now, a.passes[1].At.Add(-1) }, ""},
		"written again since":      {seat("A-2", func(r *record) { r.State, r.Hold, r.revision = wire.Available, "", 15 }), ""},
		"a torn log":               {func(a *scene) { a.flushes[1].raw = []byte("x") }, "every record of the event"},
		"the ledger's event only":  {func(a *scene) { a.event, a.index, a.records = wire.Event{}, nil, nil }, ""},
		"no plan to compare with":  {func(a *scene) { a.index = nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := sound(t)
			c.fault(a)
			broken(t, a.play(), c.rules)
		})
	}
}

// ofSection has level a be of the hold's section alone, and another of what else there is of its category.
func ofSection(fault func(*scene)) func(*scene) {
	return func(a *scene) {
		fault(a)
		a.event.Spec.Levels[0].Sections = []string{"101"}
		a.event.Spec.Levels = append(a.event.Spec.Levels, wire.Level{ID: "rest", Categories: []string{"front"}})
	}
}

// promisedFor has a hold quoted a total that was promised prices of a state: level a was at
// 200 in state 2, at 100 in state 4, at 300 in state 6.
func promisedFor(priced, total int64) func(*scene) {
	return func(a *scene) {
		a.event.Spec.Levels, a.event.Spec.Pricing.Promise = seatingtest.Concert().Spec.Levels, wire.PromiseJoin
		for i, cost := range []int64{200, 100, 300} {
			a.past.Note(map[string]wire.LevelPrice{"a": {Price: wire.Price{Amounts: wire.NewAmounts(cost, 0, 0), Version: int64(i + 1)}}})
		}
		act := &a.flushes[2].Acts[2]
		act.Priced, act.Prices = priced, []wire.Amounts{wire.NewAmounts(total, 0, 0)}
	}
}
