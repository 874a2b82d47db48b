package meter

import (
	"math"
	"time"
)

// Pace remembers how many fans were called in each of the last minutes. The
// zero value remembers nothing yet.
type Pace struct {
	minute time.Time
	calls  []float64 // whole minutes, oldest first
	now    float64   // of the minute that runs
}

const (
	paceMinutes = 15
	paceAhead   = 5.0  // minutes that are foretold
	paceZ       = 1.64 // nine times in ten
)

// Note adds a call; with none it only lets time pass.
func (p *Pace) Note(now time.Time, n int) {
	minute := now.Truncate(time.Minute)
	if p.minute.IsZero() {
		p.minute = minute
	}
	for ; p.minute.Before(minute); p.minute = p.minute.Add(time.Minute) {
		p.calls = append(p.calls, p.now)
		p.now = 0
		if len(p.calls) > paceMinutes {
			p.calls = p.calls[1:]
		}
		if minute.Sub(p.minute) > paceMinutes*time.Minute {
			p.calls, p.minute = nil, minute // so long ago says nothing
			return
		}
	}
	p.now += float64(n)
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
