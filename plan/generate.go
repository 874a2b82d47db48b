package plan

import (
	"fmt"
	"math"
)

// Kind is a kind of venue that Generate can lay out.
type Kind string

const (
	Arena   Kind = "arena"   // a stage at one end of a floor, stands around the other three sides
	Theatre Kind = "theatre" // stalls, circle and balcony fanned out before a stage
	Stadium Kind = "stadium" // stands on all sides of a pitch
)

// Spec describes a venue to generate.
type Spec struct {
	Kind     Kind
	Name     string // default: "Arena of 20000"
	Seats    int    // sellable places in all, including standing places: 200 to 80,000
	Standing int    // how many of them are standing places
	Levels   int    // tiers, 1 to 3; 0 chooses by size
}

// Measures of a venue in centimetres.
const (
	seatPitch   = 50.0
	rowDepth    = 85.0
	aisle       = 120.0
	concourse   = 300.0 // between tiers
	margin      = 300.0 // around the plan
	smallestRow = 4     // seats
	widestBlock = 1300.0
)

const (
	minGenerated = 200
	maxGenerated = 80_000
	minSeated    = 100
)

// Generate lays out a venue with exactly spec.Seats places; the same spec gives the same plan. One seat in a hundred
// is accessible and has a companion seat beside it. What is wrong with the spec is an [Error] whose Place is its field, as
// event files name it.
func Generate(spec Spec) (*Plan, error) {
	if spec.Seats < minGenerated || spec.Seats > maxGenerated {
		return nil, fault("seats", "%d places are not between %d and %d", spec.Seats, minGenerated, maxGenerated)
	}
	if spec.Standing < 0 || spec.Seats-spec.Standing < minSeated {
		return nil, fault("standing", "%d standing of %d places leave fewer than %d seats", spec.Standing, spec.Seats, minSeated)
	}
	if spec.Levels < 0 || spec.Levels > 3 {
		return nil, fault("levels", "%d levels are not 1 to 3", spec.Levels)
	}
	var v *venue
	switch spec.Kind {
	case Arena:
		v = arena(spec)
	case Theatre:
		v = theatre(spec)
	case Stadium:
		v = stadium(spec)
	default:
		return nil, fault("kind", "%q is not %s, %s or %s", spec.Kind, Arena, Theatre, Stadium)
	}
	p, err := v.plan(spec)
	if err != nil {
		return nil, err
	}
	if err := Check(p); err != nil {
		return nil, fmt.Errorf("generate plan: %w", err)
	}
	return p, nil
}

// levels returns the number of tiers of a venue that by default has two from two seats on and three from three on.
func (s Spec) levels(two, three int) int {
	switch seated := s.Seats - s.Standing; {
	case s.Levels > 0:
		return s.Levels
	case seated >= three:
		return 3
	case seated >= two:
		return 2
	}
	return 1
}

// tierRows divides rows among tiers. Each gets at least one, so the sum may exceed rows.
func tierRows(rows int, shares []float64) []int {
	out := make([]int, len(shares))
	left := rows
	for i := len(shares) - 1; i > 0; i-- {
		out[i] = max(1, int(math.Round(float64(rows)*shares[i])))
		left -= out[i]
	}
	out[0] = max(1, left)
	return out
}

// growRows calls layout with more and more rows until there is room for the seats.
func growRows(seats int, layout func(rows int) []stand) []stand {
	const most = 1000
	for rows := 1; ; rows++ {
		if stands := layout(rows); capacity(stands) >= seats || rows == most {
			return stands
		}
	}
}
