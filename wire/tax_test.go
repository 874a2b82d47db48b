package wire

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPercentIsReadAsWritten(t *testing.T) {
	for text, want := range map[string]Percent{"19": 19_000, "8.875": 8_875, "0.5": 500, "7.70": 7_700, "100": 100_000, "0": 0} {
		var p Percent
		if err := p.UnmarshalText([]byte(text)); err != nil || p != want {
			t.Errorf("%q: %d, %v", text, p, err)
		}
	}
	for _, text := range []string{"", "-1", "+1", "1.", ".5", "8.8751", "08", "1e2", "19 %", "1,5", "99999999999999999999", "1.-1"} {
		var p Percent
		if err := p.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, p)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p, again := Percent(rapid.Int64Range(0, 200_000).Draw(t, "p")), Percent(-1)
		raw, err := json.Marshal(p)
		if err == nil {
			err = json.Unmarshal(raw, &again)
		}
		if err != nil || again != p {
			t.Fatalf("%d is written %s, read %d: %v", p, raw, again, err)
		}
	})
}

// By largest remainders: nothing is lost or made, and each part is less than a unit off.
func TestApportion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(0, 3e10).Draw(t, "total")
		weights := rapid.SliceOfN(rapid.Int64Range(0, 6e8), 0, 50).Draw(t, "weights")
		sum, given := int64(0), int64(0)
		for _, w := range weights {
			sum += w
		}
		parts := Apportion(total, weights)
		for i, part := range parts {
			given += part
			if sum > 0 {
				exact := float64(total) * float64(weights[i]) / float64(sum)
				if part < 0 || float64(part) < exact-1-1e-3 || float64(part) > exact+1+1e-3 || weights[i] == 0 && part != 0 {
					t.Fatalf("part %d of %d by %v is %d, exactly %v", i, total, weights, part, exact)
				}
			}
		}
		if sum > 0 && given != total || sum == 0 && given != 0 {
			t.Fatalf("%v are %d of %d", parts, given, total)
		}
	})
}

func TestOpeningWithTaxes(t *testing.T) {
	level := Level{ID: "a", Base: 10_000, ServiceFee: 1_000, FacilityFee: 33}
	for name, c := range map[string]struct {
		level Level
		mode  string
		rates []TaxRate
		want  Amounts
	}{
		"none":           {level, "", nil, Amounts{10_000, 1_000, 33, 11_033, 0}},
		"inclusive":      {level, TaxInclusive, []TaxRate{{Percent: 19_000}}, Amounts{10_000, 1_000, 33, 11_033, 1_762}},
		"exclusive":      {level, TaxExclusive, []TaxRate{{Percent: 8_875}}, Amounts{10_887, 1_089, 36, 12_012, 979}},
		"two":            {level, TaxExclusive, []TaxRate{{Percent: 4_000}, {Percent: 4_500}}, Amounts{10_850, 1_085, 36, 11_971, 938}},
		"another level":  {level, TaxExclusive, []TaxRate{{Percent: 8_875, Levels: []string{"b"}}}, Amounts{10_000, 1_000, 33, 11_033, 0}},
		"all of it":      {level, TaxExclusive, []TaxRate{{Percent: 100_000}}, Amounts{20_000, 2_000, 66, 22_066, 11_033}},
		"free":           {Level{ID: "a"}, TaxExclusive, []TaxRate{{Percent: 19_000}}, Amounts{}},
		"the least unit": {Level{ID: "a", Base: 1}, TaxExclusive, []TaxRate{{Percent: 50_000}}, Amounts{2, 0, 0, 2, 1}},
		"the most":       {Level{ID: "a", Base: maxMinorUnits, ServiceFee: maxMinorUnits, FacilityFee: maxMinorUnits}, TaxExclusive, []TaxRate{{Percent: 100_000}}, Amounts{2 * maxMinorUnits, 2 * maxMinorUnits, 2 * maxMinorUnits, 6 * maxMinorUnits, 3 * maxMinorUnits}},
	} {
		is := Spec{Levels: []Level{c.level}, Tax: TaxSpec{c.mode, c.rates}}.Opening(c.level)
		if is.Amounts != c.want || !is.Sound() {
			t.Errorf("%s: %+v, want %+v", name, is.Amounts, c.want)
		}
	}
}

// Whatever the total: its parts add up to it, at the opening's total it is the opening's
// price, and the tax is the rate's part of it, in currencies of any number of decimals.
func TestAtAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(0, maxMinorUnits)
		l := Level{ID: "a", Base: amount.Draw(t, "base"), ServiceFee: amount.Draw(t, "service"), FacilityFee: amount.Draw(t, "facility")}
		s := Spec{Levels: []Level{l}, Tax: TaxSpec{rapid.SampledFrom([]string{TaxInclusive, TaxExclusive}).Draw(t, "mode"), nil}}
		for range rapid.IntRange(0, 3).Draw(t, "rates") {
			s.Tax.Rates = append(s.Tax.Rates, TaxRate{Name: rapid.SampledFrom([]string{"VAT", "City"}).Draw(t, "name"), Percent: Percent(rapid.Int64Range(1, 33_333).Draw(t, "percent"))})
		}
		open := s.Opening(l)
		if open.At(open.Total) != open.Amounts {
			t.Fatalf("%+v at its own total is %+v", open.Amounts, open.At(open.Total))
		}
		if net := l.Base + l.ServiceFee + l.FacilityFee; s.Tax.Mode == TaxExclusive && open.Total-open.Tax != net {
			t.Fatalf("%+v is of %d", open.Amounts, net)
		}
		a := open.At(rapid.Int64Range(0, 6*maxMinorUnits).Draw(t, "total"))
		if !a.Sound() {
			t.Fatalf("%+v doesn't add up", a)
		}
		sum := int64(0)
		for _, line := range s.Tax.Taxes([]SeatQuote{{Level: "a", Price: a}, {Level: "a", Price: a}}) {
			sum += line.Amount
		}
		if sum != 2*a.Tax {
			t.Fatalf("the lines of %d come to %d", 2*a.Tax, sum)
		}
	})
}

func TestReductionsOfASpec(t *testing.T) {
	total := func(n int64) *int64 { return &n }
	for name, c := range map[string]struct {
		change func(*Spec)
		want   string // how the first fault begins; "": none
	}{
		"tax":          {func(s *Spec) { s.Tax = TaxSpec{TaxExclusive, []TaxRate{{Name: "VAT", Percent: 19_000}}} }, ""},
		"a mode alone": {func(s *Spec) { s.Tax.Mode = TaxExclusive }, "tax.rates: "},
		"no mode":      {func(s *Spec) { s.Tax.Rates = []TaxRate{{Name: "VAT", Percent: 19_000}} }, "tax.mode: "},
		"no percent":   {func(s *Spec) { s.Tax = TaxSpec{TaxExclusive, []TaxRate{{Name: "VAT"}}} }, "tax.rates[0].percent: "},
		"101 %":        {func(s *Spec) { s.Tax = TaxSpec{TaxExclusive, []TaxRate{{Name: "VAT", Percent: 101_000}}} }, "tax.rates[0].percent: "},
		"nameless":     {func(s *Spec) { s.Tax = TaxSpec{TaxExclusive, []TaxRate{{Percent: 1}}} }, "tax.rates[0].name: "},
		"another level": {func(s *Spec) {
			s.Tax = TaxSpec{TaxExclusive, []TaxRate{{Name: "VAT", Percent: 1, Levels: []string{"z"}}}}
		}, "tax.rates[0].levels[0]: "},
		"too much in all": {func(s *Spec) {
			s.Tax = TaxSpec{TaxExclusive, []TaxRate{{Name: "A", Percent: 60_000}, {Name: "B", Percent: 60_000}}}
		}, "levels[0].id: "},
		"a child":        {func(s *Spec) { s.Concessions = []Concession{{ID: "c", Name: "C", Off: Off{PercentOff: 50_000}}} }, ""},
		"free":           {func(s *Spec) { s.Concessions = []Concession{{ID: "c", Name: "C", Total: total(0)}} }, ""},
		"no reduction":   {func(s *Spec) { s.Concessions = []Concession{{ID: "c", Name: "C"}} }, "concessions[0].percent_off: "},
		"two reductions": {func(s *Spec) { s.Concessions = []Concession{{ID: "c", Name: "C", Off: Off{1, 1}}} }, "concessions[0].percent_off: "},
		"off and total": {func(s *Spec) {
			s.Concessions = []Concession{{ID: "c", Name: "C", Off: Off{AmountOff: 1}, Total: total(0)}}
		}, "concessions[0].total: "},
		"negative total":  {func(s *Spec) { s.Concessions = []Concession{{ID: "c", Name: "C", Total: total(-1)}} }, "concessions[0].total: "},
		"negative amount": {func(s *Spec) { s.Concessions = []Concession{{ID: "c", Name: "C", Off: Off{AmountOff: -1}}} }, "concessions[0].amount_off: "},
		"overflow":        {func(s *Spec) { s.Concessions = []Concession{{ID: "c", Name: "C", Off: Off{AmountOff: 1 << 62}}} }, "concessions[0].amount_off: "},
		"more than all":   {func(s *Spec) { s.Promotions = []Promotion{{ID: "p", Seal: "s", Off: Off{PercentOff: 100_001}}} }, "promotions[0].percent_off: "},
		"twice": {func(s *Spec) {
			c := Concession{ID: "c", Name: "C", Total: total(0)}
			s.Concessions = []Concession{c, c}
		}, "concessions[1].id: "},
		"a code":  {func(s *Spec) { s.Promotions = []Promotion{{ID: "p", Seal: "s", Off: Off{PercentOff: 1}}} }, ""},
		"no seal": {func(s *Spec) { s.Promotions = []Promotion{{ID: "p", Off: Off{PercentOff: 1}}} }, "promotions[0].seal: "},
		"one code for two": {func(s *Spec) {
			o := Off{PercentOff: 1}
			s.Promotions = []Promotion{{ID: "p", Seal: "s", Off: o}, {ID: "q", Seal: "s", Off: o}}
		}, "promotions[1].seal: "},
		"over before": {func(s *Spec) {
			s.Promotions = []Promotion{{ID: "p", Seal: "s", Off: Off{PercentOff: 1}, From: priced, Until: priced.Add(-time.Second)}}
		}, "promotions[0].until: "},
		"negative limit": {func(s *Spec) { s.Promotions = []Promotion{{ID: "p", Seal: "s", Off: Off{PercentOff: 1}, Limit: -1}} }, "promotions[0].limit: "},
	} {
		s := moving(c.change)
		if name == "tax" { // rails are all-in: those below the taxes are refused
			s.Pricing = PricingSpec{}
		}
		s = s.WithDefaults()
		var f faults
		s.checkTax(&f)
		s.checkReductions(&f)
		err := errors.Join(f...)
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// Receipts show the taxes that were quoted: what is on sale keeps its own.
func TestTaxesOnSaleStay(t *testing.T) {
	taxed := func(percent Percent) Spec {
		return moving(func(s *Spec) {
			s.Pricing, s.Tax = PricingSpec{}, TaxSpec{TaxInclusive, []TaxRate{{Name: "VAT", Percent: percent}}}
		})
	}
	was, is := Event{Spec: taxed(19_000)}, Event{Spec: taxed(16_000)}
	if err := was.CheckChange(is, priced); err == nil || !strings.HasPrefix(err.Error(), "tax: ") {
		t.Errorf("another rate once it is on sale: %v", err)
	}
	if err := was.CheckChange(is, priced.Add(-1)); err != nil {
		t.Errorf("before: %v", err)
	}
	if err := was.CheckChange(was, priced); err != nil {
		t.Errorf("the same: %v", err)
	}
}

// Minor units are whole: yen have no smaller ones, dinars a thousand. Lines add up in all of them.
func TestTaxesInCurrenciesOfOtherDigits(t *testing.T) {
	for _, c := range []struct {
		currency, mode   string
		base, fee        int64
		percent          Percent
		total, tax, half string // of the half price, its total and tax
	}{
		{"EUR", TaxExclusive, 5000, 600, 19_000, "EUR 66.64", "EUR 10.64", "EUR 33.32, EUR 5.32"},
		{"JPY", TaxExclusive, 8805, 333, 10_000, "JPY 10052", "JPY 914", "JPY 5026, JPY 457"},
		{"JPY", TaxInclusive, 8805, 333, 8_000, "JPY 9138", "JPY 677", "JPY 4569, JPY 338"},
		{"KWD", TaxExclusive, 12_345, 1_005, 5_000, "KWD 14.018", "KWD 0.668", "KWD 7.009, KWD 0.334"},
		{"KWD", TaxInclusive, 12_345, 1_005, 8_875, "KWD 13.350", "KWD 1.088", "KWD 6.675, KWD 0.544"},
	} {
		l := Level{ID: "all", Base: c.base, ServiceFee: c.fee}
		s := Spec{Currency: c.currency, Levels: []Level{l}, Tax: TaxSpec{Mode: c.mode, Rates: []TaxRate{{Name: "VAT", Percent: c.percent}}}}
		full := s.Opening(l)
		half := full.At(Concession{Off: Off{PercentOff: 50_000}}.Of(full.Total))
		show := func(amount int64) string { return FormatAmount(amount, c.currency) }
		if show(full.Total) != c.total || show(full.Tax) != c.tax || show(half.Total)+", "+show(half.Tax) != c.half || !full.Sound() || !half.Sound() {
			t.Errorf("%s %s: %s with %s in it, at half %s, %s; want %+v", c.currency, c.mode, show(full.Total), show(full.Tax), show(half.Total), show(half.Tax), c)
		}
		sum := int64(0)
		for _, line := range s.Tax.Taxes([]SeatQuote{{Level: "all", Price: full.Amounts}, {Level: "all", Price: half}}) {
			sum += line.Amount
		}
		if sum != full.Tax+half.Tax {
			t.Errorf("%s: lines of %d for %d and %d", c.currency, sum, full.Tax, half.Tax)
		}
	}
}
