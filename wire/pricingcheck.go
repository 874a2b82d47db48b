package wire

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

const (
	maxWeightPercent = 400               // how much more than usual a factor may count
	maxTotal         = 3 * maxMinorUnits // of a base and two fees
)

// CheckPricing is what Validate says of the rules of prices alone. Whoever acts by a spec that
// others have stored asks: rules that a later version knows, or that somebody wrote by hand,
// must not be kept halfway.
func (s Spec) CheckPricing() error {
	var f faults
	s.checkPricing(&f)
	return errors.Join(f...)
}

// checkPricing refuses rules that contradict each other, and those that nothing would act
// upon: a rule that is accepted is kept.
func (s Spec) checkPricing(f *faults) {
	p := s.Pricing
	switch p.Mode {
	case PricingFixed:
		if rest := (PricingSpec{Mode: p.Mode}); !reflect.DeepEqual(p, rest) {
			f.add("pricing.mode", "prices are fixed, so no other rule does anything: write %s, %s or %s, or leave the rules out", PricingTiers, PricingDemand, PricingPropose)
		}
		return
	case PricingTiers, PricingDemand, PricingPropose:
	default:
		f.add("pricing.mode", "%q: write %s, %s, %s or %s", p.Mode, PricingFixed, PricingTiers, PricingDemand, PricingPropose)
		return
	}
	if p.Promise != "" && !p.Promises() {
		f.add("pricing.promise", "%q: write %s, or leave it out", p.Promise, PromiseJoin)
	}
	f.duration("pricing.quiet_before", p.QuietBefore, 0, Duration(24*time.Hour))
	f.duration("pricing.quiet_after", p.QuietAfter, 0, Duration(24*time.Hour))
	if s.OpensAt.IsZero() && p.QuietBefore+p.QuietAfter > 0 {
		f.add("pricing", "quiet times are around opens_at, which is not said")
	}
	s.checkDemand(f)
	if n := len(p.Rails); n == 0 || n > MaxLevels {
		f.add("pricing.rails", "%d of them: write one for each level whose price may move, up to %d", n, MaxLevels)
		return
	}
	before := len(*f)
	seen := map[string]int{}
	for i, r := range p.Rails {
		key := fmt.Sprintf("pricing.rails[%d].", i)
		at := slices.IndexFunc(s.Levels, func(l Level) bool { return l.ID == r.Level })
		if first, twice := seen[r.Level]; twice {
			f.add(key+"level", "the rails of %q are in rails[%d] already", r.Level, first)
			continue
		}
		seen[r.Level] = i
		switch {
		case at < 0:
			f.add(key+"level", "%q is none of the levels", r.Level)
		case p.Mode == PricingTiers:
			s.checkTiers(f, key, r, s.Levels[at])
		default:
			s.checkRails(f, key, r, s.Levels[at])
		}
	}
	if p.Spread && len(*f) == before {
		s.checkSpread(f)
	}
	s.checkApart(f)
}

// checkDemand checks what belongs to the modes that follow demand alone.
func (s Spec) checkDemand(f *faults) {
	p := s.Pricing
	if p.Mode != PricingPropose && p.Approvals != 0 {
		f.add("pricing.approvals", "belong to mode %s", PricingPropose)
	} else if p.Mode == PricingPropose {
		f.number("pricing.approvals", p.Approvals, 1, 2)
	}
	if !p.FollowsDemand() {
		if p.Every != 0 {
			f.add("pricing.every", "belongs to mode %s: tiers say themselves when they begin", PricingDemand)
		}
		if p.Weights != (PricingWeights{}) {
			f.add("pricing.weights", "belong to mode %s", PricingDemand)
		}
		if len(p.Curve) > 0 {
			f.add("pricing.curve", "belongs to mode %s", PricingDemand)
		}
		if !p.Comparable.same(Comparable{}) {
			f.add("pricing.comparable", "belongs to mode %s", PricingDemand)
		}
		return
	}
	f.duration("pricing.every", p.Every, Duration(time.Minute), Duration(5*time.Minute))
	for i, name := range Factors() {
		f.number("pricing.weights."+name, p.Weights.Of()[i], 0, maxWeightPercent)
	}
	s.checkComparable(f)
	end := s.PlannedEnd()
	if s.OpensAt.IsZero() || end.IsZero() {
		f.add("pricing.mode", "%s compares the sale with a plan, which needs opens_at, and sale_ends_at or starts_at", p.Mode)
		return
	}
	if len(p.Curve) > MaxTiers {
		f.add("pricing.curve", "%d points: write up to %d", len(p.Curve), MaxTiers)
		return
	}
	at, sold := s.OpensAt, 0
	for i, c := range p.Curve {
		key := fmt.Sprintf("pricing.curve[%d].", i)
		if !c.At.After(at) || c.At.After(end) {
			f.add(key+"at", "%s: the points follow each other, from the opening, %s, to the end of the sale, %s", FormatInstant(c.At, s.Zone()), FormatInstant(s.OpensAt, s.Zone()), FormatInstant(end, s.Zone()))
		}
		if c.Sold < sold || c.Sold > 100 {
			f.add(key+"sold", "%d: write a percentage from that of the point before, %d, to 100", c.Sold, sold)
		}
		at, sold = c.At, c.Sold
	}
}

// checkRails checks a level's rails in mode demand, whose defaults are filled in.
func (s Spec) checkRails(f *faults, key string, r Rails, l Level) {
	amount := func(minor int64) string { return FormatAmount(minor, s.Currency) }
	before := len(*f)
	if len(r.Tiers) > 0 {
		f.add(key+"tiers", "belong to mode %s", PricingTiers)
	}
	open := s.Opening(l)
	opening, fees := open.Total, open.ServiceFee+open.FacilityFee
	if r.Floor < fees || r.Floor > opening {
		f.add(key+"floor", "%s: write an all-in total between the fees, %s, and what %q costs at the opening, %s", amount(r.Floor), amount(fees), l.ID, amount(opening))
	}
	if r.Ceiling < opening || r.Ceiling > maxTotal {
		f.add(key+"ceiling", "%s: write an all-in total from what %q costs at the opening, %s, to %s", amount(r.Ceiling), l.ID, amount(opening), amount(maxTotal))
	}
	if !slices.Contains([]string{PriceUp, PriceDown, PriceBoth}, r.Direction) {
		f.add(key+"direction", "%q: write %s, %s or %s", r.Direction, PriceUp, PriceDown, PriceBoth)
	}
	if r.CoolDown < s.Pricing.Every || r.CoolDown > Duration(24*time.Hour) {
		f.add(key+"cool_down", "%v: write a time from pricing.every, %v, to %v", r.CoolDown, s.Pricing.Every, Duration(24*time.Hour))
	}
	unit, _, ok := Grid(r.Round, s.Currency)
	if !ok {
		f.add(key+"round", "%q: write %s, %q or %q, or leave it out; amounts of %s have %d decimals", r.Round, RoundWhole, RoundHalf, RoundNinety, s.Currency, CurrencyDigits(s.Currency))
	}
	if len(*f) > before {
		return
	}
	if opening == 0 {
		f.add(key+"level", "%q is free at the opening, and demand moves a price by shares of that: leave it out of the rails", l.ID)
		return
	}
	if r.Step <= 0 || r.Step%unit != 0 {
		f.add(key+"step", "%s: write the largest change at a time, a multiple of %s", amount(r.Step), amount(unit))
	}
	switch {
	case r.Floor == r.Ceiling:
		f.add(key+"level", "its floor is its ceiling, so it can't move: leave the level out of the rails, or widen them")
	case r.Direction == PriceUp && r.Floor < opening:
		f.add(key+"floor", "a price that only rises never comes below the opening's, %s", amount(opening))
	case r.Direction == PriceDown && r.Ceiling > opening:
		f.add(key+"ceiling", "a price that only falls never comes above the opening's, %s", amount(opening))
	}
}

// checkTiers checks a level's rails in mode tiers.
func (s Spec) checkTiers(f *faults, key string, r Rails, l Level) {
	var extra []string
	for name, given := range map[string]bool{"floor": r.Floor != 0, "ceiling": r.Ceiling != 0, "step": r.Step != 0, "direction": r.Direction != "", "cool_down": r.CoolDown != 0, "round": r.Round != ""} {
		if given {
			extra = append(extra, name)
		}
	}
	slices.Sort(extra)
	for _, name := range extra {
		f.add(key+name, "belongs to mode %s: tiers say each price themselves", PricingDemand)
	}
	if n := len(r.Tiers); n == 0 || n > MaxTiers {
		f.add(key+"tiers", "%d of them: write between 1 and %d", n, MaxTiers)
		return
	}
	opening, from, sold := s.Opening(l), time.Time{}, 0
	fees := opening.ServiceFee + opening.FacilityFee
	for i, t := range r.Tiers {
		key := fmt.Sprintf("%stiers[%d].", key, i)
		switch {
		case t.From.IsZero() == (t.Sold == 0):
			f.add(strings.TrimSuffix(key, "."), "write from when it counts: either from, an instant, or sold, a percentage")
		case t.Sold != 0:
			if t.Sold <= sold || t.Sold > 100 {
				f.add(key+"sold", "%d: write a percentage above that of the tiers before, %d, up to 100", t.Sold, sold)
			}
			sold = t.Sold
		default:
			if end := s.PlannedEnd(); !t.From.After(from) || !end.IsZero() && !t.From.Before(end) {
				f.add(key+"from", "%s: the tiers follow each other, before the sale ends", FormatInstant(t.From, s.Zone()))
			}
			from = t.From
		}
		if t.Total < fees || t.Total > maxTotal {
			f.add(key+"total", "%s: write an all-in total between the fees, %s, and %s", FormatAmount(t.Total, s.Currency), FormatAmount(fees, s.Currency), FormatAmount(maxTotal, s.Currency))
		}
	}
}

// checkApart refuses distances between levels that can't be kept by any prices.
func (s Spec) checkApart(f *faults) {
	p, amount := s.Pricing, func(minor int64) string { return FormatAmount(minor, s.Currency) }
	for _, a := range []struct {
		key   string
		minor int64
	}{{"pricing.least_apart", p.LeastApart}, {"pricing.most_apart", p.MostApart}} {
		if a.minor < 0 || a.minor > maxTotal {
			f.add(a.key, "%s: write an amount up to %s", amount(a.minor), amount(maxTotal))
			continue
		}
		for _, r := range p.Rails {
			if unit, _, ok := Grid(r.Round, s.Currency); ok && a.minor%unit != 0 {
				f.add(a.key, "%s: prices of %q end where they are %s apart, so write a multiple of that", amount(a.minor), r.Level, amount(unit))
				break
			}
		}
	}
	if p.MostApart != 0 && p.MostApart < p.LeastApart {
		f.add("pricing.most_apart", "%s: write an amount from least_apart, %s, on", amount(p.MostApart), amount(p.LeastApart))
	}
}

// checkSpread refuses levels that could not always be kept in their order, and as far apart
// as they are to be: what is so of their prices at the opening, of their floors and of their
// ceilings can be kept between those.
func (s Spec) checkSpread(f *faults) {
	p, amount := s.Pricing, func(minor int64) string { return FormatAmount(minor, s.Currency) }
	for i := 1; i < len(s.Levels); i++ {
		better, worse := s.Levels[i-1], s.Levels[i]
		floor, ceiling := s.Bounds(worse)
		above, top := s.Bounds(better)
		if p.Apart(s.Opening(better).Total, s.Opening(worse).Total) && p.Apart(above, floor) && p.Apart(top, ceiling) {
			continue
		}
		switch {
		case p.LeastApart != 0 || p.MostApart != 0:
			f.add("pricing.spread", "%q could not always be kept as far below %q as is said: at the opening they are %s apart, at their floors %s, at their ceilings %s", worse.ID, better.ID, amount(s.Opening(better).Total-s.Opening(worse).Total), amount(above-floor), amount(top-ceiling))
		default:
			f.add("pricing.spread", "%q could not always be kept at or below %q, which stands before it: neither its price at the opening nor its floor nor its ceiling may be above the other's", worse.ID, better.ID)
		}
	}
}

// checkPricingChange refuses changes of what fans were told about prices once the sale is
// open: floors, ceilings and steps may only fall, times between changes only grow, and
// levels may be frozen; nothing else changes.
func (s Spec) checkPricingChange(f *faults, next Spec) {
	was, is := s.Pricing, next.Pricing
	const told = "fans were told it, and the sale of %q has opened: it can't change any more"
	if was.Mode != is.Mode {
		f.add("pricing.mode", told+". To stop the moves, freeze the levels", s.ID)
		return
	}
	if was.Mode == PricingFixed {
		return
	}
	for _, c := range []struct {
		key  string
		same bool
	}{
		{"quiet_before", was.QuietBefore == is.QuietBefore}, {"quiet_after", was.QuietAfter == is.QuietAfter},
		{"spread", was.Spread == is.Spread}, {"least_apart", was.LeastApart == is.LeastApart}, {"most_apart", was.MostApart == is.MostApart}, {"weights", was.Weights == is.Weights},
		{"curve", slices.EqualFunc(was.Curve, is.Curve, func(a, b CurvePoint) bool { return a.At.Equal(b.At) && a.Sold == b.Sold })},
		{"comparable", was.Comparable.same(is.Comparable)},
	} {
		if !c.same {
			f.add("pricing."+c.key, told, s.ID)
		}
	}
	if is.Approvals < was.Approvals {
		f.add("pricing.approvals", "%d were told: there can only be more", was.Approvals)
	}
	if is.Every < was.Every {
		f.add("pricing.every", "%v was told: it can only become longer", was.Every)
	}
	for i, r := range is.Rails {
		s.checkKept(f, fmt.Sprintf("pricing.rails[%d].", i), r)
	}
	for _, r := range was.Rails {
		if _, ok := is.RailsOf(r.Level); !ok {
			f.add("pricing.rails", "those of %q are gone, but its price has been moving: freeze it instead", r.Level)
		}
	}
	for i, l := range next.Levels {
		old := slices.IndexFunc(s.Levels, func(o Level) bool { return o.ID == l.ID })
		if _, moves := was.RailsOf(l.ID); moves && old >= 0 && s.Levels[old].amounts() != l.amounts() {
			f.add(fmt.Sprintf("levels[%d].base", i), "rules move the price of %q: what it cost at the opening, and its fees, can't change any more", l.ID)
		}
	}
}

func (l Level) amounts() [3]int64 { return [...]int64{l.Base, l.ServiceFee, l.FacilityFee} }

// checkKept refuses rails of a level that are not what fans were told, or better for them.
func (s Spec) checkKept(f *faults, key string, is Rails) {
	was, moved := s.Pricing.RailsOf(is.Level)
	if !moved {
		f.add(key+"level", "the price of %q was told to be fixed", is.Level)
		return
	}
	amount := func(minor int64) string { return FormatAmount(minor, s.Currency) }
	if is.Floor > was.Floor {
		f.add(key+"floor", "%s was told: it can only fall", amount(was.Floor))
	}
	if is.Ceiling > was.Ceiling {
		f.add(key+"ceiling", "%s was told: it can only fall", amount(was.Ceiling))
	}
	if is.Step > was.Step {
		f.add(key+"step", "%s was told: it can only become smaller", amount(was.Step))
	}
	if is.CoolDown < was.CoolDown {
		f.add(key+"cool_down", "%v was told: it can only become longer", was.CoolDown)
	}
	if was.Direction != PriceBoth && is.Direction != was.Direction {
		f.add(key+"direction", "%s was told: it can't change any more", was.Direction)
	}
	if is.Round != was.Round {
		f.add(key+"round", "it was told: it can't change any more")
	}
	if !slices.EqualFunc(was.Tiers, is.Tiers, func(a, b Tier) bool { return a.From.Equal(b.From) && a.Sold == b.Sold && a.Total == b.Total }) {
		f.add(key+"tiers", "they were told: they can't change any more. To stop the moves, freeze the level")
	}
}
