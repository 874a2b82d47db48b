package curve

import (
	"errors"
	"fmt"
	"time"

	"frontrow/wire"
)

// Bounds of a curve.
const (
	MaxSamples = 2001           // of a level
	maxCount   = 10_000_000     // places, and fans who wait
	maxAmount  = 1 << 53        // minor units
	maxEvery   = 24 * time.Hour // between two samples
)

// Unknown is the number of those who wait where nobody knows it.
const Unknown = -1

// Head says what a curve is of.
type Head struct {
	Event, Venue string
	StartsAt     time.Time // of the event, in the zone of its venue; zero: not said
	OpensAt      time.Time // of the sale
	Places       int       // of the house
	Currency     string
	Every        time.Duration // between two samples; whole seconds
}

// Past is the head as what a new event names.
func (h Head) Past() wire.PastSale {
	return wire.PastSale{Event: h.Event, Venue: h.Venue, StartsAt: h.StartsAt.UTC(), Places: h.Places}
}

// Sale is a curve: Rows has all levels of the first sample in their order, then those of the
// next.
type Sale struct {
	Head
	Levels []string
	Rows   []Row
}

// Row is a level at a sample: see the package. Waiting may be Unknown.
type Row struct {
	Places, Sold, Held, Returned int64
	Price, Waiting, Revenue      int64
}

// Samples is how many there are.
func (s *Sale) Samples() int { return len(s.Rows) / max(1, len(s.Levels)) }

// At returns level k at sample i.
func (s *Sale) At(i, k int) *Row { return &s.Rows[i*len(s.Levels)+k] }

// Every returns the time between two samples of a sale of a length: whole minutes.
func Every(length time.Duration) time.Duration {
	return max(time.Minute, (length/(MaxSamples-1) + time.Minute - 1).Truncate(time.Minute))
}

// errOver means that more is sold or held than there is.
var errOver = errors.New("over 100 %")

// follows says what is wrong with a row behind that of the same level one sample before; of
// the first, that is nil.
func (r *Row) follows(before *Row) error {
	switch {
	case r.Sold > r.Places || r.Held > r.Places-r.Sold:
		return fmt.Errorf("%d sold and %d held of %d places: %w", r.Sold, r.Held, r.Places, errOver)
	case before == nil:
		return nil
	case r.Returned < before.Returned:
		return fmt.Errorf("returned %d after %d: it counts all so far, so it never falls", r.Returned, before.Returned)
	case before.Sold-r.Sold > r.Returned-before.Returned:
		return fmt.Errorf("sold %d after %d, and only %d more came back", r.Sold, before.Sold, r.Returned-before.Returned)
	}
	return nil
}
