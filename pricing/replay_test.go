package pricing

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"frontrow/pricing/rules"
	"frontrow/wire"
)

// A log in which a price is off by a minor unit is found, wherever it is wrong.
func TestReplayFindsAMinorUnit(t *testing.T) {
	t.Parallel()
	s := wire.Spec{ID: "demo", Currency: "EUR", OpensAt: opens, SaleEndsAt: opens.Add(100 * time.Hour), Levels: []wire.Level{{ID: "a", Base: 12_000}},
		Pricing: wire.PricingSpec{Mode: wire.PricingDemand, Rails: []wire.Rails{{Level: "a", Floor: 10_000, Ceiling: 12_500, Step: 500}}}}.WithDefaults()
	first := wire.PriceAct{N: 1, Kind: wire.PriceActRules, At: opens, Rules: s.PriceRules()}
	first, err := rules.Apply(first, wire.PriceAct{})
	must(t, err)
	second := func(change func(*wire.PriceAct)) wire.PriceAct {
		a := wire.PriceAct{N: 2, Kind: wire.PriceActRules, At: opens.Add(50 * time.Hour), Rules: s.PriceRules(), Signals: &wire.Signals{Stock: map[string]wire.StockSignal{"a": {Places: 10, Sold: 9}}}}
		a, err := rules.Apply(a, first)
		must(t, err)
		change(&a)
		return a
	}
	price := func(a *wire.PriceAct, to int64) {
		l := a.Levels["a"]
		l.Amounts = wire.NewAmounts(to, 0, 0)
		a.Levels["a"] = l
	}
	for name, c := range map[string]struct {
		change func(*wire.PriceAct)
		want   string
	}{
		"nothing":       {func(*wire.PriceAct) {}, ""},
		"a minor unit":  {func(a *wire.PriceAct) { price(a, 12_499) }, "act 2: a: the log has "},
		"out of rails":  {func(a *wire.PriceAct) { price(a, 12_501) }, "outside of 10000 to 12500"},
		"signals":       {func(a *wire.PriceAct) { a.Signals.Stock["a"] = wire.StockSignal{Places: 10, Sold: 5} }, "the rules refuse it"},
		"the instant":   {func(a *wire.PriceAct) { a.At = a.At.Add(time.Hour) }, "act 2: a: the log has "},
		"a gap":         {func(a *wire.PriceAct) { a.N = 3 }, "the one before it is act 1"},
		"who did it":    {func(a *wire.PriceAct) { a.Kind = wire.PriceActSet; a.Level = "a" }, "the rules refuse it"},
		"other rails":   {func(a *wire.PriceAct) { a.Rules.Pricing.Rails[0].Ceiling = 12_400 }, "outside of 10000 to 12400"},
		"adopted later": {func(a *wire.PriceAct) { a.Kind = wire.PriceActAdopt }, "it had lost some acts"},
	} {
		act := second(c.change)
		got := fmt.Sprint(rules.Verify(first, act))
		if c.want == "" && got != "[]" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", name, got)
		}
		s.Pricing.Rails[0].Ceiling = 12_500
	}
}
