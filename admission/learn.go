package admission

import (
	"math"
	"time"

	"frontrow/wire"
)

// demand is what admitted fans take of the seats, learned from those before them.
type demand struct {
	buys     float64 // conversion: share of the fans who take any
	perOrder float64 // seats that one who does takes, on average
	spread   float64 // standard deviation of what a fan takes
	new      int     // passes alive whose fans have none yet
}

// perFan is what a fan takes, on average.
func (d demand) perFan() float64 { return d.buys * d.perOrder }

// Before anybody has decided, a fan is expected to take two seats, give or take
// one, as surely as if so many had been seen.
const (
	firstPerFan = 2.0
	firstSpread = 1.0
	firstWeight = 20.0
)

// learn estimates the demand from how many passes there were and are alive,
// from the fans who have seats, and from how many of these came lately, while
// a pass that is alive now could have been issued.
func learn(passes, alive int, stock wire.Stock, lately, limit int) demand {
	d := demand{new: max(alive-lately, 0)}
	decided := float64(max(passes-d.new, stock.Fans))
	taken := float64(stock.All.Held + stock.All.Sold)
	first := min(firstPerFan, float64(limit))
	n := decided + firstWeight
	d.buys = (float64(stock.Fans) + firstWeight) / n
	d.perOrder = (taken + first*firstWeight) / (float64(stock.Fans) + firstWeight)
	squares := float64(stock.Squares) + (first*first+firstSpread*firstSpread)*firstWeight
	d.spread = math.Sqrt(max(squares/n-d.perFan()*d.perFan(), 0))
	return d
}

// rises remembers how a count stood when, for as long as a pass lives.
type rises struct{ samples []sample }

type sample struct {
	at time.Time
	n  int
}

// maxSamples bounds them; it looks back that much less exactly.
const maxSamples = 100

// since notes n at now and returns by how much it rose within the span before.
func (r *rises) since(now time.Time, span time.Duration, n int) int {
	if k := len(r.samples); k == 0 || now.Sub(r.samples[k-1].at) >= span/maxSamples {
		r.samples = append(r.samples, sample{now, n})
	}
	for len(r.samples) > 1 && now.Sub(r.samples[1].at) >= span {
		r.samples = r.samples[1:]
	}
	return max(n-r.samples[0].n, 0)
}

// pace remembers how many fans were called in each of the last minutes.
type pace struct {
	minute time.Time
	calls  []float64 // whole minutes, oldest first
	now    float64   // of the minute that runs
}

const (
	paceMinutes = 15
	paceAhead   = 5.0  // minutes that are foretold
	paceZ       = 1.64 // nine times in ten
)

// note adds a call; with none it only lets time pass.
func (p *pace) note(now time.Time, n int) {
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

// between is the range in which the mean of the next minutes will lie: as the
// last ones differed, and never surer than chance allows. Zero when nothing is known.
func (p *pace) between() (low, high float64) {
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
