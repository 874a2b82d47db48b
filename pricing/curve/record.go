package curve

import (
	"time"

	"frontrow/wire"
)

// Recorder folds what the log has of a sale into a curve. A sample has what was so at its
// instant; what happens after the last one is left out.
type Recorder struct {
	sale   Sale
	level  map[string]int
	seats  map[string]seat // those that somebody has
	flush  uint64          // the last one folded
	deltas []Row           // what changes with each row: Sold, Held, Returned, Revenue; Price and Waiting as they become
}

// seat is what somebody has.
type seat struct {
	level int
	sold  bool
	total int64
}

const same = -2 // Price and Waiting of a delta that changes neither

// NewRecorder begins a curve of a length, of levels with so many places on sale each.
func NewRecorder(h Head, levels []wire.PriceLevel, places map[string]int64, length time.Duration) *Recorder {
	r := &Recorder{sale: Sale{Head: h}, level: map[string]int{}, seats: map[string]seat{}}
	samples := min(MaxSamples, int(length/h.Every)+1)
	r.deltas = make([]Row, samples*len(levels))
	for i := range r.deltas {
		r.deltas[i].Price, r.deltas[i].Waiting = same, same
	}
	for k, l := range levels {
		r.level[l.ID] = k
		r.sale.Levels = append(r.sale.Levels, l.ID)
		r.deltas[k].Places, r.deltas[k].Price, r.deltas[k].Waiting = places[l.ID], l.Total, Unknown
	}
	return r
}

// at returns the row of a level at the first sample at or after an instant, nil if there is
// none any more.
func (r *Recorder) at(t time.Time, level int) *Row {
	i := int((max(0, t.Sub(r.sale.OpensAt)) + r.sale.Every - 1) / r.sale.Every)
	if i = i*len(r.sale.Levels) + level; i >= len(r.deltas) {
		return nil
	}
	return &r.deltas[i]
}

// Flush folds the next record of the seats' log; one that was folded is skipped.
func (r *Recorder) Flush(f *wire.Flush) {
	if f.N <= r.flush {
		return
	}
	r.flush = f.N
	for i := range f.Seats {
		c := &f.Seats[i]
		for k, id := range c.IDs {
			was, had := r.seats[id]
			if had {
				r.count(f.At, was, -1, c.State != wire.Sold)
				delete(r.seats, id)
			}
			if c.State != wire.Held && c.State != wire.Sold {
				continue
			}
			if level, known := r.level[c.Quotes[k].Level]; known {
				is := seat{level, c.State == wire.Sold, c.Quotes[k].Price.Total}
				r.seats[id] = is
				r.count(f.At, is, +1, false)
			}
		}
	}
}

// count adds a seat, or takes one away, which may have come back.
func (r *Recorder) count(at time.Time, s seat, by int64, back bool) {
	row := r.at(at, s.level)
	switch {
	case row == nil:
	case !s.sold:
		row.Held += by
	default:
		row.Sold += by
		row.Revenue += by * s.total
		if back {
			row.Returned++
		}
	}
}

// Act folds the next act on the prices.
func (r *Recorder) Act(a *wire.PriceAct) {
	for id, p := range a.Levels {
		if k, known := r.level[id]; known {
			if row := r.at(a.At, k); row != nil {
				row.Price = p.Total
			}
		}
	}
	if a.Signals != nil && a.Signals.Queue != nil {
		r.Waiting(a.At, a.Signals.Queue.Waiting)
	}
}

// Waiting notes how many fans wait.
func (r *Recorder) Waiting(at time.Time, fans int64) {
	for k := range r.sale.Levels {
		if row := r.at(at, k); row != nil {
			row.Waiting = fans
		}
	}
}

// Sale returns the curve.
func (r *Recorder) Sale() Sale {
	sale, n := r.sale, len(r.sale.Levels)
	sale.Rows = make([]Row, len(r.deltas))
	for i, d := range r.deltas {
		row := d
		if i >= n {
			before := sale.Rows[i-n]
			row.Places, row.Sold, row.Held = before.Places, before.Sold+d.Sold, before.Held+d.Held
			row.Returned, row.Revenue = before.Returned+d.Returned, before.Revenue+d.Revenue
			if d.Price == same {
				row.Price = before.Price
			}
			if d.Waiting == same {
				row.Waiting = before.Waiting
			}
		}
		row.Places = max(row.Places, row.Sold+row.Held) // the others are blocked by now
		sale.Rows[i] = row
	}
	return sale
}
