package pricing

import (
	"time"

	"frontrow/wire"
)

// whySpec is the reason of a price that follows the event's spec.
const whySpec = "from the event's spec"

// FromSpec is what each level costs by the event's spec, by level id.
func FromSpec(s wire.Spec) map[string]wire.Amounts {
	prices := make(map[string]wire.Amounts, len(s.Levels))
	for _, l := range s.Levels {
		prices[l.ID] = wire.NewAmounts(l.Base, l.ServiceFee, l.FacilityFee)
	}
	return prices
}

// Reprice is the price that follows now (the zero Price if there was none) when
// a place is to cost want; changed is false if it costs that already.
func Reprice(now wire.Price, want wire.Amounts, why string, at time.Time) (next wire.Price, changed bool) {
	if now.Version > 0 && now.Amounts == want {
		return now, false
	}
	return wire.Price{Amounts: want, Version: now.Version + 1, At: at.UTC(), Why: why}, true
}
