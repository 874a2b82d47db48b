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

	// What else is said of it to the public, under the same version: in PRICES alone.
	Frozen   bool           `json:"frozen,omitempty"` // an operator has stopped the rules
	Proposed *PriceProposed `json:"proposed,omitempty"`
}

// PriceProposed is what a price becomes if operators approve it in time.
type PriceProposed struct {
	Total int64     `json:"total"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until"` // it lapses then
}

// PriceState names a state of an event's prices: twice the sum of their versions. It rises
// with each act that changes a price, so that one number says what every level cost. A number
// between those of two states that follow each other means one of the two, level by level:
// whoever is promised it is promised the lower. So is what is seen of PRICES while an act is
// being published, one level after the other; no other act is made until it is.
//
// Before any price has been seen the number is 1, which is before the first act.
func PriceState(levels []Level, prices map[string]Price) int64 {
	sum := int64(0)
	for _, l := range levels {
		sum += prices[l.ID].Version
	}
	return max(2*sum, 1)
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

// Amounts splits an all-in price. Total is always Base + ServiceFee + FacilityFee, and has the
// taxes in it.
type Amounts struct {
	Base        int64 `json:"base"`
	ServiceFee  int64 `json:"service_fee"`
	FacilityFee int64 `json:"facility_fee"`
	Total       int64 `json:"total"`
	Tax         int64 `json:"tax,omitempty"` // of Total
}

// Sound reports whether the parts add up, and none is negative.
func (a Amounts) Sound() bool {
	return min(a.Base, a.ServiceFee, a.FacilityFee, a.Tax) >= 0 && a.Total == a.Base+a.ServiceFee+a.FacilityFee && a.Tax <= a.Total
}

// NewAmounts adds the parts up; no tax is in them.
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

	// Of a price that is less than the list's: see ReductionsRequest.
	Concession string `json:"concession,omitempty"` // id of the variant of the level
	Promotion  string `json:"promotion,omitempty"`  // id of the promotion whose code counts for this seat
	List       int64  `json:"list,omitempty"`       // the total without the two; 0 without either
}

// ListTotal is what the seat costs, or would cost, without concession and promotion.
func (q SeatQuote) ListTotal() int64 {
	if q.Concession == "" && q.Promotion == "" {
		return q.Price.Total
	}
	return q.List
}

// Sound reports whether the price adds up, and is not above the list's.
func (q SeatQuote) Sound() bool {
	plain := q.Concession == "" && q.Promotion == ""
	return q.Price.Sound() && (plain && q.List == 0 || !plain && q.List >= q.Price.Total)
}
