package pricing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/records"
	"frontrow/internal/streams"
	"frontrow/kv"
	"frontrow/pricing/rules"
	"frontrow/wire"

	"github.com/prometheus/client_golang/prometheus"
)

var opens = time.Date(2040, 5, 1, 8, 0, 0, 0, time.UTC)

// clock is a world's time, which stands until it is moved.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time      { return time.Unix(0, c.at.Load()) }
func (c *clock) set(t time.Time)     { c.at.Store(t.UnixNano()) }
func (c *clock) add(d time.Duration) { c.at.Add(int64(d)) }

// moving puts an event up whose one level's price follows demand.
func (w *world) moving(change func(*wire.Spec)) wire.Spec {
	w.t.Helper()
	s := wire.Spec{ID: "demo", Name: "Demo", Currency: "EUR", OpensAt: opens, SaleEndsAt: opens.Add(100 * time.Hour),
		Levels:  []wire.Level{{ID: "a", Name: "Stalls", Base: 11_000, ServiceFee: 1_000}, {ID: "b", Name: "Circle", Base: 5_000}},
		Pricing: wire.PricingSpec{Mode: wire.PricingDemand, Spread: true, Rails: []wire.Rails{{Level: "a", Floor: 10_000, Ceiling: 18_000, Step: 500}}}}
	if change != nil {
		change(&s)
	}
	if err := s.WithDefaults().Validate(nil); err != nil {
		w.t.Fatal(err)
	}
	w.put(wire.KVSubject(wire.EventsBucket, "demo"), wire.Event{State: wire.EventOpen, Spec: s})
	return s.WithDefaults()
}

func (w *world) put(subject string, v any) {
	w.t.Helper()
	raw, err := json.Marshal(v)
	must(w.t, err)
	_, err = kv.Publish(w.ctx(), w.js.Conn(), []kv.Msg{{Subject: subject, Data: raw}})
	must(w.t, err)
}

// sold says in STOCK how much of level a is.
func (w *world) sold(n int) {
	w.t.Helper()
	w.put(wire.KVSubject(wire.StockBucket, "demo"), wire.Stock{Event: "demo", At: w.clock.now(), Levels: map[string]wire.Count{"a": {Free: 1000 - n, Sold: n}, "b": {Free: 9}}})
}

// replay computes all prices again.
func (w *world) replay() Replay {
	w.t.Helper()
	r, err := Recompute(w.ctx(), w.js, "demo")
	must(w.t, err)
	return r
}

// right fails if a replay finds anything, or another number of changes.
func (w *world) right(changes int64) {
	w.t.Helper()
	if r := w.replay(); len(r.Wrong) > 0 || r.Changes != changes {
		w.t.Errorf("replayed: %+v, want %d changes", r, changes)
	}
}

// act sends an operator's act; it returns what is answered, and the code of a refusal.
func (w *world) act(name, payload string) (Status, string) {
	w.t.Helper()
	var s Status
	m, err := w.js.Conn().Request(wire.OperatorSubject(wire.Pricing, name, "demo"), []byte(payload), limit)
	must(w.t, err)
	must(w.t, json.Unmarshal(m.Data, &s))
	return s, m.Header.Get("Nats-Service-Error-Code")
}

// Prices follow the sale inside of their rails, across pricers that die, and the log tells
// every one of them again.
func TestDemandMovesPricesAcrossTakeOvers(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		w.clock.set(opens.Add(50 * time.Hour)) // half of the sale
		w.moving(nil)
		w.sold(500) // as planned
		crash := w.start("one")
		w.price(1)
		w.sold(900)
		p := w.price(2)
		if p.Total != 12_500 || p.ServiceFee != 1_000 || !strings.HasSuffix(p.Why, "limited to the step of EUR 5.00; not counted: queue, sales") || p.Parts == nil {
			t.Errorf("%+v", p)
		}
		w.start("two")
		crash()
		w.clock.add(2 * time.Minute)
		w.sold(900) // counted anew, by the new clock
		if p = w.price(3); p.Total != 13_000 {
			t.Errorf("%+v", p)
		}
		w.right(4) // both levels' first prices too

		if _, code := w.act("freeze", `{"why":"a rumour","by":"ann"}`); code != "" {
			t.Error(code)
		}
		w.clock.add(time.Hour)
		w.sold(950)
		s, code := w.act("set", `{"level":"a","total":13100,"why":"a promise","by":"ann"}`)
		if a := s.Levels["a"]; code != "" || !a.Frozen || a.Now.Total != 13_100 || a.Now.Version != 4 || a.Now.Why != "set by an operator" || s.Mode != wire.PricingDemand || s.Act != 5 {
			t.Errorf("%s %+v", code, s)
		}
		for payload, want := range map[string]wire.Code{
			`{"level":"a","total":20000,"why":"greed","by":"ann"}`: wire.CodeInvalid,
			`{"level":"b","total":6000,"why":"greed","by":"ann"}`:  wire.CodeInvalid,
			`{"level":"a","total":13200,"by":"ann"}`:               wire.CodeInvalid,
			`{"level":"a","why":"x","by":"ann"}`:                   wire.CodeInvalid,
			`{"total":13200,"why":"x","by":"ann"}`:                 wire.CodeInvalid,
			`{"levle":"a"}`:                                        wire.CodeBadRequest,
		} {
			if _, code := w.act("set", payload); code != string(want) {
				t.Errorf("set %s: %q", payload, code)
			}
		}
		w.clock.add(time.Hour)
		w.sold(950)
		if _, code := w.act("resume", `{"level":"a","why":"it is quiet","by":"ann"}`); code != "" {
			t.Error(code)
		}
		w.price(5)
		w.right(6)
	})
}

// What the rules propose waits for those who approve it, whichever pricer they ask.
func TestProposalsAreApproved(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		w.clock.set(opens.Add(50 * time.Hour))
		w.moving(func(s *wire.Spec) { s.Pricing.Mode, s.Pricing.Approvals = wire.PricingPropose, 2 })
		w.start("one")
		w.price(1)
		w.sold(900)
		b := w.book()
		var proposed wire.PriceAct
		ctx, cancel := context.WithCancel(w.ctx())
		_ = b.acts.Watch(ctx, wire.LogSubject("demo", wire.LogPrices), kv.Watcher{Entry: func(e kv.Entry) {
			must(t, json.Unmarshal(e.Value, &proposed))
			if proposed.Proposal != nil {
				cancel()
			}
		}})
		if p := proposed.Proposal; p == nil || p.Act != proposed.N || p.Levels["a"].Total != 12_500 || proposed.Levels["a"].Total != 12_000 {
			t.Fatalf("%+v", proposed)
		}
		approve := func(by string) string {
			_, code := w.act("approve", fmt.Sprintf(`{"on":%d,"why":"it sells","by":%q}`, proposed.N, by))
			return code
		}
		if code := approve("ann"); code != "" {
			t.Error(code)
		}
		if code := approve("ann"); code != string(wire.CodeInvalid) {
			t.Errorf("twice: %q", code)
		}
		if code := approve("bob"); code != "" {
			t.Error(code)
		}
		if p := w.price(2); p.Total != 12_500 || !strings.HasPrefix(p.Why, "approved: ") {
			t.Errorf("%+v", p)
		}
		if _, code := w.act("reject", fmt.Sprintf(`{"on":%d,"why":"too late","by":"cy"}`, proposed.N)); code != string(wire.CodeInvalid) {
			t.Errorf("what is approved is rejected: %q", code)
		}
		if _, code := w.act("propose", `{"level":"a","total":12600,"why":"a hunch","by":"ann"}`); code != string(wire.CodeInvalid) {
			t.Errorf("within the cool-down: %q", code)
		}
		w.right(3)
	})
}

// A pricer that dies between the act and its prices leaves work that the next one does.
func TestActsAreFinishedByTheNext(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		w.clock.set(opens.Add(50 * time.Hour))
		r := w.moving(nil).PriceRules()
		b := w.book()
		_, err := b.act(w.ctx(), wire.PriceAct{Kind: wire.PriceActRules, At: w.clock.now().UTC(), Rules: r})
		must(t, err)
		stock := &wire.Signals{Stock: map[string]wire.StockSignal{"a": {Places: 10, Sold: 9}}}
		_, err = b.append(w.ctx(), wire.PriceAct{Kind: wire.PriceActRules, At: w.clock.now().Add(time.Second).UTC(), Rules: r, Signals: stock}, false)
		must(t, err)
		if got := w.replay().Wrong; len(got) != 1 || !strings.HasPrefix(got[0], "PRICES demo.a: ") {
			t.Errorf("prices behind the log: %v", got)
		}
		w.start("next")
		if p := w.price(2); p.Total != 12_500 {
			t.Errorf("%+v", p)
		}
		w.right(3)
	})
}

// However many write at once, no version is made twice and no act is lost.
func TestManyPricersMakeEachVersionOnce(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		r := w.moving(func(s *wire.Spec) { s.Pricing.Rails[0].Step = 100 }).PriceRules()
		w.clock.set(opens.Add(50 * time.Hour))
		var all sync.WaitGroup
		acts := map[int64]int{}
		var mu sync.Mutex
		for i := range 4 {
			b := w.book()
			all.Go(func() {
				for k := range 8 {
					signals := &wire.Signals{Stock: map[string]wire.StockSignal{"a": {Places: 100, Sold: int64(60 + (i+k)%2*30)}}}
					act, err := b.act(w.ctx(), wire.PriceAct{Kind: wire.PriceActRules, At: w.clock.now().Add(time.Duration(k) * 2 * time.Minute).UTC(), Rules: r, Signals: signals})
					if err == nil {
						mu.Lock()
						acts[act.N]++
						mu.Unlock()
					} else if !errors.Is(err, rules.ErrNothing) && !errors.Is(err, kv.ErrConflict) {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		for n, times := range acts {
			if times > 1 {
				t.Errorf("act %d was made %d times", n, times)
			}
		}
		must(t, w.book().publish(w.ctx()))
		if r := w.replay(); len(r.Wrong) > 0 || int(r.Acts) < len(acts) || r.Changes < 4 {
			t.Errorf("%d acts seen, %+v", len(acts), r)
		}
	})
}

// Prices of a version without the log are taken over, and so are those that a log restored
// from a backup has lost; what anybody writes into PRICES is put right.
func TestPricesAreAdoptedAndRepaired(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		w.put(wire.KVSubject(wire.PricesBucket, "demo.a"), wire.Price{Amounts: wire.NewAmounts(1000, 50, 7), Version: 6, Why: "before"})
		w.apply(1000)
		crash := w.start("one")
		w.apply(1200)
		if p := w.price(7); p.Base != 1200 {
			t.Errorf("%+v", p)
		}
		w.right(1)
		crash()
		w.put(wire.KVSubject(wire.PricesBucket, "demo.a"), wire.Price{Amounts: wire.NewAmounts(1, 0, 0), Version: 7, Why: "by hand"})
		if got := w.replay().Wrong; len(got) != 1 {
			t.Errorf("by hand: %v", got)
		}
		w.start("two")
		w.apply(1300)
		w.price(8)
		w.right(2)

		b, late := w.book(), wire.Price{Amounts: wire.NewAmounts(1300, 50, 7), Version: 20, Why: "lost"}
		w.put(wire.KVSubject(wire.PricesBucket, "demo.a"), late)
		if err := b.publish(w.ctx()); !errors.Is(err, errBehind) {
			t.Fatal(err)
		}
		must(t, b.catchUp(w.ctx(), wire.PriceAct{At: time.Now().UTC(), Rules: wire.PriceRules{Levels: []wire.PriceLevel{{ID: "a"}}}}))
		if last, _, err := b.last(w.ctx()); err != nil || !reflect.DeepEqual(last.Levels["a"].Price, late) {
			t.Errorf("%+v, %v", last, err)
		}
		if got := w.replay().Wrong; len(got) != 1 || !strings.Contains(got[0], "it had lost some acts") {
			t.Errorf("adopted: %v", got)
		}
	})
}

func (w *world) book() *book {
	log := slog.New(slog.DiscardHandler)
	return &book{event: "demo", pricer: "test", acts: kv.OpenStream(w.js, wire.SaleLogStream), prices: kv.Open(w.js, wire.PricesBucket),
		spoiled: records.NewSpoiled(log, nil), logger: log, changed: func(int) {}}
}

// Whether a purchase is seen: the log of the seats is followed, from its start.
func TestTheLogOfSeatsIsFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	must(t, streams.CreateForEvent(w.ctx(), w.js, "demo", 1))
	w.clock.set(opens.Add(50 * time.Hour))
	w.moving(nil)
	flush := func(n uint64) {
		f := wire.Flush{N: n, At: w.clock.now().Add(-time.Duration(n) * 5 * time.Minute).UTC(), Term: 1, Writer: "w", Acts: []wire.Act{{Kind: wire.ActKindSell}}, Seats: []wire.Change{{
			IDs: []string{fmt.Sprint(n)}, Was: []uint64{0}, Quotes: []wire.SeatQuote{{ID: fmt.Sprint(n), Level: "a"}}, Seat: wire.Seat{State: wire.Sold, Hold: "h", Fan: "f"}}}}
		w.put(wire.KVSubject(wire.SeatsBucket("demo"), wire.LogKey(n)), &f)
	}
	flush(1)
	flush(2)
	flush(3)
	w.put(wire.KVSubject(wire.StockBucket, "demo"), wire.Stock{Event: "demo", Flush: 3, At: w.clock.now(), Levels: map[string]wire.Count{"a": {Free: 1, Sold: 9}}})
	w.start("one")
	if p := w.price(2); p.Parts == nil || p.Parts.Sales == 0 { // counters of flush 3 count only beside a log that has it
		t.Errorf("%+v", p)
	}
	w.right(3)
}

// A price that isn't there yet is no spoiled record.
func TestFirstPricesAreNoJunk(t *testing.T) {
	t.Parallel()
	w, reg := newWorld(t, natstest.Run(t)), prometheus.NewRegistry()
	b := w.book()
	b.spoiled = records.NewSpoiled(slog.New(slog.DiscardHandler), reg)
	_, err := b.act(w.ctx(), wire.PriceAct{Kind: wire.PriceActRules, At: w.clock.now().UTC(), Rules: w.moving(nil).PriceRules()})
	must(t, err)
	all, err := reg.Gather()
	must(t, err)
	for _, family := range all {
		t.Errorf("%v", family)
	}
	w.right(2)
}

// Junk in the log ends nothing: the next act goes on from the last that can be read, and the
// replay names the junk.
func TestJunkInTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	r, b := w.moving(nil).PriceRules(), w.book()
	act := func(kind string) (wire.PriceAct, error) {
		return b.act(w.ctx(), wire.PriceAct{Kind: kind, At: opens.Add(50 * time.Hour), By: "ann", Rules: r})
	}
	_, err := act(wire.PriceActRules)
	must(t, err)
	w.put(wire.LogSubject("demo", wire.LogPrices), "junk")
	if a, err := act(wire.PriceActFreeze); err != nil || a.N != 2 || !a.Levels["a"].Frozen {
		t.Errorf("%+v, %v", a, err)
	}
	if got := w.replay().Wrong; len(got) != 1 || !strings.HasPrefix(got[0], "behind act 1: record is spoiled") {
		t.Errorf("%v", got)
	}
	w.put(wire.LogSubject("demo", wire.LogPrices), map[string]any{"v": wire.RecordVersion + 1})
	if _, err := act(wire.PriceActResume); wire.SpoiledKind(err) != wire.SpoiledNewer {
		t.Errorf("behind an act of a later version: %v", err)
	}
}
