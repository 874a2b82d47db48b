package admission

import (
	"testing"
	"time"

	"frontrow/admission/passes"
	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/kv"
	"frontrow/wire"
)

// lose deletes the queue, and puts it up again as an operator would.
func (w *world) lose() {
	w.t.Helper()
	must(w.t, w.js.DeleteStream(ctxOf(w.t), wire.KVStream(wire.QueueBucket("demo", wire.LaneGeneral))))
	must(w.t, streams.CreateForEvent(ctxOf(w.t), w.js, "demo", w.replicas))
}

// newcomers join the queue as it is now, some time after all others; their gateway says
// that they are of a line.
func (w *world) newcomers(n int, line string) (places []wire.Place) {
	w.t.Helper()
	w.clock.pass(5 * time.Second)
	for range n {
		p := w.place(0, wire.NewFan())
		p.Region = line
		places = append(places, p)
	}
	return places
}

func lineHead(line string, n uint64) map[passes.Line]uint64 {
	return map[passes.Line]uint64{{Lane: wire.LaneGeneral, Region: line}: n}
}

// lives are the names of the lines of the general lane.
func lives(b wire.Board) int { return len(b.Lanes[wire.LaneGeneral].Regions) }

// The queue is lost and made again in the middle of the sale: whoever joins now has a
// number that is called already, and comes in after all who have waited. They have
// nothing but their receipts, also those whom no look at the queue has seen.
func TestLostQueue(t *testing.T) {
	natstest.Each(t, func(t *testing.T, env *natstest.Env) {
		w := newWorld(t, env)
		w.real()
		w.event(demo(func(e *wire.Event) { e.Spec.Admission.Ceiling = 10 }))
		w.stock(1000, 0, 0)
		w.join(25)
		one := w.start("one")
		w.board("ten called", head(10))
		for _, p := range w.fans[:10] {
			w.verify(w.redeem(p), p)
		}
		// Another admitter is not another life.
		w.start("two")
		one.crash()
		b := w.board("a board", func(wire.Board) bool { return true })
		if b = w.board("boards of the next admitter", func(n wire.Board) bool { return n.Seq > b.Seq+3 }); lives(b) != 1 {
			t.Fatalf("%+v", b.Lanes)
		}

		unseen := wire.Place{Event: "demo", Lane: wire.LaneGeneral, Region: "home", Number: 27, Fan: wire.NewFan()}
		w.lose()
		late := w.newcomers(12, "home") // their gateway does not know yet
		for _, p := range late[:2] {
			if r := w.refused(w.redeem(p), wire.CodeWait); r.Ahead != p.Number-1 {
				t.Fatalf("place %d of the new queue: %+v", p.Number, r)
			}
		}
		b = w.board("another life", func(b wire.Board) bool { return lives(b) == 2 && b.Lanes[wire.LaneGeneral].Waiting == 27 })
		if line := b.Line(wire.LaneGeneral, "home", time.Time{}); line != "home~2" || headOf(b) != 10 {
			t.Fatalf("line %s of %+v", line, b.Lanes)
		}
		for i := range late {
			late[i].Region = []string{"home", "home~2"}[i%2] // some are told, some are not
			w.refused(w.redeem(late[i]), wire.CodeWait)
		}
		w.refused(w.redeem(unseen), wire.CodeWait)

		w.clock.pass(15 * time.Minute)
		w.heads("those who waited", lineHead("home", 20))
		for _, p := range w.fans[10:20] {
			w.verify(w.redeem(p), p)
		}
		w.refused(w.redeem(late[0]), wire.CodeWait)
		w.clock.pass(15 * time.Minute)
		w.heads("all of them, and then the others", lineHead("home~2", 5))
		for _, p := range append(w.fans[20:], late[:5]...) {
			w.verify(w.redeem(p), p)
		}
		w.refused(w.redeem(late[5]), wire.CodeWait)

		for i := range late { // all are told by now, and they did not come after what is lost next
			late[i].Region, late[i].At = "home~2", time.Time{}
		}
		// Lost once more, while nothing but its receipts is left of the first.
		w.lose()
		last := w.newcomers(3, "home~2")
		w.refused(w.redeem(last[0]), wire.CodeWait)
		w.clock.pass(15 * time.Minute)
		w.heads("the second goes on, then the third", lineHead("home~2", wire.Everybody))
		for _, p := range late[5:] {
			w.verify(w.redeem(p), p)
		}
		b = w.heads("then the third", lineHead("home~3", 3))
		if _, called, _ := b.Turn(unseen.Lane, unseen.Region, unseen.Number); !called {
			t.Errorf("a place that nobody had seen is not called: %+v", b.Lanes)
		}
		w.clock.pass(15 * time.Minute)
		w.verify(w.redeem(unseen), unseen)
		for _, p := range w.passRecords() {
			if p.Fan == late[0].Fan && p.Region != "home~2" {
				t.Errorf("the pass of the first newcomer is for %s", p.Region)
			}
		}
	})
}

// An old backup of the queue is put back: the places in it are those they were, and
// the numbers that are given out again come after all that were given out before.
func TestQueueFromABackup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	w.real()
	w.event(demo(func(e *wire.Event) { e.Spec.Admission.Ceiling = 10 }))
	w.stock(1000, 0, 0)
	w.join(8)
	backup := natstest.TakeBackup(t, w.nc, wire.KVStream(wire.QueueBucket("demo", wire.LaneGeneral)))
	w.join(12)
	w.start("one")
	w.board("ten called", head(10))
	w.board("all seen", func(b wire.Board) bool { return b.Lanes[wire.LaneGeneral].Waiting == 10 })
	must(t, w.js.DeleteStream(ctxOf(t), wire.KVStream(wire.QueueBucket("demo", wire.LaneGeneral))))
	backup.Restore(t, w.nc)
	late := w.newcomers(3, "home")
	if late[0].Number != 9 {
		t.Fatalf("the first number after the backup is %d", late[0].Number)
	}
	w.refused(w.redeem(late[0]), wire.CodeWait)
	w.heads("the backup's places are not called again", lineHead("home~2", 8))
	for _, p := range w.fans[:9] {
		w.verify(w.redeem(p), p)
	}
	w.clock.pass(15 * time.Minute)
	w.heads("those who waited", lineHead("home", wire.Everybody))
	if r := w.refused(w.redeem(late[0]), wire.CodeWait); r.Ahead != 0 {
		t.Errorf("%+v", r)
	}
	for _, p := range w.fans[10:] {
		w.verify(w.redeem(p), p)
	}
	w.clock.pass(15 * time.Minute)
	w.heads("then the others", lineHead("home~2", 11))
	w.verify(w.redeem(late[0]), late[0])
}

// The same, by somebody who writes the records that they have into a new queue: their
// messages are new, and say nothing of when the places were given out.
func TestQueueWrittenAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	w.real()
	w.event(demo(func(e *wire.Event) { e.Spec.Admission.Ceiling = 10 }))
	w.stock(1000, 0, 0)
	w.clock.pass(-time.Hour)
	w.join(20)
	w.real()
	w.start("one")
	w.board("ten called", head(10))
	for _, p := range w.fans[:10] {
		w.verify(w.redeem(p), p)
	}
	queue := kv.Open(w.js, wire.QueueBucket("demo", wire.LaneGeneral))
	records, err := queue.All(ctxOf(t), ">")
	must(t, err)
	w.lose()
	for _, e := range records[:15] {
		_, err := queue.Create(ctxOf(t), e.Key, e.Value)
		must(t, err)
	}
	late := w.newcomers(1, "home")[0]
	w.refused(w.redeem(late), wire.CodeWait)
	w.board("another life", func(b wire.Board) bool { return lives(b) == 2 })
	w.clock.pass(15 * time.Minute)
	w.heads("those who waited", lineHead("home", wire.Everybody))
	w.refused(w.redeem(late), wire.CodeWait)
	for _, p := range w.fans[10:] {
		w.verify(w.redeem(p), p)
	}
}

// A region's queue is lost: putting the event up again makes it anew there, and it is
// another life of that queue alone.
func TestLostQueueOfARegion(t *testing.T) {
	t.Parallel()
	world := natstest.Regions(t, "eu")
	eu := world.Regions["eu"]
	w := newWorld(t, world.Home)
	w.real()
	event := demo(func(e *wire.Event) { e.Spec.Admission.Ceiling = 2 })
	w.event(event)
	must(t, streams.CreateInRegion(ctxOf(t), eu.JetStream(t), "demo", natstest.Home, 1))
	old := []wire.Place{w.comes(eu, wire.LaneGeneral, "eu"), w.comes(eu, wire.LaneGeneral, "eu"), w.comes(eu, wire.LaneGeneral, "eu")}
	w.stock(300, 0, 0)
	w.start("one", inRegion(t, "eu"))
	w.heads("two called", map[passes.Line]uint64{{Lane: wire.LaneGeneral, Region: "eu"}: 2})
	must(t, eu.JetStream(t).DeleteStream(ctxOf(t), wire.KVStream(wire.QueueBucket("demo", wire.LaneGeneral))))
	event.At = w.clock.now()
	w.put(wire.EventsBucket, "demo", event)
	b := w.board("another life", func(b wire.Board) bool { return lives(b) == 3 })
	if eu := b.Line(wire.LaneGeneral, "eu", time.Time{}); eu != "eu~2" || b.Line(wire.LaneGeneral, "home", time.Time{}) != "home" {
		t.Fatalf("%+v", b.Lanes)
	}
	late := w.comes(eu, wire.LaneGeneral, "eu~2")
	w.refused(w.redeem(late), wire.CodeWait)
	w.clock.pass(15 * time.Minute)
	w.heads("both", map[passes.Line]uint64{{Lane: wire.LaneGeneral, Region: "eu"}: wire.Everybody, {Lane: wire.LaneGeneral, Region: "eu~2"}: 1})
	w.verify(w.redeem(old[2]), old[2])
	w.verify(w.redeem(late), late)
}

// Between two ticks, too: who says that their number is called, and came since the last
// look at the queue, waits for the next one.
func TestLostQueueBetweenTicks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natstest.Run(t))
	w.event(demo(func(e *wire.Event) { e.Spec.Admission.Tick = wire.Duration(time.Hour) }))
	w.stock(1000, 0, 0)
	w.join(9)
	w.start("one")
	w.board("all called", head(9))
	w.lose()
	for _, p := range w.newcomers(2, "home") {
		w.refused(w.redeem(p), wire.CodeWait)
	}
	w.verify(w.redeem(w.fans[1]), w.fans[1])
}
