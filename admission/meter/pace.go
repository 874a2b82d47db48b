package meter

import (
	"math"
	"time"
)

// Pace remembers how many fans were called in each of the last minutes, which count
// from the first call. The zero value remembers nothing yet.
type Pace struct {
	began  time.Time // the first call
	minute time.Time // the one that runs
	calls  []float64 // whole minutes, oldest first
	now    float64   // of the minute that runs
}

const (
	paceMinutes = 15
	paceAhead   = 5.0  // minutes that are foretold
	paceZ       = 1.64 // nine times in ten

	leastSpan = 15 * time.Second // what was called within less is no pace
)

// Note adds a call; with none it only lets time pass.
func (p *Pace) Note(now time.Time, n int) {
	if p.began.IsZero() {
		if n == 0 {
			return
		}
		p.began, p.minute = now, now
	}
	if now.Sub(p.minute) > paceMinutes*time.Minute {
		p.calls, p.now, p.minute = nil, 0, now // so long ago says nothing
	}
	for ; now.Sub(p.minute) >= time.Minute; p.minute = p.minute.Add(time.Minute) {
		p.calls, p.now = append(p.calls, p.now), 0
		if len(p.calls) > paceMinutes {
			p.calls = p.calls[1:]
		}
	}
	p.now += float64(n)
}

// Rate is how many fans a minute were called, so many within the last one. As long as
// calling has not gone on for one, they are those of the part that it has: of a tick
// at least, over which calls are spread.
func (p *Pace) Rate(now time.Time, called int, tick time.Duration) float64 {
	went := time.Minute
	if !p.began.IsZero() {
		went = min(went, max(now.Sub(p.began), tick, leastSpan))
	}
	return float64(called) * float64(time.Minute) / float64(went)
}

// Between is the range, in fans a minute, in which the mean of the next minutes
// will lie: as the last ones differed, and never surer than chance allows. Zero
// when nothing is known.
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
	sd := math.Sqrt(mean) // of mere chance
	if n > 1 {
		sd = max(sd, math.Sqrt(squares/(n-1)))
	}
	off := paceZ * sd * math.Sqrt(1/n+1/paceAhead)
	return max(mean-off, 0), mean + off
}
