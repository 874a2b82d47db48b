package wire

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var priced = time.Date(2040, 5, 1, 8, 0, 0, 0, time.UTC)

// moving is an event whose prices follow demand, or with tiers a list.
func moving(change func(*Spec)) Spec {
	s := Spec{ID: "demo", Name: "Demo", Currency: "EUR", OpensAt: priced, SaleEndsAt: priced.AddDate(0, 1, 0),
		Levels:  []Level{{ID: "a", Base: 11_000, ServiceFee: 1_000}, {ID: "b", Base: 5_000}, {ID: "c", Base: 0}},
		Pricing: PricingSpec{Mode: PricingDemand, Spread: true, Rails: []Rails{{Level: "a", Floor: 10_000, Ceiling: 18_000, Step: 500}, {Level: "b", Ceiling: 6_000, Step: 50, Direction: PriceUp}}}}
	if change != nil {
		change(&s)
	}
	return s
}

func tiered(change func(*Rails)) Spec {
	return moving(func(s *Spec) {
		r := Rails{Level: "a", Tiers: []Tier{{From: priced.Add(time.Hour), Total: 13_000}, {Sold: 50, Total: 14_000}}}
		change(&r)
		s.Pricing = PricingSpec{Mode: PricingTiers, Rails: []Rails{r}}
	})
}

// liked is an event of 100 places with past sales to compare with.
func liked(change func(*Comparable)) Spec {
	return moving(func(s *Spec) {
		s.Venue, s.StartsAt = "Hall", priced.AddDate(0, 2, 0)
		c := Comparable{Sales: []PastSale{{"last-year", " hall", s.StartsAt.AddDate(0, 0, -364), 100}}, Curve: []SharePoint{{0, 100}, {Duration(time.Hour), 5000}, {Duration(2 * time.Hour), 5000}}}
		change(&c)
		s.Pricing.Comparable = c
	})
}

// What is old is told, and counts nothing; so is what is asked for and isn't there.
func TestStaleComparable(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]Spec{
		"":                                 liked(func(*Comparable) {}),
		"the newest past sale is that of ": liked(func(c *Comparable) { c.Sales[0].StartsAt = c.Sales[0].StartsAt.AddDate(0, 0, -7*160) }),
		"there is no past sale":            moving(func(s *Spec) { s.Pricing.Weights.Comparable = 50 }),
	} {
		s = s.WithDefaults()
		if err := s.Validate(nil); err != nil {
			t.Error(err)
		}
		if got := s.PriceRules().Stale(); want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if r := moving(nil).WithDefaults().PriceRules(); r.Stale() != "" || r.Pricing.Weights.Comparable != 0 {
		t.Errorf("nobody asked for it: %+v", r.Pricing)
	}
}

// Past sales are of such events: the venue, the day, the size.
func TestLike(t *testing.T) {
	t.Parallel()
	s := liked(func(*Comparable) {})
	s.Timezone = "Pacific/Auckland" // where the day begins earlier
	for want, change := range map[string]func(*PastSale){
		"":               func(*PastSale) {},
		`was at "Barn"`:  func(p *PastSale) { p.Venue = "Barn" },
		"was on a ":      func(p *PastSale) { p.StartsAt = p.StartsAt.AddDate(0, 0, 1) },
		"had 74 places":  func(p *PastSale) { p.Places = 74 },
		"had 134 places": func(p *PastSale) { p.Places = 134 },
	} {
		p := s.Pricing.Comparable.Sales[0]
		change(&p)
		if err := p.Like(s, 100); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, places := range []int{75, 133} {
		p := s.Pricing.Comparable.Sales[0]
		if p.Places = places; p.Like(s, 100) != nil {
			t.Error(places)
		}
	}
}

// A rule that contradicts another, or that nothing would act upon, is refused, at its key.
func TestPricingRules(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Spec{"demand": moving(nil), "tiers": tiered(func(*Rails) {}), "fixed": moving(func(s *Spec) { s.Pricing = PricingSpec{} }),
		"curve": moving(func(s *Spec) {
			s.Pricing.Curve = []CurvePoint{{priced.Add(time.Hour), 30}, {priced.Add(2 * time.Hour), 30}}
		})} {
		if err := s.WithDefaults().Validate(nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := s.WithDefaults(); d.Pricing.Mode == PricingDemand && d.Pricing.Rails[1].Floor != 5_000 {
			t.Errorf("%s: %+v", name, d.Pricing.Rails)
		}
	}
	rail := func(change func(*Rails)) Spec { return moving(func(s *Spec) { change(&s.Pricing.Rails[0]) }) }
	for name, c := range map[string]struct {
		spec Spec
		want string
	}{
		"no mode":           {moving(func(s *Spec) { s.Pricing.Mode = "" }), "pricing.mode: prices are fixed, so no other rule"},
		"another mode":      {moving(func(s *Spec) { s.Pricing.Mode = "surge" }), `pricing.mode: "surge"`},
		"no end":            {moving(func(s *Spec) { s.SaleEndsAt = time.Time{} }), "pricing.mode: demand compares"},
		"at once":           {moving(func(s *Spec) { s.OpensAt, s.Pricing.QuietAfter = time.Time{}, 1 }), "pricing: quiet times"},
		"too often":         {moving(func(s *Spec) { s.Pricing.Every = Duration(59 * time.Second) }), "pricing.every: 59s"},
		"no rails":          {moving(func(s *Spec) { s.Pricing.Rails = nil }), "pricing.rails: 0 of them"},
		"no such level":     {rail(func(r *Rails) { r.Level = "x" }), `pricing.rails[0].level: "x"`},
		"twice":             {moving(func(s *Spec) { s.Pricing.Rails[1].Level = "a" }), "pricing.rails[1].level: the rails of \"a\" are in rails[0]"},
		"a free level":      {rail(func(r *Rails) { *r = Rails{Level: "c", Ceiling: 100, Step: 1} }), `pricing.rails[0].level: "c" is free`},
		"below fees":        {rail(func(r *Rails) { r.Floor = 999 }), "pricing.rails[0].floor: EUR 9.99"},
		"a floor above":     {rail(func(r *Rails) { r.Floor = 12_001 }), "pricing.rails[0].floor: EUR 120.01"},
		"below zero":        {rail(func(r *Rails) { r.Floor = -1 }), "pricing.rails[0].floor: EUR -0.01"},
		"a ceiling below":   {rail(func(r *Rails) { r.Ceiling = 11_999 }), "pricing.rails[0].ceiling: EUR 119.99"},
		"a huge ceiling":    {rail(func(r *Rails) { r.Ceiling = 1 << 62 }), "pricing.rails[0].ceiling: EUR 46116860184273879.04"},
		"no step":           {rail(func(r *Rails) { r.Step = 0 }), "pricing.rails[0].step: EUR 0.00"},
		"a step between":    {rail(func(r *Rails) { r.Round = RoundHalf; r.Step = 75 }), "pricing.rails[0].step: EUR 0.75: write the largest change at a time, a multiple of EUR 0.50"},
		"no way to move":    {rail(func(r *Rails) { r.Floor, r.Ceiling = 0, 0 }), "pricing.rails[0].level: its floor is its ceiling"},
		"never so low":      {rail(func(r *Rails) { r.Direction = PriceUp }), "pricing.rails[0].floor: a price that only rises"},
		"never so high":     {rail(func(r *Rails) { r.Direction = PriceDown }), "pricing.rails[0].ceiling: a price that only falls"},
		"sideways":          {rail(func(r *Rails) { r.Direction = "left" }), `pricing.rails[0].direction: "left"`},
		"no rest":           {rail(func(r *Rails) { r.CoolDown = 1 }), "pricing.rails[0].cool_down: 1ns"},
		"odd rounding":      {rail(func(r *Rails) { r.Round = ".25" }), `pricing.rails[0].round: ".25"`},
		"yen have no .99":   {moving(func(s *Spec) { s.Currency = "JPY"; s.Pricing.Rails[0].Round = RoundNinety }), `pricing.rails[0].round: ".99"`},
		"tiers in demand":   {rail(func(r *Rails) { r.Tiers = []Tier{{Sold: 1, Total: 2}} }), "pricing.rails[0].tiers: belong to mode tiers"},
		"another promise":   {moving(func(s *Spec) { s.Pricing.Promise = "always" }), `pricing.promise: "always"`},
		"a fixed promise":   {moving(func(s *Spec) { s.Pricing = PricingSpec{Promise: PromiseJoin} }), "pricing.mode: prices are fixed"},
		"apart below zero":  {moving(func(s *Spec) { s.Pricing.LeastApart = -1 }), "pricing.least_apart: EUR -0.01"},
		"less than least":   {moving(func(s *Spec) { s.Pricing.LeastApart, s.Pricing.MostApart = 2, 1 }), "pricing.spread: \"b\" could not always be kept as far below \"a\" as is said"},
		"never so near":     {moving(func(s *Spec) { s.Pricing.MostApart = 6_000 }), `pricing.spread: "b" could not always be kept as far`},
		"apart off grid":    {moving(func(s *Spec) { s.Pricing.LeastApart = 25; s.Pricing.Rails[0].Round = RoundHalf }), "pricing.least_apart: EUR 0.25: prices of \"a\" end where they are EUR 0.50 apart"},
		"a worse ceiling":   {moving(func(s *Spec) { s.Pricing.Rails[1].Ceiling = 19_000 }), `pricing.spread: "b" could not`},
		"a worse opening":   {moving(func(s *Spec) { s.Levels[2].Base = 5_001 }), `pricing.spread: "c" could not`},
		"weights":           {moving(func(s *Spec) { s.Pricing.Weights.Pace = 401 }), "pricing.weights.pace: 401"},
		"a curve back":      {moving(func(s *Spec) { s.Pricing.Curve = []CurvePoint{{priced.Add(2), 50}, {priced.Add(1), 40}} }), "pricing.curve[1].at: "},
		"an early curve":    {moving(func(s *Spec) { s.Pricing.Curve = []CurvePoint{{priced, 50}} }), "pricing.curve[0].at: "},
		"a full curve":      {moving(func(s *Spec) { s.Pricing.Curve = []CurvePoint{{priced.Add(2), 101}} }), "pricing.curve[0].sold: 101"},
		"no sales":          {liked(func(c *Comparable) { c.Sales = nil }), "pricing.comparable.sales: 0 of them"},
		"no past curve":     {liked(func(c *Comparable) { c.Curve = nil }), "pricing.comparable.curve: 0 points"},
		"another venue":     {liked(func(c *Comparable) { c.Sales[0].Venue = "Barn" }), `pricing.comparable.sales[0]: last-year was at "Barn"`},
		"no places":         {liked(func(c *Comparable) { c.Sales[0].Places = 0 }), "pricing.comparable.sales[0].places: 0"},
		"a sale to come":    {liked(func(c *Comparable) { c.Sales[0].StartsAt = c.Sales[0].StartsAt.AddDate(0, 0, 728) }), "pricing.comparable.sales[0].starts_at: "},
		"one sale twice":    {liked(func(c *Comparable) { c.Sales = append(c.Sales, c.Sales[0]) }), "pricing.comparable.sales[1]: last-year is named twice"},
		"a past back":       {liked(func(c *Comparable) { c.Curve[2].After = c.Curve[1].After }), "pricing.comparable.curve[2].after: "},
		"a past that falls": {liked(func(c *Comparable) { c.Curve[2].BasisPoints = 4999 }), "pricing.comparable.curve[2].basis_points: 4999"},
		"a past too full":   {liked(func(c *Comparable) { c.Curve[2].BasisPoints = 10_001 }), "pricing.comparable.curve[2].basis_points: 10001"},
		"demand in tiers":   {tiered(func(r *Rails) { r.Step = 5; r.Round = RoundWhole }), "pricing.rails[0].round: belongs to mode demand: tiers say each price themselves\npricing.rails[0].step: belongs"},
		"no tiers":          {tiered(func(r *Rails) { r.Tiers = nil }), "pricing.rails[0].tiers: 0 of them"},
		"a tier of both":    {tiered(func(r *Rails) { r.Tiers[0].Sold = 1 }), "pricing.rails[0].tiers[0]: write from when"},
		"a tier of none":    {tiered(func(r *Rails) { r.Tiers[1].Sold = 0 }), "pricing.rails[0].tiers[1]: write from when"},
		"tiers go back":     {tiered(func(r *Rails) { r.Tiers[1] = Tier{From: priced, Total: 14_000} }), "pricing.rails[0].tiers[1].from: "},
		"too much sold":     {tiered(func(r *Rails) { r.Tiers[1].Sold = 101 }), "pricing.rails[0].tiers[1].sold: 101"},
		"tier under fees":   {tiered(func(r *Rails) { r.Tiers[1].Total = 900 }), "pricing.rails[0].tiers[1].total: EUR 9.00"},
		"approvals":         {moving(func(s *Spec) { s.Pricing.Approvals = 1 }), "pricing.approvals: belong to mode propose"},
		"many approvals":    {moving(func(s *Spec) { s.Pricing.Mode, s.Pricing.Approvals = PricingPropose, 3 }), "pricing.approvals: 3"},
		"tiers every":       {moving(func(s *Spec) { *s = tiered(func(*Rails) {}); s.Pricing.Every = Duration(time.Minute) }), "pricing.every: belongs to mode demand"},
		"tiers of weights":  {moving(func(s *Spec) { *s = tiered(func(*Rails) {}); s.Pricing.Weights.Time = 1 }), "pricing.weights: belong to mode demand"},
	} {
		err := c.spec.WithDefaults().Validate(nil)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// Once the sale is open, rails become narrower and levels are frozen: nothing else that
// fans were told about prices changes.
func TestPricingChangesOnceOpen(t *testing.T) {
	t.Parallel()
	rail := func(change func(*Rails)) Spec { return moving(func(s *Spec) { change(&s.Pricing.Rails[0]) }) }
	for name, c := range map[string]struct {
		was, is Spec
		want    string
	}{
		"nothing": {moving(nil), moving(nil), ""},
		"narrower": {moving(nil), rail(func(r *Rails) {
			r.Floor, r.Ceiling, r.Step, r.CoolDown, r.Freeze = 9_000, 17_000, 400, Duration(time.Hour), true
		}), ""},
		"fixed price": {moving(nil), moving(func(s *Spec) { s.Name, s.Levels[2].Base = "Other", 1 }), ""},
		"one way":     {rail(func(r *Rails) { r.Floor = 0 }), rail(func(r *Rails) { r.Floor = 0; r.Direction = PriceUp }), ""},
		"mode":        {moving(nil), moving(func(s *Spec) { s.Pricing = PricingSpec{} }), "pricing.mode: "},
		"to demand":   {moving(func(s *Spec) { s.Pricing = PricingSpec{} }), moving(nil), "pricing.mode: "},
		"spread":      {moving(nil), moving(func(s *Spec) { s.Pricing.Spread = false }), "pricing.spread: "},
		"promise":     {moving(nil), moving(func(s *Spec) { s.Pricing.Promise = PromiseJoin }), ""},
		"distance":    {moving(nil), moving(func(s *Spec) { s.Pricing.MostApart = 90_000 }), "pricing.most_apart: "},
		"curve":       {moving(nil), moving(func(s *Spec) { s.Pricing.Curve = []CurvePoint{{priced.Add(1), 1}} }), "pricing.curve: "},
		"weights":     {moving(nil), moving(func(s *Spec) { s.Pricing.Weights.Time = 1 }), "pricing.weights: "},
		"past sales":  {liked(func(*Comparable) {}), liked(func(c *Comparable) { c.Sales[0].Event = "other" }), "pricing.comparable: "},
		"past curve":  {liked(func(*Comparable) {}), liked(func(c *Comparable) { c.Curve[0].BasisPoints++ }), "pricing.comparable: "},
		"a past": {moving(nil), moving(func(s *Spec) {
			s.Pricing = liked(func(*Comparable) {}).Pricing
			s.Venue, s.StartsAt = "Hall", priced.AddDate(0, 2, 0)
		}), "pricing.weights: "},
		"quiet":       {moving(nil), moving(func(s *Spec) { s.Pricing.QuietAfter = 1 }), "pricing.quiet_after: "},
		"more often":  {moving(nil), moving(func(s *Spec) { s.Pricing.Every = Duration(time.Minute) }), "pricing.every: "},
		"base":        {moving(nil), moving(func(s *Spec) { s.Levels[0].Base++ }), "levels[0].base: "},
		"fee":         {moving(nil), moving(func(s *Spec) { s.Levels[0].ServiceFee--; s.Levels[0].Base++ }), "levels[0].base: "},
		"no rails":    {moving(nil), moving(func(s *Spec) { s.Pricing.Rails = s.Pricing.Rails[:1] }), "pricing.rails: those of \"b\""},
		"more rails":  {moving(func(s *Spec) { s.Pricing.Rails = s.Pricing.Rails[:1] }), moving(nil), "pricing.rails[1].level: "},
		"floor":       {moving(nil), rail(func(r *Rails) { r.Floor++ }), "pricing.rails[0].floor: "},
		"ceiling":     {moving(nil), rail(func(r *Rails) { r.Ceiling++ }), "pricing.rails[0].ceiling: "},
		"step":        {moving(nil), rail(func(r *Rails) { r.Step++ }), "pricing.rails[0].step: "},
		"cool-down":   {rail(func(r *Rails) { r.CoolDown = Duration(time.Hour) }), moving(nil), "pricing.rails[0].cool_down: "},
		"round":       {moving(nil), rail(func(r *Rails) { r.Round = RoundWhole }), "pricing.rails[0].round: "},
		"direction":   {moving(nil), moving(func(s *Spec) { s.Pricing.Rails[1].Direction = PriceBoth }), "pricing.rails[1].direction: "},
		"tiers":       {tiered(func(*Rails) {}), tiered(func(r *Rails) { r.Tiers[0].Total++ }), "pricing.rails[0].tiers: "},
		"approvals":   {moving(func(s *Spec) { s.Pricing.Mode, s.Pricing.Approvals = PricingPropose, 2 }), moving(func(s *Spec) { s.Pricing.Mode = PricingPropose }), "pricing.approvals: "},
		"frozen tier": {tiered(func(*Rails) {}), tiered(func(r *Rails) { r.Freeze = true }), ""},
	} {
		err := Event{Spec: c.was}.CheckChange(Event{Spec: c.is}, priced)
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		var fault *Fault
		if err != nil && !errors.As(err, &fault) {
			t.Errorf("%s: %T", name, err)
		}
		if err := (Event{Spec: c.was}).CheckChange(Event{Spec: c.is}, priced.Add(-1)); err != nil {
			t.Errorf("%s, before the opening: %v", name, err)
		}
	}
}

// What fans joined for is not taken back once they could join.
func TestPromisesStay(t *testing.T) {
	t.Parallel()
	promising := moving(func(s *Spec) { s.Pricing.Promise, s.Admission.RoomOpensAt = PromiseJoin, priced.Add(-time.Hour) })
	bare := promising
	bare.Pricing.Promise = ""
	for at, want := range map[time.Duration]string{-2 * time.Hour: "", -time.Hour: "pricing.promise: fans have joined", time.Hour: "pricing.promise: fans have joined"} {
		if err := (Event{Spec: promising}).CheckChange(Event{Spec: bare}, priced.Add(at)); (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("taken back %v around the opening: %v", at, err)
		}
		if err := (Event{Spec: bare}).CheckChange(Event{Spec: promising}, priced.Add(at)); err != nil {
			t.Errorf("given %v around the opening: %v", at, err)
		}
	}
}
