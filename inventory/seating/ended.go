package seating

import "time"

// endedFor is how long what has ended is remembered: longer than a request about it can be
// under way.
const endedFor = time.Minute

// ended remembers what is over, so that a late request does not revive it: holds, by id,
// for which a fan asks once more, perhaps with other seats by then; and seats given back by
// an order, which a Confirm under way would sell to it again. It dies with the engine.
// What is asked for once more under way through a take-over is granted anew; whoever pays
// says what they were shown (wire.Quoted), and a Confirm is the ledger's to explain.
type ended struct {
	ids   map[string]struct{}
	queue []end // oldest first
}

type end struct {
	id string
	at time.Time
}

// returned returns the key under which a seat given back by an order is remembered.
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

// maxAttempted bounds the holds remembered as attempted.
const maxAttempted = 1 << 17

// attempted remembers the ended holds that there has been an order for. Orders are named
// after their hold, so one that were granted again could not be paid for: its order has
// already failed, or was refunded. The latest maxAttempted of a term are remembered. It too
// dies with the engine; whoever pays for a hold granted again after that is told that the
// earlier order has failed, and pays nothing.
type attempted struct {
	ids  map[string]struct{}
	ring []string
	next int // of the ring: the oldest, once it is full
}

func (a *attempted) add(id string) {
	if a.has(id) {
		return
	}
	if a.ids == nil {
		a.ids = map[string]struct{}{}
	}
	a.ids[id] = struct{}{}
	if len(a.ring) < maxAttempted {
		a.ring = append(a.ring, id)
		return
	}
	delete(a.ids, a.ring[a.next])
	a.ring[a.next] = id
	a.next = (a.next + 1) % maxAttempted
}

func (a *attempted) has(id string) bool {
	_, ok := a.ids[id]
	return ok
}
