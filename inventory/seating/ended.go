package seating

import "time"

// endedFor is how long an ended hold's id is remembered: longer than any
// request of its fan can still be under way.
const endedFor = time.Minute

// ended remembers holds that have ended, so that a request which arrives late,
// once more, does not make the hold anew, perhaps of other seats. It dies with
// the engine: a take-over takes longer than what is under way.
type ended struct {
	ids   map[string]struct{}
	queue []endedHold // oldest first
}

type endedHold struct {
	id string
	at time.Time
}

func (e *ended) add(id string, now time.Time) {
	if e.ids == nil {
		e.ids = map[string]struct{}{}
	}
	old := 0
	for old < len(e.queue) && now.Sub(e.queue[old].at) > endedFor {
		delete(e.ids, e.queue[old].id)
		old++
	}
	e.queue = append(e.queue[old:], endedHold{id, now})
	e.ids[id] = struct{}{}
}

func (e *ended) has(id string) bool {
	_, ok := e.ids[id]
	return ok
}
