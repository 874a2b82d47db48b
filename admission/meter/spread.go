package meter

import "time"

// Spread is a call that is let out evenly over a tick, so that fans come in no bursts
// and the head tells at what pace it moves. The zero value is a call of nobody.
type Spread struct {
	n, let int // decided on; of them let out
	at     time.Time
	step   time.Duration
	steps  int // until all are let out
}

// fewest fans of a step are no burst: fewer are not kept waiting for each other.
const fewest = 10

// NewSpread lets n fans out by steps: the first at once, the last a step before the tick
// is over. Without steps all are let out at once.
func NewSpread(n int, now time.Time, tick, step time.Duration) Spread {
	s := Spread{n: n, at: now, step: step, steps: 1}
	if step > 0 {
		s.steps = max(1, min(int(tick/step), (n+fewest-1)/fewest))
	}
	return s
}

// Due is how many are to be let out at an instant.
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

// Let says that some of those that were due were let out.
func (s *Spread) Let(n int) { s.let = min(s.let+n, s.n) }
