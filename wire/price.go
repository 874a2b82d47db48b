package wire

import "time"

// Price is what one place of a level costs now: the record in PRICES. All
// amounts are minor units of the event's currency.
type Price struct {
	Amounts
	Version int64     `json:"version"` // rises by one with each change
	At      time.Time `json:"at"`
	Why     string    `json:"why"` // "from the event's spec", or the rule or operator that moved it
}

// Amounts splits an all-in price. Total is always Base + ServiceFee + FacilityFee.
type Amounts struct {
	Base        int64 `json:"base"`
	ServiceFee  int64 `json:"service_fee"`
	FacilityFee int64 `json:"facility_fee"`
	Total       int64 `json:"total"`
}

// NewAmounts adds the parts up.
func NewAmounts(base, service, facility int64) Amounts {
	return Amounts{Base: base, ServiceFee: service, FacilityFee: facility, Total: base + service + facility}
}

// SeatQuote is the price locked for one seat of a hold.
type SeatQuote struct {
	ID      string  `json:"id"`
	Label   string  `json:"label"`
	Level   string  `json:"level"`
	Price   Amounts `json:"price"`
	Version int64   `json:"price_version"`
	Notes   Notes   `json:"notes,omitzero"` // from the plan; the ledger keeps none
}
