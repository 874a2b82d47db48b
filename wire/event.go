package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bounds of an event's specification.
const (
	MaxLevels     = 64
	MaxPerFan     = 50
	MaxHoldTTL    = Duration(2 * time.Hour)
	maxMinorUnits = 1_000_000_00 // a million in most currencies; a price beyond it is a typing error
	maxText       = 200
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

// Spec is what the organiser writes, in YAML or JSON.
type Spec struct {
	ID        string        `json:"id" yaml:"id"`
	Name      string        `json:"name" yaml:"name"`
	Venue     string        `json:"venue" yaml:"venue"`
	StartsAt  time.Time     `json:"starts_at" yaml:"starts_at"`
	OpensAt   time.Time     `json:"opens_at" yaml:"opens_at"` // the on-sale; zero: at once
	Currency  string        `json:"currency" yaml:"currency"` // ISO 4217
	Levels    []Level       `json:"levels" yaml:"levels"`
	Limits    Limits        `json:"limits" yaml:"limits"`
	Hold      HoldSpec      `json:"hold" yaml:"hold"`
	Admission AdmissionSpec `json:"admission" yaml:"admission"`
}

// Level is a price level: one or more categories of the plan at one price.
type Level struct {
	ID          string   `json:"id" yaml:"id"`
	Name        string   `json:"name" yaml:"name"`
	Categories  []string `json:"categories" yaml:"categories"`
	Base        int64    `json:"base" yaml:"base"`                 // minor units
	ServiceFee  int64    `json:"service_fee" yaml:"service_fee"`   // minor units
	FacilityFee int64    `json:"facility_fee" yaml:"facility_fee"` // minor units
}

// Limits is how many tickets one fan may have, over all holds and bookings.
type Limits struct {
	PerFan int `json:"per_fan" yaml:"per_fan"` // default 6
}

// HoldSpec is how long seats are kept.
type HoldSpec struct {
	TTL      Duration `json:"ttl" yaml:"ttl"`           // default 480 s
	Checkout Duration `json:"checkout" yaml:"checkout"` // how long a checkout keeps its seats from each attempt on; default 180 s
}

// AdmissionSpec is how fans are called.
type AdmissionSpec struct {
	Tick          Duration `json:"tick" yaml:"tick"`                       // default 30 s, at least 1 s
	Ceiling       int      `json:"ceiling" yaml:"ceiling"`                 // passes alive at any instant; default 2,000
	PassTTL       Duration `json:"pass_ttl" yaml:"pass_ttl"`               // default 15 m
	Window        Duration `json:"window" yaml:"window"`                   // a called fan's turn is kept this long; default 10 m
	RatePerMinute int      `json:"rate_per_minute" yaml:"rate_per_minute"` // most fans called in a minute; 0: no limit of its own
}

// WithDefaults fills what was left out.
func (s Spec) WithDefaults() Spec {
	set := func(d *Duration, v time.Duration) {
		if *d == 0 {
			*d = Duration(v)
		}
	}
	set(&s.Hold.TTL, 480*time.Second)
	set(&s.Hold.Checkout, 180*time.Second)
	set(&s.Admission.Tick, 30*time.Second)
	set(&s.Admission.PassTTL, 15*time.Minute)
	set(&s.Admission.Window, 10*time.Minute)
	if s.Limits.PerFan == 0 {
		s.Limits.PerFan = 6
	}
	if s.Admission.Ceiling == 0 {
		s.Admission.Ceiling = 2000
	}
	return s
}

// Validate checks a spec (with defaults) against the categories of its plan.
func (s Spec) Validate(categories []string) error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if !IsName(s.ID) {
		bad("id %q: use up to 48 of a-z, 0-9 and '-'", s.ID)
	}
	if s.Name == "" || len(s.Name) > maxText || len(s.Venue) > maxText {
		bad("name: between 1 and %d bytes, venue at most as many", maxText)
	}
	if len(s.Currency) != 3 || s.Currency != strings.ToUpper(s.Currency) {
		bad("currency %q: use an ISO 4217 code such as EUR", s.Currency)
	}
	if s.Limits.PerFan < 1 || s.Limits.PerFan > MaxPerFan {
		bad("limits.per_fan %d: between 1 and %d", s.Limits.PerFan, MaxPerFan)
	}
	within := func(name string, d, min, max Duration) {
		if d < min || d > max {
			bad("%s %v: between %v and %v", name, d, min, max)
		}
	}
	within("hold.ttl", s.Hold.TTL, Duration(time.Second), MaxHoldTTL)
	within("hold.checkout", s.Hold.Checkout, Duration(10*time.Second), MaxHoldTTL)
	within("admission.tick", s.Admission.Tick, Duration(time.Second), Duration(5*time.Minute))
	within("admission.pass_ttl", s.Admission.PassTTL, Duration(time.Second), Duration(24*time.Hour))
	within("admission.window", s.Admission.Window, Duration(time.Second), Duration(24*time.Hour))
	if s.Admission.Ceiling < 1 || s.Admission.RatePerMinute < 0 {
		bad("admission: ceiling at least 1, rate_per_minute not negative")
	}
	errs = append(errs, s.checkLevels(categories)...)
	return errors.Join(errs...)
}

func (s Spec) checkLevels(categories []string) (errs []error) {
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if len(s.Levels) == 0 || len(s.Levels) > MaxLevels {
		bad("levels: between 1 and %d", MaxLevels)
	}
	level := map[string]string{} // by category
	ids := map[string]bool{}
	for _, l := range s.Levels {
		if !IsName(l.ID) || ids[l.ID] {
			bad("level %q: id used twice, or not of a-z, 0-9 and '-'", l.ID)
		}
		ids[l.ID] = true
		for _, amount := range []int64{l.Base, l.ServiceFee, l.FacilityFee} {
			if amount < 0 || amount > maxMinorUnits {
				bad("level %q: amount %d is out of bounds (minor units)", l.ID, amount)
			}
		}
		for _, c := range l.Categories {
			if other, ok := level[c]; ok {
				bad("category %q is in the levels %q and %q", c, other, l.ID)
			}
			if !slices.Contains(categories, c) {
				bad("level %q: the plan has no category %q (it has %s)", l.ID, c, strings.Join(categories, ", "))
			}
			level[c] = l.ID
		}
	}
	for _, c := range categories {
		if _, ok := level[c]; !ok {
			bad("category %q of the plan is in no level", c)
		}
	}
	return errs
}

// LevelOf maps the plan's categories to the index of their level.
func (s Spec) LevelOf() map[string]int {
	m := map[string]int{}
	for i, l := range s.Levels {
		for _, c := range l.Categories {
			m[c] = i
		}
	}
	return m
}

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
