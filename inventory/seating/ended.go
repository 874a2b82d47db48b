package seating

import "time"

// endedFor is how long what has ended is remembered: longer than any request
// about it can still be under way.
const endedFor = time.Minute

// ended remembers what is over, so that a request which arrives late does not
// make it anew: holds, by id, which a fan asks for once more, perhaps of other
// seats by then; and seats given back by an order, which a Confirm on its way
// would sell to it again. It dies with the engine: a take-over takes longer than
// what is under way.
type ended struct {
	ids   map[string]struct{}
	queue []end // oldest first
}

type end struct {
	id string
	at time.Time
}

// returned is what a seat given back by an order is remembered under.
func returned(order, seat string) string { return order + "/" + seat }

func (e *ended) add(id string, now time.Time) {
	if e.ids == nil {
		e.ids = map[string]struct{}{}
	}
	old := 0
	for old < len(e.queue) && now.Sub(e.queue[old].at) > endedFor {
		delete(e.ids, e.queue[old].id)
		old++
	}
	e.queue = e.queue[old:]
	if !e.has(id) {
		e.queue = append(e.queue, end{id, now})
		e.ids[id] = struct{}{}
	}
}

func (e *ended) has(id string) bool {
	_, ok := e.ids[id]
	return ok
}
