package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Comparable is how past sales of events like this one went. It stands in the event, as the
// rails do: so everybody can see what the sale is compared with, nobody can exchange it once
// the sale is open, and each act on prices has it among the rules that it was decided by.
type Comparable struct {
	Sales []PastSale   `json:"sales,omitempty"` // of which Curve is the median
	Curve []SharePoint `json:"curve,omitempty"` // in order; what it says last holds from then on
}

// PastSale says whose sale a curve is of.
type PastSale struct {
	Event    string    `json:"event"`
	Venue    string    `json:"venue"`
	StartsAt time.Time `json:"starts_at"` // the event, not the sale
	Places   int       `json:"places"`    // of the venue
}

// SharePoint is which share of all places of the venue was sold some time after the opening.
type SharePoint struct {
	After       Duration `json:"after"`
	BasisPoints int      `json:"basis_points"`
}

// Bounds of what is comparable.
const (
	MaxComparable    = 16   // sales
	MaxComparableAge = 1096 // days from a past event to the opening: three years
)

// Like returns why a past sale is not one of an event like that of the spec, nil if it is:
// at the same venue, on the same day of the week, of about as many places. Without a number
// of places, 0, it says nothing of these.
func (p PastSale) Like(s Spec, places int) error {
	day := func(t time.Time) time.Weekday { return t.In(s.Zone()).Weekday() }
	switch {
	case !strings.EqualFold(strings.TrimSpace(p.Venue), strings.TrimSpace(s.Venue)):
		return fmt.Errorf("%s was at %q, and this event is at %q", p.Event, p.Venue, s.Venue)
	case s.StartsAt.IsZero():
		return errors.New("the day of this event is not known: it needs starts_at")
	case day(p.StartsAt) != day(s.StartsAt):
		return fmt.Errorf("%s was on a %v, and this event is on a %v", p.Event, day(p.StartsAt), day(s.StartsAt))
	case places > 0 && (4*p.Places < 3*places || 3*p.Places > 4*places):
		return fmt.Errorf("%s had %d places, and this event has %d: they may differ by a quarter", p.Event, p.Places, places)
	}
	return nil
}

// Stale returns why what is comparable doesn't count, "" if it does or nothing asks for it.
func (r PriceRules) Stale() string {
	c := r.Pricing.Comparable
	switch {
	case r.Pricing.Weights.Comparable == 0:
		return ""
	case len(c.Curve) == 0 || len(c.Sales) == 0:
		return "there is no past sale to compare with"
	}
	newest := slices.MaxFunc(c.Sales, func(a, b PastSale) int { return a.StartsAt.Compare(b.StartsAt) })
	if r.OpensAt.Sub(newest.StartsAt) > MaxComparableAge*24*time.Hour {
		return fmt.Sprintf("the newest past sale is that of %s, more than three years before this one", newest.StartsAt.UTC().Format(time.DateOnly))
	}
	return ""
}

// checkComparable checks the past sales and their curve.
func (s Spec) checkComparable(f *faults) {
	c := s.Pricing.Comparable
	if len(c.Sales) == 0 && len(c.Curve) == 0 {
		return
	}
	if n := len(c.Sales); n == 0 || n > MaxComparable {
		f.add("pricing.comparable.sales", "%d of them: name the past sales that the curve is of, up to %d", n, MaxComparable)
	}
	if n := len(c.Curve); n == 0 || n > MaxTiers {
		f.add("pricing.comparable.curve", "%d points: write between 1 and %d", n, MaxTiers)
		return
	}
	seen := map[string]bool{}
	for i, p := range c.Sales {
		key := fmt.Sprintf("pricing.comparable.sales[%d]", i)
		if err := p.Like(s, 0); err != nil {
			f.add(key, "%v", err)
		}
		id := p.Event + p.StartsAt.UTC().Format(time.RFC3339)
		switch {
		case p.Places < 1:
			f.add(key+".places", "%d: write how many places there were", p.Places)
		case !s.StartsAt.IsZero() && !p.StartsAt.Before(s.StartsAt):
			f.add(key+".starts_at", "%s is not before this event: only past sales are comparable", FormatInstant(p.StartsAt, s.Zone()))
		case seen[id]:
			f.add(key, "%s is named twice", p.Event)
		}
		seen[id] = true
	}
	after, share := Duration(-1), 0
	for i, p := range c.Curve {
		key := fmt.Sprintf("pricing.comparable.curve[%d].", i)
		if p.After <= after {
			f.add(key+"after", "%v: the points follow each other, from the opening on", p.After)
		}
		if p.BasisPoints < share || p.BasisPoints > 10_000 {
			f.add(key+"basis_points", "%d: write hundredths of a percent from those of the point before, %d, to 10000", p.BasisPoints, share)
		}
		after, share = p.After, p.BasisPoints
	}
}

// CheckPlaces refuses past sales of a house that has another size than that of the event.
func (s Spec) CheckPlaces(places int) error {
	var f faults
	for i, p := range s.Pricing.Comparable.Sales {
		if err := p.Like(s, places); err != nil && p.Like(s, 0) == nil {
			f.add(fmt.Sprintf("pricing.comparable.sales[%d].places", i), "%v", err)
		}
	}
	return errors.Join(f...)
}

// same reports whether two say the same.
func (c Comparable) same(o Comparable) bool {
	return slices.Equal(c.Curve, o.Curve) && slices.EqualFunc(c.Sales, o.Sales, func(a, b PastSale) bool {
		equal := a.StartsAt.Equal(b.StartsAt)
		a.StartsAt = b.StartsAt
		return equal && a == b
	})
}
