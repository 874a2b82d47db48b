package writer

import (
	"testing"
	"time"

	"frontrow/wire"
)

// While there are flushes, batches of records leave them the store for most of the time, but
// the round ends before they would have to wait for it.
func TestRoundsLeaveFlushesTheStore(t *testing.T) {
	const took = 20 * time.Millisecond
	for _, c := range []struct {
		name    string
		batches int
		flushes bool          // while the last one was written
		old     time.Duration // of the round's first flush
		acts    int
		waits   time.Duration
	}{
		{"no flush", 50, false, time.Second, 1000, 0},
		{"in good time", 50, true, time.Second, 1000, roundShare * took},
		{"many batches", 250, true, time.Second, 1000, 6 * time.Millisecond},
		{"late", 50, true, 8 * time.Second, 1000, 0},
		{"so many acts that flushes would have to wait", 50, true, time.Second, mostActs * 3 / 4, 0},
		{"the last batch", 0, true, time.Second, 1000, restBehind},
	} {
		now := time.Now()
		w := &term{Writer: &Writer{cfg: Config{Now: func() time.Time { return now }}}, serving: serving{behind: newBehind(1)}}
		b := &w.behind
		b.waiting[0], b.acts, b.since = stand{}, c.acts, now.Add(-c.old)
		b.take(wire.Checkpoint{}, now).left = make([]int, c.batches*roundPart)
		b.writing, b.begun = true, now.Add(-took)
		if c.flushes {
			w.flushN++
			b.add([]int{0}, []wire.Change{{IDs: []string{"A-1"}}}, 1, 1, 1, now)
		}
		if b.begins(now, true) {
			t.Errorf("%s: two batches at once", c.name)
		}
		if err := w.followed(nil); err != nil {
			t.Fatal(err)
		}
		if c.waits > 0 && b.begins(now.Add(c.waits-time.Microsecond), true) || !b.begins(now.Add(c.waits), true) {
			t.Errorf("%s: the next does not begin after %v", c.name, c.waits)
		}
	}
}
