package rules

import (
	"math/bits"
	"time"

	"frontrow/wire"
)

// whole is the number of basis points in a whole.
const whole = 10_000

// The factors' parts, in basis points of the price at the opening, at a weight of 100.
const (
	mostSales  = 2_000 // either way: a part is as large as the share by which the sale is ahead of plan
	mostLike   = 1_000 // either way: comparable is as large as the share by which the house is ahead of past sales
	mostPace   = 1_000 // at three times the planned pace or more; half of it, downwards, if nothing is bought
	mostQueue  = 1_000 // when thrice what is unsold will be asked for; half of it, downwards, if nobody waits
	mostLapsed = 500   // downwards: if all that was held is given back
	mostSupply = 1_000 // if nothing is left
	mostTime   = 1_000 // downwards, at the end, if nothing was sold; half of it, upwards, if nothing is left
)

const (
	scarce      = 2_000     // share unsold below which supply counts
	few         = 1_000     // share unsold below which the end of the sale raises the price
	many        = 3_000     // above which it lowers it
	lastPart    = 5         // the end of the sale is its last fifth
	most        = 3 * whole // as far as ratios are told apart
	queueChange = time.Hour // between two changes of the queue's part
)

// blind reports whether all signals that can be missing are.
func blind(s wire.Signals) bool { return len(s.Stock) == 0 && len(s.Sales) == 0 && s.Queue == nil }

// factors returns the parts of a level's price that demand makes, and when the queue's part
// last changed.
func (d *decision) factors(l *level) (wire.PriceParts, time.Time) {
	var parts wire.PriceParts
	if l.was.Parts != nil {
		parts = *l.was.Parts
	}
	w := d.Pricing.Weights
	if stock, ok := d.Stock[l.ID]; ok {
		sold := share(stock.Sold, stock.Places)
		parts.Sales = weighed(limited(sold-d.planned, mostSales), w.Sales)
		parts.Supply = weighed(max(0, scarce-(whole-sold))*mostSupply/scarce, w.Supply)
		parts.Time = weighed(urgency(whole-sold, d.ending), w.Time)
		if sales, ok := d.Sales[l.ID]; ok {
			due := d.planned - planned(d.PriceRules, d.now.Add(-time.Duration(sales.Window)))
			parts.Pace = weighed(pace(sales.Bought, stock.Places, due), w.Pace)
		}
	}
	if sold, past, ok := d.like(); ok {
		parts.Comparable = weighed(limited(sold-past, mostLike), w.Comparable)
	}
	if sales, ok := d.Sales[l.ID]; ok {
		held := saturated(sales.Bought, sales.Lapsed)
		parts.Lapsed = weighed(-share(sales.Lapsed, held)*mostLapsed/whole, w.Lapsed)
	}
	queueAt := l.was.QueueAt
	if q := d.Queue; q != nil {
		parts.Queue, queueAt = l.queue(parts.Queue, weighed(beside(wanted(*q), max(1, q.Unsold), mostQueue), w.Queue), d.now)
	}
	return parts, queueAt
}

// like returns the share of all places that is sold, and that which comparable sales had sold
// by now. Levels differ from event to event, so it is the house that is compared; ok is false
// if the counters lack a level.
func (d *decision) like() (sold, past int64, ok bool) {
	if d.Pricing.Weights.Comparable == 0 || d.stale != "" {
		return 0, 0, false
	}
	var places, gone int64
	for _, l := range d.Levels {
		stock, ok := d.Stock[l.ID]
		if !ok {
			return 0, 0, false
		}
		places, gone = saturated(places, stock.Places), saturated(gone, stock.Sold)
	}
	return share(gone, places), passed(d.Pricing.Comparable.Curve, d.now.Sub(d.OpensAt)), true
}

// passed is the share that a curve has some time after the opening.
func passed(curve []wire.SharePoint, after time.Duration) int64 {
	at, share := time.Duration(0), int64(0)
	for _, p := range curve {
		next := int64(p.BasisPoints)
		if after < time.Duration(p.After) {
			return share + scaled(int64((after-at)/time.Millisecond), next-share, max(1, int64((time.Duration(p.After)-at)/time.Millisecond)))
		}
		at, share = time.Duration(p.After), next
	}
	return share
}

// queue lets the queue's part come nearer to what is seen of it: by one step an hour.
func (l *level) queue(was, seen int64, now time.Time) (int64, time.Time) {
	if seen == was || now.Before(l.was.QueueAt.Add(queueChange)) {
		return was, l.was.QueueAt
	}
	step := max(0, change(l.Total, l.Total+l.rails.Step))
	return was + limited(seen-was, step), now.UTC()
}

// wanted estimates how many tickets those who wait will buy.
func wanted(q wire.QueueSignal) int64 { return scaled(q.Waiting, q.Bought, q.Called) }

// pace compares what was bought with the share of the places that was to be.
func pace(bought, places, due int64) int64 {
	return beside(bought, scaled(places, due, whole), mostPace)
}

// beside is the part of an amount beside another: nothing if they are equal, half of its
// most, downwards, at zero, and its most at three times the other. Of nothing to compare with, nothing.
func beside(amount, other, top int64) int64 {
	if other <= 0 {
		return 0
	}
	ratio := min(scaled(amount, whole, other), most)
	return (ratio - whole) * top / (2 * whole)
}

// urgency is the part of the time, of a share that is unsold when a share near of the end of the
// sale is past.
func urgency(unsold, near int64) int64 {
	switch {
	case unsold < few:
		return (few - unsold) * (mostTime / 2) / few * near / whole
	case unsold > many:
		return -(unsold - many) * mostTime / (whole - many) * near / whole
	}
	return 0
}

// ending is how much of the end of the sale is past, from nothing to the whole.
func ending(r wire.PriceRules, now time.Time) int64 {
	end := r.EndsAt.Sub(r.OpensAt) / lastPart
	if r.OpensAt.IsZero() || r.EndsAt.IsZero() || end <= 0 {
		return 0
	}
	return limited(max(0, int64((end-r.EndsAt.Sub(now))/time.Millisecond)*whole/max(1, int64(end/time.Millisecond))), whole)
}

// planned is the share that is to be sold by now.
func planned(r wire.PriceRules, now time.Time) int64 {
	at, sold := r.OpensAt, int64(0)
	if now.Before(at) {
		return 0
	}
	points := r.Pricing.Curve
	if len(points) == 0 {
		points = []wire.CurvePoint{{At: r.EndsAt, Sold: 100}}
	}
	for _, p := range points {
		next := int64(p.Sold) * 100
		if now.Before(p.At) {
			return sold + scaled(int64(now.Sub(at)/time.Millisecond), next-sold, max(1, int64(p.At.Sub(at)/time.Millisecond)))
		}
		at, sold = p.At, next
	}
	return sold
}

// share is a part of a whole, in basis points.
func share(part, of int64) int64 { return min(scaled(part, whole, of), whole) }

// scaled is a × b ÷ c, at most 2^62 and rounded down; of what is below zero, zero.
func scaled(a, b, c int64) int64 {
	if a <= 0 || b <= 0 || c <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	const top = 1 << 62
	if hi >= uint64(c) {
		return top
	}
	quotient, _ := bits.Div64(hi, lo, uint64(c))
	return int64(min(quotient, top))
}

// saturated is a sum that can't overflow.
func saturated(a, b int64) int64 {
	if a, b = max(a, 0), max(b, 0); a > 1<<62-1-min(b, 1<<62-1) {
		return 1<<62 - 1
	}
	return a + b
}

// limited is x between -top and top, weighed x at a weight in percents.
func limited(x, top int64) int64         { return max(-top, min(x, top)) }
func weighed(x int64, percent int) int64 { return x * int64(percent) / 100 }
