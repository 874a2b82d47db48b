package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"frontrow/internal/natstest"
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
func (h *house) spoil(seat, raw string) {
	h.t.Helper()
	h.spoilKey(wire.SeatKey(seat), raw)
}

func (h *house) spoilKey(key, raw string) {
	h.t.Helper()
	bucket, err := h.js.KeyValue(h.context(), wire.SeatsBucket("demo"))
	must(h.t, err)
	if raw == "" {
		must(h.t, bucket.Delete(h.context(), key))
		return
	}
	_, err = bucket.PutString(h.context(), key, raw)
	must(h.t, err)
}

// lose removes all that was stored as seat's record, and leaves the mark of it.
func (h *house) lose(seat string) {
	h.t.Helper()
	bucket, err := h.js.KeyValue(h.context(), wire.SeatsBucket("demo"))
	must(h.t, err)
	must(h.t, bucket.Purge(h.context(), wire.SeatKey(seat)))
}

func (h *house) raw(seat string) []byte {
	h.t.Helper()
	e, err := kv.Open(h.js, wire.SeatsBucket("demo")).Get(h.context(), wire.SeatKey(seat))
	must(h.t, err)
	return e.Value
}

// ready is how the seats of a house are before their records are spoiled: A-1 free,
// A-2 held, A-3 sold, A-4 blocked for a channel.
func (h *house) ready(w *writer, now time.Time) (held, sold wire.HoldReply) {
	h.t.Helper()
	e := w.engine
	held = e.Hold(wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(wire.NewFan()), Seats: []string{"A-2"}}, now)
	fan := wire.NewFan()
	sold = e.Hold(wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(fan), Seats: []string{"A-3"}}, now)
	order := wire.OrderOfHold(sold.Hold)
	if p := e.Confirm(wire.ConfirmRequest{Hold: sold.Hold, Order: order, Fan: fan, Seats: sold.Seats}, now); p != nil {
		h.t.Fatal(p)
	}
	h.ledger.bookings = []ledger.Booking{{Seat: sold.Seats[0], Order: order, Hold: sold.Hold, Fan: fan, At: now}}
	if r := e.Block(wire.BlockRequest{Seats: []string{"A-4"}, Channel: "press", Why: "kept"}, now); r.Problem != nil {
		h.t.Fatal(r.Problem)
	}
	must(h.t, w.flush(h.context()))
	return held, sold
}

func seatsOfTest() []string { return []string{"A-1", "A-2", "A-3", "A-4"} }

// Whatever is stored as a seat's record, the next writer stores it again as it was.
func TestSpoiledSeatsAreStoredAgain(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		h := newHouse(t, env, seatingtest.Hall(t, 2, 20, 0), nil)
		w := h.term(1)
		h.ready(w, time.Now())
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

// A record of a later version is left alone: its seat is out of sale, no other is.
func TestSeatOfALaterVersionIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
	h.term(1)
	const newer = `{"v":2,"state":{"of":"another kind"}}`
	h.spoil("A-1", newer)
	h.spoil("A-2", newer)
	h.spoil("A-2", "junk over it")
	w := h.term(2)
	must(t, w.flush(h.context()))
	if got := string(h.raw("A-1")); got != newer {
		t.Errorf("it was written over: %s", got)
	}
	if s := w.engine.Spoiled(); len(s) != 2 {
		t.Errorf("out of sale: %v", s)
	}
	now := time.Now()
	for _, seat := range []string{"A-1", "A-2"} {
		if r := w.engine.Hold(wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(wire.NewFan()), Seats: []string{seat}}, now); r.Problem == nil {
			t.Errorf("%s can be held", seat)
		}
		if r := w.engine.Block(wire.BlockRequest{Seats: []string{seat}, Unblock: true}, now); r.Problem == nil {
			t.Errorf("%s can be put back on sale", seat)
		}
	}
	if r := w.engine.Hold(wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(wire.NewFan()), Seats: []string{"A-3"}}, now); r.Problem != nil {
		t.Errorf("its neighbour: %v", r.Problem)
	}
	if junk, err := w.unknown(h.context(), w.engine.Spoiled()); err != nil || len(junk) != 0 {
		t.Errorf("the log decides about %v, %v", junk, err)
	}
}

// Where nothing of before is kept, a seat is out of sale until the log says that it
// is nobody's, or the ledger whose.
func TestLostSeatsAreWhatTheLogSays(t *testing.T) {
	t.Parallel()
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
	began := time.Now().Add(-time.Hour) // the hold is over by now
	held, sold := h.ready(h.term(1), began)
	for _, seat := range seatsOfTest() {
		h.lose(seat)
	}
	w := h.term(2)
	if got := fmt.Sprint(w.engine.Spoiled()); got != "[A-1 A-2 A-3 A-4]" {
		t.Fatalf("out of sale: %s", got)
	}
	of, err := w.pasts(h.context(), w.engine.Spoiled())
	must(t, err)
	if p := of["A-2"]; !p.until.Equal(held.Expires) || p.order != "" || p.over {
		t.Errorf("the hold's past is %+v, it was until %v", p, held.Expires)
	}
	h.worker("one", nil)
	until := h.context()
	for _, want := range []struct {
		seat  string
		state wire.State
	}{{"A-1", wire.Available}, {"A-2", wire.Available}, {"A-3", wire.Sold}, {"A-4", wire.Blocked}} {
		for {
			r, err := wire.Read[wire.Seat](wire.SeatKey(want.seat), h.raw(want.seat))
			if err == nil && r.State == want.state {
				if want.seat == "A-3" && r.Hold != sold.Hold || want.seat == "A-4" && r.Channel != "press" {
					t.Errorf("%s: %+v", want.seat, r)
				}
				break
			}
			if until.Err() != nil {
				t.Fatalf("seat %s: %+v, %v", want.seat, r, err)
			}
			pause(until)
		}
	}
}

// A hold whose record is lost is its fan's until its last deadline, and if he was
// paying, until the ledger says what became of that.
func TestLostHoldsStand(t *testing.T) {
	t.Parallel()
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
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
		h.ledger.paid[order] = wire.OrderReply{Order: order, State: wire.OrderPaid}
		if to, free, err := w.verdict(h.context(), &c.past); to != c.want || free != c.free || err != nil {
			t.Errorf("%s: %s, free %t, %v", name, to, free, err)
		}
	}
	h.ledger.fail(true)
	if _, free, err := w.verdict(h.context(), &past{last: wire.Act{Kind: wire.ActKindHold}, until: now.Add(-time.Second), order: order}); err == nil || free {
		t.Errorf("without the ledger: free %t, %v", free, err)
	}
}

// A writer at work meets junk under its records, its guard and its log: it begins
// anew, and loses nothing that was answered.
func TestWriterMeetsJunk(t *testing.T) {
	t.Parallel()
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
	h.worker("one", nil)
	fan := wire.NewFan()
	first := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(fan), Seats: []string{"A-1"}})
	for _, key := range []string{wire.SeatKey("A-1"), wire.SeatKey("A-2"), wire.WriterKey, wire.LogPrefix + "1", wire.LogPrefix + "x"} {
		h.spoilKey(key, "{")
		h.spoilKey(key, "")
	}
	if r := ask[wire.StandingReply](h, wire.ActRelease, wire.ReleaseRequest{Hold: first.Hold, Fan: fan}); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	second := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(wire.NewFan()), Seats: []string{"A-1", "A-2"}})
	if second.Problem != nil {
		t.Fatal(second.Problem)
	}
	for _, seat := range []string{"A-1", "A-2"} {
		if r := h.record(seat); r.State != wire.Held || r.Hold != second.Hold {
			t.Errorf("%s: %+v", seat, r)
		}
	}
}

// Events and prices that can't be read are those of before, and no other's business.
func TestSpoiledEventsAndPrices(t *testing.T) {
	t.Parallel()
	h := newHouse(t, natstest.Run(t), seatingtest.Hall(t, 2, 20, 0), nil)
	raw, err := json.Marshal(h.event)
	must(t, err)
	for i, bad := range junk(raw) {
		_, err := h.js.Publish(h.context(), wire.KVSubject(wire.EventsBucket, fmt.Sprint("bad-", len(i))), []byte(bad))
		must(t, err)
		for _, key := range []string{"other.level", "other", wire.PriceKey("demo", h.event.Spec.Levels[0].ID)} {
			_, err = h.js.Publish(h.context(), wire.KVSubject(wire.PricesBucket, key), []byte(bad))
			must(t, err)
		}
	}
	h.put(wire.PricesBucket, wire.PriceKey("demo", h.event.Spec.Levels[0].ID), wire.Price{Amounts: wire.NewAmounts(5000, 500, 100), Version: 2})
	h.worker("one", nil)
	if r := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(wire.NewFan()), Seats: []string{"A-1"}}); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	_, err = h.js.Publish(h.context(), wire.KVSubject(wire.EventsBucket, "demo"), []byte("{}"))
	must(t, err)
	if r := ask[wire.HoldReply](h, wire.ActHold, wire.HoldRequest{Hold: wire.NewHold(), Claims: fanClaims(wire.NewFan()), Seats: []string{"A-2"}}); r.Problem != nil {
		t.Fatal(r.Problem)
	}
	if _, err := h.js.Stream(h.context(), wire.KVStream(wire.SeatsBucket("bad-4"))); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Error(err)
	}
}
