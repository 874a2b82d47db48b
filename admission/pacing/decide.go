package pacing

import (
	"math"
	"time"
)

// Input is what Decide goes by.
type Input struct {
	Open     bool // the on-sale has begun and the event is not closed
	Paused   bool // by an operator
	Draining bool // by an operator, for good

	PaymentsDown bool // the payment provider fails: fans called now could not pay
	Checkouts    int  // orders under way
	MaxCheckouts int  // at most

	Waiting uint64  // places beyond the head
	Alive   int     // passes alive
	Coming  float64 // of the called, not redeemed, still within their window: how many to expect
	Show    float64 // share of those called who come, at most; 0 counts as 1
	Ceiling int     // passes alive at any instant, at most

	Free      int     // seats
	Undecided int     // passes alive whose fans have no seats yet
	PerOrder  float64 // seats that a fan who buys takes, on average
	Buys      float64 // conversion: share of the passes that buy, on average; 0 counts as 1

	Rate       int           // fans called in a minute, at most; 0 is no limit
	LastMinute int           // fans called in the last minute, as far as they still count
	Tick       time.Duration // between two calls; a rate is spread over the ticks of a minute
}

// Output is how many fans to call now, and what kept it from being more.
type Output struct {
	Call int
	Why  string
}

// What bounds a call.
const (
	whyClosed    = "not on sale"
	whyPaused    = "paused"
	whyDraining  = "draining"
	whyPayments  = "payments are down"
	whyCheckouts = "checkouts under way"
	whyWaiting   = "nobody else waits"
	whyCeiling   = "ceiling of passes"
	whySeats     = "seats left"
	whyRate      = "rate per minute"
)

// Bounds on the fans called per seat, and per pass.
const (
	leastPerFan = 0.1
	leastShare  = 0.05
)

// Decide says how many fans to call: as many as the invariants of the package allow.
//
// A called fan who lets their window pass leaves Coming, and so makes room for another:
// absent fans are replaced.
func Decide(in Input) Output {
	switch {
	case !in.Open:
		return Output{Why: whyClosed}
	case in.Draining:
		return Output{Why: whyDraining}
	case in.Paused:
		return Output{Why: whyPaused}
	case in.PaymentsDown:
		return Output{Why: whyPayments}
	}
	show := orOne(in.Show)
	out := Output{Call: math.MaxInt32, Why: whyWaiting}
	bound := func(n float64, why string) {
		if n := int(min(max(n, 0), math.MaxInt32)); n < out.Call {
			out.Call, out.Why = n, why
		}
	}
	bound(float64(in.Waiting), whyWaiting)
	bound(math.Floor((float64(in.Ceiling-in.Alive)-in.Coming)/show), whyCeiling)
	bound(in.seats()/show, whySeats)
	if in.MaxCheckouts > 0 && in.Checkouts >= in.MaxCheckouts {
		bound(0, whyCheckouts)
	}
	if in.Rate > 0 {
		share := math.Ceil(float64(in.Rate) * min(in.Tick.Minutes(), 1))
		bound(min(share, float64(in.Rate-in.LastMinute)), whyRate)
	}
	return out
}

// seats returns for how many more fans the free seats suffice. Fans with a pass who hold or
// have bought seats are assumed to take no more.
func (in Input) seats() float64 {
	if in.Free <= 0 {
		return 0
	}
	return math.Ceil(float64(in.Free)/max(in.PerOrder*orOne(in.Buys), leastPerFan)) - float64(in.Undecided) - in.Coming
}

func orOne(share float64) float64 {
	if share <= 0 {
		return 1
	}
	return min(max(share, leastShare), 1)
}
