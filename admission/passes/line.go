package passes

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"frontrow/wire"
)

// Line names a queue in which fans are called in the order of their numbers:
// the places of a lane in a region or, without a region, the ranks of a lane's draw.
type Line struct{ Lane, Region string }

func (l Line) compare(o Line) int {
	return cmp.Or(cmp.Compare(l.Lane, o.Lane), cmp.Compare(l.Region, o.Region))
}

// calls is how far a line has been called. It is pure, like Table, which owns it.
//
// Places up to open may redeem. Head is the highest place that ever could. It is above open
// only after the event was sold out, which ends the turn of those who had not come yet, and
// until returned tickets have been offered to them again, in order.
type calls struct {
	head    uint64
	spans   []span // contiguous, oldest first; the last ends at open
	calling uint64 // places about to be called: they take room, but aren't called yet

	ended bool   // no other place is given out
	known uint64 // places of a line that has ended; a few more may have been given out
}

// span is a run of places called together: (from, to].
type span struct {
	from, to uint64
	at       time.Time // zero: longer ago than any window
	redeemed int
	learned  bool // whether it has been noted how many came
}

func (s span) count() uint64 { return s.to - s.from }

// newCalls rebuilds a line from the admitter's record. Passes are counted in later.
func newCalls(l wire.Line) *calls {
	c := &calls{head: l.Head}
	from := uint64(0)
	for _, k := range l.Calls {
		c.spans = append(c.spans, span{from: from, to: k.To, at: k.At})
		from = k.To
	}
	return c
}

// open returns the highest place that may redeem.
func (c *calls) open() uint64 {
	if len(c.spans) == 0 {
		return 0
	}
	return c.spans[len(c.spans)-1].to
}

// reach returns up to which place fans may come when places up to n are called: in an ended
// line of which all known places are called, everybody.
func (c *calls) reach(n uint64) uint64 {
	if c.ended && n >= c.known {
		return wire.Everybody
	}
	return n
}

// skip removes the places up to n from this line: they are called in another.
func (c *calls) skip(n uint64) {
	for i := range c.spans {
		if c.spans[i].from < n {
			c.spans[i].learned = true // none of them comes by this line
		}
	}
	if n > c.open() {
		c.spans = append(c.spans, span{from: c.open(), to: n, learned: true})
		c.head = max(c.head, n)
	}
}

// of finds the span of an open place; nil if it is older than the list.
func (c *calls) of(number uint64) *span {
	i := sort.Search(len(c.spans), func(i int) bool { return c.spans[i].to >= number })
	if i == len(c.spans) || number <= c.spans[i].from {
		return nil
	}
	return &c.spans[i]
}

// since returns how many were called within d before now.
func (c *calls) since(now time.Time, d time.Duration) (n uint64) {
	for _, s := range slices.Backward(c.spans) {
		if now.Sub(s.at) >= d {
			break
		}
		n += s.count()
	}
	return n
}

// coming returns how many fans whose window is open will still come, if the share
// show of those called does.
func (c *calls) coming(now time.Time, window time.Duration, show float64) float64 {
	n := float64(c.calling) * show
	for _, s := range slices.Backward(c.spans) {
		if now.Sub(s.at) >= window {
			break
		}
		n += max(float64(s.count())*show-float64(s.redeemed), 0)
	}
	return n
}

// suspend ends the turn of all who are called, whose window is open and who
// have not come, at once: nothing is left for them.
func (c *calls) suspend(now time.Time, window time.Duration) {
	c.head = max(c.head, c.open())
	for n := len(c.spans); n > 0 && now.Sub(c.spans[n-1].at) < window; n-- {
		c.spans = c.spans[:n-1]
	}
}

// proposed returns the list with the places about to be called.
func (c *calls) proposed(at time.Time, keep time.Duration) []span {
	spans := slices.Clone(c.spans)
	if c.calling > 0 {
		spans = append(spans, span{from: c.open(), to: c.open() + c.calling, at: at})
	}
	return compact(spans, keep, at)
}

// record returns the line as it is stored once the places about to be called are.
func (c *calls) record(l Line, at time.Time, keep time.Duration) wire.Line {
	r := wire.Line{Lane: l.Lane, Region: l.Region, Head: max(c.head, c.open()+c.calling)}
	for _, s := range c.proposed(at, keep) {
		r.Calls = append(r.Calls, wire.Call{To: s.to, At: s.at})
	}
	return r
}

// called moves the line, once that is durable.
func (c *calls) called(at time.Time, keep time.Duration) {
	c.spans, c.calling = c.proposed(at, keep), 0
	c.head = max(c.head, c.open())
}

// compact bounds the list to fewer than maxCalls. It joins calls of the same second and,
// when older than a minute, of the same fiftieth of keep, under the later instant, so that
// no fan's window gets shorter. Of the calls older than keep one stays, without its
// instant, to say where the next begins.
func compact(spans []span, keep time.Duration, now time.Time) []span {
	const coarse = 50 // 50 + 2 + a second each of the last minute < maxCalls
	granule := func(s span) time.Duration {
		if now.Sub(s.at) < time.Minute {
			return time.Second
		}
		return max(keep/coarse, time.Second)
	}
	var out []span
	for _, s := range spans {
		if now.Sub(s.at) >= keep {
			out = append(out[:0], span{from: s.from, to: s.to, learned: true})
			continue
		}
		if n := len(out); n > 0 {
			last := &out[n-1]
			g := granule(*last)
			if g == granule(s) && last.learned == s.learned && last.at.Truncate(g).Equal(s.at.Truncate(g)) {
				last.to, last.at, last.redeemed = s.to, s.at, last.redeemed+s.redeemed
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// maxCalls bounds the calls in a line's record.
const maxCalls = 120
