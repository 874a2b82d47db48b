package pacing

import (
	"math"
	"time"

	"frontrow/wire"
)

// Demand is what admitted fans take of the seats, learned from earlier fans.
type Demand struct {
	Buys      float64 // conversion: share of the fans who take any
	PerOrder  float64 // seats that one who does takes, on average
	Spread    float64 // standard deviation of what a fan takes, in seats
	Undecided int     // passes alive whose fans have none yet but are still expected to decide
}

// Seen is what Learn goes by.
type Seen struct {
	Passes, Alive int        // given out in all; alive
	Stock         wire.Stock // with the fans who have seats
	Came          int        // of these, fans who got seats since the oldest pass alive now could have been given out
	Limit         int        // seats a fan may have

	YouthKnown bool // whether what follows is known yet
	Young      int  // passes given out within the last Youth of a pass's life
	Lately     int  // fans who came to have seats within it
}

// Youth is the share of a pass's life within which most fans who want seats take some.
const Youth = 0.25

// PerFan returns how many seats a fan takes, on average.
func (d Demand) PerFan() float64 { return d.Buys * d.PerOrder }

// Before anybody has decided, a fan is expected to take two seats, give or take one, with
// the weight of so many fans seen.
const (
	firstPerFan = 2.0
	firstSpread = 1.0
	firstWeight = 20.0
)

// Learn estimates the demand.
func Learn(s Seen) Demand {
	undecided := max(s.Alive-s.Came, 0)
	decided := float64(max(s.Passes-undecided, s.Stock.Fans))
	taken := float64(s.Stock.All.Held + s.Stock.All.Sold)
	first := min(firstPerFan, float64(s.Limit))
	n := decided + firstWeight
	d := Demand{Buys: (float64(s.Stock.Fans) + firstWeight) / n}
	d.PerOrder = (taken + first*firstWeight) / (float64(s.Stock.Fans) + firstWeight)
	squares := float64(s.Stock.Squares) + (first*first+firstSpread*firstSpread)*firstWeight
	d.Spread = math.Sqrt(max(squares/n-d.PerFan()*d.PerFan(), 0))
	d.Undecided = s.expected(undecided, d.Buys)
	return d
}

// expected returns how many of the undecided may still decide. Of those who have had their
// pass for long, it expects as many as would explain the fans who got seats lately: people
// leave without a word, and the last seats must not wait until all their passes have run
// out.
func (s Seen) expected(undecided int, buys float64) int {
	if !s.YouthKnown {
		return undecided
	}
	young := min(max(s.Young-s.Lately, 0), undecided)
	return min(young+int(math.Ceil(float64(s.Lately)/buys)), undecided)
}

// Rises remembers a count's past values, for as long as a pass lives. The zero value is
// empty.
type Rises struct{ samples []sample }

type sample struct {
	at time.Time
	n  int
}

// Know reports whether the rise within the span before now is known, the count having been
// noted for that long.
func (r *Rises) Know(now time.Time, span time.Duration) bool {
	return len(r.samples) > 0 && now.Sub(r.samples[0].at) >= span
}

// maxSamples bounds the samples, at the cost of exactness.
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
