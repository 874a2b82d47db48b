//go:build linux

package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"frontrow/rehearse"
)

// lastFew is the part of the seats at which a sale is nearly over: the rest comes
// and goes with what fans abandon.
const lastFew = 20

// timeline prints what happens, and what fans were acknowledged since the last
// fault: places, passes, holds and orders.
type timeline struct {
	out   io.Writer
	seats int
	began time.Time

	mu    sync.Mutex
	last  rehearse.Progress  // the latest
	now   span               // since the last fault
	spans []span             // between faults
	quiet map[string]silence // now, by what fans try to do
	worst map[string]silence // the longest
}

// span is the time between two faults.
type span struct {
	after    string // the fault that began it
	from, to rehearse.Progress
}

// rate is what was acknowledged in a second of the span.
func (s span) rate() float64 {
	return float64(acked(s.to)-acked(s.from)) / (s.to.At - s.from.At).Seconds()
}

// silence is a time in which a step was acknowledged to nobody, although somebody
// was trying all the while.
type silence struct{ from, until time.Duration }

func (s silence) length() time.Duration { return s.until - s.from }

func acked(p rehearse.Progress) int { return p.Joined + p.Admitted + p.Held + p.Paid }

// steps is how often each step was acknowledged, by its route. An order is no
// step: it is taken at once, and paid when that can be.
func steps(p rehearse.Progress) map[string]int {
	return map[string]int{"join": p.Joined, "redeem": p.Admitted, "hold": p.Held}
}

func newTimeline(out io.Writer, seats int) *timeline {
	return &timeline{out: out, seats: seats, began: time.Now(), quiet: map[string]silence{}, worst: map[string]silence{}}
}

// say prints a line with the time.
func (t *timeline) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.print(format, args...)
}

func (t *timeline) print(format string, args ...any) {
	fmt.Fprintf(t.out, "%6.1fs  %s\n", time.Since(t.began).Seconds(), fmt.Sprintf(format, args...))
}

// progress takes what the rehearsal says every second.
func (t *timeline) progress(p rehearse.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, now := steps(t.last), steps(p)
	for step := range now {
		q := t.quiet[step]
		if now[step] > before[step] || p.TryingTo[step] == 0 || t.last.TryingTo[step] == 0 {
			q = silence{from: p.At}
		}
		q.until = p.At
		if t.quiet[step] = q; q.length() > t.worst[step].length() {
			t.worst[step] = q
		}
	}
	t.last = p
	if int(p.At.Seconds())%10 == 0 {
		t.print("%s", p)
	}
}

// latest is the latest progress.
func (t *timeline) latest() rehearse.Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// happens notes a fault.
func (t *timeline) happens(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.turn(what)
	t.print("%-32s in the %2.0f s before: joined %d, admitted %d, held %d, paid %d", what, (s.to.At - s.from.At).Seconds(),
		s.to.Joined-s.from.Joined, s.to.Admitted-s.from.Admitted, s.to.Held-s.from.Held, s.to.Paid-s.from.Paid)
}

// turn ends the span that is under way, and begins the next.
func (t *timeline) turn(what string) span {
	s := t.now
	s.to = t.last
	t.spans = append(t.spans, s)
	t.now = span{after: what, from: t.last}
	return s
}

// summary says how little was acknowledged at the worst, as long as there was
// more than the last few seats to be had.
func (t *timeline) summary() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.print("faults: %d", len(t.spans))
	for step, s := range t.worst {
		t.print("longest time in which nobody could %s, though some tried: %.0f s, from %.0f s on", step, s.length().Seconds(), s.from.Seconds())
	}
	t.turn("")
	var slowest *span
	for i := range t.spans[1:] {
		s := &t.spans[i+1]
		if s.to.Free > t.seats/lastFew && s.to.At > s.from.At && (slowest == nil || s.rate() < slowest.rate()) {
			slowest = s
		}
	}
	if slowest != nil {
		t.print("least between two faults: %.1f acknowledgements a second in %.0f s, after: %s",
			slowest.rate(), (slowest.to.At - slowest.from.At).Seconds(), slowest.after)
	}
}
