package admission

import (
	"testing"
	"time"

	"frontrow/wire"

	"pgregory.net/rapid"
)

// A roll among fans who come early, late, twice or never, with writes that
// fail, a clock that runs, a ceiling and a window that change, and admitters
// that crash: whatever happens, what its comment promises holds.
func TestRollHoldsTheCeiling(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1_900_000_000, 0)
		now := start
		spec := wire.AdmissionSpec{
			Ceiling: rapid.IntRange(1, 12).Draw(t, "ceiling"),
			Window:  wire.Duration(time.Duration(rapid.IntRange(1, 90).Draw(t, "window")) * time.Second),
			PassTTL: wire.Duration(time.Duration(rapid.IntRange(1, 60).Draw(t, "ttl")) * time.Second),
		}
		stored := map[string]wire.PassRecord{}
		var record []wire.Call
		calledAt := map[uint64]time.Time{}
		head := uint64(0)
		r := newRoll(wire.LaneGeneral, "home", nil, nil, now)
		r.limits(spec)
		alive := func() (n int) {
			for _, p := range stored {
				if p.Expires.After(now) {
					n++
				}
			}
			return n
		}
		fan := func(number uint64) string { return string(rune('a' + number)) }
		redeem := func(t *rapid.T, number uint64, fails bool) {
			rec := wire.PassRecord{Fan: fan(number), Lane: wire.LaneGeneral, Region: "home", Number: number,
				At: now, Expires: now.Add(time.Duration(spec.PassTTL))}
			had, known := stored[rec.Fan]
			p, v := r.admit(rec, now)
			switch {
			case known && had.Expires.After(now) && (v != again || p.PassRecord != had):
				t.Fatalf("fan %d has a pass and heard %d", number, v)
			case known && !had.Expires.After(now) && v != over:
				t.Fatalf("fan %d had a pass and heard %d", number, v)
			case !known && (v == notCalled) != (number > head):
				t.Fatalf("fan %d heard %d at head %d", number, v, head)
			case !known && v == full && now.Sub(calledAt[number]) < time.Duration(spec.Window):
				t.Fatalf("fan %d came in time and found no room", number)
			}
			if v != granted {
				return
			}
			if fails {
				r.voided(p)
				return
			}
			r.kept(p)
			stored[rec.Fan] = rec
		}
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 40_000).Draw(t, "ms")) * time.Millisecond)
			},
			"call": func(t *rapid.T) {
				r.expire(now)
				in := Input{Open: true, Waiting: 1000, Alive: r.alive, Called: r.outstanding(now), Ceiling: r.ceiling, Free: 1e6}
				n := min(Meter(in).Call, rapid.IntRange(0, 5).Draw(t, "n"))
				calls := r.propose(n, now)
				for range rapid.IntRange(0, 3).Draw(t, "meanwhile") {
					redeem(t, rapid.Uint64Range(1, head+3).Draw(t, "place"), false)
				}
				if n == 0 || rapid.IntRange(0, 5).Draw(t, "stored") == 0 {
					r.propose(0, now)
					return
				}
				r.called()
				record = calls
				for ; n > 0; n-- {
					head++
					calledAt[head] = now
				}
			},
			"redeem": func(t *rapid.T) {
				redeem(t, rapid.Uint64Range(1, head+3).Draw(t, "place"), rapid.IntRange(0, 5).Draw(t, "fails") == 0)
			},
			"crash": func(t *rapid.T) {
				var passes []wire.PassRecord
				for _, p := range stored {
					passes = append(passes, p)
				}
				r = newRoll(wire.LaneGeneral, "home", record, passes, now)
				r.limits(spec)
			},
			"": func(t *rapid.T) {
				r.expire(now)
				if r.head() != head {
					t.Fatalf("head %d, want %d", r.head(), head)
				}
				if n := alive(); n != r.alive || n > spec.Ceiling {
					t.Fatalf("%d passes alive, counted %d, ceiling %d", n, r.alive, spec.Ceiling)
				}
				if n := r.alive + r.outstanding(now); n > spec.Ceiling {
					t.Fatalf("%d alive or able to redeem, ceiling %d", n, spec.Ceiling)
				}
				if len(record) > maxCalls {
					t.Fatalf("%d calls in the record", len(record))
				}
			},
		})
	})
}

// However long windows are and however often fans are called, the record stays
// bounded, no window gets shorter, and the last minute is exact to a second.
func TestCallsAreBounded(t *testing.T) {
	t.Parallel()
	for _, window := range []time.Duration{time.Second, 10 * time.Minute, 40 * time.Minute} {
		now := time.Unix(1_900_000_000, 0)
		r := newRoll(wire.LaneGeneral, "home", nil, nil, now)
		r.limits(wire.AdmissionSpec{Ceiling: 1 << 30, Window: wire.Duration(window)})
		for i := range 3_000 {
			if calls := r.propose(1, now); len(calls) > maxCalls {
				t.Fatalf("window %s: %d calls recorded", window, len(calls))
			}
			r.called()
			first := max(0, i-int(window/time.Second)+1) // the earliest place still in time
			if s := r.spanOf(uint64(first + 1)); s == nil || !r.inTime(*s, now) {
				t.Fatalf("window %s: place %d lost its turn early", window, first+1)
			}
			if got, want := r.calledSince(now, time.Minute), min(i+1, 60); got != want {
				t.Fatalf("window %s: %d called in the last minute, want %d", window, got, want)
			}
			now = now.Add(time.Second)
		}
	}
}

// A window that is made longer does not call back those whose turn had passed.
func TestALongerWindowRevivesNobody(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_900_000_000, 0)
	r := newRoll(wire.LaneGeneral, "home", nil, nil, now)
	spec := wire.AdmissionSpec{Ceiling: 10, Window: wire.Duration(time.Minute)}
	r.limits(spec)
	r.propose(10, now)
	r.called()
	now = now.Add(2 * time.Minute)
	calls := r.propose(4, now)
	r.called()
	spec.Window = wire.Duration(time.Hour)
	for _, r := range []*roll{r, newRoll(wire.LaneGeneral, "home", calls, nil, now)} {
		r.limits(spec)
		if n := r.outstanding(now); n != 4 {
			t.Errorf("%d fans may redeem in time, want 4", n)
		}
		if _, v := r.admit(wire.PassRecord{Fan: "x", Lane: wire.LaneGeneral, Region: "home", Number: 3, Expires: now.Add(time.Minute)}, now); v != granted {
			t.Errorf("a late fan heard %d although there is room", v)
		}
	}
}
