package wire

import (
	"slices"
	"time"
)

// PricingSpec says whether and how an event's prices move. It is part of the event, and public.
// All amounts are all-in totals; when a price moves, its base does, and its fees stay.
type PricingSpec struct {
	Mode        string         `json:"mode,omitempty" file:"default"`               // Pricing…; default fixed
	Approvals   int            `json:"approvals,omitempty" file:"default"`          // of mode propose: operators, none of them the proposer, who must approve; default 1
	Every       Duration       `json:"every,omitzero" file:"default"`               // between two changes at least; default 2 m, from 1 m to 5 m
	QuietBefore Duration       `json:"quiet_before,omitzero" file:"default"`        // before the opening, for which nothing changes
	QuietAfter  Duration       `json:"quiet_after,omitzero" file:"default"`         // after it, likewise
	Spread      bool           `json:"spread,omitempty"`                            // no level ever costs more than one that stands before it in levels
	LeastApart  int64          `json:"least_apart,omitempty" file:"amount,default"` // with spread: a level costs so much less than the one before it, at least
	MostApart   int64          `json:"most_apart,omitempty" file:"amount,default"`  // likewise, at most; default: no limit
	Promise     string         `json:"promise,omitempty" file:"default"`            // PromiseJoin; default: none
	Weights     PricingWeights `json:"weights,omitzero"`                            // of demand's factors
	Curve       []CurvePoint   `json:"curve,omitempty"`                             // the planned sale; none: evenly from the opening to the sale's end
	Comparable  Comparable     `json:"comparable,omitzero"`                         // how past sales of such events went; none: they don't count
	Rails       []Rails        `json:"rails,omitempty"`                             // the levels whose prices move; those of others are fixed
}

// Modes of pricing.
const (
	PricingFixed   = "fixed"   // prices are what the levels say
	PricingTiers   = "tiers"   // they go through a published list, by time or by what is sold
	PricingDemand  = "demand"  // they follow demand, supply and time, inside of the rails
	PricingPropose = "propose" // likewise, but each change waits until an operator approves it
)

// PromiseJoin promises each fan to pay for no level more than the board showed when they
// joined the queue, however the price moves until they hold: see PriceState.
const PromiseJoin = "join"

// MaxTiers bounds the tiers of a level, and the points of a curve.
const MaxTiers = 32

// Rails limit a level's price. Of the fields, tiers alone belong to mode tiers and freeze to
// all modes; all others belong to the modes demand and propose.
type Rails struct {
	Level     string   `json:"level"`
	Floor     int64    `json:"floor,omitempty" file:"amount,default"`   // lowest total; default: the level's own
	Ceiling   int64    `json:"ceiling,omitempty" file:"amount,default"` // highest; default: the level's own
	Step      int64    `json:"step,omitempty" file:"amount,default"`    // largest change at a time
	Direction string   `json:"direction,omitempty" file:"default"`      // Price…; default: both
	CoolDown  Duration `json:"cool_down,omitzero" file:"default"`       // between two changes of this level at least; default: every
	Round     string   `json:"round,omitempty" file:"default"`          // Round…: where its prices end; default: anywhere
	Freeze    bool     `json:"freeze,omitempty"`                        // it stays where it is
	Tiers     []Tier   `json:"tiers,omitempty"`
}

// Directions in which a level's price may move.
const (
	PriceUp   = "up"
	PriceDown = "down"
	PriceBoth = "both"
)

// Roundings, for currencies whose amounts have enough decimals.
const (
	RoundWhole  = "whole" // 65.00
	RoundHalf   = ".50"   // 65.00, 65.50
	RoundNinety = ".99"   // 65.99
)

// Tier is a step of a published list: a level's total from an instant on, or from the
// share of its places on that are sold. A tier that was reached stays so.
type Tier struct {
	From  time.Time `json:"from,omitzero"`
	Sold  int       `json:"sold,omitempty" file:"default"` // percent of the level's places
	Total int64     `json:"total" file:"required,amount"`
}

// CurvePoint is a point of the planned sale: what share of the places is to be sold by then.
type CurvePoint struct {
	At   time.Time `json:"at"`
	Sold int       `json:"sold" file:"required"` // percent
}

// PricingWeights are percents by which demand's factors count (package pricing/rules says
// what each is). If all are zero each counts fully, comparable only if there is something to
// compare with; if any is given, those left out count nothing.
type PricingWeights struct {
	Sales      int `json:"sales,omitempty"`
	Pace       int `json:"pace,omitempty"`
	Comparable int `json:"comparable,omitempty"`
	Queue      int `json:"queue,omitempty"`
	Lapsed     int `json:"lapsed,omitempty"`
	Supply     int `json:"supply,omitempty"`
	Time       int `json:"time,omitempty"`
}

// Of returns the weights in the order of Factors.
func (w PricingWeights) Of() [7]int {
	return [...]int{w.Sales, w.Pace, w.Comparable, w.Queue, w.Lapsed, w.Supply, w.Time}
}

// withPricing is the pricing with its defaults.
func (s Spec) withPricing() PricingSpec {
	p := s.Pricing
	if p.Mode == "" {
		p.Mode = PricingFixed
	}
	p.Spread = p.Spread || p.LeastApart != 0 || p.MostApart != 0
	if !p.FollowsDemand() {
		return p
	}
	if p.Mode == PricingPropose && p.Approvals == 0 {
		p.Approvals = 1
	}
	if p.Every == 0 {
		p.Every = Duration(2 * time.Minute)
	}
	if p.Weights == (PricingWeights{}) {
		p.Weights = PricingWeights{Sales: 100, Pace: 100, Queue: 100, Lapsed: 100, Supply: 100, Time: 100}
		if len(p.Comparable.Curve) > 0 {
			p.Weights.Comparable = 100
		}
	}
	p.Rails = slices.Clone(p.Rails)
	for i := range p.Rails {
		r := &p.Rails[i]
		for _, l := range s.Levels {
			if l.ID == r.Level {
				opening := s.Opening(l).Total
				setAmount(&r.Floor, opening)
				setAmount(&r.Ceiling, opening)
			}
		}
		if r.Direction == "" {
			r.Direction = PriceBoth
		}
		if r.CoolDown == 0 {
			r.CoolDown = p.Every
		}
	}
	return p
}

// FollowsDemand reports whether prices move by demand, approved or not.
func (p PricingSpec) FollowsDemand() bool {
	return p.Mode == PricingDemand || p.Mode == PricingPropose
}

// Apart reports whether what a level costs and what the next one does are as far apart as
// they are to be. Any two are unless there is a spread.
func (p PricingSpec) Apart(better, worse int64) bool {
	return !p.Spread || better-worse >= p.LeastApart && (p.MostApart == 0 || better-worse <= p.MostApart)
}

// Promises reports whether fans are promised what the board showed when they joined.
func (p PricingSpec) Promises() bool { return p.Promise == PromiseJoin }

func setAmount(a *int64, otherwise int64) {
	if *a == 0 {
		*a = otherwise
	}
}

// RailsOf returns the rails of a level; ok is false if its price is fixed.
func (p PricingSpec) RailsOf(level string) (r Rails, ok bool) {
	i := slices.IndexFunc(p.Rails, func(r Rails) bool { return r.Level == level })
	if i < 0 || p.Mode == PricingFixed {
		return Rails{Level: level}, false
	}
	return p.Rails[i], true
}

// Bounds returns the lowest and the highest total that the price of a level can have which
// costs opening at first. The rails have their defaults.
func (r Rails) Bounds(mode string, opening int64) (floor, ceiling int64) {
	if mode != PricingTiers {
		return r.Floor, r.Ceiling
	}
	floor, ceiling = opening, opening
	for _, t := range r.Tiers {
		floor, ceiling = min(floor, t.Total), max(ceiling, t.Total)
	}
	return floor, ceiling
}

// Bounds returns the lowest and the highest total that a level's price can have.
func (s Spec) Bounds(l Level) (floor, ceiling int64) {
	opening := s.Opening(l).Total
	if r, moves := s.Pricing.RailsOf(l.ID); moves {
		return r.Bounds(s.Pricing.Mode, opening)
	}
	return opening, opening
}

// Grid returns the totals at which a rounding lets prices end: every unit, from an offset
// on. ok is false if amounts of the currency have too few decimals.
func Grid(round, currency string) (unit, offset int64, ok bool) {
	whole := int64(1)
	for range CurrencyDigits(currency) {
		whole *= 10
	}
	switch round {
	case "":
		return 1, 0, true
	case RoundWhole:
		return whole, 0, true
	case RoundHalf:
		if whole >= 10 {
			return whole / 2, 0, true
		}
	case RoundNinety:
		if whole >= 100 {
			return whole, whole - whole/100, true
		}
	}
	return 1, 0, false
}

// PlannedEnd is when the planned sale is over: that of an event without an end never is.
func (s Spec) PlannedEnd() time.Time {
	if s.SaleEndsAt.IsZero() {
		return s.StartsAt
	}
	return s.SaleEndsAt
}
