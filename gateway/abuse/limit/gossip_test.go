package limit

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ulule/limiter/v3"
	"pgregory.net/rapid"
)

// wireless is gateways that talk over a bad wire.
type wireless struct {
	stores  []*Store
	gossips []*Gossip
	flying  [][]byte
}

func newWireless(n int, clk *clock) *wireless {
	w := &wireless{}
	for i := range n {
		s := NewStore(0, clk.now)
		w.stores = append(w.stores, s)
		w.gossips = append(w.gossips, NewGossip(s, GossipConfig{Name: fmt.Sprint("g", i), Now: clk.now}))
	}
	return w
}

func (w *wireless) tell(i int) {
	if counts := w.stores[i].changes(maxCounts * maxMessages); len(counts) > 0 {
		raw, _ := json.Marshal(Message{From: fmt.Sprint("g", i), Counts: counts})
		w.flying = append(w.flying, raw)
	}
}

func (w *wireless) hear(t interface{ Fatal(...any) }, raw []byte) {
	for _, g := range w.gossips {
		if err := g.hear(raw); err != nil {
			t.Fatal(err)
		}
	}
}

// Loss, duplicates, late and swapped messages never make anybody count more
// than was done; and once all was told, all agree.
func TestGossipOverABadWire(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		clk := newClock()
		n := rapid.IntRange(2, 4).Draw(t, "gateways")
		w := newWireless(n, clk)
		r := limiter.Rate{Period: time.Minute, Limit: 64}
		keys := []string{"a", "b"}
		done := map[string]map[int64]int64{"a": {}, "b": {}} // by window
		window := func() int64 { return clk.now().Unix() / 60 }
		check := func() {
			for i, s := range w.stores {
				for _, k := range keys {
					sh := s.shard([]byte(k))
					e := sh.younger[k]
					if e == nil {
						continue
					}
					for back, c := range e.counts {
						if truth := done[k][e.window-int64(back)]; c.all() > truth {
							t.Fatalf("g%d counts %d of %s, there were %d", i, c.all(), k, truth)
						}
					}
				}
			}
		}
		var old [][]byte
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			g := rapid.IntRange(0, n-1).Draw(t, "gateway")
			switch rapid.SampledFrom([]string{"take", "take", "take", "tell", "deliver", "lose", "again", "wait"}).Draw(t, "step") {
			case "take":
				k := rapid.SampledFrom(keys).Draw(t, "key")
				done[k][window()] += int64(w.stores[g].take(k, r, rapid.IntRange(1, 20).Draw(t, "n")))
			case "tell":
				w.tell(g)
			case "deliver", "lose":
				if len(w.flying) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(w.flying)-1).Draw(t, "which")
				m := w.flying[i]
				w.flying = append(w.flying[:i], w.flying[i+1:]...)
				if old = append(old, m); rapid.Bool().Draw(t, "arrives") {
					w.hear(t, m)
				}
			case "again":
				if len(old) > 0 {
					w.hear(t, old[rapid.IntRange(0, len(old)-1).Draw(t, "which")])
				}
			case "wait":
				clk.move(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			}
			check()
		}
		// The wire heals: what grows is told in full, whatever was lost.
		clk.move(3 * time.Minute)
		for i := range w.stores {
			done["a"][window()] += int64(w.stores[i].take("a", r, 10))
		}
		for range 2 {
			for i := range w.stores {
				w.tell(i)
			}
			for _, m := range w.flying {
				w.hear(t, m)
			}
			w.flying = nil
		}
		check()
		for i, s := range w.stores {
			if c, _ := s.Peek(context.Background(), "a", r); r.Limit-c.Remaining != done["a"][window()] {
				t.Fatalf("g%d counts %d in the end, there were %d", i, r.Limit-c.Remaining, done["a"][window()])
			}
		}
	})
}

// Together they let through the limit, an eighth for each but one, and what
// was let through while a message was under way.
func TestBoundOfOverAdmission(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 5; n++ {
		clk := newClock()
		w := newWireless(n, clk)
		r := rate(t, "800-M")
		total := 0
		for range 1000 { // a millisecond each, an attempt at a gateway drawn by lot each
			for range 4 {
				total += w.stores[rand.IntN(n)].take("k", r, 1)
			}
			for i, s := range w.stores {
				select {
				case <-s.early:
					w.tell(i)
				default:
				}
			}
			for _, m := range w.flying {
				w.hear(t, m)
			}
			w.flying = nil
			clk.move(time.Millisecond)
		}
		most := 800 + (n-1)*(800/8+4) + 800/60 // what a second refills
		if total > most || total < 800 {
			t.Errorf("%d gateways let %d through, between 800 and %d are allowed", n, total, most)
		}
	}
}

func TestBadGossip(t *testing.T) {
	t.Parallel()
	clk := newClock()
	w := newWireless(1, clk)
	long := string(make([]byte, maxKey+1))
	window := clk.now().Unix() / 60
	ok := Count{"k", 60, window, 5}
	many := make([]Count, maxCounts+1)
	for i := range many {
		many[i] = ok
	}
	for name, m := range map[string]any{
		"no sender": Message{"", []Count{ok}}, "long sender": Message{long, []Count{ok}}, "too many": Message{"x", many},
		"no key": Message{"x", []Count{{"", 60, window, 5}}}, "long key": Message{"x", []Count{{long, 60, window, 5}}},
		"negative": Message{"x", []Count{{"k", 60, window, -5}}}, "no period": Message{"x", []Count{{"k", 0, window, 5}}},
		"long period": Message{"x", []Count{{"k", 1 << 40, window, 5}}}, "text": "hello", "number": 5,
	} {
		raw, _ := json.Marshal(m)
		if w.gossips[0].hear(raw) == nil {
			t.Errorf("%s was taken", name)
		}
	}
	for _, c := range []Count{{"k", 60, window + 1, 5}, {"k", 60, window - 2, 5}, {"k", 60, -1, 5}} {
		raw, _ := json.Marshal(Message{"x", []Count{c}})
		w.hear(t, raw)
	}
	own, _ := json.Marshal(Message{"g0", []Count{ok}})
	w.hear(t, own)
	if n := w.stores[0].Keys(); n != 0 {
		t.Errorf("%d keys of windows that are not ours, or told by ourselves", n)
	}
	// More gateways than are counted with: the silent ones make room.
	for i := range 10 * maxGateways {
		clk.move(time.Millisecond)
		raw, _ := json.Marshal(Message{fmt.Sprint("x", i), []Count{ok}})
		w.hear(t, raw)
	}
	if e := w.stores[0].shard([]byte("k")).younger["k"]; len(e.counts[0].others) > maxGateways || len(w.gossips[0].peers) > maxGateways {
		t.Errorf("%d counts, %d peers", len(e.counts[0].others), len(w.gossips[0].peers))
	}
}

// Counts beyond all sense add up to a refusal, not to a sum that overflows.
func TestHugeCountsRefuse(t *testing.T) {
	t.Parallel()
	clk := newClock()
	w := newWireless(1, clk)
	r := limiter.Rate{Period: maxPeriod, Limit: maxActs}
	now := clk.now().UnixNano() / int64(r.Period)
	for gateway := range maxGateways {
		for _, window := range []int64{now - 1, now} {
			raw, _ := json.Marshal(Message{fmt.Sprint("far", gateway), []Count{{"k", int64(r.Period / time.Second), window, math.MaxInt64}}})
			w.hear(t, raw)
		}
	}
	if c, _ := w.stores[0].Get(t.Context(), "k", r); !c.Reached || c.Remaining != 0 || c.Reset < clk.now().Unix() {
		t.Errorf("%+v", c)
	}
}
