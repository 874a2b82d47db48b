package passes

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"frontrow/admission/pacing"
	"frontrow/wire"

	"pgregory.net/rapid"
)

// general is the line that tests call in.
var general = Line{wire.LaneGeneral, "home"}

func (r *Table) proposeMore(n int, now time.Time) []wire.Line {
	return r.Propose(map[Line]uint64{general: r.of(general).open() + uint64(n)}, now)
}

func place(fan string, number uint64, at time.Time, ttl time.Duration) wire.PassRecord {
	return wire.PassRecord{Fan: fan, Lane: general.Lane, Region: general.Region, Number: number, At: at, Expires: at.Add(ttl)}
}

// admit is Admit for a place of no turn before.
func (r *Table) admit(rec wire.PassRecord, now time.Time) (*Pass, Verdict) {
	return r.Admit(wire.Place{Fan: rec.Fan, Lane: rec.Lane, Region: rec.Region, Number: rec.Number}, rec, now)
}

// A table among fans who come early, late, twice or never, or join again when their
// pass is over, with writes that
// fail, a clock that runs, a ceiling and a window that change, and admitters
// that crash: whatever happens, what its comment promises holds.
func TestCeilingHolds(t *testing.T) {
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
		var record []wire.Line
		calledAt := map[uint64]time.Time{}
		head := uint64(0)
		r := New(nil, nil, nil, now)
		r.SetLimits(spec)
		alive := func() (n int) {
			for _, p := range stored {
				if p.Expires.After(now) {
					n++
				}
			}
			return n
		}
		const fans = 7 // each has the places of their number modulo fans
		places := map[uint64]wire.Place{}
		join := func(t *rapid.T, number uint64) wire.Place {
			if _, ok := places[number]; !ok {
				p := wire.Place{Fan: string(rune('a' + number%fans)), Lane: general.Lane, Region: general.Region, Number: number, At: now}
				if rapid.Bool().Draw(t, "in the same lane") { // else they have joined it for the first time
					_, p.Turn = r.Stand(p, now)
				}
				places[number] = p
			}
			return places[number]
		}
		latest := func(fan string) (had wire.PassRecord, known bool) {
			for _, p := range stored {
				if p.Fan == fan && (!known || p.Turn > had.Turn) {
					had, known = p, true
				}
			}
			return had, known
		}
		redeem := func(t *rapid.T, number uint64, fails bool) {
			from := join(t, number)
			rec := place(from.Fan, number, now, time.Duration(spec.PassTTL))
			had, known := latest(rec.Fan)
			p, v := r.Admit(from, rec, now)
			used := known && from.Turn <= had.Turn && !from.At.After(had.Expires)
			if known && !had.Expires.After(now) && !used {
				known = false // they have joined again
			}
			switch {
			case known && had.Expires.After(now) && (v != Again || p.PassRecord != had):
				t.Fatalf("fan %d has a pass and heard %d", number, v)
			case known && !had.Expires.After(now) && v != Over:
				t.Fatalf("place %d is used up and heard %d", number, v)
			case !known && (v == NotCalled) != (number > head):
				t.Fatalf("fan %d heard %d at head %d", number, v, head)
			case !known && v == Full && now.Sub(calledAt[number]) < time.Duration(spec.Window) && r.shows.of == 0:
				t.Fatalf("fan %d came in time and found no room, though all were expected", number)
			}
			if v != Granted {
				return
			}
			if fails {
				r.Voided(p)
				return
			}
			r.Kept(p)
			key := wire.PassKey(p.Fan, p.Turn)
			if _, twice := stored[key]; twice {
				t.Fatalf("pass %s is given out again", key)
			}
			stored[key] = p.PassRecord
		}
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 40_000).Draw(t, "ms")) * time.Millisecond)
			},
			"call": func(t *rapid.T) {
				r.Expire(now)
				in := pacing.Input{Open: true, Waiting: 1000, Alive: r.alive, Coming: r.Coming(now), Show: r.shows.high(), Ceiling: r.ceiling, Free: 1e6}
				n := min(pacing.Decide(in).Call, rapid.IntRange(0, 5).Draw(t, "n"))
				calls := r.proposeMore(n, now)
				for range rapid.IntRange(0, 3).Draw(t, "meanwhile") {
					redeem(t, rapid.Uint64Range(1, head+3).Draw(t, "place"), false)
				}
				if n == 0 || rapid.IntRange(0, 5).Draw(t, "stored") == 0 {
					r.Withdraw()
					return
				}
				r.Called()
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
				r = New(record, nil, passes, now)
				r.SetLimits(spec)
			},
			"sold out": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "really") > 0 {
					return
				}
				r.Suspend(now)
				head = r.of(general).open()
				record = r.Propose(nil, now)
			},
			"": func(t *rapid.T) {
				r.Expire(now)
				if open := r.of(general).open(); open != head {
					t.Fatalf("open up to %d, want %d", open, head)
				}
				if n := alive(); n != r.alive || n > spec.Ceiling {
					t.Fatalf("%d passes alive, counted %d, ceiling %d", n, r.alive, spec.Ceiling)
				}
				if n := float64(r.alive) + r.Coming(now); n > float64(spec.Ceiling)+1 && r.shows.of == 0 {
					t.Fatalf("%.1f alive or expected, ceiling %d", n, spec.Ceiling)
				}
				if len(record) > 0 && len(record[0].Calls) > maxCalls {
					t.Fatalf("%d calls in the record", len(record[0].Calls))
				}
				if n := len(stored); n != r.Issued() {
					t.Fatalf("%d passes, counted %d", n, r.Issued())
				}
				counted := map[uint64]bool{}
				for _, p := range stored {
					if counted[p.Number] {
						t.Fatalf("place %d has two passes", p.Number)
					}
					counted[p.Number] = true
				}
				for _, s := range r.of(general).spans {
					n := 0
					for number := range counted {
						if number > s.from && number <= s.to {
							n++
						}
					}
					if !s.at.IsZero() && n != s.redeemed {
						t.Fatalf("%d of span %+v have a pass", n, s)
					}
				}
			},
		})
	})
}

// A place's window is over, its room goes to the next place, and its fan comes while
// that call is being stored: they must not have the room that was promised.
func TestALatecomerLeavesTheRoomOfACallUnderWay(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_900_000_000, 0)
	r := New(nil, nil, nil, now)
	r.SetLimits(wire.AdmissionSpec{Ceiling: 1, Window: wire.Duration(time.Second)})
	r.proposeMore(1, now)
	r.Called()
	now = now.Add(time.Second)
	r.Expire(now)
	r.proposeMore(1, now)
	if _, v := r.admit(place("late", 1, now, time.Second), now); v != Full {
		t.Errorf("before the call is stored the first fan heard %d", v)
	}
	r.Called()
	if _, v := r.admit(place("late", 1, now, time.Second), now); v != Full {
		t.Errorf("once it is stored the first fan heard %d", v)
	}
	if _, v := r.admit(place("next", 2, now, time.Second), now); v != Granted {
		t.Errorf("the second fan heard %d", v)
	}
}

// However long windows are and however often fans are called, the record stays
// bounded, no window gets shorter, and the last minute is exact to a second.
func TestCallsAreBounded(t *testing.T) {
	t.Parallel()
	for _, window := range []time.Duration{time.Second, 10 * time.Minute, 40 * time.Minute} {
		now := time.Unix(1_900_000_000, 0)
		r := New(nil, nil, nil, now)
		r.SetLimits(wire.AdmissionSpec{Ceiling: 1 << 30, Window: wire.Duration(window)})
		for i := range 3_000 {
			if lines := r.proposeMore(1, now); len(lines[0].Calls) > maxCalls {
				t.Fatalf("window %s: %d calls recorded", window, len(lines[0].Calls))
			}
			r.Called()
			first := max(0, i-int(window/time.Second)+1) // the earliest place still in time
			if s := r.of(general).of(uint64(first + 1)); s == nil || now.Sub(s.at) >= r.window {
				t.Fatalf("window %s: place %d lost its turn early", window, first+1)
			}
			if got, want := r.CalledSince(now, time.Minute), min(i+1, 60); got != want {
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
	r := New(nil, nil, nil, now)
	spec := wire.AdmissionSpec{Ceiling: 10, Window: wire.Duration(time.Minute)}
	r.SetLimits(spec)
	r.proposeMore(10, now)
	r.Called()
	now = now.Add(2 * time.Minute)
	lines := r.proposeMore(4, now)
	r.Called()
	spec.Window = wire.Duration(time.Hour)
	for _, r := range []*Table{r, New(lines, nil, nil, now)} {
		r.SetLimits(spec)
		if n := r.Coming(now); n != 4 {
			t.Errorf("%v fans may redeem in time, want 4", n)
		}
		if _, v := r.admit(place("x", 3, now, time.Minute), now); v != Granted {
			t.Errorf("a late fan heard %d although there is room", v)
		}
	}
}

// Half of those called come. Once that is known more are called, so that the
// room is used; the ceiling holds; who finds no room at once gets in before their
// turn is over, however long that takes.
func TestAbsentFansAreLearned(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_900_000_000, 0)
	spec := wire.AdmissionSpec{Ceiling: 200, Window: wire.Duration(time.Minute)}
	r := New(nil, nil, nil, now)
	r.SetLimits(spec)
	next, used := uint64(1), 0
	var patient []uint64 // came, and found no room
	for minute := range 60 {
		in := pacing.Input{Open: true, Waiting: 1e6, Alive: r.alive, Coming: r.Coming(now), Show: r.shows.high(), Ceiling: r.ceiling, Free: 1e6}
		n := pacing.Decide(in).Call
		r.proposeMore(n, now)
		r.Called()
		come := func(number uint64) {
			p, v := r.admit(place(fmt.Sprint(number), number, now, 90*time.Second), now)
			switch v {
			case Granted:
				r.Kept(p)
			case Full:
				patient = append(patient, number)
			default:
				t.Fatalf("minute %d: fan %d heard %d", minute, number, v)
			}
			if r.alive > spec.Ceiling {
				t.Fatalf("%d passes alive", r.alive)
			}
		}
		waited := patient
		patient = nil
		for _, number := range waited {
			come(number)
		}
		for ; next <= r.of(general).open(); next++ {
			if next%2 == 0 {
				come(next)
			}
		}
		if len(patient) > 40 {
			t.Fatalf("minute %d: %d fans wait for room although it is their turn", minute, len(patient))
		}
		if minute >= 30 {
			used += r.alive
		}
		now = now.Add(time.Minute)
		r.Expire(now)
	}
	if share := r.shows.mean(); share < 0.48 || share > 0.54 {
		t.Errorf("the share of those who come is learned as %.2f", share)
	}
	if mean := float64(used) / 30; mean < 170 {
		t.Errorf("only %.0f of 200 passes in use", mean)
	}
}

// After the event was sold out, tickets that come back go to those whose turn
// had come and who had none, in order; then to the next.
func TestTicketsThatComeBack(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_900_000_000, 0)
	r := New(nil, nil, nil, now)
	r.SetLimits(wire.AdmissionSpec{Ceiling: 100, Window: wire.Duration(10 * time.Minute)})
	call := func(n int) []wire.Line {
		lines := r.proposeMore(n, now)
		r.Called()
		return lines
	}
	heard := func(number uint64) Verdict {
		p, v := r.admit(place(fmt.Sprint(number), number, now, time.Hour), now)
		if v == Granted {
			r.Kept(p)
		}
		return v
	}
	call(20)
	now = now.Add(11 * time.Minute) // the turn of these has passed
	call(30)
	for _, number := range []uint64{21, 23, 30} {
		if v := heard(number); v != Granted {
			t.Fatalf("fan %d heard %d", number, v)
		}
	}
	r.Suspend(now)
	if v := heard(22); v != NotCalled {
		t.Errorf("after the last ticket fan 22 heard %d", v)
	}
	lines := call(4) // four tickets came back
	for _, r := range []*Table{r, New(lines, nil, slices.Collect(maps.Values(records(r))), now)} {
		r.SetLimits(wire.AdmissionSpec{Ceiling: 100, Window: wire.Duration(10 * time.Minute)})
		if c := r.of(general); c.open() != 24 || c.head != 50 || r.Coming(now) != 2 {
			t.Errorf("open up to %d, head %d, %v to come", c.open(), c.head, r.Coming(now))
		}
	}
	if a, b := heard(22), heard(25); a != Granted || b != NotCalled {
		t.Errorf("fan 22 heard %d, fan 25 %d", a, b)
	}
	call(30)
	if c := r.of(general); c.open() != 54 || c.head != 54 {
		t.Errorf("open up to %d, head %d", c.open(), c.head)
	}
}

func records(r *Table) map[string]wire.PassRecord {
	all := map[string]wire.PassRecord{}
	for fan, p := range r.passes {
		all[fan] = p.PassRecord
	}
	return all
}

// Places of the draw are called by rank, the others after them by number, each once.
func TestDrawnPlacesAreCalledByRank(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_900_000_000, 0)
	d := wire.Draw{Secret: make([]byte, 32), Event: "demo", Lane: wire.LaneGeneral, Entrants: map[string]uint64{"home": 50}}
	r := New(nil, map[string]wire.Draw{wire.LaneGeneral: d}, nil, now)
	r.SetLimits(wire.AdmissionSpec{Ceiling: 1000, Window: wire.Duration(time.Minute)})
	r.Propose(map[Line]uint64{{wire.LaneGeneral, ""}: 10}, now)
	r.Called()
	for number := uint64(1); number <= 55; number++ {
		_, v := r.admit(place(fmt.Sprint(number), number, now, time.Hour), now)
		if called := number <= 50 && d.Rank("home", number) <= 10; (v == Granted) != called {
			t.Errorf("place %d of rank %d heard %d", number, d.Rank("home", number), v)
		}
	}
	r.Propose(map[Line]uint64{{wire.LaneGeneral, ""}: 50, general: 53}, now)
	r.Called()
	for number, want := range map[uint64]Verdict{52: Granted, 54: NotCalled} {
		if _, v := r.admit(place(fmt.Sprint("again", number), number, now, time.Hour), now); v != want {
			t.Errorf("place %d heard %d", number, v)
		}
	}
}

// A line has ended: once those who are known are called, so is whoever has a place of
// it, until everything is sold. The places before the next line's are never called by it,
// and say nothing of who comes; to a table made anew neither.
func TestLineThatHasEnded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_900_000_000, 0)
	next := Line{general.Lane, "home~2"}
	var lines []wire.Line
	made := func() *Table {
		r := New(lines, nil, nil, now)
		r.SetLimits(wire.AdmissionSpec{Ceiling: 100, Window: wire.Duration(time.Minute)})
		r.Break(general, 20, next, 8)
		return r
	}
	for _, c := range []struct {
		to, open uint64
	}{{19, 19}, {20, wire.Everybody}} {
		r := made()
		lines = r.Propose(map[Line]uint64{general: c.to}, now)
		r.Called()
		for _, r := range []*Table{r, made()} {
			if r.Open(general) != c.open || r.Head(general) != c.open || r.Open(next) != 8 {
				t.Errorf("called to %d: open %d, head %d, the next %d", c.to, r.Open(general), r.Head(general), r.Open(next))
			}
			if _, v := r.admit(place("late", 30, now, time.Hour), now); (v == Granted) != (c.open == wire.Everybody) {
				t.Errorf("called to %d: place 30 heard %d", c.to, v)
			}
		}
	}
	now = now.Add(30 * time.Second)
	r := made()
	if r.Expire(now); r.shows != newShare(everybody()) {
		t.Errorf("of places that are not called by it %+v is learned", r.shows)
	}
	if r.Suspend(now); r.Open(general) != 0 || r.Head(general) != wire.Everybody {
		t.Errorf("sold out: open %d, head %d", r.Open(general), r.Head(general))
	}
}
