package wire

import "time"

// Price is what one place of a level costs now: the record in PRICES. All
// amounts are minor units of the event's currency.
type Price struct {
	Amounts
	Version int64     `json:"version"` // rises by one with each change
	At      time.Time `json:"at"`
	Why     string    `json:"why"` // "from the event's spec", or the rule or operator that moved it

	// Of a price that demand moved: what it would be by demand alone, and what it is made of.
	Wanted int64       `json:"wanted,omitempty"`
	Parts  *PriceParts `json:"parts,omitempty"`
}

// PriceParts is by how many basis points of the price at the opening each factor raises, or
// with a minus lowers, what demand alone would ask for.
type PriceParts struct {
	Sales      int64 `json:"sales,omitempty"`
	Pace       int64 `json:"pace,omitempty"`
	Comparable int64 `json:"comparable,omitempty"`
	Queue      int64 `json:"queue,omitempty"`
	Lapsed     int64 `json:"lapsed,omitempty"`
	Supply     int64 `json:"supply,omitempty"`
	Time       int64 `json:"time,omitempty"`
}

// Factors names the factors in the order of PriceParts.Of and PricingWeights.Of.
func Factors() [7]string {
	return [...]string{"sales", "pace", "comparable", "queue", "lapsed", "supply", "time"}
}

// Of returns the parts in the order of Factors.
func (p PriceParts) Of() [7]int64 {
	return [...]int64{p.Sales, p.Pace, p.Comparable, p.Queue, p.Lapsed, p.Supply, p.Time}
}

// Sum is what they make together.
func (p PriceParts) Sum() (sum int64) {
	for _, part := range p.Of() {
		sum += part
	}
	return sum
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
