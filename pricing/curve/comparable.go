package curve

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"frontrow/wire"
)

// near is how near a comparable's points come to its curve, in basis points, unless there
// would be more than wire.MaxTiers of them.
const near = 5

// ErrNone means that none of the past sales is comparable.
var ErrNone = errors.New("none of them is comparable")

// Comparable makes of past sales what an event is compared with: of those at the same venue,
// on the same day of the week and of about as many places, the median share that was sold, as
// long as all of them say one. The others are told, each with why it doesn't count.
func Comparable(of wire.Spec, places int, past []Sale) (c wire.Comparable, others []error, err error) {
	var like []Sale
	for _, s := range past {
		switch why := fits(s, of, places); {
		case why != nil:
			others = append(others, why)
		case slices.ContainsFunc(like, func(l Sale) bool { return l.Event == s.Event && l.StartsAt.Equal(s.StartsAt) }):
			others = append(others, fmt.Errorf("%s is there twice", s.Event))
		case len(like) == wire.MaxComparable:
			others = append(others, fmt.Errorf("%s is one more than the %d that count", s.Event, wire.MaxComparable))
		default:
			like = append(like, s)
			c.Sales = append(c.Sales, s.Past())
		}
	}
	if len(like) == 0 {
		return c, others, ErrNone
	}
	c.Curve = thinned(median(like))
	return c, others, nil
}

// fits says why a past sale is not like an event's.
func fits(s Sale, of wire.Spec, places int) error {
	switch {
	case s.StartsAt.IsZero():
		return fmt.Errorf("%s doesn't say when it was", s.Event)
	case s.Currency != of.Currency:
		return fmt.Errorf("%s was sold in %s, and this event is in %s", s.Event, s.Currency, of.Currency)
	case !of.StartsAt.IsZero() && !s.StartsAt.Before(of.StartsAt):
		return fmt.Errorf("%s was not before this event", s.Event)
	case of.OpensAt.Sub(s.StartsAt) > wire.MaxComparableAge*24*time.Hour:
		return fmt.Errorf("%s was more than three years before this sale", s.Event)
	}
	return s.Past().Like(of, places)
}

// point is a share that was sold, in basis points, some time after the opening.
type point struct {
	after time.Duration
	share int64
}

// median returns the median share over sales; of two in the middle, their mean.
func median(all []Sale) (points []point) {
	every, last := all[0].Every, all[0].length()
	for _, s := range all {
		every, last = max(every, s.Every), min(last, s.length())
	}
	highest := int64(0)
	for after := time.Duration(0); after <= last; after += every {
		var shares []int64
		for i := range all {
			shares = append(shares, all[i].share(after))
		}
		slices.Sort(shares)
		middle := (shares[(len(shares)-1)/2] + shares[len(shares)/2]) / 2
		highest = max(highest, middle) // what came back is soon sold again
		points = append(points, point{after, highest})
	}
	return points
}

func (s *Sale) length() time.Duration { return time.Duration(s.Samples()-1) * s.Every }

// share is the share of the places on sale that was sold by the last sample before or at some
// time, in basis points.
func (s *Sale) share(after time.Duration) int64 {
	i, places, sold := int(after/s.Every), int64(0), int64(0)
	for k := range s.Levels {
		places, sold = places+s.At(i, k).Places, sold+s.At(i, k).Sold
	}
	return sold * 10_000 / max(1, places)
}

// thinned chooses the points that say most: the first and the last, and then by turns the one
// that is farthest from the line between those chosen.
func thinned(points []point) (chosen []wire.SharePoint) {
	at := []int{0}
	if last := len(points) - 1; last > 0 {
		at = append(at, last)
	}
	for len(at) < wire.MaxTiers {
		farthest, most := 0, int64(near)
		for i := 1; i < len(at); i++ {
			a, b := points[at[i-1]], points[at[i]]
			for k := at[i-1] + 1; k < at[i]; k++ {
				p := points[k]
				line := a.share + (b.share-a.share)*int64((p.after-a.after)/time.Second)/int64((b.after-a.after)/time.Second)
				if off := max(p.share-line, line-p.share); off > most {
					farthest, most = k, off
				}
			}
		}
		if farthest == 0 {
			break
		}
		i, _ := slices.BinarySearch(at, farthest)
		at = slices.Insert(at, i, farthest)
	}
	for _, i := range at {
		chosen = append(chosen, wire.SharePoint{After: wire.Duration(points[i].after), BasisPoints: int(points[i].share)})
	}
	return chosen
}
