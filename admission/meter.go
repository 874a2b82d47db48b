package admission

import (
	"math"
	"time"
)

// Input is what the meter goes by.
type Input struct {
	Open   bool // the on-sale has begun and the event is not closed
	Paused bool // by an operator

	PaymentsDown bool // the payment provider fails: who is called now could not pay

	Waiting uint64 // places beyond the head
	Alive   int    // passes alive
	Called  int    // called, not redeemed, still within their window: each may redeem at any moment
	Ceiling int    // passes alive at any instant, at most

	Free   int     // seats
	Held   int     // seats
	Bought int     // seats sold for about as long as a pass lives: their buyers' passes are alive still
	PerFan float64 // seats an admitted fan takes, estimated; less than 1 counts as 1

	Rate       int           // fans called in a minute, at most; 0 is no limit
	LastMinute int           // fans called in the last minute
	Tick       time.Duration // between two calls; a rate is spread over the ticks of a minute
}

// Output is how many fans to call now, and what kept it from being more.
type Output struct {
	Call int
	Why  string
}

// What bounds a call.
const (
	whyClosed   = "not on sale"
	whyPaused   = "paused"
	whyPayments = "payments are down"
	whyWaiting  = "nobody else waits"
	whyCeiling  = "ceiling of passes"
	whySeats    = "seats left"
	whyRate     = "rate per minute"
)

// Meter decides how many fans to call. What it promises:
//
//	alive + called + Call ≤ ceiling, unless it was exceeded before; then Call = 0
//	no seat free, or payments down: Call = 0
//	a free seat for every fan called who has none yet, as far as can be estimated
//	Call ≤ waiting; called in any minute ≤ rate
//
// A called fan who lets his window pass leaves Called, and so makes room for
// another call: absent fans are made up for without a forecast of who comes.
func Meter(in Input) Output {
	switch {
	case !in.Open:
		return Output{Why: whyClosed}
	case in.Paused:
		return Output{Why: whyPaused}
	case in.PaymentsDown:
		return Output{Why: whyPayments}
	}
	out := Output{Call: math.MaxInt32, Why: whyWaiting}
	bound := func(n int, why string) {
		if n = max(n, 0); n < out.Call {
			out.Call, out.Why = n, why
		}
	}
	bound(int(min(in.Waiting, math.MaxInt32)), whyWaiting)
	bound(in.Ceiling-in.Alive-in.Called, whyCeiling)
	bound(in.seats(), whySeats)
	if in.Rate > 0 {
		share := math.Ceil(float64(in.Rate) * min(in.Tick.Minutes(), 1))
		bound(min(int(share), in.Rate-in.LastMinute), whyRate)
	}
	return out
}

// seats is how many more fans the free seats are enough for. Fans with a pass
// who hold or have bought take no more of them.
func (in Input) seats() int {
	if in.Free <= 0 {
		return 0
	}
	perFan := max(in.PerFan, 1)
	settled := min(int(float64(in.Held+in.Bought)/perFan), in.Alive)
	return int(math.Ceil(float64(in.Free)/perFan)) - (in.Alive - settled) - in.Called
}

// seatsPerFan estimates what an admitted fan takes from what those before him took.
func seatsPerFan(taken, admitted, limit int) float64 {
	const few, first = 20, 2.0
	if admitted < few {
		return min(first, float64(limit))
	}
	return min(max(float64(taken)/float64(admitted), 1), float64(limit))
}

// sales remembers how many seats were sold when, for as long as a pass lives.
type sales struct{ samples []sample }

type sample struct {
	at   time.Time
	sold int
}

// since notes sold at now and returns by how much it rose within the span before.
// It keeps at most maxSamples and looks back that much less exactly.
func (s *sales) since(now time.Time, span time.Duration, sold int) int {
	const maxSamples = 100
	if n := len(s.samples); n == 0 || now.Sub(s.samples[n-1].at) >= span/maxSamples {
		s.samples = append(s.samples, sample{now, sold})
	}
	for len(s.samples) > 1 && now.Sub(s.samples[1].at) >= span {
		s.samples = s.samples[1:]
	}
	return max(sold-s.samples[0].sold, 0)
}
