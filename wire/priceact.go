package wire

import "time"

// LogPrices is the kind of the sale log's records about an event's prices: PriceAct.
const LogPrices = "prices"

// PriceAct is a record of log.<event>.prices: prices changed, or whether they may. The log is
// the truth about an event's prices; the records in PRICES follow it. N counts from 1 without
// gaps, over all pricers: each act is stored only behind the one before. With Rules, Signals
// and the Levels of the act before, anybody can compute Levels again.
type PriceAct struct {
	N      int64     `json:"n"`
	Kind   string    `json:"kind"` // PriceAct…
	At     time.Time `json:"at"`
	Pricer string    `json:"pricer"` // the process
	By     string    `json:"by,omitempty"`
	Why    string    `json:"why,omitempty"` // said by the operator

	Level string `json:"level,omitempty"` // of an operator's act; empty: all
	Total int64  `json:"total,omitempty"` // that an operator set or proposed
	On    int64  `json:"on,omitempty"`    // the act with the proposal that is approved or rejected

	Rules   PriceRules            `json:"rules"`
	Signals *Signals              `json:"signals,omitempty"` // of mode tiers and demand
	Levels  map[string]LevelPrice `json:"levels"`            // all of them, after the act

	Proposal *PriceProposal `json:"proposal,omitempty"` // after the act; nil: none, or none that still matters
}

// PriceProposal is what prices are to become once enough operators have approved it. It is
// known by the act that made it.
type PriceProposal struct {
	Act      int64                    `json:"act"`
	By       string                   `json:"by,omitempty"` // empty: the event's rules
	Why      string                   `json:"why,omitempty"`
	At       time.Time                `json:"at"`
	Levels   map[string]ProposedPrice `json:"levels"`
	Approved []string                 `json:"approved,omitempty"` // by whom so far
	Rejected bool                     `json:"rejected,omitempty"` // for its life, the rules propose nothing else
}

// ProposedPrice is what a level's price is to become, from a version of it.
type ProposedPrice struct {
	Total   int64       `json:"total"`
	From    int64       `json:"from_version"`
	Wanted  int64       `json:"wanted,omitempty"`
	Parts   *PriceParts `json:"parts,omitempty"`
	QueueAt time.Time   `json:"queue_at,omitzero"`
	Why     string      `json:"why"`
}

// Kinds of acts on prices.
const (
	PriceActAdopt  = "adopt"  // the first: prices that a version without this log had published
	PriceActRules  = "rules"  // the event's rules moved them
	PriceActSet    = "set"    // an operator did, inside of the rails
	PriceActFreeze = "freeze" // an operator stopped them
	PriceActResume = "resume" // and let them go again

	PriceActPropose = "propose" // the rules or, with By, an operator would move them
	PriceActApprove = "approve"
	PriceActReject  = "reject"
)

// LevelPrice is a level's price and what else the rules remember of it.
type LevelPrice struct {
	Price
	QueueAt time.Time `json:"queue_at,omitzero"` // when the queue's part changed last
	Tier    int       `json:"tier,omitempty"`    // tiers that were reached
	Frozen  bool      `json:"frozen,omitempty"`  // by an operator
}

// PriceRules is what of an event's spec decides its prices.
type PriceRules struct {
	Pricing PricingSpec  `json:"pricing"`
	Levels  []PriceLevel `json:"levels"`
	OpensAt time.Time    `json:"opens_at,omitzero"`
	EndsAt  time.Time    `json:"ends_at,omitzero"` // of the planned sale

	Currency string `json:"currency"`
}

// PriceLevel is a level's amounts at the opening, and the taxes that are on it in all.
type PriceLevel struct {
	ID string `json:"id"`
	Amounts
	Rate Percent `json:"tax_percent,omitzero"`
}

// PriceRules returns the rules of a spec with its defaults.
func (s Spec) PriceRules() PriceRules {
	r := PriceRules{Pricing: s.Pricing, OpensAt: s.OpensAt, EndsAt: s.PlannedEnd(), Currency: s.Currency}
	for _, l := range s.Levels {
		r.Levels = append(r.Levels, s.Opening(l))
	}
	return r
}

// Signals is what is known of a sale when its prices are decided. A signal that is missing
// is nil, and Missing says why; it moves no price.
type Signals struct {
	Stock   map[string]StockSignal `json:"stock,omitempty"` // by level
	Sales   map[string]SalesSignal `json:"sales,omitempty"` // by level
	Queue   *QueueSignal           `json:"queue,omitempty"`
	Missing map[string]string      `json:"missing,omitempty"` // by the name of the signal
}

// StockSignal counts places. Those that are held count as unsold: holding is free.
type StockSignal struct {
	Places int64 `json:"places"` // on sale: not those that are blocked
	Sold   int64 `json:"sold"`
}

// SalesSignal counts what fans did in the last window: the median of its parts, times their
// number. Of one fan and of one network no more counts than package pricing/market allows.
type SalesSignal struct {
	Window Duration `json:"window"`
	Bought int64    `json:"bought"` // tickets
	Lapsed int64    `json:"lapsed"` // held, and not bought, by fans who have bought
}

// QueueSignal estimates what those who wait will buy, from what those who were called have.
type QueueSignal struct {
	Waiting int64 `json:"waiting"` // fans: the median of the window
	Called  int64 `json:"called"`  // so far
	Bought  int64 `json:"bought"`  // tickets, by those
	Unsold  int64 `json:"unsold"`  // places
}
