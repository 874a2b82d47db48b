package audit

import (
	"testing"
	"time"

	"frontrow/internal/natstest"
	"frontrow/internal/streams"
	"frontrow/kv"
	"frontrow/wire"
)

// When a queue was lost and made again, the heads and passes of each of its lives are
// checked on their own, whatever numbers the other has.
func TestPassesOfALostQueue(t *testing.T) {
	t.Parallel()
	js := natstest.Run(t).JetStream(t)
	if err := streams.Create(t.Context(), js, streams.ForQueue("demo", 1)...); err != nil {
		t.Fatal(err)
	}
	for range 7 {
		if _, err := kv.Open(js, wire.QueueBucket("demo", wire.LaneGeneral)).Create(t.Context(), wire.PlaceKey(wire.NewFan()), []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	pass := func(line string, number uint64) wire.PassRecord {
		return wire.PassRecord{Lane: wire.LaneGeneral, Region: line, Number: number}
	}
	for _, c := range []struct {
		name         string
		first, after uint64 // heads
		passes       []wire.PassRecord
		broken       int
	}{
		{"the first goes on", 15, 0, []wire.PassRecord{pass("home", 15)}, 0},
		{"its numbers say nothing of the other's", 15, 0, []wire.PassRecord{pass("home~2", 1)}, 1},
		{"called to its end", 20, 5, []wire.PassRecord{pass("home", 23), pass("home", 5), pass("home~2", 5)}, 0},
		{"beyond what was given out", 21, 8, nil, 2},
		{"before it is called", 19, 0, []wire.PassRecord{pass("home", 20)}, 1},
	} {
		a := &audit{event: wire.Event{Spec: wire.Spec{ID: "demo"}}, passes: c.passes}
		admitter := wire.Admitter{
			Lines: []wire.Line{{Lane: wire.LaneGeneral, Region: "home", Head: c.first}, {Lane: wire.LaneGeneral, Region: "home~2", Head: c.after}},
			Lives: []wire.Life{{Lane: wire.LaneGeneral, Region: "home", Marks: []wire.Mark{{Number: 20, At: time.Now()}}}, {Lane: wire.LaneGeneral, Region: "home~2"}},
		}
		if err := a.readLines(t.Context(), js, admitter); err != nil {
			t.Fatal(err)
		}
		if check := a.passesWereCalled(); check.Broken != c.broken {
			t.Errorf("%s: %+v", c.name, check)
		}
	}
}
