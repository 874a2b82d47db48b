package meter

import (
	"math"
	"time"

	"frontrow/wire"
)

// Demand is what admitted fans take of the seats, learned from those before them.
type Demand struct {
	Buys      float64 // conversion: share of the fans who take any
	PerOrder  float64 // seats that one who does takes, on average
	Spread    float64 // standard deviation of what a fan takes, in seats
	Undecided int     // passes alive whose fans have none yet
}

// PerFan is how many seats a fan takes, on average.
func (d Demand) PerFan() float64 { return d.Buys * d.PerOrder }

// Before anybody has decided, a fan is expected to take two seats, give or take
// one, as surely as if so many had been seen.
const (
	firstPerFan = 2.0
	firstSpread = 1.0
	firstWeight = 20.0
)

// Learn estimates the demand from how many passes there were and are alive,
// from the fans who have seats, and from how many of these came lately, while
// a pass that is alive now could have been issued. No fan takes more than limit.
func Learn(passes, alive int, stock wire.Stock, lately, limit int) Demand {
	d := Demand{Undecided: max(alive-lately, 0)}
	decided := float64(max(passes-d.Undecided, stock.Fans))
	taken := float64(stock.All.Held + stock.All.Sold)
	first := min(firstPerFan, float64(limit))
	n := decided + firstWeight
	d.Buys = (float64(stock.Fans) + firstWeight) / n
	d.PerOrder = (taken + first*firstWeight) / (float64(stock.Fans) + firstWeight)
	squares := float64(stock.Squares) + (first*first+firstSpread*firstSpread)*firstWeight
	d.Spread = math.Sqrt(max(squares/n-d.PerFan()*d.PerFan(), 0))
	return d
}

// Rises remembers how a count stood when, for as long as a pass lives. The zero
// value remembers nothing yet.
type Rises struct{ samples []sample }

type sample struct {
	at time.Time
	n  int
}

// maxSamples bounds them; it looks back that much less exactly.
const maxSamples = 100

// Since notes n at now and returns by how much it rose within the span before.
func (r *Rises) Since(now time.Time, span time.Duration, n int) int {
	if k := len(r.samples); k == 0 || now.Sub(r.samples[k-1].at) >= span/maxSamples {
		r.samples = append(r.samples, sample{now, n})
	}
	for len(r.samples) > 1 && now.Sub(r.samples[1].at) >= span {
		r.samples = r.samples[1:]
	}
	return max(n-r.samples[0].n, 0)
}
