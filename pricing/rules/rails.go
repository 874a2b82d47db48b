package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"frontrow/wire"
)

// demand decides how far demand wants a level's price to go, and how far it goes now.
func (d *decision) demand(l *level) {
	l.reach(d.now, d.pause || l.rails.Freeze || l.was.Frozen || blind(d.Signals))
	parts, queueAt := d.factors(l)
	l.parts, l.next.QueueAt = &parts, queueAt
	l.wanted = raised(l.Total, parts.Sum())
	l.to = min(max(l.wanted, l.lo), l.hi)
	switch {
	case l.to == l.wanted:
	case l.to == l.rails.Ceiling && l.wanted > l.to:
		l.hint = "limited to the ceiling"
	case l.to == l.rails.Floor && l.wanted < l.to:
		l.hint = "limited to the floor"
	case l.lo < l.hi:
		l.hint = "limited to the step of " + wire.FormatAmount(l.rails.Step, d.Currency)
	}
	l.round(d.Currency)
}

// reach says what the price may become: what step and direction allow inside of the rails,
// or only what it is. A price outside of the rails only comes back to them.
func (l *level) reach(now time.Time, stays bool) {
	l.now = min(max(l.was.Total, l.rails.Floor), l.rails.Ceiling)
	l.lo, l.hi, l.to = l.now, l.now, l.now
	cooling := l.was.Version > 1 && now.Before(l.was.At.Add(time.Duration(l.rails.CoolDown)))
	if stays || cooling || l.now != l.was.Total {
		return
	}
	if l.rails.Direction != wire.PriceUp {
		l.lo = max(l.now-l.rails.Step, l.rails.Floor)
	}
	if l.rails.Direction != wire.PriceDown {
		l.hi = min(l.now+l.rails.Step, l.rails.Ceiling)
	}
}

// round moves the price towards what it was, to where prices may end: so it leaves neither
// the rails nor the step, and a price that demand leaves alone stays, wherever it ends.
func (l *level) round(currency string) {
	unit, offset, _ := wire.Grid(l.rails.Round, currency)
	over := ((l.to-offset)%unit + unit) % unit // above the next lower of these
	switch {
	case over == 0:
	case l.to > l.now:
		l.to = max(l.now, l.to-over)
	case l.to < l.now:
		l.to = min(l.now, l.to-over+unit)
	}
}

// keepOrder lets no level cost more than one before it. Those that may not fall so far hold
// the ones before them up, which can follow: what a level may become includes what it is, and
// the prices of now are in order. If they were not, the rails would come first.
func keepOrder(levels []level) {
	for i := 1; i < len(levels); i++ {
		if l, above := &levels[i], levels[i-1].to; l.to > above {
			l.to, l.hint = max(above, l.lo), "kept at or below the level before it"
		}
	}
	for i := len(levels) - 1; i > 0; i-- {
		if l, below := &levels[i-1], levels[i].to; l.to < below {
			l.to, l.hint = max(l.to, min(below, l.hi)), "kept at or above the level after it"
		}
	}
}

// far is a distance that no two prices have.
const far = 1 << 60

// keepApart lets each level cost least to most less than the one before it; most is zero if
// that has no limit. What levels may become includes what they are, which is so; and of two
// sets of prices that are so, the lower and the higher of each level's are so, too. So there
// is a lowest set, and a highest one below whatever is wanted of all of them, if that is not
// below the lowest: they become that.
func keepApart(levels []level, least, most int64) {
	if most == 0 {
		most = far
	}
	lowest, to := make([]int64, len(levels)), make([]int64, len(levels))
	for i := len(levels) - 1; i >= 0; i-- {
		if lowest[i] = levels[i].lo; i+1 < len(levels) {
			lowest[i] = max(lowest[i], lowest[i+1]+least)
		}
	}
	for i := range levels {
		if i > 0 {
			lowest[i] = max(lowest[i], lowest[i-1]-most)
		}
		if to[i] = max(levels[i].to, lowest[i]); i > 0 {
			to[i] = min(to[i], to[i-1]-least)
		}
	}
	for i := len(levels) - 1; i >= 0; i-- {
		if i+1 < len(levels) {
			to[i] = min(to[i], to[i+1]+most)
		}
		if l := &levels[i]; to[i] != l.to { // were they not so before, the rails would come first
			l.to, l.hint = min(max(to[i], l.lo), l.hi), "kept at its distance from the levels beside it"
		}
	}
}

// whyDemand says of which parts a change is made, in percents of the price at the opening.
func (l *level) whyDemand(unknown map[string]string) string {
	if l.was.Total < l.rails.Floor || l.was.Total > l.rails.Ceiling {
		return "into the rails, which were narrowed"
	}
	var parts []string
	of := l.parts.Of()
	for i, name := range wire.Factors() {
		if of[i] != 0 {
			parts = append(parts, name+" "+percent(of[i]))
		}
	}
	why := "as at the opening"
	if by := change(l.Total, l.to); by != 0 {
		why = percent(by) + " against the opening"
	}
	if len(parts) > 0 {
		why += ": " + strings.Join(parts, ", ")
	}
	if l.hint != "" {
		why += "; " + l.hint
	}
	if missing := slices.Sorted(maps.Keys(unknown)); len(missing) > 0 {
		why += "; not counted: " + strings.Join(missing, ", ")
	}
	return why
}

// percent writes basis points: "+4.25 %".
func percent(bp int64) string {
	sign := "+"
	if bp < 0 {
		sign, bp = "−", -bp
	}
	text := fmt.Sprintf("%d.%02d", bp/100, bp%100)
	return sign + strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + " %"
}

// change is by how many basis points an amount is above another.
func change(from, to int64) int64 {
	if from == 0 {
		return 0
	}
	return (to - from) * whole / from
}

// raised returns an amount raised by basis points; it is never below zero.
func raised(amount, bp int64) int64 { return max(0, amount+amount*bp/whole) }
