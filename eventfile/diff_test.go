package eventfile

import (
	"encoding"
	"reflect"
	"testing"
	"time"

	"frontrow/wire"
)

func sale() wire.Spec {
	at := time.Date(2030, 6, 1, 10, 0, 0, 0, time.UTC)
	s := wire.Spec{ID: "show", Name: "Show", Currency: "EUR", OpensAt: at, StartsAt: at.AddDate(0, 1, 0),
		Levels:  []wire.Level{{ID: "a", Name: "All", Categories: []string{"A"}, Base: 5000}},
		Pricing: wire.PricingSpec{Mode: wire.PricingDemand, Rails: []wire.Rails{{Level: "a", Ceiling: 9000, Step: 100, Round: wire.RoundWhole}}}}
	s.Admission.RoomOpensAt = at.Add(-time.Hour)
	return s.WithDefaults()
}

// Whatever changes is shown: a key that is added to specs can't be forgotten.
func TestDiffShowsEveryKey(t *testing.T) {
	seen := 0
	var each func(path string, v reflect.Value, s *wire.Spec)
	each = func(path string, v reflect.Value, s *wire.Spec) {
		for _, f := range fields(v) {
			if _, text := f.value.Interface().(encoding.TextMarshaler); f.value.Kind() == reflect.Struct && !text {
				each(path+f.name+".", f.value, s)
				continue
			}
			if f.value.Type() == reflect.TypeFor[[]wire.Level]() {
				each("levels[a].", f.value.Index(0), s)
				continue
			}
			if f.value.Type() == reflect.TypeFor[[]wire.Rails]() {
				each("pricing.rails[a].", f.value.Index(0), s)
				continue
			}
			if path+f.name == "levels[a].id" || path+f.name == "pricing.rails[a].level" {
				continue // another level
			}
			before := reflect.New(f.value.Type()).Elem()
			before.Set(f.value)
			other(f.value)
			seen++
			if got := Diff(sale(), *s); len(got) == 0 || got[0].Key != path+f.name || got[0].Was == got[0].Is {
				t.Errorf("%s%s: %+v", path, f.name, got)
			}
			f.value.Set(before)
		}
	}
	s := sale()
	each("", reflect.ValueOf(&s).Elem(), &s)
	if d := Diff(sale(), sale()); len(d) != 0 || seen < 30 {
		t.Errorf("%d keys; of none: %+v", seen, d)
	}
}

// other puts another value in place of one.
func other(v reflect.Value) {
	switch x := v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(x.Add(time.Second)))
	case []string:
		v.Set(reflect.ValueOf([]string{"Z"}))
	case []wire.Tier:
		v.Set(reflect.ValueOf([]wire.Tier{{Sold: 5, Total: 5}}))
	case []wire.CurvePoint:
		v.Set(reflect.ValueOf([]wire.CurvePoint{{Sold: 5}}))
	case []wire.PastSale:
		v.Set(reflect.ValueOf([]wire.PastSale{{Event: "past"}}))
	case []wire.SharePoint:
		v.Set(reflect.ValueOf([]wire.SharePoint{{BasisPoints: 5}}))
	case []wire.TaxRate:
		v.Set(reflect.ValueOf([]wire.TaxRate{{Name: "VAT", Percent: 19_000}}))
	case []wire.Concession:
		v.Set(reflect.ValueOf([]wire.Concession{{ID: "child"}}))
	case []wire.Promotion:
		v.Set(reflect.ValueOf([]wire.Promotion{{ID: "spring"}}))
	case *float64:
		band := *x + 0.5
		v.Set(reflect.ValueOf(&band))
	case string:
		v.SetString(x + "x")
	case bool:
		v.SetBool(!x)
	case float64:
		v.SetFloat(x + 1)
	default:
		v.SetInt(v.Int() + 1)
	}
}

func TestWhatFansNotice(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*wire.Spec)
		want   Change
	}{
		"dearer":    {func(s *wire.Spec) { s.Levels[0].ServiceFee = 5 }, Change{"levels[a] in all", "EUR 50.00", "EUR 50.05", "the price rises by EUR 0.05; who holds seats pays what they were quoted"}},
		"free":      {func(s *wire.Spec) { s.Levels[0].Base = 0 }, Change{"levels[a] in all", "EUR 50.00", "EUR 0.00", "the price falls by EUR 50.00; who holds seats pays what they were quoted"}},
		"new level": {func(s *wire.Spec) { s.Levels = append(s.Levels, wire.Level{ID: "b", Base: 1}) }, Change{"levels[b]", "", "EUR 0.01", "it is new"}},
		"gone":      {func(s *wire.Spec) { s.Levels = nil }, Change{"levels[a]", "EUR 50.00", "", "it is gone"}},
		"at once":   {func(s *wire.Spec) { s.OpensAt = time.Time{} }, Change{"opens_at", "Sat 2030-06-01 10:00:00 +00:00", "not said", "the sale opens earlier"}},
		"for ever":  {func(s *wire.Spec) { s.SaleEndsAt = time.Time{} }, Change{"sale_ends_at", "Mon 2030-07-01 10:00:00 +00:00", "not said", "the sale ends later"}},
		"a rate":    {func(s *wire.Spec) { s.Admission.RatePerMinute = 100 }, Change{"admission.rate_per_minute", "0", "100", "the queue may move slower"}},
		"a draw":    {func(s *wire.Spec) { s.Admission.Lottery = true }, Change{"admission.lottery", "false", "true", "who comes before the opening is called in drawn order"}},
		"a zone":    {func(s *wire.Spec) { s.Timezone = "Europe/Berlin" }, Change{"timezone", "UTC", "Europe/Berlin", "pages write all times in it"}},
		"no rails":  {func(s *wire.Spec) { s.Pricing.Rails = nil }, Change{"pricing.rails[a]", "said", "", "the price doesn't move any more"}},
		"a ceiling": {func(s *wire.Spec) {
			s.Pricing.Rails = []wire.Rails{s.Pricing.Rails[0]}
			s.Pricing.Rails[0].Ceiling = 8000
		}, Change{"pricing.rails[a].ceiling", "EUR 90.00", "EUR 80.00", "the price may rise less"}},
		"tiers": {func(s *wire.Spec) {
			s.Pricing.Rails = []wire.Rails{{Level: "a", Floor: 5000, Ceiling: 9000, Step: 100, Direction: "both", CoolDown: s.Pricing.Every, Round: wire.RoundWhole, Tiers: []wire.Tier{{Sold: 5, Total: 600}}}}
		},
			Change{"pricing.rails[a].tiers", "none", "EUR 6.00 once 5 % are sold", "the price moves in another way"}},
		"pace": {func(s *wire.Spec) { s.Admission.Tick++ }, Change{"admission.tick", "30s", "30.000000001s", ""}},
	} {
		s := sale()
		c.change(&s)
		got := Diff(sale(), s)
		if len(got) == 0 || got[len(got)-1] != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	// Fees that move within the same price change nothing for fans.
	s := sale()
	s.Levels[0].Base, s.Levels[0].FacilityFee = 4900, 100
	if got := Diff(sale(), s); len(got) != 2 || got[0].Notice != "" || got[1].Notice != "" {
		t.Errorf("%+v", got)
	}
}
