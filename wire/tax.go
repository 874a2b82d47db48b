package wire

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// TaxSpec says which taxes are on an event's places. However the organiser writes them,
// whatever is told, quoted, paid and refunded is an all-in amount, and its tax a part of it.
type TaxSpec struct {
	Mode  string    `json:"mode,omitempty"` // Tax…: what the levels' amounts are; needed where there are rates
	Rates []TaxRate `json:"rates,omitempty"`
}

// Modes of a TaxSpec. Rails and tiers, and the totals of concessions, are all-in in both.
const (
	TaxInclusive = "inclusive" // the levels' amounts have the taxes in them
	TaxExclusive = "exclusive" // the taxes are added to them
)

// MaxTaxRates bounds the rates of an event, maxTaxPercent what is on one level in all.
const (
	MaxTaxRates   = 8
	maxTaxPercent = hundred
)

// TaxRate is one tax. All that are on a level are of the same amount: the one without taxes.
type TaxRate struct {
	Name    string   `json:"name" file:"required"` // as receipts show it: "VAT"
	Percent Percent  `json:"percent" file:"required"`
	Levels  []string `json:"levels,omitempty"` // that it is on; none: on all
}

// Percent is a share in thousandths of a percent. It is written as people write it: "8.875".
type Percent int64

const (
	percentUnit   Percent = 1000
	percentDigits         = 3
	hundred       Percent = 100 * percentUnit
)

func (p Percent) String() string {
	text := fmt.Sprintf("%d.%0*d", p/percentUnit, percentDigits, p%percentUnit)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// MarshalText writes the percentage without its sign: "19", "8.875".
func (p Percent) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads digits with at most three decimals.
func (p *Percent) UnmarshalText(b []byte) error {
	digits, decimals, dot := strings.Cut(string(b), ".")
	n, err := strconv.ParseInt(digits+decimals+strings.Repeat("0", max(0, percentDigits-len(decimals))), 10, 64)
	if !isWhole(digits) || dot == (decimals == "") || len(decimals) > percentDigits || strings.Trim(decimals, "0123456789") != "" || err != nil {
		return fmt.Errorf("%q is no percentage: write it like 19 or 8.875, with at most %d decimals", b, percentDigits)
	}
	*p = Percent(n)
	return nil
}

// On returns the rates that are on a level, in their order.
func (t TaxSpec) On(level string) (rates []TaxRate) {
	for _, r := range t.Rates {
		if len(r.Levels) == 0 || slices.Contains(r.Levels, level) {
			rates = append(rates, r)
		}
	}
	return rates
}

// Opening is what a place of the level costs at the opening, all taxes and fees included.
func (s Spec) Opening(l Level) PriceLevel {
	p := PriceLevel{ID: l.ID}
	for _, r := range s.Tax.On(l.ID) {
		p.Rate += r.Percent
	}
	parts := []int64{l.Base, l.ServiceFee, l.FacilityFee}
	if s.Tax.Mode == TaxExclusive {
		added := share(l.Base+l.ServiceFee+l.FacilityFee, int64(p.Rate), int64(hundred))
		for i, more := range Apportion(added, parts) {
			parts[i] += more
		}
	}
	p.Amounts = NewAmounts(parts[0], parts[1], parts[2])
	p.Tax = p.within(p.Total)
	return p
}

// At is what a place costs whose total has moved: its base does, and its fees stay. Where the
// total doesn't cover them they give way too, the facility's last.
func (p PriceLevel) At(total int64) Amounts {
	a := Amounts{Total: total, Tax: p.within(total)}
	a.FacilityFee = min(p.FacilityFee, total)
	a.ServiceFee = min(p.ServiceFee, total-a.FacilityFee)
	a.Base = total - a.FacilityFee - a.ServiceFee
	return a
}

// within is the tax that is in a total.
func (p PriceLevel) within(total int64) int64 {
	return share(total, int64(p.Rate), int64(hundred+p.Rate))
}

func (r TaxRate) same(o TaxRate) bool {
	return r.Name == o.Name && r.Percent == o.Percent && slices.Equal(r.Levels, o.Levels)
}

// TaxLine is what one tax makes of an amount.
type TaxLine struct {
	Name    string  `json:"name"`
	Percent Percent `json:"percent"`
	Amount  int64   `json:"amount"` // minor units
}

// Taxes splits the taxes that are in the quotes by their names and rates, in the order of the
// spec. The lines add up to what the quotes say.
func (t TaxSpec) Taxes(quotes []SeatQuote) (lines []TaxLine) {
	for _, q := range quotes {
		rates := t.On(q.Level)
		weights := make([]int64, len(rates))
		for i, r := range rates {
			weights[i] = int64(r.Percent)
		}
		for i, part := range Apportion(q.Price.Tax, weights) {
			at := slices.IndexFunc(lines, func(l TaxLine) bool { return l.Name == rates[i].Name && l.Percent == rates[i].Percent })
			if at < 0 {
				at, lines = len(lines), append(lines, TaxLine{Name: rates[i].Name, Percent: rates[i].Percent})
			}
			lines[at].Amount += part
		}
	}
	return lines
}

// Apportion splits a total in proportion to weights, by largest remainders: the parts add up
// to the total, each is less than one unit from its exact share, and of equal remainders the
// first gets the unit. Nothing may be negative. Without any weight there are no parts but zeros.
func Apportion(total int64, weights []int64) []int64 {
	parts, rests := make([]int64, len(weights)), make([]uint64, len(weights))
	var sum uint64
	for _, w := range weights {
		sum += uint64(w)
	}
	if sum == 0 {
		return parts
	}
	left := total
	for i, w := range weights {
		hi, lo := bits.Mul64(uint64(total), uint64(w))
		quo, rest := bits.Div64(hi, lo, sum) // w is at most sum, so the quotient fits
		parts[i], rests[i] = int64(quo), rest
		left -= int64(quo)
	}
	for ; left > 0; left-- { // fewer times than there are remainders
		most := 0
		for i := range rests {
			if rests[i] > rests[most] {
				most = i
			}
		}
		parts[most]++
		rests[most] = 0
	}
	return parts
}

// share is amount × of / all, rounded half up. None is negative.
func share(amount, of, all int64) int64 {
	hi, lo := bits.Mul64(uint64(amount), uint64(of))
	lo, carry := bits.Add64(lo, uint64(all)/2, 0)
	quo, _ := bits.Div64(hi+carry, lo, uint64(all))
	return int64(quo)
}

// checkTax refuses taxes that contradict each other.
func (s Spec) checkTax(f *faults) {
	t := s.Tax
	switch n := len(t.Rates); {
	case n == 0 && t.Mode != "":
		f.add("tax.rates", "no rate is given: write one, or leave tax out")
		return
	case n > MaxTaxRates:
		f.add("tax.rates", "%d of them: write up to %d", n, MaxTaxRates)
		return
	case n > 0 && t.Mode != TaxInclusive && t.Mode != TaxExclusive:
		f.add("tax.mode", "%q: write %s, if the levels' amounts have the taxes in them, or %s, if they are added", t.Mode, TaxInclusive, TaxExclusive)
	}
	for i, r := range t.Rates {
		key := fmt.Sprintf("tax.rates[%d].", i)
		if r.Name == "" {
			f.add(key+"name", "a tax has one")
		}
		f.text(key+"name", r.Name)
		if r.Percent <= 0 || r.Percent > maxTaxPercent {
			f.add(key+"percent", "%v: write a percentage above 0, up to %v", r.Percent, maxTaxPercent)
		}
		s.checkLevelNames(f, key+"levels", r.Levels)
	}
	for i, l := range s.Levels {
		if p := s.Opening(l); p.Rate > maxTaxPercent {
			f.add(fmt.Sprintf("levels[%d].id", i), "the taxes on %q are %v %% in all: more than %v is a typing error", l.ID, p.Rate, maxTaxPercent)
		}
	}
}

// checkLevelNames refuses names of levels that there aren't, or that come twice.
func (s Spec) checkLevelNames(f *faults, key string, names []string) {
	for j, name := range names {
		switch {
		case !slices.ContainsFunc(s.Levels, func(l Level) bool { return l.ID == name }):
			f.add(fmt.Sprintf("%s[%d]", key, j), "%q is none of the levels", name)
		case slices.Index(names, name) < j:
			f.add(fmt.Sprintf("%s[%d]", key, j), "%q is named twice", name)
		}
	}
}
