package seating

import (
	"slices"
	"strings"
	"time"

	"frontrow/wire"
)

// Clear gives back the holds of a closed event that nobody is paying for, until about
// MaxWide records have changed, and counts the holds left. For an open event it only
// counts. Once the event is closed no hold or checkout begins, so the count only falls.
func (e *Engine) Clear(r wire.ClearRequest, now time.Time) (reply wire.ClearReply, ended []Ended) {
	var idle []*hold
	for _, h := range e.holds {
		switch {
		case h.sold:
		case h.order != "":
			reply.Paying++
		default:
			idle = append(idle, h)
		}
	}
	reply.Standing = len(idle)
	if !e.closed {
		return reply, nil
	}
	slices.SortFunc(idle, func(a, b *hold) int { return strings.Compare(a.id, b.id) }) // makes the log's order deterministic
	changed := 0
	for _, h := range idle {
		if changed+len(h.seats) > MaxWide {
			break
		}
		changed += len(h.seats)
		e.end(h, wire.Act{Kind: wire.ActKindRelease, By: r.By, Why: r.Why}, true, now)
		ended = append(ended, Ended{Hold: h.id, Fan: h.fan})
	}
	reply.Ended, reply.Standing = len(ended), len(idle)-len(ended)
	return reply, ended
}
