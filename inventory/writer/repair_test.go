package writer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/inventory/inventorytest"
	"frontrow/inventory/ledger"
	"frontrow/inventory/seating/seatingtest"
	"frontrow/kv"
	"frontrow/wire"

	"github.com/nats-io/nats.go/jetstream"
)

// junk is what somebody at a console may store under a key, by what it is called.
func junk(right []byte) map[string]string {
	return map[string]string{"empty": "", "half": string(right[:len(right)/2]), "text": "x", "another type": `{"hello":[1]}`, "a list": "[]", "null": "null"}
}

// spoil stores junk as seat's record, or deletes it as the nats CLI does.
func (h *fixture) spoil(seat, raw string) {
	h.T.Helper()
	h.spoilKey(wire.SeatKey(seat), raw)
}

func (h *fixture) spoilKey(key, raw string) {
	h.T.Helper()
	bucket, err := h.JS.KeyValue(h.Context(), wire.SeatsBucket("demo"))
	must(h.T, err)
	if raw == "" {
		must(h.T, bucket.Delete(h.Context(), key))
		return
	}
	_, err = bucket.PutString(h.Context(), key, raw)
	must(h.T, err)
}

// lose removes all that was stored as seat's record, and leaves the mark of it.
func (h *fixture) lose(seat string) {
	h.T.Helper()
	bucket, err := h.JS.KeyValue(h.Context(), wire.SeatsBucket("demo"))
	must(h.T, err)
	must(h.T, bucket.Purge(h.Context(), wire.SeatKey(seat)))
}

func (h *fixture) raw(seat string) []byte {
	h.T.Helper()
	e, err := kv.Open(h.JS, wire.SeatsBucket("demo")).Get(h.Context(), wire.SeatKey(seat))
	must(h.T, err)
	return e.Value
}

// ready is how the seats are before their records are spoiled: A-1 free,
// A-2 held, A-3 sold, A-4 blocked for a channel.
func (h *fixture) ready(w *term, now time.Time) (held, sold wire.HoldReply) {
	h.T.Helper()
	e := w.engine
	held = e.Hold(wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{"A-2"}}, now)
	fan := wire.NewFan()
	sold = e.Hold(wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(fan), Seats: []string{"A-3"}}, now)
	order := wire.OrderOfHold(sold.Hold)
	if p := e.Confirm(wire.ConfirmRequest{Hold: sold.Hold, Order: order, Fan: fan, Seats: sold.Seats}, now); p != nil {
		h.T.Fatal(p)
	}
	h.Ledger.Book(ledger.Booking{Seat: sold.Seats[0], Order: order, Hold: sold.Hold, Fan: fan, At: now})
	if r := e.Block(wire.BlockRequest{Seats: []string{"A-4"}, Channel: "press", Why: "kept"}, now); r.Problem != nil {
		h.T.Fatal(r.Problem)
	}
	must(h.T, w.flush(h.Context()))
	return held, sold
}

func seatsOfTest() []string { return []string{"A-1", "A-2", "A-3", "A-4"} }

// Whatever is stored as a seat's record, the next writer stores it again as it was.
func TestSpoiledSeatsAreStoredAgain(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newFixture(t, env, seatingtest.Hall(t, 2, 20, 0), nil)
		w := h.term(1)
		h.ready(w, time.Now())
		must(t, w.catchUp(h.Context()))
		term := uint64(1)
		for name, bad := range junk(h.raw("A-3")) {
			before := map[string]string{}
			for _, seat := range seatsOfTest() {
				before[seat] = string(h.raw(seat))
				h.spoil(seat, "twice")
				h.spoil(seat, bad)
			}
			term++
			w = h.term(term)
			must(t, w.catchUp(h.Context()))
			for _, seat := range seatsOfTest() {
				if now := string(h.raw(seat)); now != before[seat] {
					t.Errorf("%s: seat %s was %s, is %s", name, seat, before[seat], now)
				}
			}
			if len(w.engine.Spoiled()) != 0 {
				t.Errorf("%s: out of sale: %v", name, w.engine.Spoiled())
			}
		}
	})
}

// What the log doesn't know of is nobody's word: a seat's record of a later version is
// written again; a log record of a later version, or none, stops the event.
func TestLogThatCantBeRead(t *testing.T) {
	t.Parallel()
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
	first := h.term(1)
	h.ready(first, time.Now())
	first.engine.Hold(wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{"A-9"}}, time.Now()) // its record names log.2
	must(t, first.flush(h.Context()))
	h.spoil("A-1", `{"v":9,"state":{"of":"another kind"}}`)
	w := h.term(2)
	must(t, w.catchUp(h.Context()))
	if r, err := wire.Read[wire.Seat](wire.SeatKey("A-1"), h.raw("A-1")); err != nil || r.State != wire.Available {
		t.Errorf("%+v, %v", r, err)
	}
	log := kv.Open(h.JS, wire.SeatsBucket("demo"))
	e, err := log.Get(h.Context(), wire.LogPrefix+"2")
	must(t, err)
	for _, bad := range append(slices.Collect(maps.Values(junk(e.Value))), `{"v":9,"n":2}`, strings.Replace(string(e.Value), "A-2", "A-8", 1)) {
		h.spoilKey(wire.LogPrefix+"2", bad)
		h.spoilKey(wire.CheckpointKey, "") // all of the log is read
		var broken *brokenLog
		if err := h.writer(w.number + 1).load(h.Context()); !errors.As(err, &broken) {
			t.Errorf("log.2 is %q: %v", bad, err)
		}
		h.spoilKey(wire.LogPrefix+"2", string(e.Value)) // put back
		w = h.term(w.number + 2)
	}
}

// A writer dies while it writes forged records again: the next doesn't take those that are
// left for the truth, whatever flush they name.
func TestForgedRecordsOutlastNoWriter(t *testing.T) {
	t.Parallel()
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
	w := h.term(1)
	held, _ := h.ready(w, time.Now())
	must(t, w.catchUp(h.Context()))
	free := h.Record("A-1")
	free.Flush += 1000
	for _, seat := range []string{"A-1", "A-2"} { // the second one is held
		h.spoil(seat, string(free.AppendJSON(nil)))
	}
	w = h.unopened(2)
	r := w.behind.take(w.checkpoint(), time.Now())
	first, _ := h.Index.Lookup("A-1")
	must(t, w.writePart(h.Context(), r, []int{first}, w.behind.at)) // and no further
	w = h.term(3)
	if s, _ := w.engine.Look("A-2"); s.State != wire.Held || s.Hold != held.Hold {
		t.Errorf("a seat that is held: %+v", s)
	}
	must(t, w.catchUp(h.Context()))
	if s := h.Record("A-2"); string(h.raw("A-2")) != string(s.AppendJSON(nil)) {
		t.Errorf("its record is %s", h.raw("A-2"))
	}
}

// Seats whose records are lost are what the log says.
func TestLostSeatsAreWhatTheLogSays(t *testing.T) {
	t.Parallel()
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
	w := h.term(1)
	held, sold := h.ready(w, time.Now())
	must(t, w.catchUp(h.Context()))
	for _, seat := range seatsOfTest() {
		h.lose(seat)
	}
	h.worker("one", nil)
	for _, want := range []struct {
		seat, hold, channel string
		state               wire.State
	}{{"A-1", "", "", wire.Available}, {"A-2", held.Hold, "", wire.Held}, {"A-3", sold.Hold, "", wire.Sold}, {"A-4", "", "press", wire.Blocked}} {
		h.Written(want.seat, func(raw []byte) bool {
			r, err := wire.Read[wire.Seat](wire.SeatKey(want.seat), raw)
			return err == nil && r.State == want.state && r.Hold == want.hold && r.Channel == want.channel
		})
	}
}

// A hold whose record is lost is its fan's until its last deadline, and if they were
// paying, until the ledger says what became of that.
func TestLostHoldsStand(t *testing.T) {
	t.Parallel()
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
	w := h.writer(1)
	now := time.Now()
	order := "o_1"
	for name, c := range map[string]struct {
		past past
		want wire.State
		free bool
	}{
		"stands":            {past{last: wire.Act{Kind: wire.ActKindHold}, until: now.Add(time.Hour)}, wire.Held, false},
		"past its deadline": {past{last: wire.Act{Kind: wire.ActKindHold}, until: now.Add(-time.Second)}, wire.Available, true},
		"given back":        {past{last: wire.Act{Kind: wire.ActKindHold}, until: now.Add(time.Hour), over: true}, wire.Available, true},
		"was paid":          {past{last: wire.Act{Kind: wire.ActKindHold}, until: now.Add(-time.Second), order: order}, wire.Available, false},
		"was not paid":      {past{last: wire.Act{Kind: wire.ActKindHold}, until: now.Add(-time.Second), order: "o_2"}, wire.Available, true},
		"sold":              {past{last: wire.Act{Kind: wire.ActKindSell}}, wire.Sold, false},
	} {
		h.Ledger.Pay(order, wire.OrderReply{Order: order, State: wire.OrderPaid})
		if to, free, err := w.verdict(h.Context(), &c.past); to != c.want || free != c.free || err != nil {
			t.Errorf("%s: %s, free %t, %v", name, to, free, err)
		}
	}
	h.Ledger.Fail(true)
	if _, free, err := w.verdict(h.Context(), &past{last: wire.Act{Kind: wire.ActKindHold}, until: now.Add(-time.Second), order: order}); err == nil || free {
		t.Errorf("without the ledger: free %t, %v", free, err)
	}
}

// A writer at work meets junk under its records, its guard and its log: it begins
// anew, and loses nothing that was answered.
func TestWriterMeetsJunk(t *testing.T) {
	t.Parallel()
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
	h.worker("one", nil)
	fan := wire.NewFan()
	first := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(fan), Seats: []string{"A-1"}})
	for _, key := range []string{wire.SeatKey("A-1"), wire.SeatKey("A-2"), wire.WriterKey, wire.CheckpointKey, wire.LogPrefix + "x"} {
		h.spoilKey(key, "{")
		h.spoilKey(key, "")
	}
	if r := ask[wire.StandingReply](h, wire.ActRelease, wire.ReleaseRequest{Hold: first.Hold, Fan: fan}); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	second := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{"A-1", "A-2"}})
	if second.Problem != nil {
		t.Fatal(second.Problem)
	}
	for _, seat := range []string{"A-1", "A-2"} {
		if r := h.Record(seat); r.State != wire.Held || r.Hold != second.Hold {
			t.Errorf("%s: %+v", seat, r)
		}
	}
}

// Events and prices that can't be read are those of before, and no other's business.
func TestSpoiledEventsAndPrices(t *testing.T) {
	t.Parallel()
	h := newFixture(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
	raw, err := json.Marshal(h.Event)
	must(t, err)
	for i, bad := range junk(raw) {
		_, err := h.JS.Publish(h.Context(), wire.KVSubject(wire.EventsBucket, fmt.Sprint("bad-", len(i))), []byte(bad))
		must(t, err)
		for _, key := range []string{"other.level", "other", wire.PriceKey("demo", h.Event.Spec.Levels[0].ID)} {
			_, err = h.JS.Publish(h.Context(), wire.KVSubject(wire.PricesBucket, key), []byte(bad))
			must(t, err)
		}
	}
	h.Put(wire.PricesBucket, wire.PriceKey("demo", h.Event.Spec.Levels[0].ID), wire.Price{Amounts: wire.NewAmounts(5000, 500, 100), Version: 2})
	h.worker("one", nil)
	if r := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{"A-1"}}); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	_, err = h.JS.Publish(h.Context(), wire.KVSubject(wire.EventsBucket, "demo"), []byte("{}"))
	must(t, err)
	if r := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: inventorytest.Claims(wire.NewFan()), Seats: []string{"A-2"}}); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	if _, err := h.JS.Stream(h.Context(), wire.KVStream(wire.SeatsBucket("bad-4"))); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Error(err)
	}
}
