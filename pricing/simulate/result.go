package simulate

import (
	"slices"
	"time"

	"frontrow/pricing/curve"
	"frontrow/pricing/rules"
	"frontrow/wire"
)

// Result is how a sale went. Amounts are minor units.
type Result struct {
	Name    string // of the rules
	Spec    wire.Spec
	Curve   curve.Sale
	Acts    []wire.PriceAct // the log
	Changes []Change        // that it made
	Wrong   []string        // what is, computed again

	Places, Sold int // tickets
	Revenue      int64
	Dearer       Beside // who paid more than at the opening
	Cheaper      Beside // who paid less

	Fans    int // who came
	Bought  int // of those
	Lapsed  int // held, and never paid
	TooDear int // left: what was free was too dear
	SoldOut int // left: too few places were free
	Waiting int // at the end

	MedianWait, LongestWait time.Duration // of those who were called

	waited []time.Duration
}

// Beside counts the fans who paid another price than at the opening.
type Beside struct {
	Fans, Tickets int
	Sum, Most     int64 // of the differences, in all and for one ticket
}

// Change is one of a level's price.
type Change struct {
	After    time.Duration // the opening
	Level    string
	From, To int64
	Why      string
}

// Share is the part of the places that is sold, in basis points.
func (r *Result) Share() int64 { return int64(r.Sold) * whole / int64(max(1, r.Places)) }

func (b *Beside) count(tickets int, by int64) {
	b.Fans, b.Tickets = b.Fans+1, b.Tickets+tickets
	b.Sum, b.Most = b.Sum+by*int64(tickets), max(b.Most, by)
}

// buy notes what a fan pays for a hold of places that cost so much at the opening each.
func (r *Result) buy(h *hold, opening int64) {
	total := h.quotes[0].Price.Total
	r.Bought++
	r.Sold += len(h.seats)
	r.Revenue += total * int64(len(h.seats))
	switch {
	case total > opening:
		r.Dearer.count(len(h.seats), total-opening)
	case total < opening:
		r.Cheaper.count(len(h.seats), opening-total)
	}
}

// result ends a sale, and computes its acts again.
func (s *sale) result() Result {
	r := s.outcome
	r.Curve, r.Acts = s.curve.Sale(), s.pricer.acts
	r.Places, r.Fans = r.Curve.Places, s.next
	r.Waiting = len(s.queue)
	var last wire.PriceAct
	for _, act := range r.Acts {
		r.Wrong = append(r.Wrong, rules.Verify(last, act)...)
		for _, l := range s.Spec.Levels {
			if was, is := last.Levels[l.ID], act.Levels[l.ID]; last.N > 0 && was.Version != is.Version {
				r.Changes = append(r.Changes, Change{is.At.Sub(s.opens), l.ID, was.Total, is.Total, is.Why})
			}
		}
		last = act
	}
	if slices.Sort(r.waited); len(r.waited) > 0 {
		r.MedianWait, r.LongestWait = r.waited[len(r.waited)/2], r.waited[len(r.waited)-1]
	}
	r.waited = nil
	return r
}
