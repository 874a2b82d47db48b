package rules

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"frontrow/wire"

	"pgregory.net/rapid"
)

var (
	opens = time.Date(2040, 5, 1, 8, 0, 0, 0, time.UTC)
	ends  = opens.Add(100 * time.Hour)
)

// drawn returns rules that an event file may say, in mode demand.
func drawn(t *rapid.T) wire.Spec {
	s := wire.Spec{ID: "demo", Name: "Demo", Currency: rapid.SampledFrom([]string{"EUR", "JPY", "KWD"}).Draw(t, "currency"), OpensAt: opens, SaleEndsAt: ends}
	s.Pricing = wire.PricingSpec{Mode: wire.PricingDemand, Every: wire.Duration(rapid.IntRange(1, 5).Draw(t, "every")) * wire.Duration(time.Minute),
		QuietBefore: wire.Duration(rapid.IntRange(0, 2).Draw(t, "quiet before")) * wire.Duration(time.Hour),
		QuietAfter:  wire.Duration(rapid.IntRange(0, 2).Draw(t, "quiet after")) * wire.Duration(time.Hour), Spread: rapid.Bool().Draw(t, "spread")}
	if rapid.Bool().Draw(t, "curve") {
		s.Pricing.Curve = []wire.CurvePoint{{At: opens.Add(time.Hour), Sold: 40}, {At: opens.Add(50 * time.Hour), Sold: 90}}
	}
	if rapid.Bool().Draw(t, "comparable") {
		s.Venue, s.StartsAt = "Hall", ends
		s.Pricing.Comparable = wire.Comparable{Sales: []wire.PastSale{{Event: "past", Venue: "Hall", StartsAt: ends.AddDate(0, 0, -7*rapid.IntRange(1, 300).Draw(t, "weeks")), Places: 100}},
			Curve: []wire.SharePoint{{After: wire.Duration(time.Hour), BasisPoints: rapid.IntRange(0, 9000).Draw(t, "past")}, {After: wire.Duration(30 * time.Hour), BasisPoints: 9000}}}
	}
	if rapid.Bool().Draw(t, "weighted") {
		w := rapid.IntRange(0, 400)
		s.Pricing.Weights = wire.PricingWeights{Sales: w.Draw(t, "sales"), Pace: w.Draw(t, "pace"), Queue: w.Draw(t, "queue"), Lapsed: w.Draw(t, "lapsed"), Comparable: w.Draw(t, "like"), Supply: w.Draw(t, "supply"), Time: 1}
	}
	if rapid.Bool().Draw(t, "taxed") {
		s.Tax = wire.TaxSpec{Mode: rapid.SampledFrom([]string{wire.TaxInclusive, wire.TaxExclusive}).Draw(t, "mode"),
			Rates: []wire.TaxRate{{Name: "VAT", Percent: wire.Percent(rapid.Int64Range(1, 25_000).Draw(t, "tax"))}}}
	}
	round, unit := "", int64(1)
	if rapid.Bool().Draw(t, "rounded") {
		round = rapid.SampledFrom([]string{wire.RoundWhole, wire.RoundHalf, wire.RoundNinety}).Draw(t, "round")
		var ok bool
		if unit, _, ok = wire.Grid(round, s.Currency); !ok {
			round, unit = "", 1
		}
	}
	top, topFloor, topCeiling := int64(3_000_000), int64(math.MaxInt64), int64(math.MaxInt64)
	for _, id := range []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "levels")] {
		l := wire.Level{ID: id, Base: rapid.Int64Range(1, top).Draw(t, "base"), ServiceFee: 7}
		top = l.Base
		s.Levels = append(s.Levels, l)
		r := wire.Rails{Level: id, Round: round, Direction: rapid.SampledFrom([]string{"up", "down", "both"}).Draw(t, "direction"),
			Step: unit * rapid.Int64Range(1, 50).Draw(t, "step"), Freeze: rapid.IntRange(0, 9).Draw(t, "freeze") == 0,
			CoolDown: wire.Duration(rapid.IntRange(5, 30).Draw(t, "cool down")) * wire.Duration(time.Minute)}
		open := s.Opening(l)
		total := open.Total
		r.Floor, r.Ceiling = total, total
		if r.Direction != wire.PriceUp {
			r.Floor = rapid.Int64Range(open.ServiceFee, total-1).Draw(t, "floor")
		}
		if r.Direction != wire.PriceDown {
			r.Ceiling = total + rapid.Int64Range(1, 1_000_000).Draw(t, "ceiling")
		}
		if s.Pricing.Spread {
			r.Floor, r.Ceiling = min(r.Floor, topFloor), max(total, min(r.Ceiling, topCeiling))
			if r.Direction == wire.PriceUp && r.Floor < total || r.Floor == r.Ceiling {
				r.Direction = wire.PriceBoth
				if r.Floor == r.Ceiling {
					r.Floor--
				}
			}
			if r.Direction == wire.PriceUp && r.Ceiling == total {
				r.Direction, r.Floor = wire.PriceDown, min(topFloor, total-1)
			}
			topFloor, topCeiling = r.Floor, r.Ceiling
		}
		s.Pricing.Rails = append(s.Pricing.Rails, r)
	}
	s = s.WithDefaults()
	if err := s.Validate(nil); err != nil {
		t.Skip(err.Error())
	}
	return s
}

func drawnSignals(t *rapid.T, s wire.Spec) wire.Signals {
	amount := rapid.OneOf(rapid.Int64Range(0, 2000), rapid.Int64Range(-5, 5), rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64, 1 << 62}))
	var g wire.Signals
	if rapid.Bool().Draw(t, "stock known") {
		g.Stock = map[string]wire.StockSignal{}
		for _, l := range s.Levels {
			g.Stock[l.ID] = wire.StockSignal{Places: amount.Draw(t, "places"), Sold: amount.Draw(t, "sold")}
		}
	}
	if rapid.Bool().Draw(t, "sales known") {
		g.Sales = map[string]wire.SalesSignal{}
		for _, l := range s.Levels {
			g.Sales[l.ID] = wire.SalesSignal{Window: wire.Duration(10 * time.Minute), Bought: amount.Draw(t, "bought"), Lapsed: amount.Draw(t, "lapsed")}
		}
	}
	if rapid.Bool().Draw(t, "queue known") {
		g.Queue = &wire.QueueSignal{Waiting: amount.Draw(t, "waiting"), Called: amount.Draw(t, "called"), Bought: amount.Draw(t, "by those"), Unsold: amount.Draw(t, "unsold")}
	}
	return g
}

// opening returns the first prices of an event.
func opening(s wire.Spec) State {
	state, _ := Decide(s.PriceRules(), nil, wire.Signals{}, opens.Add(-24*time.Hour))
	return state
}

// Whatever is seen and however the clock jumps, prices keep what was published.
func TestPricesKeepToTheirRails(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t)
		r, state, now := s.PriceRules(), opening(s), opens.Add(-3*time.Hour)
		for range rapid.IntRange(1, 40).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.OneOf(rapid.Int64Range(0, 60), rapid.Int64Range(-30, 600)).Draw(t, "minutes")) * time.Minute)
			g := drawnSignals(t, s)
			next, changed := Decide(r, state, g, now)
			again, _ := Decide(r, state, g, now)
			if !reflect.DeepEqual(next, again) {
				t.Fatal("another answer to the same question")
			}
			kept(t, s, state, next, changed, g, now)
			state = next
		}
	})
}

// kept checks one decision against what the event publishes.
func kept(t *rapid.T, s wire.Spec, was, is State, changed bool, g wire.Signals, now time.Time) {
	for i, l := range s.Levels {
		r, _ := s.Pricing.RailsOf(l.ID)
		a, b := was[l.ID], is[l.ID]
		open := s.Opening(l)
		if b.Total < r.Floor || b.Total > r.Ceiling || !b.Sound() || b.ServiceFee != open.ServiceFee || b.FacilityFee != 0 {
			t.Fatalf("%s: %+v outside of %+v", l.ID, b.Amounts, r)
		}
		if rate, all := int64(open.Rate), int64(100_000+open.Rate); 2*max(b.Tax*all-b.Total*rate, b.Total*rate-b.Tax*all) > all {
			t.Fatalf("%s: %+v at a rate of %v", l.ID, b.Amounts, open.Rate)
		}
		if i > 0 && !s.Pricing.Apart(is[s.Levels[i-1].ID].Total, b.Total) {
			t.Fatalf("%s at %d beside the level before it at %d", l.ID, b.Total, is[s.Levels[i-1].ID].Total)
		}
		if a.Total == b.Total {
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("%+v became %+v", a, b)
			}
			continue
		}
		by := b.Total - a.Total
		unit, offset, _ := wire.Grid(r.Round, s.Currency)
		switch {
		case !changed || b.Version != a.Version+1 || !b.At.Equal(now) || b.Why == "" || b.Parts == nil:
			t.Fatalf("%+v became %+v", a, b)
		case max(by, -by) > r.Step, by > 0 && r.Direction == "down", by < 0 && r.Direction == "up", r.Freeze:
			t.Fatalf("%s moved by %d: %+v", l.ID, by, r)
		case a.Version > 1 && now.Before(a.At.Add(time.Duration(r.CoolDown))):
			t.Fatalf("%s moved at %v and %v", l.ID, a.At, now)
		case now.Before(opens), now.Before(opens.Add(time.Duration(s.Pricing.QuietAfter))), blind(g):
			t.Fatalf("%s moved at %v, seeing %+v", l.ID, now, g)
		case ((b.Total-offset)%unit+unit)%unit != 0 && !strings.Contains(b.Why, "kept at"):
			t.Fatalf("%s ends at %d: %s", l.ID, b.Total, b.Why)
		}
		for _, o := range was {
			if o.Version > 1 && now.Before(o.At.Add(time.Duration(s.Pricing.Every))) {
				t.Fatalf("moved at %v, and again at %v", o.At, now)
			}
		}
	}
}

// What speaks for a higher price lowers none, and the other way round.
func TestPricesAreMonotone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t)
		r, state := s.PriceRules(), opening(s)
		now := opens.Add(time.Duration(rapid.IntRange(2, 99).Draw(t, "hours")) * time.Hour)
		for range rapid.IntRange(0, 5).Draw(t, "before") {
			state, _ = Decide(r, state, drawnSignals(t, s), now)
			now = now.Add(time.Hour)
		}
		less, up := drawnSignals(t, s), rapid.Int64Range(0, 500)
		more := wire.Signals{Stock: map[string]wire.StockSignal{}, Sales: map[string]wire.SalesSignal{}}
		add := func(a, b int64) int64 {
			if a > math.MaxInt64-b {
				return a
			}
			return a + b
		}
		for id, x := range less.Stock {
			x.Sold = add(x.Sold, up.Draw(t, "sold"))
			more.Stock[id] = x
		}
		for id, x := range less.Sales {
			x.Bought = add(x.Bought, up.Draw(t, "bought"))
			x.Lapsed = max(x.Lapsed, 0) - min(max(x.Lapsed, 0), up.Draw(t, "lapsed"))
			more.Sales[id] = x
		}
		if q := less.Queue; q != nil {
			more.Queue = &wire.QueueSignal{Waiting: add(q.Waiting, up.Draw(t, "waiting")), Called: q.Called, Bought: add(q.Bought, up.Draw(t, "bought")), Unsold: max(q.Unsold, math.MinInt64+500) - up.Draw(t, "unsold")}
		}
		if less.Stock == nil {
			more.Stock = nil
		}
		if less.Sales == nil {
			more.Sales = nil
		}
		low, _ := Decide(r, state, less, now)
		high, _ := Decide(r, state, more, now)
		for id := range low {
			if high[id].Total < low[id].Total {
				t.Fatalf("%s: %d seeing %+v, but %d seeing %+v", id, low[id].Total, less, high[id].Total, more)
			}
		}
	})
}

// demo is an event with one level that moves.
func demo(change func(*wire.Spec)) wire.Spec {
	s := wire.Spec{ID: "demo", Name: "Demo", Currency: "EUR", OpensAt: opens, SaleEndsAt: ends, Levels: []wire.Level{{ID: "a", Base: 11_000, ServiceFee: 1_000}},
		Pricing: wire.PricingSpec{Mode: wire.PricingDemand, Rails: []wire.Rails{{Level: "a", Floor: 10_000, Ceiling: 18_000, Step: 500}}}}
	if change != nil {
		change(&s)
	}
	return s.WithDefaults()
}

// A change says what it is made of.
func TestReasons(t *testing.T) {
	t.Parallel()
	now := opens.Add(50 * time.Hour)
	ahead := map[string]wire.StockSignal{"a": {Places: 1000, Sold: 600}}
	for name, c := range map[string]struct {
		change  func(*wire.Spec)
		signals wire.Signals
		total   int64
		why     string
	}{
		"limited": {nil, wire.Signals{Stock: ahead}, 12_500, "+4.16 % against the opening: sales +10 %; limited to the step of EUR 5.00"},
		"step of one percent": {func(s *wire.Spec) { s.Pricing.Rails[0].Step = 120 }, wire.Signals{Queue: &wire.QueueSignal{Waiting: 900, Called: 100, Bought: 200, Unsold: 100}, Missing: map[string]string{"stock": "none"}},
			12_120, "+1 % against the opening: queue +1 %; not counted: stock"},
		"free again": {nil, wire.Signals{Sales: map[string]wire.SalesSignal{"a": {Bought: 10, Lapsed: 10}}}, 11_700, "−2.5 % against the opening: lapsed −2.5 %"},
		"ceiling":    {func(s *wire.Spec) { s.Pricing.Rails[0].Ceiling = 12_100 }, wire.Signals{Stock: ahead}, 12_100, "+0.83 % against the opening: sales +10 %; limited to the ceiling"},
		"ends in 99": {func(s *wire.Spec) { s.Pricing.Rails[0].Round = wire.RoundNinety }, wire.Signals{Stock: ahead}, 12_499, "+4.15 % against the opening: sales +10 %; limited to the step of EUR 5.00"},
	} {
		s := demo(c.change)
		if err := s.Validate(nil); err != nil {
			if !strings.Contains(name, "99") {
				t.Errorf("%s: %v", name, err)
			}
		}
		next, _ := Decide(s.PriceRules(), opening(s), c.signals, now)
		if p := next["a"]; p.Total != c.total || p.Why != c.why {
			t.Errorf("%s: %d, %q", name, p.Total, p.Why)
		}
	}
}

// A factor that nothing is known of any more keeps its part, and what isn't known at all
// moves nothing.
func TestMissingSignalsMoveNothing(t *testing.T) {
	t.Parallel()
	s, now := demo(nil), opens.Add(50*time.Hour)
	r, state := s.PriceRules(), opening(s)
	if _, changed := Decide(r, state, wire.Signals{Missing: map[string]string{"stock": "none"}}, now); changed {
		t.Error("moved by nothing")
	}
	stock := map[string]wire.StockSignal{"a": {Places: 1000, Sold: 530}} // + 3 %
	next, _ := Decide(r, state, wire.Signals{Stock: stock}, now)
	if next["a"].Total != 12_360 {
		t.Fatalf("%+v", next["a"])
	}
	later, changed := Decide(r, next, wire.Signals{Sales: map[string]wire.SalesSignal{"a": {Bought: 1}}}, now.Add(time.Hour))
	if changed {
		t.Errorf("without stock it became %+v", later["a"])
	}
}

// A sale is compared, as a whole, with those before it; one of which too little is known, or
// that is too old, counts nothing and is named.
func TestComparable(t *testing.T) {
	t.Parallel()
	now, two := opens.Add(50*time.Hour), map[string]wire.StockSignal{"a": {Places: 300, Sold: 120}, "b": {Places: 100, Sold: 80}}
	for name, c := range map[string]struct {
		past  func(*wire.Spec)
		stock map[string]wire.StockSignal
		parts wire.PriceParts
		why   string
	}{
		"ahead":  {nil, two, wire.PriceParts{Sales: -1000, Comparable: 700}, "−3 % against the opening: sales −10 %, comparable +7 %"},
		"behind": {func(s *wire.Spec) { s.Pricing.Comparable.Curve[1].BasisPoints = 9000 }, two, wire.PriceParts{Sales: -1000, Comparable: -500}, "−4.16 % against the opening: sales −10 %, comparable −5 %; limited to the step of EUR 5.00"},
		"bounded": {func(s *wire.Spec) {
			s.Pricing.Comparable.Curve[1].BasisPoints = 1000
			s.Pricing.Comparable.Curve[0].BasisPoints = 0
		}, two, wire.PriceParts{Sales: -1000, Comparable: 1000}, ""},
		"its end":   {func(s *wire.Spec) { s.Pricing.Comparable.Curve = s.Pricing.Comparable.Curve[:1] }, two, wire.PriceParts{Sales: -1000, Comparable: 1000}, ""},
		"unknown":   {nil, map[string]wire.StockSignal{"a": {Places: 300, Sold: 120}}, wire.PriceParts{Sales: -1000}, "−4.16 % against the opening: sales −10 %; limited to the step of EUR 5.00"},
		"too old":   {func(s *wire.Spec) { s.Pricing.Comparable.Sales[0].StartsAt = ends.AddDate(0, 0, -7*200) }, two, wire.PriceParts{Sales: -1000}, "−4.16 % against the opening: sales −10 %; limited to the step of EUR 5.00; not counted: comparable"},
		"no weight": {func(s *wire.Spec) { s.Pricing.Weights.Sales = 100 }, two, wire.PriceParts{Sales: -1000}, "−4.16 % against the opening: sales −10 %; limited to the step of EUR 5.00"},
	} {
		s := demo(func(s *wire.Spec) {
			s.Venue, s.StartsAt = "Hall", ends
			s.Levels = append(s.Levels, wire.Level{ID: "b", Base: 100})
			s.Pricing.Comparable = wire.Comparable{Sales: []wire.PastSale{{Event: "past", Venue: "Hall", StartsAt: ends.AddDate(0, 0, -7*50), Places: 400}},
				Curve: []wire.SharePoint{{After: wire.Duration(25 * time.Hour), BasisPoints: 2000}, {After: wire.Duration(75 * time.Hour), BasisPoints: 6600}}}
			if c.past != nil {
				c.past(s)
			}
		})
		if err := s.Validate(nil); err != nil {
			t.Fatal(name, err)
		}
		g := wire.Signals{Stock: c.stock}
		if stale := s.PriceRules().Stale(); stale != "" { // as package market tells it
			g.Missing = map[string]string{"comparable": stale}
		}
		next, _ := Decide(s.PriceRules(), opening(s), g, now)
		if p := next["a"]; p.Parts == nil && c.parts.Sum() != 0 || p.Parts != nil && *p.Parts != c.parts || c.why != "" && p.Why != c.why {
			t.Errorf("%s: %+v, %q", name, p.Parts, p.Why)
		}
	}
}

// The queue's part changes by a step an hour at most, whatever the queue looks like.
func TestQueueMovesAStepAnHour(t *testing.T) {
	t.Parallel()
	s := demo(func(s *wire.Spec) { s.Pricing.Rails[0].Step = 120 })
	r, state, now := s.PriceRules(), opening(s), opens.Add(2*time.Hour)
	loud := wire.Signals{Queue: &wire.QueueSignal{Waiting: 1 << 40, Called: 1, Bought: 1 << 20, Unsold: 1}}
	moves := 0
	for range 5 * 60 {
		next, changed := Decide(r, state, loud, now)
		if changed {
			moves++
		}
		state, now = next, now.Add(time.Minute)
	}
	if moves != 5 || state["a"].Total != 12_000+5*120 {
		t.Errorf("%d moves in 5 hours, to %d", moves, state["a"].Total)
	}
}

func TestTiers(t *testing.T) {
	t.Parallel()
	s := demo(func(s *wire.Spec) {
		s.Pricing = wire.PricingSpec{Mode: wire.PricingTiers, QuietAfter: wire.Duration(time.Hour), Rails: []wire.Rails{{Level: "a",
			Tiers: []wire.Tier{{From: opens.Add(30 * time.Minute), Total: 13_000}, {Sold: 50, Total: 14_000}, {From: opens.Add(9 * time.Hour), Total: 12_500}}}}}
	})
	if err := s.Validate(nil); err != nil {
		t.Fatal(err)
	}
	r, state := s.PriceRules(), opening(s)
	sold := func(n int64) wire.Signals {
		return wire.Signals{Stock: map[string]wire.StockSignal{"a": {Places: 100, Sold: n}}}
	}
	for _, c := range []struct {
		after   time.Duration
		signals wire.Signals
		total   int64
		why     string
	}{
		{0, sold(90), 12_000, WhySpec},
		{59 * time.Minute, sold(0), 12_000, WhySpec}, // quiet
		{time.Hour, sold(49), 13_000, "tier 1: from 2040-05-01T08:30:00Z"},
		{0, sold(0), 13_000, "tier 1: from 2040-05-01T08:30:00Z"}, // the clock went back
		{2 * time.Hour, sold(50), 14_000, "tier 2: 50 % of the level are sold"},
		{3 * time.Hour, sold(40), 14_000, "tier 2: 50 % of the level are sold"}, // refunds
		{9 * time.Hour, wire.Signals{}, 12_500, "tier 3: from 2040-05-01T17:00:00Z"},
	} {
		state, _ = Decide(r, state, c.signals, opens.Add(c.after))
		if p := state["a"]; p.Total != c.total || p.Why != c.why {
			t.Errorf("after %v: %d, %q", c.after, p.Total, p.Why)
		}
	}
}

// Ten thousand levels are priced in a blink.
func BenchmarkDecide(b *testing.B) {
	s := demo(nil)
	rails := s.Pricing.Rails[0]
	s.Levels, s.Pricing.Rails = nil, nil
	g := wire.Signals{Stock: map[string]wire.StockSignal{}, Sales: map[string]wire.SalesSignal{}}
	for i := range 10_000 {
		rails.Level = "l" + string(rune('a'+i%26)) + time.Duration(i).String()
		s.Levels = append(s.Levels, wire.Level{ID: rails.Level, Base: 11_000, ServiceFee: 1_000})
		s.Pricing.Rails = append(s.Pricing.Rails, rails)
		g.Stock[rails.Level] = wire.StockSignal{Places: 1000, Sold: 600}
		g.Sales[rails.Level] = wire.SalesSignal{Window: wire.Duration(time.Hour), Bought: 7}
	}
	r, state := s.PriceRules(), opening(s)
	for b.Loop() {
		Decide(r, state, g, opens.Add(50*time.Hour))
	}
}
