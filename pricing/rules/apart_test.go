package rules

import (
	"slices"
	"testing"
	"time"

	"frontrow/wire"

	"pgregory.net/rapid"
)

// Whatever is wanted of levels, they stay as far apart as they are to be, inside of what they
// may become; what is so as it is wanted stays so; and where they only are to be in order,
// that is what keepOrder makes of them.
func TestKeepApart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(0, 20)
		least, most := amount.Draw(t, "least"), int64(0)
		if rapid.Bool().Draw(t, "limited") {
			most = least + amount.Draw(t, "and at most")
		}
		p := wire.PricingSpec{Spread: true, LeastApart: least, MostApart: most}
		levels, now := make([]level, rapid.IntRange(1, 5).Draw(t, "levels")), int64(1000)
		for i := range levels {
			lo, hi := now-amount.Draw(t, "down"), now+amount.Draw(t, "up")
			levels[i] = level{lo: lo, hi: hi, to: rapid.Int64Range(lo, hi).Draw(t, "wanted")}
			further := amount.Draw(t, "apart")
			if most != 0 {
				further = min(further, most-least)
			}
			now -= least + further
		}
		apart := func(levels []level) bool {
			for i := 1; i < len(levels); i++ {
				if !p.Apart(levels[i-1].to, levels[i].to) {
					return false
				}
			}
			return true
		}
		wanted, ordered := slices.Clone(levels), slices.Clone(levels)
		keepApart(levels, least, most)
		for i, l := range levels {
			if l.to < l.lo || l.to > l.hi || (l.hint == "") != (l.to == wanted[i].to) {
				t.Fatalf("%d of %d to %d: %q", l.to, l.lo, l.hi, l.hint)
			}
			if apart(wanted) && l.to != wanted[i].to {
				t.Fatalf("%d was as far apart as it is to be, and became %d", wanted[i].to, l.to)
			}
		}
		if !apart(levels) {
			t.Fatalf("%v at distances of %d to %d became %v", totals(wanted), least, most, totals(levels))
		}
		if keepOrder(ordered); least == 0 && most == 0 && !slices.Equal(totals(ordered), totals(levels)) {
			t.Fatalf("in order %v, apart %v", totals(ordered), totals(levels))
		}
	})
}

func totals(levels []level) (all []int64) {
	for _, l := range levels {
		all = append(all, l.to)
	}
	return all
}

// drawnApart returns rules of levels that are to be at a distance.
func drawnApart(t *rapid.T) wire.Spec {
	amount := func(name string, least, most int64) int64 { return rapid.Int64Range(least, most).Draw(t, name) }
	s := wire.Spec{ID: "demo", Name: "Demo", Currency: "EUR", OpensAt: opens, SaleEndsAt: ends}
	s.Pricing = wire.PricingSpec{Mode: wire.PricingDemand, Every: wire.Duration(time.Minute), LeastApart: amount("least", 0, 900)}
	if s.Pricing.MostApart = s.Pricing.LeastApart + amount("and at most", 0, 900); s.Pricing.LeastApart == 0 {
		s.Pricing.MostApart++
	}
	total, floor, ceiling := int64(10_000), amount("floor", 6_000, 9_999), amount("ceiling", 10_001, 15_000)
	for _, id := range []string{"a", "b", "c", "d"}[:amount("levels", 2, 4)] {
		s.Levels = append(s.Levels, wire.Level{ID: id, Base: total - 7, ServiceFee: 7})
		s.Pricing.Rails = append(s.Pricing.Rails, wire.Rails{Level: id, Floor: floor, Ceiling: ceiling, Step: amount("step", 1, 500), CoolDown: wire.Duration(amount("cool down", 1, 9)) * wire.Duration(time.Minute)})
		down := func(name string) int64 { return amount(name, s.Pricing.LeastApart, s.Pricing.MostApart) }
		total -= down("apart")
		floor, ceiling = min(total, floor-down("floors apart")), max(total, ceiling-down("ceilings apart"))
	}
	s = s.WithDefaults()
	if err := s.Validate(nil); err != nil {
		t.Skip(err.Error())
	}
	return s
}

// Levels stay at their distance in every decision, whatever is seen.
func TestPricesStayApart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawnApart(t)
		r, state, now := s.PriceRules(), opening(s), opens.Add(time.Hour)
		for range rapid.IntRange(1, 30).Draw(t, "looks") {
			g := drawnSignals(t, s)
			next, changed := Decide(r, state, g, now)
			kept(t, s, state, next, changed, g, now)
			state, now = next, now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "minutes"))*time.Minute)
		}
	})
}

// An operator's price keeps the distance, too.
func TestSetKeepsTheDistance(t *testing.T) {
	t.Parallel()
	s := wire.Spec{ID: "demo", Name: "Demo", Currency: "EUR", OpensAt: opens, SaleEndsAt: ends,
		Levels: []wire.Level{{ID: "a", Base: 10_000}, {ID: "b", Base: 8_000}},
		Pricing: wire.PricingSpec{Mode: wire.PricingDemand, LeastApart: 1_500, MostApart: 2_500, Rails: []wire.Rails{
			{Level: "a", Floor: 8_000, Ceiling: 12_000, Step: 1_000}, {Level: "b", Floor: 6_000, Ceiling: 10_000, Step: 1_000}}}}.WithDefaults()
	if err := s.Validate(nil); err != nil {
		t.Fatal(err)
	}
	first, err := Apply(wire.PriceAct{Kind: wire.PriceActRules, At: opens.Add(-time.Hour), Rules: s.PriceRules()}, wire.PriceAct{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		level string
		total int64
		ok    bool
	}{{"a", 10_500, true}, {"a", 10_501, false}, {"a", 9_500, true}, {"a", 9_499, false}, {"b", 8_500, true}, {"b", 8_501, false}, {"b", 7_500, true}, {"b", 7_499, false}} {
		act, err := Apply(wire.PriceAct{Kind: wire.PriceActSet, By: "ann", Why: "why", Level: c.level, Total: c.total, At: opens.Add(time.Hour), Rules: s.PriceRules()}, first)
		if (err == nil) != c.ok || c.ok && act.Levels[c.level].Total != c.total {
			t.Errorf("%s at %d: %v", c.level, c.total, err)
		}
	}
}
