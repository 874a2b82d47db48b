package pricing

import (
	"context"
	"strings"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/kv"
	"frontrow/pricing/curve"
	"frontrow/wire"
)

// copied waits until the sale log has so many records of the seats.
func (w *world) copied(n int) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.ctx())
	defer cancel()
	last := uint64(0)
	err := kv.OpenStream(w.js, wire.SaleLogStream).Watch(ctx, wire.LogSubject("demo", wire.LogSeats), kv.Watcher{Entry: func(e kv.Entry) {
		if f, err := wire.Read[wire.Flush](wire.LogKey(uint64(n)), e.Value); err == nil {
			last = f.N
		}
		if last == uint64(n) {
			cancel()
		}
	}})
	if last != uint64(n) {
		w.t.Fatalf("waiting for flush %d: %v, last %d", n, err, last)
	}
}

// What the log has of a sale is exported, and what is exported is read again.
func TestExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	must(t, streams.CreateForEvent(w.ctx(), w.js, "demo", 1))
	spec := w.moving(func(s *wire.Spec) {
		s.Venue, s.Timezone, s.StartsAt = "Hall", "Europe/Berlin", opens.Add(200*time.Hour)
		s.SaleEndsAt = opens.Add(100 * time.Hour)
	})
	w.put(wire.KVSubject(wire.EventsBucket, "demo"), wire.Event{State: wire.EventOpen, Spec: spec, Places: 12})
	w.put(wire.KVSubject(wire.StockBucket, "demo"), wire.Stock{Event: "demo", At: opens, Levels: map[string]wire.Count{"a": {Free: 8, Sold: 1, Blocked: 1}, "b": {Free: 2}}})
	flush := func(n uint64, after time.Duration, state wire.State) {
		until := opens.Add(time.Hour)
		f := wire.Flush{N: n, At: opens.Add(after), Term: 1, Writer: "w", Acts: []wire.Act{{Kind: wire.ActKindSell}}, Seats: []wire.Change{{
			IDs: []string{"1"}, Was: []uint64{0}, Quotes: []wire.SeatQuote{{ID: "1", Level: "a", Price: wire.NewAmounts(12_000, 0, 0)}}, Seat: wire.Seat{State: state, Hold: "h", Fan: "f", Until: &until}}}}
		w.put(wire.KVSubject(wire.SeatsBucket("demo"), wire.LogKey(n)), &f)
	}
	flush(1, 90*time.Second, wire.Held)
	flush(2, 3*time.Minute, wire.Sold)
	stock := &wire.Signals{Stock: map[string]wire.StockSignal{"a": {Places: 10, Sold: 9}}, Queue: &wire.QueueSignal{Waiting: 7}}
	for i, at := range []time.Time{opens.Add(-time.Hour), opens.Add(4 * time.Minute)} {
		_, err := w.book().act(w.ctx(), wire.PriceAct{Kind: wire.PriceActRules, At: at, Rules: spec.PriceRules(), Signals: stock})
		if must(t, err); i == 0 {
			stock.Queue.Waiting = 9
		}
	}
	w.copied(2)
	sale, err := Export(w.ctx(), w.js, "demo", 0, opens.Add(5*time.Minute))
	must(t, err)
	if sale.Venue != "Hall" || sale.StartsAt.Hour() != 18 || sale.Places != 12 || sale.Every != time.Minute || sale.Samples() != 6 || sale.Levels[1] != "b" {
		t.Errorf("%+v", sale.Head)
	}
	for i, want := range []curve.Row{
		{Places: 9, Price: 12_000, Waiting: 7}, {Places: 9, Price: 12_000, Waiting: 7}, {Places: 9, Held: 1, Price: 12_000, Waiting: 7},
		{Places: 9, Sold: 1, Price: 12_000, Waiting: 7, Revenue: 12_000}, {Places: 9, Sold: 1, Price: 12_500, Waiting: 9, Revenue: 12_000}, {Places: 9, Sold: 1, Price: 12_500, Waiting: 9, Revenue: 12_000},
	} {
		if got := *sale.At(i, 0); got != want {
			t.Errorf("sample %d: %+v, want %+v", i, got, want)
		}
	}
	var text strings.Builder
	must(t, curve.Write(&text, sale))
	if _, err := curve.Read("demo.csv", strings.NewReader(text.String())); err != nil {
		t.Error(err)
	}
	if _, err := Export(w.ctx(), w.js, "demo", 0, opens.Add(-time.Minute)); err == nil || !strings.Contains(err.Error(), "it has not opened") {
		t.Error(err)
	}
	if _, err := Export(w.ctx(), w.js, "demo", time.Second, opens.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "take one every 1m0s") {
		t.Error(err)
	}
	if _, err := Export(w.ctx(), w.js, "none", 0, opens); err == nil {
		t.Error("of no event")
	}
}
