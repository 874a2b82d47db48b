package seating

import (
	"container/heap"
	"slices"
	"time"

	"frontrow/wire"
)

// payable reports whether another payment may be tried for a hold when the one under way
// has failed: attempts are left, and so is the hold's own time, which a checkout neither
// shortens nor lengthens.
func (e *Engine) payable(h *hold, now time.Time) bool {
	return !e.closed && len(h.tried)+1 < wire.MaxAttempts && h.heldUntil.After(now)
}

// hasTried reports whether an order is a failed attempt to pay for h.
func (h *hold) hasTried(order string) bool {
	for k := range h.tried {
		if order == wire.OrderOfAttempt(h.id, k+1) {
			return true
		}
	}
	return false
}

// goBack takes a hold from checkout back to held.
func (e *Engine) goBack(h *hold, why string, now time.Time) {
	order, until := h.order, h.heldUntil
	h.tried = append(slices.Clip(h.tried), wire.Tried{Key: h.key, Body: h.body})
	h.order, h.key, h.body, h.heldUntil, h.asked = "", "", "", time.Time{}, false
	h.until, h.askAgain = until, time.Time{}
	if h.slot >= 0 {
		heap.Fix(&e.deadlines, h.slot)
	} else { // the ledger was being asked; its answer comes too late
		heap.Push(&e.deadlines, h)
	}
	for _, i := range h.seats {
		e.at[i] = now
		e.touch(i)
	}
	e.acts = append(e.acts, wire.Act{Kind: wire.ActKindReturn, Hold: h.id, Order: order, Fan: h.fan, Seats: e.ids(h.seats), Until: &until, Why: why})
}

// Standing returns until when a hold can be paid for by an attempt other than r.Order,
// which has failed, although the seats may not reflect that yet. It is zero if the hold has
// ended or another attempt is under way.
func (e *Engine) Standing(r wire.StandingRequest, now time.Time) (until time.Time) {
	h := e.holds[r.Hold]
	switch {
	case h == nil || h.fan != r.Fan || h.sold:
	case h.order == r.Order && e.payable(h, now):
		return h.heldUntil
	case h.order == "" && !e.closed && h.until.After(now):
		return h.until
	}
	return time.Time{}
}

func keyReused() *wire.Problem {
	return wire.Refuse(wire.CodeKeyReused, "This idempotency key was used with other details.")
}
