package pacing

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// However late or early it is asked, no more are let out than were decided, all of
// them by the last step, and never many more than the part of the tick that has passed.
func TestSpreadIsEven(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 100_000).Draw(t, "n")
		tick := time.Duration(rapid.IntRange(1, 300).Draw(t, "tick")) * time.Second
		at := time.Unix(1_900_000_000, 0)
		s, let := NewSpread(n, at, tick, time.Second), 0
		for now := at; now.Before(at.Add(tick)); now = now.Add(time.Duration(rapid.IntRange(10, 1500).Draw(t, "ms")) * time.Millisecond) {
			due := s.Due(now)
			held := rapid.IntRange(0, due).Draw(t, "held up")
			s.Let(due - held)
			let += due - held
			part := float64(now.Sub(at)+3*time.Second/2) / float64(tick)
			if most := max(part, float64(fewest)*(now.Sub(at).Seconds()+1.5)/float64(max(n, 1))) * float64(n); due < 0 || let > n || float64(let) > most+1 {
				t.Fatalf("%d of %d are let out after %v of %v", let, n, now.Sub(at), tick)
			}
		}
		if rest := s.Due(at.Add(tick - time.Second)); rest != n-let {
			t.Fatalf("%d of %d wait for the next tick", n-let-rest, n)
		}
	})
}

func TestSpread(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_900_000_000, 0)
	for _, c := range []struct {
		n          int
		tick, step time.Duration
		want       []int // at each step
	}{
		{3000, 30 * time.Second, time.Second, []int{100, 100, 100}},
		{25, 30 * time.Second, time.Second, []int{9, 8, 8, 0}},
		{7, 30 * time.Second, time.Second, []int{7, 0}},
		{0, 30 * time.Second, time.Second, []int{0, 0}},
		{3000, time.Second, time.Second, []int{3000, 0}},
		{3000, time.Hour, 0, []int{3000, 0}},
	} {
		s := NewSpread(c.n, at, c.tick, c.step)
		for i, want := range c.want {
			due := s.Due(at.Add(time.Duration(i) * max(c.step, time.Second)))
			if s.Let(due); due != want {
				t.Errorf("of %d over %v at step %d: %d, want %d", c.n, c.tick, i, due, want)
			}
		}
	}
}

// In its first minute calling has a rate too, and a minute that it began in the middle
// of is no slow one.
func TestTheFirstMinuteIsNoSlowOne(t *testing.T) {
	t.Parallel()
	opens := time.Unix(1_900_000_000, 0).Truncate(time.Minute).Add(50 * time.Second)
	var p Pace
	p.Note(opens.Add(-5*time.Minute), 0) // a board before the sale
	called := 0
	for i := range 120 {
		now := opens.Add(time.Duration(i) * time.Second)
		p.Note(now, 10)
		called = min(called+10, 600)
		if rate := p.Rate(now.Add(time.Second), called, time.Second); i+1 >= int(leastSpan.Seconds()) && rate != 600 || rate > 600 {
			t.Fatalf("after %d s: %v a minute", i+1, rate)
		}
		if low, high := p.Between(); i < 60 && high != 0 || i >= 60 && (low > 600 || high < 600 || low < 500) {
			t.Fatalf("after %d s: between %v and %v", i, low, high)
		}
	}
	if rate := new(Pace).Rate(opens, 30, time.Second); rate != 30 {
		t.Errorf("nothing known of the beginning: %v", rate)
	}
}
