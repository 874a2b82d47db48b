package wire

import (
	"fmt"
	"time"
)

// Bounds of an event's specification.
const (
	MaxLevels     = 64
	MaxPerFan     = 50
	MaxHoldTTL    = Duration(2 * time.Hour)
	maxMinorUnits = 1_000_000_00 // a million in most currencies; an amount beyond it is a typing error
	maxWeight     = 1e6
	maxAtOnce     = 100_000_000 // fans or orders: more than there are on any sale
)

// Event is the record in EVENTS: what is sold, how, and whether it is on sale.
// Operators read it with "nats kv get EVENTS <event>".
type Event struct {
	Spec   Spec      `json:"spec"`
	Plan   string    `json:"plan"`   // digest in PLANS
	Places int       `json:"places"` // sellable places of the plan
	State  string    `json:"state"`  // EventOpen or EventClosed; before Spec.OpensAt an open event is "scheduled" on the board
	At     time.Time `json:"at"`     // of the last change
}

// States of an event's record.
const (
	EventOpen   = "open"
	EventClosed = "closed"
)

// Spec is what the organiser writes, in YAML or JSON. Where zero stands for a default
// (`file:"default"`), a file leaves the key out: a zero that is written there is refused.
type Spec struct {
	ID         string        `json:"id"`
	Name       string        `json:"name"`
	Venue      string        `json:"venue"`
	Timezone   string        `json:"timezone,omitempty" file:"default"` // IANA name of where it takes place; default UTC
	StartsAt   time.Time     `json:"starts_at,omitzero"`                // zero: not given
	OpensAt    time.Time     `json:"opens_at,omitzero"`                 // the on-sale; zero: at once
	SaleEndsAt time.Time     `json:"sale_ends_at,omitzero"`             // nothing can be held from then on; default StartsAt; zero: never
	Currency   string        `json:"currency"`                          // ISO 4217
	Levels     []Level       `json:"levels"`
	Tax        TaxSpec       `json:"tax,omitzero"`
	Limits     Limits        `json:"limits"`
	Hold       HoldSpec      `json:"hold"`
	Best       BestSpec      `json:"best"`
	Admission  AdmissionSpec `json:"admission"`
	Pricing    PricingSpec   `json:"pricing,omitzero"`

	Concessions []Concession `json:"concessions,omitempty"`
	Promotions  []Promotion  `json:"promotions,omitempty"`
}

// Level is a price level: one or more categories of the plan at one price, all over the
// plan or in some of its sections. See [LevelIndex] for which places it has.
type Level struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Categories  []string `json:"categories"`
	Sections    []string `json:"sections,omitempty"`          // ids of the plan's sections and areas; none: wherever no other level names the section
	Base        int64    `json:"base" file:"required,amount"` // minor units; Spec.Tax says whether taxes are in it
	ServiceFee  int64    `json:"service_fee" file:"amount"`   // likewise
	FacilityFee int64    `json:"facility_fee" file:"amount"`  // likewise
}

// Limits is how many tickets one fan may have, over all holds and bookings.
type Limits struct {
	PerFan int `json:"per_fan" file:"default"` // default 6
}

// HoldSpec is how long seats are kept.
type HoldSpec struct {
	TTL      Duration `json:"ttl" file:"default"`               // default 480 s
	Checkout Duration `json:"checkout" file:"default"`          // how long a checkout keeps its seats from each attempt on; default 180 s
	MoreTime Duration `json:"more_time,omitzero"`               // what a fan may add to TTL once per hold; 0: nothing
	Keep     Duration `json:"keep,omitzero" file:"default"`     // the longest that a fan may keep seats without buying, over all holds; then they rest as long; default twice the sum of the above
	Orphans  string   `json:"orphans,omitempty" file:"default"` // Orphans…: may a choice leave a single free seat? default off
}

// The orphan rule for seats chosen by name. A choice leaves an orphan when a
// free seat that had a free neighbour in its block has none afterwards; a block
// is what stands side by side between aisles at one price level. It is refused
// only if the same number of seats could be taken together without leaving one:
const (
	OrphansOff     = "off"     // never refused
	OrphansLenient = "lenient" // in the same block; not any more when less than a twentieth of the section is free
	OrphansStrict  = "strict"  // in the same section at the same price level
)

// BestSpec is what makes one free seat better than another: the lower the sum of the
// weighted terms, the better; a group's score is the mean of its seats'. If all weights
// are zero the defaults apply; if any is given, those left out count nothing.
type BestSpec struct {
	Rank       float64 `json:"rank,omitempty"`       // per selling rank of the section; default 1000
	Distance   float64 `json:"distance,omitempty"`   // per plan unit to the focal point; default 1
	Row        float64 `json:"row,omitempty"`        // per row behind the section's first; default 10
	Centre     float64 `json:"centre,omitempty"`     // per plan unit to the middle of the row; default 0.25
	Restricted float64 `json:"restricted,omitempty"` // of a restricted view; default 500

	// Band spreads choices: among those at most this share worse than the best,
	// one is taken that depends on the hold's id, so that buyers who are served
	// and buyers who point at the map meet less often. Default 0.03; 0: the best.
	Band *float64 `json:"band,omitempty"`
}

func (b BestSpec) weights() [5]float64 {
	return [...]float64{b.Rank, b.Distance, b.Row, b.Centre, b.Restricted}
}

// SameWeights reports whether two specs order seats alike.
func (b BestSpec) SameWeights(o BestSpec) bool { return b.weights() == o.weights() }

func (b BestSpec) withDefaults() BestSpec {
	if b.SameWeights(BestSpec{}) {
		b.Rank, b.Distance, b.Row, b.Centre, b.Restricted = 1000, 1, 10, 0.25, 500
	}
	if b.Band == nil {
		band := 0.03
		b.Band = &band
	}
	return b
}

// AdmissionSpec is how fans are called.
type AdmissionSpec struct {
	Tick          Duration `json:"tick" file:"default"`      // how often it is decided how many to call, evenly until the next; default 30 s, at least 1 s
	Ceiling       int      `json:"ceiling" file:"default"`   // passes alive at any instant; default 2,000
	PassTTL       Duration `json:"pass_ttl" file:"default"`  // default 15 m
	Window        Duration `json:"window" file:"default"`    // a called fan's turn is kept this long; default 10 m
	RatePerMinute int      `json:"rate_per_minute"`          // most fans called in a minute; 0: no limit
	Checkouts     int      `json:"checkouts" file:"default"` // orders under way at which nobody else is called; default 4,000

	RoomOpensAt time.Time `json:"room_opens_at,omitzero"`              // fans may join from then on; zero: at once
	Lottery     bool      `json:"lottery,omitempty"`                   // fans who join before the on-sale opens are called in drawn order
	RegionWait  Duration  `json:"region_wait,omitzero" file:"default"` // how long calls wait for a region that doesn't answer; default 10 s
	Slow        bool      `json:"slow,omitempty"`                      // suspects who pass no challenge wait in a lane of their own; false: they must pass it
}

// WithDefaults fills in defaults.
func (s Spec) WithDefaults() Spec {
	set := func(d *Duration, v time.Duration) {
		if *d == 0 {
			*d = Duration(v)
		}
	}
	set(&s.Hold.TTL, 480*time.Second)
	set(&s.Hold.Checkout, 180*time.Second)
	set(&s.Hold.Keep, 2*time.Duration(s.Hold.Life()))
	set(&s.Admission.Tick, 30*time.Second)
	set(&s.Admission.PassTTL, 15*time.Minute)
	set(&s.Admission.Window, 10*time.Minute)
	set(&s.Admission.RegionWait, 10*time.Second)
	if s.Timezone == "" {
		s.Timezone = time.UTC.String()
	}
	if s.SaleEndsAt.IsZero() {
		s.SaleEndsAt = s.StartsAt
	}
	if s.Hold.Orphans == "" {
		s.Hold.Orphans = OrphansOff
	}
	s.Best = s.Best.withDefaults()
	if s.Limits.PerFan == 0 {
		s.Limits.PerFan = 6
	}
	if s.Admission.Checkouts == 0 {
		s.Admission.Checkouts = 4000
	}
	if s.Admission.Ceiling == 0 {
		s.Admission.Ceiling = 2000
	}
	s.Pricing = s.withPricing()
	s.Promotions = s.withPromotions()
	return s
}

// Over reports whether the sale has ended by itself.
func (s Spec) Over(now time.Time) bool { return !s.SaleEndsAt.IsZero() && !now.Before(s.SaleEndsAt) }

// Duration is a time.Duration that reads and writes "8m0s" in JSON and YAML.
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the duration as Go does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("duration %q: write it like 480s, 10m or 1h30m", b)
	}
	*d = Duration(v)
	return nil
}
