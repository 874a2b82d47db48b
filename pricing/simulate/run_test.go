package simulate

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"frontrow/pricing/curve"
	"frontrow/wire"

	"pgregory.net/rapid"
)

var opens = time.Date(2030, 5, 1, 8, 0, 0, 0, time.UTC)

// demo is an event of two levels, whose sale is planned to last two hours.
func demo(mode string) wire.Spec {
	s := wire.Spec{ID: "demo", Name: "Demo", Venue: "Hall", Currency: "EUR", OpensAt: opens, SaleEndsAt: opens.Add(2 * time.Hour), StartsAt: opens.Add(1000 * time.Hour),
		Levels: []wire.Level{{ID: "front", Base: 11_000, ServiceFee: 1_000}, {ID: "rear", Base: 6_000}}, Admission: wire.AdmissionSpec{Ceiling: 100},
		Pricing: wire.PricingSpec{Mode: mode, Spread: true, Rails: []wire.Rails{{Level: "front", Floor: 10_000, Ceiling: 18_000, Step: 500}, {Level: "rear", Floor: 5_000, Ceiling: 9_000, Step: 250}}}}
	if mode == wire.PricingFixed {
		s.Pricing = wire.PricingSpec{}
	}
	return s.WithDefaults()
}

// levels are the demo's.
func levels(places int) []Level {
	return []Level{{"front", 12_000, places * 3 / 8}, {"rear", 6_000, places * 5 / 8}}
}

func crowd(t testing.TB, kind string, places int, seed uint64) Crowd {
	t.Helper()
	k, err := KindOf(kind)
	if err != nil {
		t.Fatal(err)
	}
	return Synthetic(k, levels(places), 6, 2*time.Hour, seed)
}

func run(t testing.TB, s wire.Spec, c Crowd) Result {
	t.Helper()
	r, err := Run(t.Context(), Config{Name: s.Pricing.Mode, Spec: s, Crowd: &c})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Wrong) > 0 {
		t.Fatalf("computed again: %v", r.Wrong)
	}
	return r
}

// Who comes, what it costs and what is sold hang together as anybody would expect.
func TestSales(t *testing.T) {
	t.Parallel()
	all := map[string]Result{}
	for _, kind := range []string{"hot", "warm", "cold"} {
		for _, mode := range []string{wire.PricingFixed, wire.PricingDemand, wire.PricingPropose} {
			r := run(t, demo(mode), crowd(t, kind, 4000, 1))
			all[kind+" "+mode] = r
			if r.Bought+r.Lapsed+r.TooDear+r.SoldOut+r.Waiting > r.Fans || r.Sold > r.Places || r.Fans < 500 || r.MedianWait > r.LongestWait {
				t.Errorf("%s %s: %+v", kind, mode, r)
			}
			if mode == wire.PricingFixed && (len(r.Changes) > 0 || r.Dearer.Fans+r.Cheaper.Fans > 0) || mode != wire.PricingFixed && len(r.Changes) < 20 {
				t.Errorf("%s %s: %d changes, %+v, %+v", kind, mode, len(r.Changes), r.Dearer, r.Cheaper)
			}
		}
	}
	if hot := all["hot demand"]; hot.Share() != whole || hot.Revenue <= all["hot fixed"].Revenue || hot.Dearer.Fans < hot.Bought/2 {
		t.Errorf("demand sells a hot sale out, dearer: %+v, fixed %+v", hot, all["hot fixed"])
	}
	if cold := all["cold demand"]; cold.Sold <= all["cold fixed"].Sold || cold.Cheaper.Fans < cold.Bought/2 || cold.Dearer.Fans > 0 {
		t.Errorf("demand sells more of a cold sale, cheaper: %+v, fixed %+v", cold, all["cold fixed"])
	}
	for _, c := range all["hot demand"].Changes[:10] {
		if strings.Contains(c.Why, "queue −") {
			t.Errorf("many wait, and that lowers the price: %+v", c)
		}
	}
}

// A sale whose rules name no opening is played to its end, wherever that is.
func TestSalesWithoutAnOpening(t *testing.T) {
	t.Parallel()
	s := demo(wire.PricingFixed)
	c := crowd(t, "warm", 400, 1)
	want := run(t, s, c)
	s.OpensAt = time.Time{}
	for _, end := range []time.Time{{}, time.Date(1999, 6, 19, 20, 0, 0, 0, time.UTC)} {
		s.SaleEndsAt, s.StartsAt = time.Time{}, end
		if r := run(t, s, c); r.Sold != want.Sold || r.Revenue != want.Revenue {
			t.Errorf("until %v: %d sold for %d, want %d for %d", end, r.Sold, r.Revenue, want.Sold, want.Revenue)
		}
	}
}

// The same seed gives the same sale, another one another.
func TestSameSeedSameSale(t *testing.T) {
	t.Parallel()
	s := demo(wire.PricingDemand)
	one := run(t, s, crowd(t, "warm", 2000, 7))
	if again := run(t, s, crowd(t, "warm", 2000, 7)); !reflect.DeepEqual(one, again) {
		t.Error("another sale of the same seed")
	}
	if other := run(t, s, crowd(t, "warm", 2000, 8)); other.Revenue == one.Revenue {
		t.Error("the same sale of another seed")
	}
}

// drawn are rules that an event file may say.
func drawn(t *rapid.T) wire.Spec {
	s := demo(rapid.SampledFrom([]string{wire.PricingDemand, wire.PricingPropose, wire.PricingTiers}).Draw(t, "mode"))
	p := &s.Pricing
	p.QuietAfter = wire.Duration(rapid.IntRange(0, 30).Draw(t, "quiet")) * wire.Duration(time.Minute)
	if p.Mode == wire.PricingTiers {
		p.Every, p.Approvals, p.Weights, p.Spread = 0, 0, wire.PricingWeights{}, false
		p.Rails = []wire.Rails{{Level: "front", Tiers: []wire.Tier{
			{From: opens.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "from")) * time.Minute), Total: rapid.Int64Range(1000, 20_000).Draw(t, "first")},
			{Sold: rapid.IntRange(1, 100).Draw(t, "sold"), Total: rapid.Int64Range(1000, 20_000).Draw(t, "second")}}}}
		return s
	}
	p.Every = wire.Duration(rapid.IntRange(1, 5).Draw(t, "every")) * wire.Duration(time.Minute)
	if p.Mode == wire.PricingPropose {
		p.Approvals = rapid.IntRange(1, 2).Draw(t, "approvals")
	}
	p.Spread = rapid.Bool().Draw(t, "spread")
	if w := rapid.IntRange(0, 400); rapid.Bool().Draw(t, "weighted") {
		p.Weights = wire.PricingWeights{Sales: w.Draw(t, "sales"), Pace: w.Draw(t, "pace"), Comparable: w.Draw(t, "like"), Queue: w.Draw(t, "queue"), Lapsed: 1, Supply: w.Draw(t, "supply"), Time: w.Draw(t, "time")}
	}
	if rapid.Bool().Draw(t, "comparable") {
		p.Comparable = wire.Comparable{Sales: []wire.PastSale{{Event: "past", Venue: "Hall", StartsAt: s.StartsAt.AddDate(0, 0, -7), Places: 400}}, Curve: []wire.SharePoint{{After: wire.Duration(time.Hour), BasisPoints: 6000}}}
	}
	for i := range p.Rails {
		r, at := &p.Rails[i], s.Opening(s.Levels[i]).Total
		r.Direction = rapid.SampledFrom([]string{wire.PriceUp, wire.PriceDown, wire.PriceBoth}).Draw(t, "direction")
		r.Floor, r.Ceiling, r.Step = at, at, 50*rapid.Int64Range(1, 20).Draw(t, "step")
		if r.Direction != wire.PriceUp {
			r.Floor = rapid.Int64Range(at/2, at-1).Draw(t, "floor")
		}
		if r.Direction != wire.PriceDown {
			r.Ceiling = rapid.Int64Range(at+1, at*2).Draw(t, "ceiling")
		}
		if r.Round = rapid.SampledFrom([]string{"", wire.RoundHalf}).Draw(t, "round"); rapid.Bool().Draw(t, "cool") {
			r.CoolDown = p.Every + wire.Duration(rapid.IntRange(0, 20).Draw(t, "cool down"))*wire.Duration(time.Minute)
		}
		r.CoolDown = max(r.CoolDown, p.Every)
	}
	return s
}

// Whatever the rules and whoever comes, prices keep to what was published, the log gives the
// same prices again, and nobody pays but what they were quoted and it is worth to them.
func TestSalesKeepToTheirRails(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t)
		if err := s.Validate(nil); err != nil {
			t.Fatal(err)
		}
		k := rapid.SampledFrom(Kinds()).Draw(t, "kind")
		c := Synthetic(k, levels(400), 6, 2*time.Hour, rapid.Uint64().Draw(t, "seed"))
		r, err := Run(context.Background(), Config{Name: "drawn", Spec: s, Crowd: &c})
		if err != nil || len(r.Wrong) > 0 {
			t.Fatalf("%v, %v", err, r.Wrong)
		}
		var last wire.PriceAct
		for _, act := range r.Acts {
			if last.N > 0 && act.Kind != wire.PriceActPropose {
				kept(t, s, last.Levels, act.Levels, act.At)
			}
			last = act
		}
		bounded(t, s, r)
	})
}

// kept checks an act against what the event publishes.
func kept(t *rapid.T, s wire.Spec, was, is map[string]wire.LevelPrice, now time.Time) {
	p := s.Pricing
	for i, l := range s.Levels {
		a, b := was[l.ID], is[l.ID]
		if i > 0 && p.Spread && b.Total > is[s.Levels[i-1].ID].Total {
			t.Fatalf("%s at %d is dearer than the level before it", l.ID, b.Total)
		}
		by := b.Total - a.Total
		if by == 0 {
			continue
		}
		r, moves := p.RailsOf(l.ID)
		floor, ceiling := r.Bounds(p.Mode, s.Opening(l).Total)
		quiet := now.Before(s.OpensAt.Add(time.Duration(p.QuietAfter)))
		if !moves || b.Total < floor || b.Total > ceiling || quiet || b.Version != a.Version+1 || !b.At.Equal(now) || b.ServiceFee != l.ServiceFee {
			t.Fatalf("%s: %+v became %+v at %v", l.ID, a, b, now)
		}
		if p.Mode == wire.PricingTiers {
			if !slices.ContainsFunc(r.Tiers, func(tier wire.Tier) bool { return tier.Total == b.Total }) {
				t.Fatalf("%s: %d is no tier", l.ID, b.Total)
			}
			continue
		}
		switch {
		case max(by, -by) > r.Step, by > 0 && r.Direction == wire.PriceDown, by < 0 && r.Direction == wire.PriceUp:
			t.Fatalf("%s moved by %d: %+v", l.ID, by, r)
		case a.Version > 1 && now.Before(a.At.Add(time.Duration(r.CoolDown))):
			t.Fatalf("%s moved at %v and %v", l.ID, a.At, now)
		case r.Round != "" && b.Total%50 != 0 && !strings.Contains(b.Why, "kept at"):
			t.Fatalf("%s ends at %d: %s", l.ID, b.Total, b.Why)
		}
		for _, o := range was {
			if o.Version > 1 && now.Before(o.At.Add(time.Duration(p.Every))) {
				t.Fatalf("moved at %v, and again at %v", o.At, now)
			}
		}
	}
}

// bounded checks a sale's money and tickets against its prices.
func bounded(t *rapid.T, s wire.Spec, r Result) {
	var sold, revenue, least, most int64
	last := r.Curve.Samples() - 1
	for k, l := range s.Levels {
		row := r.Curve.At(last, k)
		floor, ceiling := s.Bounds(l)
		sold, revenue = sold+row.Sold, revenue+row.Revenue
		least, most = least+row.Sold*floor, most+row.Sold*ceiling
	}
	opening := int64(0)
	for k, l := range s.Levels {
		opening += r.Curve.At(last, k).Sold * s.Opening(l).Total
	}
	if r.Revenue != revenue || int64(r.Sold) != sold || revenue < least || revenue > most || revenue != opening+r.Dearer.Sum-r.Cheaper.Sum {
		t.Fatalf("%d for %d, of %d to %d: %+v", r.Revenue, r.Sold, least, most, r)
	}
}

// A recorded sale comes again as it was at its prices, and smaller at higher ones.
func TestRecorded(t *testing.T) {
	t.Parallel()
	past := run(t, demo(wire.PricingFixed), crowd(t, "warm", 4000, 3))
	again, err := Recorded(past.Curve, levels(4000), 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	same := run(t, demo(wire.PricingFixed), again)
	if same.Sold < past.Sold*97/100 || same.Sold > past.Sold {
		t.Errorf("%d came, %d had", same.Sold, past.Sold)
	}
	dearer := demo(wire.PricingFixed)
	dearer.Levels[0].Base += 1_200
	dearer.Levels[1].Base += 600
	sold := map[Elasticity]int{}
	for _, e := range []Elasticity{50, 100, 300} {
		c, err := Recorded(past.Curve, levels(4000), e, 1)
		if err != nil {
			t.Fatal(err)
		}
		sold[e] = run(t, dearer, c).Sold
	}
	// At one percent fewer for each percent, ten percent dearer sells a tenth less.
	if part := sold[100] * 100 / same.Sold; part < 87 || part > 93 || sold[50] <= sold[100] || sold[300] >= sold[100] {
		t.Errorf("%v, of %d", sold, same.Sold)
	}
	cheaper := demo(wire.PricingFixed)
	cheaper.Levels[0].Base -= 1_200
	cheaper.Levels[1].Base -= 600
	if more := run(t, cheaper, again).Sold * 100 / same.Sold; more < 107 || more > 113 {
		t.Errorf("a tenth cheaper sells %d %%", more)
	}
	for name, c := range map[string]curve.Sale{
		"no length":     {Head: past.Curve.Head, Levels: past.Curve.Levels, Rows: past.Curve.Rows[:2]},
		"another level": {Head: past.Curve.Head, Levels: []string{"front", "side"}, Rows: past.Curve.Rows},
		"too few":       {Head: past.Curve.Head, Levels: []string{"front"}, Rows: past.Curve.Rows},
	} {
		if _, err := Recorded(c, levels(4000), 100, 1); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// What can't be played is refused, and a sale ends when nobody waits for it any more.
func TestRefused(t *testing.T) {
	t.Parallel()
	c := crowd(t, "cold", 400, 1)
	s := demo(wire.PricingFixed)
	s.Levels[1].ID = "side"
	if _, err := Run(t.Context(), Config{Name: "x", Spec: s, Crowd: &c}); err == nil || !strings.HasPrefix(err.Error(), "x: its levels are not those") {
		t.Error(err)
	}
	ended, end := context.WithCancel(t.Context())
	steps := 0
	_, err := Run(ended, Config{Name: "x", Spec: demo(wire.PricingFixed), Crowd: &c, Progress: func(done, of int) {
		if steps++; done == 10 {
			end()
		}
	}})
	if !errors.Is(err, context.Canceled) || steps != 11 {
		t.Errorf("%v after %d steps", err, steps)
	}
	if _, err := KindOf("tepid"); err == nil || !strings.Contains(err.Error(), "there are hot, warm, cold") {
		t.Error(err)
	}
}

// BenchmarkTwoHours is a sale of 80,000 places to 85,000 fans.
func BenchmarkTwoHours(b *testing.B) {
	s := demo(wire.PricingDemand)
	s.Admission.Ceiling = 2000
	for b.Loop() {
		run(b, s, crowd(b, "hot", 80_000, 1))
	}
}
