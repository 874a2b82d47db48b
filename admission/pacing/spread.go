package pacing

import "time"

// Spread is a call let out evenly over a tick, so that fans don't come in bursts and the
// head shows the pace at which it moves. The zero value calls nobody.
type Spread struct {
	n, let int // decided on; of these, let out
	at     time.Time
	step   time.Duration
	steps  int // until all are let out
}

// fewest is the least number of fans in a step: so few are no burst, and need not be split.
const fewest = 10

// NewSpread returns a Spread that lets n fans out in steps: the first at once, the last one
// step before the end of the tick. If step is 0, all are let out at once.
func NewSpread(n int, now time.Time, tick, step time.Duration) Spread {
	s := Spread{n: n, at: now, step: step, steps: 1}
	if step > 0 {
		s.steps = max(1, min(int(tick/step), (n+fewest-1)/fewest))
	}
	return s
}

// Due returns how many fans are to be let out now.
func (s Spread) Due(now time.Time) int {
	begun := s.steps
	if s.steps > 1 {
		begun = 1 + int((now.Sub(s.at)+s.step/2)/s.step) // timers may be a little early
	}
	if begun < s.steps {
		return max((s.n*max(begun, 1)+s.steps-1)/s.steps-s.let, 0)
	}
	return s.n - s.let
}

// Let notes that n of the fans due were let out.
func (s *Spread) Let(n int) { s.let = min(s.let+n, s.n) }
