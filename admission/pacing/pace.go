package pacing

import (
	"math"
	"time"
)

// Pace remembers how many fans were called in each of the last minutes, counted from the
// first call. The zero value is empty.
type Pace struct {
	began  time.Time // the first call
	minute time.Time // start of the current one
	calls  []float64 // whole minutes, oldest first
	now    float64   // of the current minute
}

const (
	paceMinutes = 15
	paceAhead   = 5.0  // minutes forecast
	paceZ       = 1.64 // nine times in ten

	leastSpan = 15 * time.Second // calls over a shorter span are no pace
)

// Note adds a call of n fans; n may be 0.
func (p *Pace) Note(now time.Time, n int) {
	if p.began.IsZero() {
		if n == 0 {
			return
		}
		p.began, p.minute = now, now
	}
	if now.Sub(p.minute) > paceMinutes*time.Minute {
		p.calls, p.now, p.minute = nil, 0, now // what was so long ago says nothing
	}
	for ; now.Sub(p.minute) >= time.Minute; p.minute = p.minute.Add(time.Minute) {
		p.calls, p.now = append(p.calls, p.now), 0
		if len(p.calls) > paceMinutes {
			p.calls = p.calls[1:]
		}
	}
	p.now += float64(n)
}

// Rate returns how many fans are called per minute, given how many were in the last minute.
// If calling began less than a minute ago, the rate is over that time, but at least over a
// tick, over which calls are spread.
func (p *Pace) Rate(now time.Time, called int, tick time.Duration) float64 {
	went := time.Minute
	if !p.began.IsZero() {
		went = min(went, max(now.Sub(p.began), tick, leastSpan))
	}
	return float64(called) * float64(time.Minute) / float64(went)
}

// Between returns the range, in fans per minute, in which the mean of the next minutes will
// lie, judged by how the last ones differed, and never narrower than chance allows. It
// returns zeros if nothing is known.
func (p *Pace) Between() (low, high float64) {
	n := float64(len(p.calls))
	if n == 0 {
		return 0, 0
	}
	mean, squares := 0.0, 0.0
	for _, c := range p.calls {
		mean += c / n
	}
	for _, c := range p.calls {
		squares += (c - mean) * (c - mean)
	}
	sd := math.Sqrt(mean) // by chance alone
	if n > 1 {
		sd = max(sd, math.Sqrt(squares/(n-1)))
	}
	off := paceZ * sd * math.Sqrt(1/n+1/paceAhead)
	return max(mean-off, 0), mean + off
}
